/* test_proof_power_cuts.c - real power cuts: a small job on ext4, the power failing before each of
 * its operations, the journal kept up to there or not; the disk comes back, its journal is
 * replayed, and a start on it ends with the exact output, from no older checkpoint than the last
 * that anybody was told is complete. What is left, the kernel decides.
 * Skipped, with the reason, where it cannot run (power.h).
 *
 *	proof_power_cuts                         a sample by WEIR_SEED; all: WEIR_PROOF=all
 *	WEIR_CASE=112:0 proof_power_cuts 'inv28_a*'   one cut of that test: at operation 112, the
 *	                                              journal lost (1: kept) */
#include "tests/lib/proof.h"
#include "tests/lib/test.h"
#include "tests/proof/power.h"
#include "tests/sim/scenario.h"

#include "base/check.h"

#include <unistd.h>

#define SEED 77

struct fix {
	struct power p;
	struct scenario s;
	struct world w;
	uint64_t n; /* the operation that the power fails before; 0: none */
	enum power_cut how;
};

static void tell(void *arg, FILE *to)
{
	const struct fix *f = arg;
	fprintf(to, "the power failed before operation %" PRIu64 ", the journal was %s\n", f->n,
		f->how == POWER_LOG_LOST ? "lost" : "kept");
	fprintf(to, "again: WEIR_CASE=%" PRIu64 ":%d proof_power_cuts\n", f->n, (int)f->how);
}

static void open_world(struct fix *f, uint64_t seed)
{
	world_open(&f->w, seed, f->s.job);
	f->w.draws_chaining = false;
	f->w.tells = tell;
	f->w.tells_arg = f;
	power_world(&f->p, &f->w);
}

/* A fresh disk with the input on it. */
static void open_fix(struct fix *f, enum scenario_kind k)
{
	struct rng r;
	rng_seed(&r, SEED);
	scenario_open(&f->s, k, &r, (struct scenario_size){.lines = 12, .lines_a_second = 450});
	power_fresh(&f->p);
	open_world(f, SEED);
	scenario_files(&f->s, &f->w);
}

static void close_fix(struct fix *f)
{
	world_close(&f->w);
	scenario_close(&f->s);
	f->p.w = NULL;
}

/* The operations [*first, *last] are the job's. */
static void count_operations(struct fix *f, enum scenario_kind k, uint64_t *first, uint64_t *last)
{
	open_fix(f, k);
	*first = f->p.ops + 1;
	WORLD_CHECK(&f->w, world_process(&f->w, 2) == WORLD_FINISHED);
	*last = f->p.ops;
	scenario_check_end(&f->s, &f->w);
	check_directory(&f->w);
	world_exit(&f->w);
	close_fix(f);
}

static void cut_at(struct fix *f, enum scenario_kind k, uint64_t n, enum power_cut how)
{
	open_fix(f, k);
	f->p.cut_at = f->n = n;
	f->p.how = f->how = how;
	WORLD_CHECK(&f->w, world_process(&f->w, 2) == WORLD_CRASHED);
	uint64_t acked = f->w.acked;
	world_crash(&f->w, true);
	world_close(&f->w);
	f->p.w = NULL;
	power_back(&f->p);
	open_world(f, SEED + n);
	f->w.clock.now_us += 1000000;
	scenario_check_now(&f->s, &f->w);
	if (world_start(&f->w, 1 + n % 3) != WORLD_RUNNING)
		world_fail(&f->w, "the start: %s", f->w.error.text);
	const struct store_start *from = job_start(f->w.job);
	uint64_t id = from->chosen ? from->chosen->id : 0;
	if (id < acked || from->fell_back)
		world_fail(&f->w, "checkpoint %" PRIu64 " was told to be complete, and a start goes on "
			   "from %" PRIu64 " %s", acked, id, from->bad_why);
	if (world_run(&f->w, UINT64_MAX) != WORLD_FINISHED)
		world_fail(&f->w, "it does not finish: %s", f->w.error.text);
	scenario_check_end(&f->s, &f->w);
	if (f->w.completed)
		check_directory(&f->w);
	world_exit(&f->w);
	close_fix(f);
}

static void every_cut(struct fix *f, enum scenario_kind k, const char *name)
{
	struct proof proof;
	uint64_t first, last, only_n = 0, only_how = 0;
	char what[80];
	const char *only = getenv("WEIR_CASE");
	if (only)
		sscanf(only, "%" SCNu64 ":%" SCNu64, &only_n, &only_how);
	snprintf(what, sizeof what, "real power cuts on ext4, %s", name);
	proof_open(&proof, what, 6);
	count_operations(f, k, &first, &last);
	for (uint64_t n = first; n <= last; n++)
		for (unsigned how = POWER_LOG_LOST; how <= POWER_LOG_FLUSHED; how++)
			if (only ? n == only_n && how == only_how : proof_takes(&proof))
				cut_at(f, k, n, (enum power_cut)how);
	if (only)
		return;
	proof_close(&proof);
	EXPECT(proof.of > 300 && proof.done > 40); /* by feel: or the job does hardly anything */
}

/* ---- what is cut is cut, and what is kept is kept ---- */

static bool is_whole(struct fix *f, const char *path, size_t len)
{
	uint8_t *data;
	size_t got;
	if (fs_read_all(f->w.fs, path, 1 << 20, &data, &got, NULL) != OK)
		return false;
	bool whole = got == len;
	for (size_t i = 0; i < got; i++)
		whole &= data[i] == 'x';
	mem_put(&f->w.mem, data);
	return whole;
}

static void write_it(struct fix *f, const char *path, bool syncs)
{
	char bytes[10000];
	struct err e = {0};
	int fd;
	memset(bytes, 'x', sizeof bytes);
	EXPECT_OK(fs_open(f->w.fs, path, FS_CREATE, &fd, &e), &e);
	EXPECT_OK(fs_pwrite(f->w.fs, fd, bytes, sizeof bytes, 0, &e), &e);
	if (syncs) {
		EXPECT_OK(fs_sync(f->w.fs, fd, &e), &e);
		EXPECT_OK(fs_sync_dir(f->w.fs, ".", &e), &e);
	}
	EXPECT_OK(fs_close(f->w.fs, &fd, &e), &e);
}

/* Or all of the above proves nothing. */
static void cut_files(struct fix *f, enum power_cut how)
{
	struct fs_stat st;
	power_fresh(&f->p);
	world_open(&f->w, SEED, "");
	power_world(&f->p, &f->w);
	write_it(f, "kept", true);
	write_it(f, "lost", false);
	f->p.cut_at = f->p.ops + 1;
	f->p.how = how;
	EXPECT(fs_stat(f->w.fs, "kept", &st, NULL) == E_CRASHED);
	EXPECT(fs_sim_crashed(f->w.disk));
	world_crash(&f->w, true);
	power_back(&f->p);
	EXPECT(is_whole(f, "kept", 10000) && !is_whole(f, "lost", 10000));
	world_close(&f->w);
	f->p.w = NULL;
}

TEST(a_cut_loses_what_was_not_synced_and_nothing_else)
{
	cut_files(*test_state, POWER_LOG_LOST);
	cut_files(*test_state, POWER_LOG_FLUSHED);
}

TEST(inv28_a_real_power_cut_at_an_operation_leaves_the_output_exact)
{
	every_cut(*test_state, SCENARIO_WORDS, "words");
}

TEST(inv28_so_it_does_in_one_file_that_grows)
{
	every_cut(*test_state, SCENARIO_ONE_FILE, "one file");
}

#define ON(test, state) cmocka_unit_test_prestate(test, state)

int main(int argc, char **argv)
{
	char why[256];
	struct fix *f = calloc(1, sizeof *f);
	CHECK(f);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!power_open(&f->p, why)) {
		printf("skipped: no power cuts here: %s\n", why);
		return 77;
	}
	const struct CMUnitTest tests[] = {
		ON(a_cut_loses_what_was_not_synced_and_nothing_else, f),
		ON(inv28_a_real_power_cut_at_an_operation_leaves_the_output_exact, f),
		ON(inv28_so_it_does_in_one_file_that_grows, f),
	};
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	int failed = RUN(tests);
	power_close(&f->p);
	free(f);
	return failed;
}
