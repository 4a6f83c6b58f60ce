/* test_proof_server.c - every file operation of submit, stop, cancel, restart, replace, rescale and
 * remove, asked of a real server with a real job, as the last one before a crash, or as one that
 * fails; and again inside the start after it. What was answered must hold; what was not has
 * happened or has not; whatever runs ends with its output exactly once (inv 28).
 * SIM_SEED=n: the worlds of that seed tell their file operations (n is this file's SEED, and one
 * more for each script). */
#include "tests/sim/server_client.h"

#include "base/check.h"
#include "tests/lib/proof.h"
#include "tests/lib/test.h"

#include <inttypes.h>
#include <stdlib.h>

#define SEED 41
/* Memory's faults are found by fewer, and under ASan each takes four times as long. */
#ifdef __SANITIZE_ADDRESS__
#define SLOWER 4
#else
#define SLOWER 1
#endif
/* Of what the server does to files, a sample has one operation in so many; of what the job's
 * process does, one in PROCESS_EVERY. */
#define SERVER_EVERY SLOWER
#define PROCESS_EVERY 24
/* Of the first crashes, one in so many is followed by second ones: of a sample, and of all. */
#define SECOND_EVERY 24
#define SECOND_EVERY_ALL (8 * SLOWER)
#define ORDERS (12 / SLOWER)

#define SCRIPT_STEPS_MAX 10
static const struct script {
	const char *name;
	struct step step[SCRIPT_STEPS_MAX];
} scripts[] = {
	{"submit", {{SUBMIT}, {FLOWS}}},
	{"submit, stop", {{SUBMIT}, {FLOWS}, {STOP}}},
	{"submit, stop, restart", {{SUBMIT}, {FLOWS}, {STOP}, {RESTART}, {FLOWS}}},
	{"submit, cancel", {{SUBMIT}, {FLOWS}, {CANCEL}}},
	{"submit, cancel at once", {{SUBMIT, CANCEL_DELETES}, {CANCEL}}},
	{"submit, cancel: delete", {{SUBMIT, CANCEL_DELETES}, {FLOWS}, {CANCEL}}},
	{"submit, stop, remove", {{SUBMIT}, {FLOWS}, {STOP}, {REMOVE}}},
	{"submit, restart", {{SUBMIT}, {FLOWS}, {RESTART}}},
	{"submit, replace", {{SUBMIT}, {FLOWS}, {REPLACE, OTHER_INTERVAL}}},
	{"submit, rescale", {{SUBMIT}, {FLOWS}, {RESCALE}}},
	{"stop, replace what rests", {{SUBMIT}, {STOP}, {REPLACE, OTHER_INTERVAL}, {FLOWS}}},
	{"remove, submit again",
	 {{SUBMIT}, {FLOWS}, {STOP}, {REMOVE}, {SUBMIT, OTHER_SINK}, {FLOWS}}},
	{"it finishes, remove", {{SUBMIT}, {ENDS}, {REMOVE}}},
	{"it fails, remove", {{SUBMIT, WRONG}, {ENDS}, {REMOVE}}},
	{"it is killed, cancel", {{SUBMIT}, {FLOWS}, {KILL}, {FLOWS}, {CANCEL}}},
};

static uint64_t seed_of(const struct script *sc)
{
	return SEED + (uint64_t)(sc - scripts);
}

/* ---- points ---- */

struct points {
	uint64_t first, last;      /* operations of one run */
	unsigned char by[SERVER_OPERATIONS_MAX];
	bool change[SERVER_OPERATIONS_MAX];
};

static void note_points(const struct client *f, uint64_t first, uint64_t last, struct points *p)
{
	CHECK(last < SERVER_OPERATIONS_MAX);
	p->first = first;
	p->last = last;
	for (uint64_t n = first; n <= last; n++) {
		p->by[n] = f->sw.by[n];
		p->change[n] = fs_sim_was_change(f->sw.w.disk, n);
	}
}

/* Operations that change the disk: the server's, and its job's. */
struct crashes {
	struct proof server, process;
};

static void crashes_open(struct crashes *c, const char *server, const char *process)
{
	proof_open_large(&c->server, server, SERVER_EVERY, SLOWER);
	proof_open_large(&c->process, process, PROCESS_EVERY, SLOWER * SLOWER);
}

static void crashes_close(const struct crashes *c)
{
	proof_close(&c->server);
	proof_close(&c->process);
}

static bool is_point(const struct points *p, uint64_t n, struct crashes *c)
{
	if (!p->change[n])
		return false;
	return p->by[n] == BY_SERVER ? proof_takes(&c->server)
				     : p->by[n] == BY_PROCESS && proof_takes(&c->process);
}

/* ---- ends ---- */

static void serve(struct client *f, const char *which)
{
	struct err e = {0};
	if (server_world_serve(&f->sw, &e) != OK)
		world_fail(&f->sw.w, "the %s server: %s", which, e.text);
	WORLD_CHECK(&f->sw.w, f->looked && f->termed);
}

/* Servers without mishap: what there is goes on to its end, is removed, and never comes back.
 * recovery: of the first of them until it is quiet; may be NULL. */
static void finish(struct client *f, bool first, struct points *recovery)
{
	client_settle(f, first);
	uint64_t before = fs_sim_count(f->sw.w.disk);
	serve(f, "next");
	if (recovery)
		note_points(f, before + 1, f->quiet_at, recovery);
	server_world_crash(&f->sw, true);
	client_settle(f, true);
	serve(f, "last");
	WORLD_CHECK(&f->sw.w, !f->acked.there);
}

/* ---- crashes ---- */

/* Without a crash; what every answer left is what it promised. */
static void undisturbed(const struct script *sc, uint64_t seed, struct points *p)
{
	struct client *f = malloc(sizeof *f);
	struct err e = {0};
	client_open(f, sc->step, sc->name, seed);
	uint64_t first = fs_sim_count(f->sw.w.disk) + 1;
	if (server_world_serve(&f->sw, &e) != OK)
		world_fail(&f->sw.w, "%s", e.text);
	if (p)
		note_points(f, first, fs_sim_count(f->sw.w.disk), p);
	struct fact found = client_look(f); /* what runs may have ended while it was told to stop */
	WORLD_CHECK(&f->sw.w, f->step->verb == END);
	WORLD_CHECK(&f->sw.w, fact_is_same(found, f->acked) ||
				      fact_is_same(found, fact_in_the_end(f->acked)));
	server_world_crash(&f->sw, true);
	finish(f, true, NULL);
	client_close(f);
	free(f);
}

/* The last operation of a server is n. False: it ended before. */
static bool crash_at(struct client *f, uint64_t n, bool after_it, bool cut)
{
	struct err e = {0};
	size_t len = strlen(f->sw.context);
	snprintf(f->sw.context + len, sizeof f->sw.context - len, ", %s %s operation %" PRIu64,
		 cut ? "power cut" : "kill -9", after_it ? "after" : "at", n);
	server_world_crash_at(&f->sw, n, after_it);
	bool crashed = server_world_serve(&f->sw, &e) == E_CRASHED;
	server_world_crash(&f->sw, cut);
	return crashed;
}

struct tally {
	struct crashes first, second;
	uint64_t points, seconds, runs, faults, errors, overtaken, gave_up;
};

static void second_crashes(const struct script *sc, uint64_t n, bool after_it, bool cut,
			   const struct points *recovery, struct tally *t)
{
	struct client *f = malloc(sizeof *f);
	for (uint64_t m = recovery->first; m <= recovery->last; m++) {
		if (!is_point(recovery, m, &t->second))
			continue;
		client_open(f, sc->step, sc->name, seed_of(sc));
		WORLD_CHECK(&f->sw.w, crash_at(f, n, after_it, cut));
		client_settle(f, true);
		bool after_m = m % 2 && m < recovery->last; /* else it is this client who meets it */
		WORLD_CHECK(&f->sw.w, crash_at(f, m, after_m, m % 3 != 0) && !f->looked);
		finish(f, false, NULL);
		client_close(f);
		t->seconds++;
	}
	free(f);
}

static void every_crash(const struct script *sc, struct tally *t)
{
	struct points *all = malloc(sizeof *all), *recovery = malloc(sizeof *recovery);
	struct client *f = malloc(sizeof *f);
	uint64_t second_every = proof_all() ? SECOND_EVERY_ALL : SECOND_EVERY;
	undisturbed(sc, seed_of(sc), all);
	for (uint64_t n = all->first; n <= all->last; n++) {
		if (!is_point(all, n, &t->first))
			continue;
		for (unsigned cut = 0; cut < 2; cut++) {
			bool after_it = (n + cut) % 2;
			client_open(f, sc->step, sc->name, seed_of(sc));
			WORLD_CHECK(&f->sw.w, crash_at(f, n, after_it, cut));
			finish(f, true, recovery);
			client_close(f);
			t->runs++;
			if (cut && t->points % second_every == second_every / 2)
				second_crashes(sc, n, after_it, cut, recovery, t);
		}
		t->points++;
	}
	free(f);
	free(recovery);
	free(all);
}

/* The order in which clerk, process and client go on is the seed's. */
TEST(what_was_answered_holds_in_any_order_of_things)
{
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
		for (uint64_t seed = 1; seed <= ORDERS; seed++)
			undisturbed(&scripts[i], seed, NULL);
}

TEST(inv28_a_crash_at_every_operation_keeps_what_was_answered)
{
	struct tally t = {0};
	crashes_open(&t.first, "a crash, the server", "a crash, a job under a server");
	crashes_open(&t.second, "a second crash, the server", "a second crash, a job under a server");
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
		struct tally before = t;
		every_crash(&scripts[i], &t);
		printf("%s: %" PRIu64 " crash points, %" PRIu64 " second crashes, %" PRIu64 " runs\n",
		       scripts[i].name, t.points - before.points, t.seconds - before.seconds,
		       t.runs + t.seconds - before.runs - before.seconds);
	}
	crashes_close(&t.first);
	crashes_close(&t.second);
	EXPECT(t.points > 400 / SLOWER && t.seconds > 300 / SLOWER / SLOWER);
	EXPECT(t.first.process.done > 50 && t.second.process.done > 30 / SLOWER / SLOWER);
	EXPECT(!proof_all() || SLOWER > 1 || (t.points > 1500 && t.seconds > 8000));
}

/* ---- faults ---- */

/* Operation n fails once: whoever hears of it asks again and is served, or finds later what he was
 * told. */
static void one_fault(const struct script *sc, uint64_t n, enum rc code, bool after_it,
		      struct tally *t)
{
	struct client *f = malloc(sizeof *f);
	struct err e = {0};
	unsigned starts = 0;
	client_open(f, sc->step, sc->name, seed_of(sc));
	size_t len = strlen(f->sw.context);
	snprintf(f->sw.context + len, sizeof f->sw.context - len, ", operation %" PRIu64 " %s %s", n,
		 after_it ? "is done and answered" : "fails with", err_name(code));
	f->gives_up = n % 3 == 0;
	f->retries = !f->gives_up;
	uint64_t before = fs_sim_faults(f->sw.w.disk);
	server_world_fault_at(&f->sw, n, code, after_it);
	while (!f->termed) {
		err_clear(&e);
		if (server_world_serve(&f->sw, &e) != OK && (f->sw.opened || ++starts > 1))
			world_fail(&f->sw.w, "a server: %s", e.text);
	}
	WORLD_CHECK(&f->sw.w, f->step->verb == END);
	t->faults += fs_sim_faults(f->sw.w.disk) > before;
	t->errors += f->errors;
	t->overtaken += f->overtaken;
	t->gave_up += f->gave_up;
	t->runs++;
	server_world_crash(&f->sw, n % 2);
	finish(f, true, NULL);
	client_close(f);
	free(f);
}

static void every_fault(const struct script *sc, struct tally *t)
{
	struct points *all = malloc(sizeof *all);
	undisturbed(sc, seed_of(sc), all);
	for (uint64_t n = all->first; n <= all->last; n++) {
		if (all->by[n] == BY_PROCESS && splitmix64(n) % PROCESS_EVERY)
			continue;
		if ((n + (uint64_t)(sc - scripts)) % SLOWER)
			continue;
		one_fault(sc, n, E_IO, false, t);
		if (all->change[n] && n % 2)
			one_fault(sc, n, n % 4 == 1 ? E_NO_SPACE : E_IO, n % 4 == 3, t);
	}
	free(all);
}

TEST(any_operation_may_fail_and_who_asks_is_told_the_truth)
{
	struct tally t = {0};
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
		every_fault(&scripts[i], &t);
	printf("%" PRIu64 " faults in %" PRIu64 " runs; %" PRIu64 " errors were heard, %" PRIu64
	       " clients gave up, %" PRIu64 " were overtaken by the job's end\n", t.faults, t.runs,
	       t.errors, t.gave_up, t.overtaken);
	EXPECT(t.faults > 800 / SLOWER && t.errors > 100 / SLOWER && t.overtaken < t.faults / 20);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	const struct CMUnitTest tests[] = {
		T(what_was_answered_holds_in_any_order_of_things),
		T(inv28_a_crash_at_every_operation_keeps_what_was_answered),
		T(any_operation_may_fail_and_who_asks_is_told_the_truth),
	};
	return RUN(tests);
}
