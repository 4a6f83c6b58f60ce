/* test_sim_requests.c - checkpoints asked for while a job runs: each accepted request is answered
 * exactly once, with a checkpoint of its own or with the reason why there is none. And what a
 * supervisor knows of earlier processes counts for the restart policy. */
#include "checkpoint/listing.h"
#include "tests/sim/scenario.h"

#include "base/check.h"
#include "tests/lib/test.h"

#include <inttypes.h>
#include <stdlib.h>

#define REQUESTS_MAX 4096 /* of one run, by feel */

struct fix {
	struct scenario s;
	struct world w;
	uint64_t asked;           /* the newest request */
	bool accepted[REQUESTS_MAX];
};

static struct fix *fix_open(uint64_t seed, uint32_t lines)
{
	struct fix *f = calloc(1, sizeof *f);
	struct rng r;
	rng_seed(&r, seed);
	scenario_open(&f->s, SCENARIO_WORDS, &r,
		      (struct scenario_size){.lines = lines, .lines_a_second = 400});
	world_open(&f->w, seed, f->s.job);
	scenario_files(&f->s, &f->w);
	return f;
}

static void fix_close(struct fix *f)
{
	world_exit(&f->w);
	world_close(&f->w);
	scenario_close(&f->s);
	free(f);
}

static void start(struct fix *f)
{
	WORLD_CHECK(&f->w, world_start(&f->w, 2) == WORLD_RUNNING);
}

/* Until the job is in state s, with its first records on their way if flows. */
static void run_until(struct fix *f, enum job_state s, bool flows)
{
	while (job_state(f->w.job) != s ||
	       (flows && !attempt_first_record_us(job_attempt(f->w.job)))) {
		enum world_end end = world_run(&f->w, 1);
		if (end != WORLD_PAUSED)
			world_fail(&f->w, "ended as %d before it was %s", (int)end, job_state_name(s));
	}
}

static enum rc ask_for(struct fix *f, struct job_ask a)
{
	struct err e = {0};
	uint32_t answers = f->w.answers;
	CHECK(++f->asked < REQUESTS_MAX);
	a.request = f->asked;
	enum rc rc = job_ask(f->w.job, &a, &e);
	WORLD_CHECK(&f->w, f->w.answers == answers); /* never from within */
	WORLD_CHECK(&f->w, (rc == OK) == !e.text[0]);
	f->accepted[f->asked] = rc == OK;
	return rc;
}

static enum rc ask(struct fix *f)
{
	return ask_for(f, (struct job_ask){.kind = ASK_CHECKPOINT});
}

static const struct world_answer *answer_to(const struct fix *f, uint64_t request)
{
	const struct world_answer *found = NULL;
	for (uint32_t i = 0; i < f->w.answers; i++) {
		if (f->w.answer[i].request != request)
			continue;
		if (found)
			world_fail(&f->w, "request %" PRIu64 " was answered twice", request);
		found = &f->w.answer[i];
	}
	return found;
}

/* There is no attempt any more: all that was accepted, and nothing else, has its answer. */
static void check_answers(struct fix *f)
{
	uint32_t accepted = 0;
	uint64_t last_id = 0;
	for (uint64_t r = 1; r <= f->asked; r++) {
		accepted += f->accepted[r];
		const struct world_answer *a = answer_to(f, r);
		if (f->accepted[r] != (a != NULL))
			world_fail(&f->w, "request %" PRIu64 ": accepted %d, answered %d", r,
				   f->accepted[r], a != NULL);
	}
	WORLD_CHECK(&f->w, accepted == f->w.answers);
	for (uint32_t i = 0; i < f->w.answers; i++) {
		const struct world_answer *a = &f->w.answer[i];
		if (!a->id)
			continue;
		WORLD_CHECK(&f->w, a->kind == CO_MANUAL && a->id > last_id); /* each has its own */
		last_id = a->id;
	}
}

static const struct world_answer *run_until_answered(struct fix *f, uint64_t request)
{
	const struct world_answer *a;
	while (!(a = answer_to(f, request))) {
		enum world_end end = world_run(&f->w, 1);
		if (end != WORLD_PAUSED && !answer_to(f, request))
			world_fail(&f->w, "ended as %d without an answer", (int)end);
	}
	return a;
}

/* Whether the newest manifest on the disk is that of checkpoint id, asked for by hand. */
static bool newest_is_manual(struct world *w, uint64_t id)
{
	struct slot_entries l;
	struct err e = {0};
	WORLD_CHECK(w, slots_read_all(slots_in(w->fs, WORLD_DIR), &w->mem, &l, &e) == OK && l.n);
	bool is = l.entry[0].rc == OK && l.entry[0].m.id == id &&
		  l.entry[0].m.kind == CHECKPOINT_MANUAL;
	slot_entries_close(&l);
	return is;
}

TEST(a_request_is_answered_when_its_checkpoint_is_durable)
{
	for (uint64_t seed = 1; seed <= 10; seed++) {
		struct fix *f = fix_open(seed, 40);
		start(f);
		run_until(f, JOB_RUNNING, true);
		WORLD_CHECK(&f->w, ask(f) == OK);
		const struct world_answer *a = run_until_answered(f, 1);
		WORLD_CHECK(&f->w, a->id && a->kind == CO_MANUAL);
		WORLD_CHECK(&f->w, newest_is_manual(&f->w, a->id));
		WORLD_CHECK(&f->w, world_run(&f->w, UINT64_MAX) == WORLD_FINISHED);
		scenario_check_end(&f->s, &f->w);
		check_answers(f);
		fix_close(f);
	}
}

/* Whether the newest manifest on the disk pins checkpoint id. */
static bool is_pinned(struct world *w, uint64_t id)
{
	struct slot_entries l;
	struct err e = {0};
	WORLD_CHECK(w, slots_read_id(slots_in(w->fs, WORLD_DIR), &w->mem, id, &l, &e) == OK);
	bool is = l.n && l.entry[0].pinned;
	slot_entries_close(&l);
	return is;
}

static const struct world_answer *answered(struct fix *f, struct job_ask a)
{
	WORLD_CHECK(&f->w, ask_for(f, a) == OK);
	return run_until_answered(f, f->asked);
}

TEST(inv13_a_pin_is_answered_when_a_manifest_says_so_and_a_gc_with_its_list)
{
	for (uint64_t seed = 1; seed <= 10; seed++) {
		struct fix *f = fix_open(seed, 60);
		struct world *w = &f->w;
		start(f);
		run_until(f, JOB_RUNNING, true);
		uint64_t id = answered(f, (struct job_ask){.kind = ASK_CHECKPOINT})->id;
		const struct world_answer *a = answered(f, (struct job_ask){.kind = ASK_PIN, .id = id});
		WORLD_CHECK(w, a->id > id && is_pinned(w, id));
		a = answered(f, (struct job_ask){.kind = ASK_PIN, .id = id});
		WORLD_CHECK(w, !a->id && a->code == OK && !a->found);
		a = answered(f, (struct job_ask){.kind = ASK_UNPIN, .id = 999});
		WORLD_CHECK(w, a->code == E_NOT_FOUND && strstr(a->why, "kept: "));
		a = answered(f, (struct job_ask){.kind = ASK_GC, .dry_run = true});
		WORLD_CHECK(w, a->code == OK && a->found && is_pinned(w, id));
		a = answered(f, (struct job_ask){.kind = ASK_GC});
		WORLD_CHECK(w, a->code == OK && a->found && is_pinned(w, id));
		if (seed % 2) {
			a = answered(f, (struct job_ask){.kind = ASK_UNPIN, .id = id});
			WORLD_CHECK(w, a->id && !is_pinned(w, id));
		}
		WORLD_CHECK(w, world_run(w, UINT64_MAX) == WORLD_FINISHED);
		WORLD_CHECK(w, is_pinned(w, id) == !(seed % 2));
		scenario_check_end(&f->s, w);
		check_answers(f);
		fix_close(f);
	}
}

TEST(requests_wait_for_each_other_and_there_is_a_most)
{
	struct fix *f = fix_open(3, 40);
	start(f);
	run_until(f, JOB_RUNNING, true);
	for (uint32_t i = 0; i < JOB_REQUESTS_MAX; i++)
		EXPECT(ask(f) == OK);
	EXPECT(ask(f) == E_LIMIT);
	EXPECT(run_until_answered(f, 1)->id);
	EXPECT(ask(f) == OK); /* there is room again */
	EXPECT(run_until_answered(f, 2)->id);
	EXPECT(answer_to(f, 3) == NULL);
	EXPECT(world_run(&f->w, UINT64_MAX) == WORLD_FINISHED);
	check_answers(f);
	fix_close(f);
}

TEST(a_request_before_the_first_checkpoint_comes_after_it)
{
	struct fix *f = fix_open(4, 20);
	start(f);
	run_until(f, JOB_RUNNING, false);
	EXPECT(f->w.completed == 0 && ask(f) == OK);
	const struct world_answer *a = run_until_answered(f, 1);
	size_t n;
	const struct checkpoint_record *r = job_history(f->w.job, &n);
	EXPECT(n >= 2 && r[0].kind == CO_INITIAL && r[0].completed);
	EXPECT(a->id > r[0].id);
	EXPECT(world_run(&f->w, UINT64_MAX) == WORLD_FINISHED);
	fix_close(f);
}

TEST(a_stop_refuses_what_waits_and_completes_what_was_begun)
{
	struct fix *f = fix_open(5, 40);
	start(f);
	run_until(f, JOB_RUNNING, true);
	while (!job_completed(f->w.job) || attempt_co_stats(job_attempt(f->w.job))->triggered !=
						   job_completed(f->w.job))
		world_run(&f->w, 1);
	EXPECT(ask(f) == OK && ask(f) == OK); /* the first one begins at once */
	world_stop(&f->w);
	EXPECT(ask(f) == E_REFUSED);
	EXPECT(world_run(&f->w, UINT64_MAX) == WORLD_STOPPED);
	EXPECT(ask(f) == E_REFUSED);
	check_answers(f);
	EXPECT(answer_to(f, 1)->id);
	EXPECT(answer_to(f, 2)->code == E_REFUSED && strstr(answer_to(f, 2)->why, "being stopped"));
	fix_close(f);
}

TEST(a_failed_attempt_answers_with_its_reason_and_while_waiting_none_is_taken)
{
	struct fix *f = fix_open(6, 40);
	struct err e = {0};
	start(f);
	EXPECT(ask(f) == E_REFUSED); /* nothing has begun */
	run_until(f, JOB_RUNNING, true);
	EXPECT(ask(f) == OK && ask(f) == OK);
	ERR(&e, E_IO, "a sink has gone");
	attempt_fail(job_attempt(f->w.job), &e, f->w.clock.now_us);
	EXPECT(ask(f) == E_REFUSED); /* it is ending */
	run_until(f, JOB_WAITING, false);
	for (uint64_t r = 2; r <= 3; r++)
		EXPECT(answer_to(f, r)->code == E_REFUSED &&
		       strstr(answer_to(f, r)->why, "a sink has gone"));
	EXPECT(ask(f) == E_REFUSED);
	check_answers(f);
	run_until(f, JOB_RUNNING, true);
	EXPECT(ask(f) == OK && run_until_answered(f, f->asked)->id);
	EXPECT(world_run(&f->w, UINT64_MAX) == WORLD_FINISHED);
	scenario_check_end(&f->s, &f->w);
	fix_close(f);
}

/* Through every phase of a job that stops, fails and is killed: what was accepted is answered. */
TEST(whenever_one_asks_there_is_one_answer)
{
	uint32_t taken = 0, refused = 0;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct fix *f = fix_open(seed, 12);
		struct rng r;
		rng_seed(&r, seed ^ 0xA5);
		uint64_t every = 1 + rng_below(&r, 200), stop = rng_below(&r, 8000);
		fs_sim_fault_at(f->w.disk, 60 + rng_below(&r, 400), E_IO, false);
		enum world_end end = world_start(&f->w, 2);
		for (uint64_t n = 0; end == WORLD_RUNNING || end == WORLD_PAUSED; n++) {
			if (n % every == 0 && f->asked < REQUESTS_MAX - 1)
				(void)!ask(f);
			if (n == stop && seed % 3 == 0)
				world_stop(&f->w);
			if (n == stop && seed % 3 == 1)
				break;
			end = world_run(&f->w, 1);
		}
		fs_sim_fault_at(f->w.disk, 0, OK, false);
		if (end == WORLD_PAUSED)
			world_crash(&f->w, true); /* not the asker, which gets its answers here too */
		if (end == WORLD_FINISHED)
			scenario_check_end(&f->s, &f->w);
		check_answers(f);
		for (uint32_t i = 0; i < f->w.answers; i++) {
			taken += f->w.answer[i].id != 0;
			refused += f->w.answer[i].id == 0;
		}
		fix_close(f);
	}
	printf("%u taken, %u refused\n", taken, refused);
	EXPECT(taken > 100 && refused > 100);
}

TEST(the_policy_counts_what_happened_in_processes_before)
{
	struct fix *f = fix_open(7, 40);
	struct err e = {0};
	ERR(&e, E_IO, "a sink has gone");
	for (uint32_t before = 0; before < 2; before++) {
		/* The default gives up after three in a row: two of them, or all, were used up. */
		f->w.restarts = (struct restart_state){.restarts = 2 + before, .delay_us = 1000000};
		start(f);
		EXPECT(f->w.spec->restart.attempts == 3);
		EXPECT(job_restarts(f->w.job)->restarts == 2 + before);
		run_until(f, JOB_RUNNING, true);
		attempt_fail(job_attempt(f->w.job), &e, f->w.clock.now_us);
		if (before == 0) {
			run_until(f, JOB_WAITING, false);
			EXPECT(job_restarts(f->w.job)->restarts == 3);
			EXPECT(job_wait_until(f->w.job) > f->w.clock.now_us); /* not a first one */
			run_until(f, JOB_RUNNING, true);
			attempt_fail(job_attempt(f->w.job), &e, f->w.clock.now_us);
		}
		EXPECT(world_run(&f->w, UINT64_MAX) == WORLD_FAILED);
		world_exit(&f->w);
	}
	fix_close(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_request_is_answered_when_its_checkpoint_is_durable),
		T(inv13_a_pin_is_answered_when_a_manifest_says_so_and_a_gc_with_its_list),
		T(requests_wait_for_each_other_and_there_is_a_most),
		T(a_request_before_the_first_checkpoint_comes_after_it),
		T(a_stop_refuses_what_waits_and_completes_what_was_begun),
		T(a_failed_attempt_answers_with_its_reason_and_while_waiting_none_is_taken),
		T(whenever_one_asks_there_is_one_answer),
		T(the_policy_counts_what_happened_in_processes_before),
	};
	return RUN(tests);
}
