/* trigger.c - when a checkpoint begins: requests, the interval, the initial and the last one.
 * See coordinator.h; numbers in brackets are those of COORDINATOR.md. */
#include <string.h>

#include "base/check.h"
#include "base/planted.h"
#include "checkpoint/coordinator_parts.h"

static void refuse(struct coordinator *co, enum co_kind kind, uint64_t token, enum rc rc,
		   const char *why)
{
	struct co_action *a = co_emit(co, CO_REFUSED);
	a->checkpoint_kind = kind;
	a->request = token;
	(void)ERR(&a->error, rc, "%s", why);
	co->stats.refused_requests++;
}

void co_refuse_waiting(struct coordinator *co, const char *why)
{
	for (uint32_t i = 0; i < co->requests; i++)
		refuse(co, co->request[i].kind, co->request[i].token, E_REFUSED, why);
	co->requests = 0;
}

/* (22, 23) Nothing but stop and final checkpoints comes any more. */
static bool is_ending(const struct coordinator *co)
{
	return co->stop_asked || co->inputs_ended;
}

/* (22) The sources end; what is in the job flows out, and the last checkpoint is a final one. */
static void drain(struct coordinator *co)
{
	if (co->drain_asked && !co->stop_asked && !co->inputs_ended)
		co_emit(co, CO_DRAIN);
}

void co_release(struct coordinator *co)
{
	co_phase_move(co, RUNNING);
	if (!co->stop_asked)
		co_emit(co, CO_RELEASE);
	drain(co);
	if (co->cfg.interval_us)
		co->periodic_at_us = co_later(co->now_us, co->cfg.interval_us);
}

/* Cut where it is too long: what is asked for was checked by who asked. */
static void put_text(char *to, size_t size, const char *text)
{
	size_t len = text ? strnlen(text, size - 1) : 0;
	if (len)
		memcpy(to, text, len);
	memset(to + len, 0, size - len);
}

static struct co_asked asked_by(const struct coordinator *co, const struct co_event *ev)
{
	struct co_asked a = {.kind = ev->request_kind, .token = ev->request,
			     .full = ev->full || co->cfg.full};
	put_text(a.name, sizeof a.name, ev->name);
	put_text(a.why, sizeof a.why, ev->why);
	return a;
}

/* The job ends, with or without what is still on its way: nothing else is begun for anybody. */
static void request_stop(struct coordinator *co, const struct co_event *ev,
			 const struct co_asked *asked)
{
	if (co->drain_asked) /* a stop does not wait for it */
		refuse(co, CO_STOP, co->stop.token, E_REFUSED, "the job is being stopped");
	co->stop = *asked;
	co_refuse_waiting(co, "the job is being stopped");
	if (!ev->drain) {
		co->stop_asked = true;
		return;
	}
	co->drain_asked = true;
	if (co->phase == RUNNING)
		drain(co);
}

/* A place in the queue: savepoints first, then manual ones (3). */
static void request_wait(struct coordinator *co, const struct co_asked *asked)
{
	uint32_t at = co->requests++;
	for (; at > 0 && co->request[at - 1].kind < asked->kind; at--)
		co->request[at] = co->request[at - 1];
	co->request[at] = *asked;
}

void co_request(struct coordinator *co, const struct co_event *ev)
{
	enum co_kind kind = ev->request_kind;
	uint64_t token = ev->request;
	CHECK(kind == CO_PERIODIC || kind == CO_MANUAL || kind == CO_SAVEPOINT || kind == CO_STOP);
	struct co_asked asked = asked_by(co, ev);
	if (!co_is_live(co)) {
		refuse(co, kind, token, E_REFUSED, "the attempt is over");
	} else if (co->stop_asked) {
		refuse(co, kind, token, E_REFUSED, "the job is being stopped");
	} else if (co->inputs_ended) {
		refuse(co, kind, token, E_REFUSED, "the job is taking its final checkpoint");
	} else if (co->drain_asked && kind != CO_PERIODIC && (kind != CO_STOP || ev->drain)) {
		refuse(co, kind, token, E_REFUSED, "the job is being drained");
	} else if (kind == CO_PERIODIC) {
		co->periodic = asked;
		if (co->periodic_at_us > co->now_us)
			co->periodic_at_us = co->now_us;
	} else if (kind == CO_STOP) {
		request_stop(co, ev, &asked);
	} else if (co->requests == CO_REQUESTS_MAX) {
		refuse(co, kind, token, E_LIMIT, "too many requests wait already"); /* (3) */
	} else {
		request_wait(co, &asked);
	}
}

/* (8) While any task has not frozen, the barrier may have got lost at a source. */
void co_send_again(struct coordinator *co)
{
	if (!co_is_live(co) || !co->cfg.resend_us)
		return;
	for (uint64_t above = 0;;) {
		struct inflight *p = inflight_oldest(&co->table, IN(INFLIGHT_TRIGGERED), above);
		if (!p)
			return;
		above = p->id;
		if (!p->unfrozen || co->now_us < co_later(p->sent_us, co->cfg.resend_us))
			continue;
		p->sent_us = co->now_us;
		co_emit_about(co, CO_TRIGGER, p);
	}
}

/* (4) A place must be free too: a slow commit delays the next checkpoint, not memory. */
static bool may_trigger(const struct coordinator *co)
{
	if (!(TO(co->phase) & (TO(INITIAL) | TO(RUNNING))) || co->held)
		return false;
	const struct inflight_table *t = &co->table;
	if (inflight_count(t, IN_UNDECIDED) >= co->cfg.max_concurrent)
		return false;
	if (inflight_is_freezing(t) || !inflight_count(t, IN(INFLIGHT_FREE)))
		return false;
	bool is_must = co->phase == INITIAL || is_ending(co);
	return is_must || !co->cfg.backlog_max || co->backlog <= co->cfg.backlog_max;
}

static uint64_t trigger(struct coordinator *co, const struct co_asked *asked)
{
	uint64_t id = co->next_id++; /* (5) consumed, whatever becomes of it */
	struct inflight *p = inflight_begin(&co->table, asked, id, co->now_us);
	p->base_id = co->newest; /* DESIGN 6: published, of this attempt's own line */
	if (PLANTED(base_never_published) && id > co->first_id)
		p->base_id = id - 1;
	co->stats.triggered++;
	co_emit_about(co, CO_TRIGGER, p);
	return id;
}

/* (22, 23) At once, before all that waits, and again until one is through: when the end of input
 * is known it is a final one, also after a stop that came through without knowing it. */
static void trigger_ending(struct coordinator *co)
{
	enum co_kind kind = co->inputs_ended ? CO_FINAL : CO_STOP;
	if (co->ending_id) {
		bool is_pending = inflight_find(&co->table, co->ending_id, IN_UNDECIDED);
		if (is_pending || co->ending_kind == kind)
			return;
	}
	struct co_asked asked = co->stop;
	asked.kind = kind;
	asked.full |= co->cfg.full;
	co->ending_kind = kind;
	co->ending_id = trigger(co, &asked);
}

/* (1, 2) min_pause counts from the newest completion; one that comes too early is not queued. */
static void trigger_periodic(struct coordinator *co)
{
	if (co->now_us < co->periodic_at_us)
		return;
	if (co->now_us < co->pause_until_us) {
		co->periodic_at_us = co->pause_until_us;
		co->stats.skipped_triggers++;
		return;
	}
	uint64_t interval_us = co->cfg.interval_us ? co->cfg.interval_us : NEVER;
	uint64_t next_us = co_later(co->periodic_at_us, interval_us);
	co->periodic_at_us = next_us > co->now_us ? next_us : co_later(co->now_us, interval_us);
	struct co_asked asked = co->periodic;
	asked.kind = CO_PERIODIC;
	asked.full |= co->cfg.full;
	co->periodic = (struct co_asked){0};
	trigger(co, &asked);
}

void co_trigger_next(struct coordinator *co)
{
	if (!may_trigger(co))
		return;
	if (co->phase == INITIAL) {
		if (!inflight_count(&co->table, IN_UNDECIDED)) /* (7) none beside it */
			trigger(co, &(struct co_asked){.kind = CO_INITIAL, .full = co->cfg.full});
	} else if (is_ending(co)) {
		trigger_ending(co);
	} else if (co->requests && !(PLANTED(manual_waits_for_min_pause) &&
				     co->now_us < co->pause_until_us)) {
		struct co_asked r = co->request[0];
		memmove(&co->request[0], &co->request[1], --co->requests * sizeof r);
		trigger(co, &r);
	} else {
		trigger_periodic(co);
	}
}

uint64_t co_wake_at(const struct coordinator *co)
{
	uint64_t at_us = NEVER;
	if (!co_is_live(co))
		return at_us;
	for (uint32_t i = 0; i < co->table.places; i++) {
		const struct inflight *p = &co->table.place[i];
		if (p->state != INFLIGHT_TRIGGERED)
			continue;
		uint64_t expiry_us = co_later(p->created_us, co->cfg.timeout_us);
		if (co->cfg.timeout_us && expiry_us < at_us && !PLANTED(expiry_timer_is_lost))
			at_us = expiry_us;
		uint64_t resend_us = co_later(p->sent_us, co->cfg.resend_us);
		if (co->cfg.resend_us && p->unfrozen && resend_us < at_us)
			at_us = resend_us;
	}
	/* What is due but may not begin waits for an event, not for the clock. */
	if (co->phase == RUNNING && !is_ending(co) && may_trigger(co) && co->periodic_at_us < at_us &&
	    !PLANTED(periodic_timer_is_lost))
		at_us = co->periodic_at_us;
	return at_us;
}
