/* test_sim_lookup.c - keys of a running job's state asked for at any moment, with letters that come
 * late, while it is killed, cut from power, stopped and started again, eagerly and lazily: each
 * question that was accepted is answered exactly once; what is said is never more than the
 * oracle's, never goes back within an attempt, and a restore never loses what was said before its
 * checkpoint (so a key whose stretch is still to be read is not absent). Now and then an allocation
 * of asking or answering fails, which its asker is told. SIM_SEED=n runs one seed. */
#include "jobs/job_in.h"
#include "jobs/lookups.h"
#include "tests/sim/post.h"
#include "tests/sim/scenario.h"

#include "base/check.h"
#include "tests/lib/test.h"

#include <inttypes.h>
#include <stdlib.h>

#define SEEDS 120
#define KEYS_MAX 4000
#define ASKED_MAX 65536 /* of one seed, by feel */

struct totals {
	uint64_t asked, refused, limited, no_memory, found, absent, ended, late, while_loading,
		crashes, lazy, letters_late;
};

/* What was said of one key. */
struct known {
	int64_t newest;       /* in this attempt */
	uint64_t barrier;     /* that it stood behind then */
	int64_t pending;      /* said behind pending_barrier, and in no checkpoint yet that is known */
	uint64_t pending_barrier;
	int64_t safe;         /* a completed checkpoint has it */
};

struct seed {
	struct world w;
	struct scenario s;
	struct post *post;
	struct totals *t;
	struct known *known;
	uint64_t asked, answered;
	uint64_t open;        /* accepted and not answered */
	bool said[ASKED_MAX];
	uint32_t key_of[ASKED_MAX];
	bool asking, failing;
};

/* ---- what is said ---- */

static int64_t number_in(const struct seed *x, const char *row, const char *name)
{
	const char *at = strstr(row, name);
	WORLD_CHECK(&x->w, at);
	return strtoll(at + strlen(name), NULL, 10);
}

/* Whatever was said behind a barrier before id is in checkpoint id of the same attempt. */
static void on_checkpoint(struct world *w, const struct checkpoint_record *r)
{
	struct seed *x = w->hooks_arg;
	for (size_t k = 0; r->completed && k < x->s.oracle.n && k < KEYS_MAX; k++) {
		struct known *n = &x->known[k];
		if (n->pending && n->pending_barrier < r->id && n->pending > n->safe)
			n->safe = n->pending;
		if (n->barrier < r->id && n->newest > n->safe)
			n->safe = n->newest;
	}
}

static void forget_attempt(struct seed *x)
{
	for (size_t k = 0; k < KEYS_MAX; k++)
		x->known[k] = (struct known){.safe = x->known[k].safe};
}

static void on_found(void *arg, const struct job_found *f)
{
	struct seed *x = arg;
	struct world *w = &x->w;
	CHECK(!x->asking && f->request <= x->asked);
	if (x->said[f->request])
		world_fail(w, "question %" PRIu64 " was answered twice", f->request);
	x->said[f->request] = true;
	x->open--;
	x->answered++;
	x->t->ended += f->error.code == E_REFUSED;
	x->t->late += f->error.code == E_TIMEOUT;
	x->t->no_memory += f->error.code == E_NO_MEMORY;
	WORLD_CHECK(w, f->error.code != E_NO_MEMORY || x->failing);
	if (f->error.code == E_REFUSED || f->error.code == E_TIMEOUT || f->error.code == E_NO_MEMORY)
		return;
	WORLD_CHECK(w, f->error.code == OK || f->error.code == E_NOT_FOUND);
	const struct row *oracle = &x->s.oracle.v[x->key_of[f->request]];
	struct known *k = &x->known[x->key_of[f->request]];
	int64_t n = f->error.code == OK ? number_in(x, f->row, "\"sum\":") : 0;
	x->t->found += n > 0;
	x->t->absent += n == 0;
	const struct attempt *attempt = job_attempt(w->job);
	x->t->while_loading += attempt && attempt_is_loading(attempt);
	if (n > oracle->n || n < k->safe || n < k->newest)
		world_fail(w, "key %s is said to be %" PRId64 ": the oracle has %" PRId64 ", before it was "
			   "%" PRId64 " and in a checkpoint %" PRId64, oracle->key, n, oracle->n, k->newest,
			   k->safe);
	if (f->error.code != OK)
		return;
	WORLD_CHECK(w, f->subtask < 3);
	if (!attempt) /* its last words: no checkpoint of it follows */
		return;
	if (f->barrier > k->barrier) { /* what was said behind the barrier before waits for its end */
		k->pending = k->newest;
		k->pending_barrier = k->barrier;
	}
	k->newest = n;
	k->barrier = f->barrier;
}

/* One of the next allocations fails, now and then; until mem_is_back. */
static void mem_may_fail(struct seed *x)
{
	struct mem *mem = x->w.env.mem;
	x->failing = !rng_below(&x->w.rng, 20);
	mem->fail_at = x->failing ? mem->calls + 1 + rng_below(&x->w.rng, 4) : 0;
}

static void mem_is_back(struct seed *x)
{
	x->w.env.mem->fail_at = 0;
	x->failing = false;
}

static void ask(struct seed *x)
{
	struct err e = {0};
	size_t n = x->s.oracle.n < KEYS_MAX ? x->s.oracle.n : KEYS_MAX;
	uint32_t key = (uint32_t)rng_below(&x->w.rng, n);
	const char *text = x->s.oracle.v[key].key;
	if (x->asked + 1 == ASKED_MAX)
		return;
	const struct job_lookup l = {.request = ++x->asked, .stage = "count", .key = &text, .n_keys = 1,
				     .found = on_found, .arg = x};
	x->key_of[x->asked] = key;
	x->asking = true;
	mem_may_fail(x);
	enum rc rc = job_look_up(x->w.job, &l, &e);
	WORLD_CHECK(&x->w, rc == OK || rc == E_REFUSED || rc == E_LIMIT || rc == E_TIMEOUT ||
		    (rc == E_NO_MEMORY && x->failing));
	mem_is_back(x);
	x->asking = false;
	x->t->asked++;
	x->t->no_memory += rc == E_NO_MEMORY;
	x->t->refused += rc == E_REFUSED;
	x->t->limited += rc == E_LIMIT;
	x->open += rc == OK;
	WORLD_CHECK(&x->w, x->open <= LOOKUPS_MAX);
}

/* ---- the world's hooks ---- */

static void before_step(struct world *w, uint32_t thread)
{
	struct seed *x = w->hooks_arg;
	/* Now and then many at once. */
	for (uint64_t n = rng_below(&w->rng, 300) ? !rng_below(&w->rng, 8) : 100; n; n--)
		ask(x);
	if (!rng_below(&w->rng, 20)) { /* as the control thread would */
		uint64_t wake_at_us = UINT64_MAX;
		mem_may_fail(x);
		lookups_step(w->job, &wake_at_us);
		mem_is_back(x);
	}
	post_before_step(x->post, thread);
}

static bool nobody_moves(struct world *w)
{
	return post_nobody_moves(((struct seed *)w->hooks_arg)->post);
}

static void attempt_ends(struct world *w)
{
	struct seed *x = w->hooks_arg;
	post_attempt_ends(x->post);
	forget_attempt(x);
}

static void process_ends(struct world *w)
{
	struct seed *x = w->hooks_arg;
	if (x->open)
		world_fail(w, "%" PRIu64 " questions were never answered", x->open);
	post_process_ends(x->post);
}

static const struct world_hooks hooks = {.before_step = before_step, .nobody_moves = nobody_moves,
					 .attempt_ends = attempt_ends, .process_ends = process_ends,
					 .checkpoint = on_checkpoint};

/* ---- a seed ---- */

static enum world_end one_process(struct seed *x, unsigned parallelism, bool to_its_end)
{
	struct world *w = &x->w;
	bool at_operation = !to_its_end && rng_below(&w->rng, 2);
	if (at_operation)
		fs_sim_crash_at(w->disk, fs_sim_count(w->disk) + 1 + rng_below(&w->rng, 300));
	forget_attempt(x); /* the last words of one that was dropped, too */
	enum world_end end = world_start(w, parallelism);
	if (end != WORLD_RUNNING)
		return end;
	x->t->lazy += job_recovery(w->job)->mode == RESTORE_LAZY;
	uint64_t steps = 1 + rng_below(&w->rng, 4000);
	end = world_run(w, at_operation || to_its_end ? UINT64_MAX : steps);
	if (end == WORLD_PAUSED && rng_below(&w->rng, 4) == 0) {
		world_stop(w);
		end = world_run(w, rng_below(&w->rng, 2) ? UINT64_MAX : rng_below(&w->rng, 1000));
	}
	return end;
}

static void run_seed(uint64_t seed, struct totals *t)
{
	struct seed *x = calloc(1, sizeof *x);
	struct world *w = &x->w;
	struct rng r;
	const struct post_options letters = {.late_in = seed % 3 ? 8 : 0, .steps = 40};
	rng_seed(&r, seed);
	scenario_open(&x->s, seed % 4 == 3 ? SCENARIO_KEYS : SCENARIO_WORDS, &r,
		      (struct scenario_size){.lines = 20 + (uint32_t)rng_below(&r, 60),
					     .lines_a_second = 200 + (uint32_t)rng_below(&r, 2000)});
	if (seed % 2)
		scenario_checkpoint(&x->s, "\"restore\":\"lazy\"");
	x->t = t;
	x->known = calloc(KEYS_MAX, sizeof *x->known);
	world_open(w, seed, x->s.job);
	scenario_files(&x->s, w);
	w->hooks = &hooks;
	w->hooks_arg = x;
	x->post = post_open(w, &letters, seed);
	unsigned parallelism = 1 + (unsigned)rng_below(&w->rng, 3);
	enum world_end end = WORLD_CRASHED;
	for (uint64_t crashes = 1 + rng_below(&w->rng, 4); crashes; crashes--) {
		end = one_process(x, parallelism, false);
		if (end == WORLD_CRASHED || end == WORLD_PAUSED) {
			world_crash(w, rng_below(&w->rng, 2));
			t->crashes++;
		} else {
			WORLD_CHECK(w, end == WORLD_FINISHED || end == WORLD_STOPPED);
			world_exit(w);
			if (fs_sim_crashed(w->disk))
				world_crash(w, true);
			fs_sim_crash_at(w->disk, 0);
		}
	}
	end = one_process(x, parallelism, true);
	if (end != WORLD_FINISHED)
		world_fail(w, "it ended as %d: %s", end, w->error.text);
	scenario_check_end(&x->s, w);
	world_exit(w);
	t->letters_late += post_seen(x->post)->late;
	post_close(x->post);
	world_close(w);
	scenario_close(&x->s);
	free(x->known);
	free(x);
}

TEST(each_look_up_is_answered_once_and_truly_whatever_happens_to_the_job)
{
	const char *asked = getenv("SIM_SEED");
	struct totals t = {0};
	if (asked) {
		run_seed(strtoull(asked, NULL, 10), &t);
		return;
	}
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		run_seed(seed, &t);
	printf("%" PRIu64 " questions: %" PRIu64 " found, %" PRIu64 " absent, %" PRIu64 " ended, "
	       "%" PRIu64 " late, %" PRIu64 " refused, %" PRIu64 " too many, %" PRIu64 " without "
	       "memory; %" PRIu64 " while state was loaded; %" PRIu64 " crashes, %" PRIu64 " lazy "
	       "starts, %" PRIu64 " late letters\n",
	       t.asked, t.found, t.absent, t.ended, t.late, t.refused, t.limited, t.no_memory,
	       t.while_loading, t.crashes, t.lazy, t.letters_late);
	EXPECT(t.found > 1000 && t.absent > 1000 && t.ended > 20 && t.refused > 20 && t.limited > 20);
	EXPECT(t.while_loading > 20 && t.lazy > 20 && t.letters_late > 1000 && t.no_memory > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_look_up_is_answered_once_and_truly_whatever_happens_to_the_job),
	};
	return RUN(tests);
}
