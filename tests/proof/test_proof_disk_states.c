/* test_proof_disk_states.c - lost and torn writes: every legal state of the disk after every
 * operation of some small jobs (disk_states.h).
 *
 *	proof_disk_states words                       a sample by WEIR_SEED; all: WEIR_PROOF=all
 *	WEIR_CASE=412:17 proof_disk_states words      state 17 after operation 412 alone, traced
 *	proof_disk_states plants                      in the planted build: it finds what it is for */
#include "tests/lib/test.h"
#include "tests/proof/disk_states.h"

#include "base/check.h"

#include <sys/wait.h>
#include <unistd.h>

/* Of a longer life there are more cuts, and of each as many states. */
static const struct disk_states_size much = {8, 2000, 20000}, less = {16, 700, 5000};

static void every_state(const char *name, enum scenario_kind k, struct scenario_size size,
			bool asks, struct disk_states_size sample)
{
	struct disk_states *x = malloc(sizeof *x);
	CHECK(x);
	disk_states_open(x, name, k, size, asks, sample);
	disk_states_run(x);
	if (!x->only_op) /* by feel: or the job does hardly anything */
		EXPECT(x->cuts > 60 && x->judged > x->seen_n / (2 * x->one_in) && x->told.acked > 3);
	disk_states_close(x);
	free(x);
}

#define LINES ((struct scenario_size){.lines = 12, .lines_a_second = 450})

TEST(inv28_words)
{
	every_state("words", SCENARIO_WORDS, LINES, false, much);
}

TEST(inv28_union)
{
	every_state("union", SCENARIO_UNION, LINES, false, much);
}

TEST(inv28_end)
{
	every_state("end", SCENARIO_WORDS_END, LINES, false, much);
}

TEST(inv28_one_file)
{
	every_state("one_file", SCENARIO_ONE_FILE, LINES, false, much);
}

TEST(inv1_inv12_requests)
{
	every_state("requests", SCENARIO_KEYS,
		    (struct scenario_size){.rows = 300, .lines_a_second = 100}, true, less);
}

/* ---- in the planted build ---- */

static bool finds(const char *plant)
{
	fflush(NULL);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		CHECK(setenv("WEIR_PLANT", plant, 1) == 0 && freopen("/dev/null", "w", stderr));
		every_state("words", SCENARIO_WORDS, LINES, false, much);
		_exit(0);
	}
	int status;
	CHECK(waitpid(pid, &status, 0) == pid);
	printf("%s: %s\n", plant, status ? "found" : "NOT FOUND");
	return status != 0;
}

TEST(each_sync_that_is_left_out_is_found_and_nothing_else)
{
	EXPECT(finds("no_fsync_of_the_part"));
	EXPECT(finds("no_fsync_of_the_manifest"));
	EXPECT(finds("no_dir_fsync_after_the_part"));
	EXPECT(finds("no_dir_fsync_after_the_link"));
	every_state("nothing planted", SCENARIO_WORDS, LINES, false,
		    (struct disk_states_size){200, 2000, 2000});
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		struct CMUnitTest test;
	} part[] = {
		{"words", T(inv28_words)},       {"union", T(inv28_union)},
		{"end", T(inv28_end)},           {"one_file", T(inv28_one_file)},
		{"requests", T(inv1_inv12_requests)},
	};
	const struct CMUnitTest plants[] = {T(each_sync_that_is_left_out_is_found_and_nothing_else)};
	int failed = 0, found = 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1 && !strcmp(argv[1], "plants"))
		return RUN(plants);
	for (size_t i = 0; i < ARRAY_LEN(part); i++) {
		if (argc > 1 && strcmp(argv[1], part[i].name))
			continue;
		const struct CMUnitTest tests[] = {part[i].test};
		found++;
		failed += RUN(tests);
	}
	return failed || !found;
}
