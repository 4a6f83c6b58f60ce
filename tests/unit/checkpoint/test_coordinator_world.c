/* test_coordinator_world.c - the coordinator in a small world that does everything wrong it may:
 * tasks answer in any order, twice, late or never, messages of dead attempts and dead processes
 * arrive, publishing and committing fail, tasks fail, the process is killed and started again.
 *
 * The world keeps its own books (who really froze and wrote what, what is durable) and compares
 * after each step. Then the faults end, and what is due must come: a checkpoint, and the end of the
 * job. A failure prints its seed; WEIR_SEED=n runs that one alone. */
#include "base/check.h"
#include "base/rng.h"
#include "checkpoint/coordinator.h"
#include "tests/lib/test.h"

#include <stdlib.h>

#define SEEDS 1500
#define CHAOS_STEPS 700
#define CALM_STEPS 20000
#define TASKS_MAX 5
#define IDS_MAX 4096
#define FLIGHT_MAX 512
#define NEVER UINT64_MAX

/* A task's view of one checkpoint. */
enum view { UNSEEN, BARRIER_COMES, FREEZING, FROZEN, WRITTEN, GAVE_UP };

struct book { /* what the world knows of one id, in this epoch and attempt */
	bool triggered, decided, published, publishing, told_abort[TASKS_MAX];
	enum view view[TASKS_MAX];
	bool acked[TASKS_MAX]; /* the ack has reached the coordinator */
	enum co_kind kind;
	uint64_t base_id, created_us;
};

struct world {
	uint64_t seed;
	struct rng rng;
	struct mem mem;
	struct coordinator *co;
	struct co_config cfg;
	struct co_event flight[FLIGHT_MAX];
	uint32_t flying;
	struct book book[IDS_MAX];
	uint64_t now_us;
	uint64_t durable, settled;         /* newest manifest on disk; newest committed */
	uint64_t publishing;               /* 0: none */
	uint64_t last_publish_us;
	uint64_t completed_since_calm;
	uint32_t in_a_row, tolerable;
	bool has_published, released, stop_asked, ended, ended_told, calm;
	bool failed, halted, done, may_fail;
	uint32_t attempts;
};

#define OUGHT(w, cond)                                                                             \
	do {                                                                                       \
		if (!(cond))                                                                       \
			fail_msg("%s:%d: seed %llu: %s", __FILE__, __LINE__,                       \
				 (unsigned long long)(w)->seed, #cond);                            \
	} while (0)

/* The ids of this attempt. */
#define EACH_ID(w, id)                                                                             \
	for (uint64_t id = (w)->cfg.next_id; id < co_next_id((w)->co) && id < IDS_MAX; id++)

static bool chance(struct world *w, uint32_t one_in)
{
	return rng_below(&w->rng, one_in) == 0;
}

static bool trouble(struct world *w, uint32_t one_in)
{
	return !w->calm && chance(w, one_in);
}

/* A new attempt, after everything about the old one that can be known is known. */
static void begin_attempt(struct world *w, uint64_t next_id)
{
	struct err e = {0};
	co_close(w->co);
	w->attempts++;
	w->cfg.attempt++;
	w->cfg.next_id = next_id;
	w->cfg.base_id = w->durable;
	w->cfg.initial = w->durable == 0 || chance(w, 3);
	w->settled = w->durable; /* a start settles the intents of what it restores */
	memset(w->book, 0, sizeof w->book);
	w->publishing = 0;
	w->in_a_row = 0;
	w->has_published = w->released = w->failed = w->halted = w->stop_asked = false;
	w->ended = w->ended_told = false;
	EXPECT_OK(co_open(&w->co, &w->cfg, &w->mem, &e), &e);
}

static struct co_event message(const struct world *w, enum co_event_kind kind, uint64_t id,
			       uint32_t subtask)
{
	return (struct co_event){.kind = kind, .epoch = w->cfg.epoch, .attempt = w->cfg.attempt,
				 .id = id, .subtask = subtask};
}

static void fly(struct world *w, struct co_event ev)
{
	if (trouble(w, 25))
		return; /* lost */
	if (w->flying == FLIGHT_MAX)
		w->flight[rng_below(&w->rng, FLIGHT_MAX)] = ev;
	else
		w->flight[w->flying++] = ev;
}

static uint32_t pending(const struct world *w)
{
	uint32_t n = 0;
	EACH_ID(w, id)
		n += w->book[id].triggered && !w->book[id].decided;
	return n;
}

static void on_trigger(struct world *w, const struct co_action *a)
{
	struct book *b = &w->book[a->id];
	OUGHT(w, a->id < IDS_MAX && !w->failed && !w->done);
	if (!b->triggered) { /* else it is sent again */
		OUGHT(w, a->id > w->durable && a->base_id == w->durable);
		OUGHT(w, a->id == w->cfg.next_id || w->book[a->id - 1].triggered);
		OUGHT(w, pending(w) < w->cfg.max_concurrent);
		EACH_ID(w, id) /* freezing never overlaps (4) */
			for (uint32_t t = 0; t < w->cfg.subtasks; t++)
				OUGHT(w, w->book[id].told_abort[t] ||
						 (w->book[id].view[t] != FREEZING &&
						  w->book[id].view[t] != BARRIER_COMES) ||
						 w->book[id].decided);
		OUGHT(w, w->released || a->checkpoint_kind == CO_INITIAL || w->stop_asked);
		OUGHT(w, a->checkpoint_kind != CO_STOP || (w->stop_asked && !w->ended_told));
		OUGHT(w, (a->checkpoint_kind == CO_FINAL) == w->ended_told ||
				 a->checkpoint_kind == CO_INITIAL);
		if (a->checkpoint_kind == CO_PERIODIC && w->has_published)
			OUGHT(w, w->now_us >= w->last_publish_us + w->cfg.min_pause_us);
		b->triggered = true;
		b->kind = a->checkpoint_kind;
		b->base_id = a->base_id;
		b->created_us = w->now_us;
	}
	OUGHT(w, !b->decided && b->base_id == a->base_id && b->kind == a->checkpoint_kind);
	OUGHT(w, a->stop == (b->kind == CO_STOP));
	for (uint32_t t = 0; t < w->cfg.subtasks; t++)
		if (b->view[t] == UNSEEN && !trouble(w, 20))
			b->view[t] = BARRIER_COMES;
}

static void on_abort(struct world *w, const struct co_action *a)
{
	struct book *b = &w->book[a->id];
	OUGHT(w, b->triggered && !b->decided && !b->published);
	b->decided = true;
	bool is_failure = a->error.code != E_STOPPED;
	if (is_failure) {
		w->in_a_row++;
		b->publishing = false;
	} else {
		OUGHT(w, a->id < w->durable || w->may_fail);
	}
	OUGHT(w, !b->publishing);
	if (a->error.code == E_TIMEOUT)
		OUGHT(w, w->now_us >= b->created_us + w->cfg.timeout_us);
	for (uint32_t t = 0; t < w->cfg.subtasks; t++)
		b->told_abort[t] = true;
}

static void on_publish(struct world *w, const struct co_action *a)
{
	struct book *b = &w->book[a->id];
	OUGHT(w, b->triggered && !b->decided && !w->publishing && a->id > w->durable);
	for (uint32_t t = 0; t < w->cfg.subtasks; t++)
		OUGHT(w, b->view[t] == WRITTEN && b->acked[t]);
	w->publishing = a->id;
	b->publishing = true;
}

static void perform(struct world *w)
{
	struct co_action a;
	while (co_next(w->co, &a)) {
		OUGHT(w, !w->halted && !w->done);
		switch (a.kind) {
		case CO_TRIGGER:
			on_trigger(w, &a);
			break;
		case CO_RELEASE:
			OUGHT(w, !w->released && !w->failed && !w->stop_asked);
			OUGHT(w, !w->cfg.initial || w->has_published);
			w->released = true;
			break;
		case CO_PUBLISH:
			on_publish(w, &a);
			break;
		case CO_ABORT:
			/* Those that fall with the attempt come before its end, in one go. */
			w->may_fail |= w->in_a_row > w->tolerable;
			on_abort(w, &a);
			break;
		case CO_COMPLETED:
			OUGHT(w, w->book[a.id].published && !w->book[a.id].decided);
			w->book[a.id].decided = true;
			w->completed_since_calm += w->calm;
			break;
		case CO_FAIL_ATTEMPT:
			OUGHT(w, !w->failed && (w->may_fail || w->in_a_row > w->tolerable));
			w->failed = true;
			break;
		case CO_HALT:
			w->halted = true;
			break;
		case CO_DONE:
			OUGHT(w, a.id == w->durable && w->settled == w->durable && !w->failed);
			OUGHT(w, w->book[a.id].kind == (w->ended_told ? CO_FINAL : CO_STOP));
			w->done = true;
			break;
		case CO_REFUSED:
			OUGHT(w, a.request != 0);
			break;
		case CO_DRAIN:
			OUGHT(w, !"nobody asked for it");
			break;
		}
	}
}

/* One event, its actions, and everything that must hold afterwards. */
static void tell(struct world *w, struct co_event ev)
{
	struct err e = {0};
	if (ev.kind == CO_EV_DECLINE || ev.kind == CO_EV_PUBLISH_FAILED ||
	    ev.kind == CO_EV_COMMIT_FAILED || ev.kind == CO_EV_TASK_FAILED)
		(void)ERR(&e, chance(w, 2) ? E_IO : E_NO_SPACE, "trouble");
	if (ev.kind == CO_EV_PUBLISH_UNKNOWN)
		(void)ERR(&e, E_UNKNOWN_OUTCOME, "who knows");
	ev.error = e.code ? &e : NULL;
	w->may_fail = ev.kind == CO_EV_COMMIT_FAILED || ev.kind == CO_EV_TASK_FAILED;
	co_event(w->co, w->now_us, &ev);
	perform(w);
	const struct co_stats *s = co_stats(w->co);
	OUGHT(w, w->halted || w->failed || s->consecutive_failures == w->in_a_row);
	OUGHT(w, w->failed || w->halted || w->in_a_row <= w->tolerable);
	OUGHT(w, w->halted || co_newest(w->co) == w->durable);
	OUGHT(w, w->failed || w->halted || co_pending(w->co) == pending(w));
	if (w->failed || w->halted || w->done)
		return;
	OUGHT(w, co_wake_at(w->co) > w->now_us);
	EACH_ID(w, id) {
		const struct book *b = &w->book[id];
		uint32_t acked = 0;
		for (uint32_t t = 0; t < w->cfg.subtasks; t++)
			acked += b->acked[t];
		if (b->triggered && !b->decided && acked < w->cfg.subtasks)
			OUGHT(w, w->now_us < b->created_us + w->cfg.timeout_us);
	}
}

static void task_step(struct world *w, uint32_t t)
{
	EACH_ID(w, id) {
		struct book *b = &w->book[id];
		if (b->told_abort[t] && b->view[t] != GAVE_UP)
			b->view[t] = GAVE_UP; /* letters are read before channels */
	}
	EACH_ID(w, id) {
		struct book *b = &w->book[id];
		if (b->decided && !b->published)
			continue;
		switch (b->view[t]) {
		case BARRIER_COMES:
			b->view[t] = FREEZING;
			return;
		case FREEZING:
			if (trouble(w, 40)) {
				b->view[t] = GAVE_UP;
				fly(w, message(w, CO_EV_DECLINE, id, t));
			} else {
				b->view[t] = FROZEN;
				fly(w, message(w, CO_EV_FROZEN, id, t));
			}
			return;
		case FROZEN:
			if (!w->calm && chance(w, 3))
				break; /* still being packed: later ones go on */
			b->view[t] = WRITTEN;
			fly(w, message(w, CO_EV_ACK, id, t));
			return;
		default:
			break;
		}
	}
}

static void deliver(struct world *w)
{
	if (!w->flying)
		return;
	uint32_t i = (uint32_t)rng_below(&w->rng, w->flying);
	struct co_event ev = w->flight[i];
	if (!trouble(w, 8)) /* else it will come again */
		w->flight[i] = w->flight[--w->flying];
	bool is_current = ev.epoch == w->cfg.epoch && ev.attempt == w->cfg.attempt;
	if (ev.kind == CO_EV_ACK && is_current)
		w->book[ev.id].acked[ev.subtask] = true;
	tell(w, ev);
}

static void finish_publish(struct world *w)
{
	uint64_t id = w->publishing;
	if (!id)
		return;
	w->publishing = 0;
	if (trouble(w, 150)) {
		bool landed = chance(w, 2);
		if (landed)
			w->durable = id;
		struct co_event ev = message(w, CO_EV_PUBLISH_UNKNOWN, id, 0);
		tell(w, ev);
		OUGHT(w, w->halted);
		return;
	}
	if (trouble(w, 6)) {
		if (w->failed)
			w->book[id].decided = true;
		tell(w, message(w, CO_EV_PUBLISH_FAILED, id, 0));
		return;
	}
	OUGHT(w, id > w->durable); /* inv 10 */
	w->durable = id;
	w->has_published = true;
	w->last_publish_us = w->now_us;
	w->in_a_row = 0;
	w->book[id].published = true;
	w->book[id].publishing = false;
	tell(w, message(w, CO_EV_PUBLISHED, id, 0));
}

/* The oldest published one whose intents are not settled: a lane commits in order. */
static void finish_commit(struct world *w)
{
	for (uint64_t id = w->settled + 1; id <= w->durable; id++) {
		if (!w->book[id].published)
			continue;
		if (trouble(w, 60)) {
			tell(w, message(w, CO_EV_COMMIT_FAILED, id, 0));
			return;
		}
		w->settled = id;
		tell(w, message(w, CO_EV_COMMITTED, id, 0));
		return;
	}
}

static void tick(struct world *w)
{
	uint64_t wake_us = co_wake_at(w->co);
	if (wake_us != NEVER && chance(w, 4))
		w->now_us = wake_us + (chance(w, 3) ? rng_below(&w->rng, 3000) : 0);
	else
		w->now_us += rng_below(&w->rng, 400);
	tell(w, (struct co_event){.kind = CO_EV_TICK});
}

static void ask(struct world *w, enum co_kind kind)
{
	struct co_event ev = {.kind = CO_EV_REQUEST, .request_kind = kind, .request = 1};
	if (kind == CO_STOP && !w->ended_told)
		w->stop_asked = true;
	tell(w, ev);
}

static void inputs_end(struct world *w)
{
	if (w->released)
		w->ended = true;
	if (w->ended && !w->ended_told) {
		w->ended_told = true;
		tell(w, message(w, CO_EV_INPUTS_ENDED, 0, 0));
	}
}

/* The process is killed: ids that it left unpublished may return, with another epoch. */
static void killed(struct world *w)
{
	if (w->publishing && chance(w, 2))
		w->durable = w->publishing;
	w->publishing = 0;
	w->cfg.epoch++;
	w->cfg.attempt = 0;
	begin_attempt(w, w->durable + 1);
	tell(w, (struct co_event){.kind = CO_EV_START});
}

static void next_attempt(struct world *w)
{
	while (w->publishing && !w->halted) /* drained: every outcome is known (inv 8) */
		finish_publish(w);
	if (w->halted) {
		killed(w);
		return;
	}
	begin_attempt(w, co_next_id(w->co));
	tell(w, (struct co_event){.kind = CO_EV_START});
}

static void step(struct world *w)
{
	if (w->halted) {
		killed(w);
		return;
	}
	if (w->failed) {
		next_attempt(w);
		return;
	}
	switch (rng_below(&w->rng, 8)) {
	case 0:
	case 1:
	case 2:
		task_step(w, (uint32_t)rng_below(&w->rng, w->cfg.subtasks));
		break;
	case 3:
	case 4:
		deliver(w);
		break;
	case 5:
		finish_publish(w);
		break;
	case 6:
		finish_commit(w);
		break;
	default:
		tick(w);
		break;
	}
	if (w->calm || w->failed || w->halted || w->done)
		return;
	switch (rng_below(&w->rng, 1200)) {
	case 0:
		ask(w, CO_STOP);
		break;
	case 1:
	case 2:
		inputs_end(w);
		break;
	case 3:
	case 4:
		tell(w, message(w, CO_EV_TASK_FAILED, 0, 0));
		break;
	case 5:
		killed(w);
		break;
	default:
		if (chance(w, 40))
			ask(w, chance(w, 3) ? CO_SAVEPOINT : CO_MANUAL);
		else if (chance(w, 80))
			tell(w, (struct co_event){.kind = CO_EV_BACKLOG,
						  .count = (uint32_t)rng_below(&w->rng, 4)});
		break;
	}
}

static void world_open(struct world *w, uint64_t seed)
{
	memset(w, 0, sizeof *w);
	w->seed = seed;
	rng_seed(&w->rng, seed);
	mem_init(&w->mem, 0);
	w->tolerable = chance(w, 3) ? 0 : (uint32_t)rng_below(&w->rng, 6);
	w->cfg = (struct co_config){
		.interval_us = chance(w, 5) ? 0 : 1000 + rng_below(&w->rng, 4000),
		.timeout_us = 3000 + rng_below(&w->rng, 30000),
		.min_pause_us = chance(w, 2) ? 0 : rng_below(&w->rng, 6000),
		.max_concurrent = chance(w, 2) ? 1 : 1 + (uint32_t)rng_below(&w->rng, 4),
		.tolerable_failures = w->tolerable,
		.subtasks = 1 + (uint32_t)rng_below(&w->rng, TASKS_MAX),
		.epoch = 1,
		/* A lost trigger without a second one ends by expiry. */
		.resend_us = chance(w, 3) ? 0 : 500 + rng_below(&w->rng, 2000),
		.backlog_max = chance(w, 2) ? 0 : 2,
	};
	begin_attempt(w, 1);
}

/* Calm: no message is lost any more, nothing fails, and where nothing is periodic we ask. */
static void live_on(struct world *w)
{
	w->calm = true;
	w->completed_since_calm = 0;
	if (!w->failed && !w->halted && !w->done)
		tell(w, (struct co_event){.kind = CO_EV_BACKLOG, .count = 0});
	for (uint32_t i = 0; i < CALM_STEPS && !w->done && w->completed_since_calm < 3; i++) {
		bool asks = !w->cfg.interval_us && i % 100 == 0;
		if (asks && !w->failed && !w->halted && !w->stop_asked && !w->ended)
			ask(w, CO_MANUAL);
		step(w);
	}
	OUGHT(w, w->done || w->completed_since_calm >= 3);
	for (uint32_t i = 0; i < CALM_STEPS && !w->done; i++) {
		if (!w->failed && !w->halted && w->released)
			inputs_end(w);
		if (!w->done)
			step(w);
	}
	OUGHT(w, w->done); /* the job ends, and its last checkpoint is settled */
}

static void run_world(uint64_t seed, uint64_t *completed, uint64_t *attempts)
{
	struct world *w = calloc(1, sizeof *w);
	assert_non_null(w);
	world_open(w, seed);
	tell(w, (struct co_event){.kind = CO_EV_START});
	for (uint32_t i = 0; i < CHAOS_STEPS && !w->done; i++)
		step(w);
	if (!w->done)
		live_on(w);
	*completed += w->durable;
	*attempts += w->attempts;
	co_close(w->co);
	OUGHT(w, w->mem.used_bytes == 0);
	free(w);
}

TEST(inv8_inv9_inv10_any_order_of_faults_keeps_the_books_and_ends)
{
	uint64_t completed = 0, attempts = 0;
	const char *one = getenv("WEIR_SEED");
	uint64_t first = one ? strtoull(one, NULL, 10) : 1;
	uint64_t last = one ? first : SEEDS;
	for (uint64_t seed = first; seed <= last; seed++)
		run_world(seed, &completed, &attempts);
	print_message("seeds %llu to %llu: newest ids sum to %llu, %llu attempts\n",
		      (unsigned long long)first, (unsigned long long)last,
		      (unsigned long long)completed, (unsigned long long)attempts);
	EXPECT(one || (completed > SEEDS * 10 && attempts > SEEDS)); /* the world was a busy one */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv8_inv9_inv10_any_order_of_faults_keeps_the_books_and_ends),
	};
	return RUN(tests);
}
