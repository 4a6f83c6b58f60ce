/* test_proof_time.c - timers and clocks: what `every` holds back comes out in time and is lost by
 * no crash; a wall clock that jumps by ten days changes nothing (inv 22, 23). SIM_SEED=n: one. */
#include "tests/lib/proof.h"
#include "tests/sim/scenario.h"

#include "base/check.h"
#include "tests/lib/test.h"

#define DAYS_10_US (10ll * 24 * 3600 * 1000000)
#define EVERY_US 20000
#define LATE_US 100000 /* of a step of the world that was "busy with something else", many times */

static void each(uint64_t n, void (*one)(uint64_t seed))
{
	const char *given = getenv("SIM_SEED");
	uint64_t first = given ? strtoull(given, NULL, 10) : proof_seed() % 100000;
	for (uint64_t seed = first; seed < first + (given ? 1 : n); seed++)
		one(seed);
}

static void put(struct scenario *s, const char *instead_of, const char *text)
{
	char *at = strstr(s->job, instead_of);
	size_t old = strlen(instead_of), len = strlen(text);
	CHECK(at && strlen(s->job) - old + len < sizeof s->job);
	memmove(at + len, at + old, strlen(at + old) + 1);
	memcpy(at, text, len);
}

/* ---- the wall clock ---- */

static void jump(uint64_t seed)
{
	struct world *w = malloc(sizeof *w);
	struct scenario s;
	struct rng r;
	rng_seed(&r, seed);
	scenario_open(&s, (enum scenario_kind)(seed % 3), &r,
		      (struct scenario_size){.lines = 40, .lines_a_second = 600});
	world_open(w, seed, s.job);
	scenario_files(&s, w);
	enum world_end end = world_start(w, 1 + (unsigned)rng_below(&w->rng, 3));
	while (end == WORLD_RUNNING || end == WORLD_PAUSED) {
		w->clock.wall_ahead_us += rng_below(&w->rng, 2) ? DAYS_10_US : -DAYS_10_US;
		end = world_run(w, 1 + rng_below(&w->rng, 1500));
	}
	if (end != WORLD_FINISHED || w->failed_attempts)
		world_fail(w, "a jump of the clock: %s", w->error.text);
	scenario_check_end(&s, w);
	check_directory(w);
	world_exit(w);
	world_close(w);
	scenario_close(&s);
	free(w);
}

TEST(inv23_a_wall_clock_that_jumps_by_ten_days_changes_nothing)
{
	uint64_t n = proof_many(24, 300, 1000);
	each(n, jump);
	proof_line("runs with a wall clock that jumps", n, n);
}

/* ---- every ---- */

static void open_every(struct world *w, struct scenario *s, uint64_t seed,
		       struct scenario_size size)
{
	struct rng r;
	rng_seed(&r, seed);
	scenario_open(s, SCENARIO_WORDS, &r, size);
	put(s, "\"update\"", "{\"every\":\"20ms\"}");
	world_open(w, seed, s->job);
	scenario_files(s, w);
}

/* No sum twice, none above the oracle's; at the end each word's last is the oracle's. */
static void check_sums(struct world *w, const struct counts *oracle, bool at_end)
{
	struct counts got = {0};
	size_t o = 0, whole = 0;
	counts_committed(&got, w);
	for (size_t i = 0; i < got.n; i++) {
		const struct row *x = &got.v[i];
		while (o < oracle->n && strcmp(oracle->v[o].key, x->key) < 0)
			o++;
		WORLD_CHECK(w, o < oracle->n && !strcmp(oracle->v[o].key, x->key));
		if (i && !strcmp(x->key, x[-1].key) && x->n <= x[-1].n)
			world_fail(w, "the sum %lld of '%s' stands there twice", (long long)x->n, x->key);
		if (x->n > oracle->v[o].n)
			world_fail(w, "'%s' was counted %lld times, not %lld", x->key, (long long)x->n,
				   (long long)oracle->v[o].n);
		whole += x->n == oracle->v[o].n;
	}
	if (at_end && whole != oracle->n)
		world_fail(w, "%zu of %zu words have their last sum", whole, oracle->n);
	counts_close(&got);
}

static void every_with_crashes(uint64_t seed)
{
	struct world *w = malloc(sizeof *w);
	struct scenario s;
	open_every(w, &s, seed, (struct scenario_size){.lines = 50, .lines_a_second = 400});
	for (uint64_t crashes = 1 + rng_below(&w->rng, 3); crashes; crashes--) {
		enum world_end end = world_start(w, 1 + (unsigned)rng_below(&w->rng, 3));
		if (end == WORLD_RUNNING)
			end = world_run(w, 500 + rng_below(&w->rng, 6000));
		if (end != WORLD_PAUSED) {
			world_exit(w);
			continue;
		}
		world_crash(w, rng_below(&w->rng, 2));
		check_sums(w, &s.oracle, false);
	}
	if (world_process(w, 2) != WORLD_FINISHED)
		world_fail(w, "did not finish: %s", w->error.text);
	check_sums(w, &s.oracle, true);
	world_exit(w);
	world_close(w);
	scenario_close(&s);
	free(w);
}

TEST(inv28_a_crash_loses_nothing_that_every_holds_back)
{
	uint64_t n = proof_many(40, 300, 1000);
	each(n, every_with_crashes);
	proof_line("runs with sums that are held back, killed", n, n);
}

/* Records in and out of the stage, all subtasks. */
static void look(struct world *w, uint64_t *in, uint64_t *out)
{
	const struct attempt *a = job_attempt(w->job);
	*in = *out = 0;
	for (uint32_t i = 0; a && i < attempt_tasks(a); i++) {
		const struct task *t = attempt_task(a, i);
		const struct task_stats *st = task_stats(t);
		if (strcmp(task_config(t)->stage, "count"))
			continue;
		*in += st->records_in;
		*out += st->records_out;
	}
}

/* Lines are far apart and checkpoints further: nothing but its own timer wakes the stage. */
static void every_in_time(uint64_t seed)
{
	struct world *w = malloc(sizeof *w);
	struct scenario s;
	uint64_t in, out, in_before = 0, out_before = 0, owed_us = 0;
	struct rng r;
	rng_seed(&r, seed);
	scenario_open(&s, SCENARIO_WORDS, &r,
		      (struct scenario_size){.lines = 6, .lines_a_second = 2});
	put(&s, "\"update\"", "{\"every\":\"20ms\"}");
	put(&s, "\"10ms\"", "\"1h\"");
	world_open(w, seed, s.job);
	scenario_files(&s, w);
	WORLD_CHECK(w, world_start(w, 1) == WORLD_RUNNING);
	enum world_end end = WORLD_PAUSED;
	while ((end = world_run(w, 1)) == WORLD_PAUSED) {
		look(w, &in, &out);
		if (out > out_before)
			owed_us = 0;
		if (in > in_before && !owed_us)
			owed_us = w->clock.now_us;
		if (owed_us && w->clock.now_us > owed_us + EVERY_US + LATE_US)
			world_fail(w, "sums of 20 ms are held back for %llu us",
				   (unsigned long long)(w->clock.now_us - owed_us));
		in_before = in;
		out_before = out;
	}
	WORLD_CHECK(w, end == WORLD_FINISHED);
	check_sums(w, &s.oracle, true);
	world_exit(w);
	world_close(w);
	scenario_close(&s);
	free(w);
}

TEST(inv22_what_every_holds_back_comes_out_in_time)
{
	uint64_t n = proof_many(12, 100, 200);
	each(n, every_in_time);
	proof_line("runs in which only a stage's own timer wakes it", n, n);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	const struct CMUnitTest tests[] = {
		T(inv23_a_wall_clock_that_jumps_by_ten_days_changes_nothing),
		T(inv28_a_crash_loses_nothing_that_every_holds_back),
		T(inv22_what_every_holds_back_comes_out_in_time),
	};
	return RUN(tests);
}
