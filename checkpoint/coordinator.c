/* coordinator.c - see coordinator.h. Numbers in brackets are those of COORDINATOR.md.
 *
 * Every event goes the same way: what it says is noted (the note_ functions), then everything that
 * has become due is done, whatever the event was: expire, send again, publish, trigger. So nothing
 * can be forgotten because it became possible through an unexpected event.
 *
 * What each checkpoint may do next is inflight.h's. */
#include "checkpoint/coordinator.h"

#include <string.h>

#include "base/check.h"
#include "base/planted.h"
#include "checkpoint/coordinator_parts.h"

static const unsigned phase_may[] = {
	[NEW] = TO(INITIAL) | TO(RUNNING) | TO(FAILED) | TO(HALTED),
	[INITIAL] = TO(RUNNING) | TO(FAILED) | TO(HALTED),
	[RUNNING] = TO(DONE) | TO(FAILED) | TO(HALTED),
	[DONE] = TO(HALTED),
	[FAILED] = TO(HALTED),
	[HALTED] = 0,
};

static const char *const kind_names[] = {
	[CO_INITIAL] = "initial",     [CO_PERIODIC] = "periodic", [CO_MANUAL] = "manual",
	[CO_SAVEPOINT] = "savepoint", [CO_STOP] = "stop",         [CO_FINAL] = "final",
};

static const char *const action_names[] = {
	[CO_TRIGGER] = "trigger",     [CO_RELEASE] = "release",
	[CO_PUBLISH] = "publish",     [CO_ABORT] = "abort",
	[CO_COMPLETED] = "completed", [CO_FAIL_ATTEMPT] = "fail attempt",
	[CO_HALT] = "halt",           [CO_DONE] = "done",
	[CO_REFUSED] = "refused",     [CO_DRAIN] = "drain",
};

const char *co_kind_name(enum co_kind k)
{
	CHECK((size_t)k < ARRAY_LEN(kind_names));
	return kind_names[k];
}

const char *co_action_name(enum co_action_kind k)
{
	CHECK((size_t)k < ARRAY_LEN(action_names));
	return action_names[k];
}

void co_phase_move(struct coordinator *co, enum phase to)
{
	CHECK(phase_may[co->phase] & TO(to));
	co->phase = to;
}

struct co_action *co_emit(struct coordinator *co, enum co_action_kind kind)
{
	CHECK(co->actions < ACTIONS_MAX); /* the runner drains after each event */
	struct co_action *a = &co->action[(co->first_action + co->actions++) % ACTIONS_MAX];
	memset(a, 0, sizeof *a);
	a->kind = kind;
	return a;
}

struct co_action *co_emit_about(struct coordinator *co, enum co_action_kind kind,
				const struct inflight *p)
{
	struct co_action *a = co_emit(co, kind);
	a->id = p->id;
	a->base_id = p->base_id;
	a->checkpoint_kind = p->asked.kind;
	a->stop = p->asked.kind == CO_STOP;
	a->full = p->asked.full;
	a->request = p->asked.token;
	memcpy(a->name, p->asked.name, sizeof a->name);
	memcpy(a->why, p->asked.why, sizeof a->why);
	return a;
}

/* (17) The one way a checkpoint is given up. */
static void give_up(struct coordinator *co, struct inflight *p, const struct err *error)
{
	co_emit_about(co, CO_ABORT, p)->error = *error;
	if (p->id == co->ending_id)
		co->ending_id = 0; /* (22, 23) another one follows, or the attempt fails */
	inflight_move(p, INFLIGHT_FREE);
}

/* (26) What is being published stays: its outcome must become known before anything else. */
static void fail_attempt(struct coordinator *co, const struct err *error)
{
	struct err why = {0};
	(void)ERR(&why, E_STOPPED, "the attempt failed: %s", error->text);
	for (struct inflight *p; (p = inflight_oldest(&co->table, IN_GATHERING, 0));)
		give_up(co, p, &why);
	co_refuse_waiting(co, why.text);
	co_emit(co, CO_FAIL_ATTEMPT)->error = *error;
	co_phase_move(co, FAILED);
}

/* Unknown outcome or fenced (15, inv 27): whatever was still to be done must not be done. */
static void halt(struct coordinator *co, const struct err *error)
{
	co->actions = 0;
	co_emit(co, CO_HALT)->error = *error;
	co_phase_move(co, HALTED);
}

/* (18) Each id counts once; the count is of failures in a row. */
static void checkpoint_failed(struct coordinator *co, struct inflight *p, const struct err *error)
{
	struct err why = *error;
	(void)err_in(&why, "checkpoint %llu", (unsigned long long)p->id);
	co->stats.failed++;
	co->stats.consecutive_failures++;
	if (!co_is_live(co)) { /* nobody is left to be told */
		inflight_move(p, INFLIGHT_FREE);
		return;
	}
	give_up(co, p, error);
	if (co->stats.consecutive_failures <= co->cfg.tolerable_failures)
		return;
	if (co->cfg.tolerable_failures)
		(void)err_in(&why, "%llu checkpoints failed in a row, %u may",
			     (unsigned long long)co->stats.consecutive_failures,
			     co->cfg.tolerable_failures);
	fail_attempt(co, &why);
}

/* ---- what an event says ---- */

static void note_frozen(struct coordinator *co, const struct co_event *ev)
{
	struct inflight *p = inflight_find(&co->table, ev->id, IN_UNDECIDED);
	if (!p || ev->subtask >= co->cfg.subtasks)
		co->stats.dropped_messages++;
	else
		(void)inflight_freeze(p, ev->subtask);
}

/* (14) Success, duplicate, unknown and late are told apart. */
static void note_ack(struct coordinator *co, const struct co_event *ev)
{
	struct inflight *p = inflight_find(&co->table, ev->id, IN_UNDECIDED);
	if (ev->id >= co->next_id || ev->id < co->first_id || ev->subtask >= co->cfg.subtasks) {
		co->stats.unknown_acks++;
	} else if (!p) {
		co->stats.late_acks++; /* decided before; its file is swept, no manifest names it */
	} else if (!inflight_ack(p, ev->subtask)) {
		co->stats.duplicate_acks++;
	} else if (p->unacked == 0) {
		inflight_move(p, INFLIGHT_COMPLETE);
	}
}

static void note_decline(struct coordinator *co, const struct co_event *ev, const struct err *error)
{
	struct inflight *p = inflight_find(&co->table, ev->id, IN(INFLIGHT_TRIGGERED));
	if (p && ev->subtask < co->cfg.subtasks)
		checkpoint_failed(co, p, error);
	else
		co->stats.dropped_messages++;
}

/* (15, inv 9, 10) What is older and not published never will be: ids rise. */
static void note_published(struct coordinator *co, uint64_t id)
{
	struct inflight *p = inflight_find(&co->table, id, IN(INFLIGHT_PUBLISHING));
	if (!p) {
		co->stats.dropped_messages++;
		return;
	}
	CHECK(id > co->newest);
	co->newest = id;
	co->stats.completed++;
	co->stats.consecutive_failures = 0;
	co->pause_until_us = co_later(co->now_us, co->cfg.min_pause_us); /* (1) */
	if (!co_is_live(co)) {
		inflight_move(p, INFLIGHT_FREE); /* the next attempt settles its intents (20) */
		return;
	}
	inflight_move(p, INFLIGHT_COMMITTING);
	struct err why = {0};
	(void)ERR(&why, E_STOPPED, "subsumed by checkpoint %llu", (unsigned long long)id);
	for (struct inflight *old; (old = inflight_oldest(&co->table, IN_UNDECIDED, 0));) {
		if (old->id > id || PLANTED(older_not_subsumed))
			break;
		co->stats.subsumed++;
		give_up(co, old, &why);
	}
	co_emit_about(co, CO_COMPLETED, p);
	if (co->phase == INITIAL)
		co_release(co);
}

static void note_publish_failed(struct coordinator *co, uint64_t id, const struct err *error)
{
	struct inflight *p = inflight_find(&co->table, id, IN(INFLIGHT_PUBLISHING));
	if (p)
		checkpoint_failed(co, p, error);
	else
		co->stats.dropped_messages++;
}

/* The cut is whole and says what its user says it must not: nothing failed but the checkpoint, so
 * no limit of failures is used up. Where one more try would say the same for ever the attempt
 * ends. */
static void note_violated(struct coordinator *co, uint64_t id, const struct err *error)
{
	struct inflight *p = inflight_find(&co->table, id, IN(INFLIGHT_PUBLISHING));
	if (!p) {
		co->stats.dropped_messages++;
		return;
	}
	co->stats.violated++;
	enum co_kind kind = p->asked.kind;
	bool is_must = kind == CO_INITIAL || kind == CO_STOP || kind == CO_FINAL;
	if (!co_is_live(co)) {
		inflight_move(p, INFLIGHT_FREE);
		return;
	}
	give_up(co, p, error);
	if (!is_must && !co->cfg.violation_fails)
		return;
	struct err why = *error;
	(void)err_in(&why, "checkpoint %llu", (unsigned long long)id);
	fail_attempt(co, &why);
}

static void note_committed(struct coordinator *co, uint64_t id)
{
	if (id > co->newest) {
		co->stats.dropped_messages++;
		return;
	}
	for (struct inflight *p; (p = inflight_oldest(&co->table, IN(INFLIGHT_COMMITTING), 0));) {
		if (p->id > id)
			break;
		inflight_move(p, INFLIGHT_FREE);
	}
	bool is_last = co->ending_kind == CO_FINAL || !co->inputs_ended;
	if (co->phase == RUNNING && co->ending_id && co->ending_id <= id && is_last) {
		co_phase_move(co, DONE);
		struct co_action *a = co_emit(co, CO_DONE);
		a->id = co->ending_id;
		a->checkpoint_kind = co->ending_kind;
		a->request = co->stop.token;
		memcpy(a->name, co->stop.name, sizeof a->name);
	}
}

/* ---- what has become due ---- */

/* (6) The timeout runs from creation; when all have acknowledged only the publish is waited for. */
static void expire(struct coordinator *co)
{
	uint64_t limit_us = co->cfg.timeout_us;
	for (uint64_t above = 0; limit_us && co_is_live(co);) {
		struct inflight *p = inflight_oldest(&co->table, IN(INFLIGHT_TRIGGERED), above);
		if (!p)
			return;
		above = p->id;
		if (co->now_us < co_later(p->created_us, limit_us))
			continue;
		uint32_t first = 0;
		uint32_t missing = inflight_missing(&co->table, p, &first, 1);
		struct err why = {0};
		(void)ERR(&why, E_TIMEOUT,
			  "not acknowledged within %.3f s by %u of %u subtasks (first: %u)",
			  (double)limit_us / 1e6, missing, co->cfg.subtasks, first);
		checkpoint_failed(co, p, &why);
	}
}

/* n + 1 is not published before the outcome of n is known: ids rise whatever becomes of n. */
static void publish_next(struct coordinator *co)
{
	struct inflight *p = inflight_oldest(&co->table, IN(INFLIGHT_COMPLETE), 0);
	bool waits = inflight_count(&co->table, IN(INFLIGHT_PUBLISHING)) &&
		     !PLANTED(outcome_not_waited_for);
	if (!co_is_live(co) || !p || waits)
		return;
	inflight_move(p, INFLIGHT_PUBLISHING);
	co_emit_about(co, CO_PUBLISH, p);
}

/* ---- the public face ---- */

/* (inv 8) Whether the event is of this attempt, or is no message at all. */
static bool is_current(const struct coordinator *co, const struct co_event *ev)
{
	switch (ev->kind) {
	case CO_EV_START:
	case CO_EV_TICK:
	case CO_EV_REQUEST:
	case CO_EV_BACKLOG:
	case CO_EV_PUBLISH_UNKNOWN:
		return true;
	default:
		return ev->epoch == co->cfg.epoch &&
		       (ev->attempt == co->cfg.attempt || PLANTED(ack_of_an_old_attempt));
	}
}

static void note(struct coordinator *co, const struct co_event *ev)
{
	struct err error = {0};
	if (ev->error && ev->error->code != OK)
		error = *ev->error;
	else
		(void)ERR(&error, E_IO, "no reason given");
	if (error.code == E_FENCED && !PLANTED(fenced_and_goes_on)) {
		halt(co, &error);
		return;
	}
	switch (ev->kind) {
	case CO_EV_START:
		CHECK(co->phase == NEW);
		if (co->cfg.initial)
			co_phase_move(co, INITIAL);
		else
			co_release(co);
		break;
	case CO_EV_TICK:
		break;
	case CO_EV_REQUEST:
		co_request(co, ev);
		break;
	case CO_EV_ACK:
		note_ack(co, ev);
		break;
	case CO_EV_DECLINE:
		note_decline(co, ev, &error);
		break;
	case CO_EV_FROZEN:
		note_frozen(co, ev);
		break;
	case CO_EV_PUBLISHED:
		note_published(co, ev->id);
		break;
	case CO_EV_PUBLISH_FAILED:
		if (error.code == E_UNKNOWN_OUTCOME)
			halt(co, &error);
		else
			note_publish_failed(co, ev->id, &error);
		break;
	case CO_EV_PUBLISH_UNKNOWN:
		halt(co, &error);
		break;
	case CO_EV_COMMITTED:
		note_committed(co, ev->id);
		break;
	case CO_EV_COMMIT_FAILED:
		(void)err_in(&error, "committing checkpoint %llu", (unsigned long long)ev->id);
		__attribute__((fallthrough));
	case CO_EV_TASK_FAILED:
		if (co_is_live(co))
			fail_attempt(co, &error);
		break;
	case CO_EV_INPUTS_ENDED:
		co->inputs_ended = true;
		if (co_is_live(co))
			co_refuse_waiting(co, "the job is taking its final checkpoint");
		break;
	case CO_EV_BACKLOG:
		co->backlog = ev->count;
		break;
	case CO_EV_LOADED:
		co->held = false;
		break;
	case CO_EV_VIOLATED:
		note_violated(co, ev->id, &error);
		break;
	}
}

void co_event(struct coordinator *co, uint64_t now_us, const struct co_event *ev)
{
	if (now_us > co->now_us)
		co->now_us = now_us;
	if (co->phase == HALTED || !is_current(co, ev)) {
		co->stats.dropped_messages++;
		return;
	}
	note(co, ev);
	expire(co);
	co_send_again(co);
	publish_next(co);
	co_trigger_next(co);
	inflight_check(&co->table);
	CHECK(inflight_count(&co->table, IN_UNDECIDED) <= co->cfg.max_concurrent);
}

bool co_next(struct coordinator *co, struct co_action *a)
{
	if (!co->actions)
		return false;
	*a = co->action[co->first_action];
	co->first_action = (co->first_action + 1) % ACTIONS_MAX;
	co->actions--;
	return true;
}

const struct co_stats *co_stats(const struct coordinator *co)
{
	return &co->stats;
}

uint64_t co_newest(const struct coordinator *co)
{
	return co->newest;
}

uint64_t co_next_id(const struct coordinator *co)
{
	return co->next_id;
}

uint32_t co_pending(const struct coordinator *co)
{
	return inflight_count(&co->table, IN_UNDECIDED);
}

uint32_t co_missing(const struct coordinator *co, uint64_t id, uint32_t *subtasks, uint32_t n)
{
	for (uint32_t i = 0; i < co->table.places; i++) {
		const struct inflight *p = &co->table.place[i];
		if (p->id == id && (IN_UNDECIDED & IN(p->state)))
			return inflight_missing(&co->table, p, subtasks, n);
	}
	return 0;
}

RC co_open(struct coordinator **co, const struct co_config *c, struct mem *mem, struct err *e)
{
	*co = NULL;
	if (c->max_concurrent == 0 || c->max_concurrent > CO_CONCURRENT_MAX)
		return ERR(e, E_INVALID, "max_concurrent is %u: it may be 1 to %u",
			   c->max_concurrent, CO_CONCURRENT_MAX);
	if (c->subtasks == 0 || c->subtasks > CO_SUBTASKS_MAX)
		return ERR(e, E_INVALID, "%u subtasks: there may be 1 to %u", c->subtasks,
			   CO_SUBTASKS_MAX);
	CHECK(c->next_id > c->base_id); /* inv 10: above every id in the directory */
	struct coordinator *new = mem_get(mem, sizeof *new);
	if (!new)
		return ERR(e, E_NO_MEMORY, "the checkpoint coordinator");
	new->mem = mem;
	new->cfg = *c;
	if (new->cfg.interval_us && new->cfg.interval_us < c->min_pause_us)
		new->cfg.interval_us = c->min_pause_us; /* (1) */
	new->first_id = new->next_id = c->next_id;
	new->newest = c->base_id;
	new->held = c->hold;
	new->periodic_at_us = NEVER;
	if (inflight_open(&new->table, c->max_concurrent, c->subtasks, mem, e) != OK)
		goto fail;
	*co = new;
	return OK;
fail:
	co_close(new);
	return E_NO_MEMORY;
}

void co_close(struct coordinator *co)
{
	if (!co)
		return;
	inflight_close(&co->table, co->mem);
	mem_put(co->mem, co);
}
