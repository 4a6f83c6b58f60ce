/* test_proof_schedules.c - exactly once under any schedule: 10,000 whole lives of jobs, each under
 * a seed of its own, with every rule of the directory held after every operation
 * (tests/sim/schedule.h).
 *
 *   proof_schedules one|two|three|four   a quarter of them; WEIR_SEEDS: how many in all;
 *                                        WEIR_FIRST: the first, else by the proof's seed
 *   proof_schedules plants               in the planted build: it finds what it is for
 *   proof_schedules --replay SEED        one of them, with its operations on standard error */
#include "tests/lib/proof.h"
#include "tests/lib/test.h"
#include "tests/sim/schedule.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SEEDS 10000
/* There is no end to them: as many as `make test`, and by feel what a night stands. */
#define SEEDS_ALL 100000
#define PARTS 4

static int part = -1; /* all */
static char commit[64];

static void find_commit(void)
{
	FILE *f = popen("git describe --always --dirty 2>/dev/null", "r");
	if (!f || !fgets(commit, sizeof commit, f))
		snprintf(commit, sizeof commit, "(unknown)");
	commit[strcspn(commit, "\n")] = '\0';
	if (f)
		pclose(f);
}

static uint64_t first_seed(void)
{
	const char *first = getenv("WEIR_FIRST");
	return first ? strtoull(first, NULL, 10) : proof_seed() % 1000000 * 1000000 + 1;
}

TEST(inv28_output_is_exactly_the_oracles_whatever_happens_in_whatever_order)
{
	struct schedule_totals t = {0};
	uint64_t all = proof_many(SEEDS, SEEDS, SEEDS_ALL), first = first_seed();
	for (uint64_t i = 0; i < all; i++)
		if (part < 0 || i % PARTS == (uint64_t)part)
			schedule_run(first + i, commit, &t);
	printf("of the seeds %" PRIu64 " to %" PRIu64 ": ", first, first + all - 1);
	schedule_say(&t);
	proof_line("schedules", t.seeds, t.seeds);
	if (t.seeds >= 100)
		schedule_expect_enough(&t);
}

/* ---- in the planted build ---- */

#define SEEDS_PLANTED 300

static void some_seeds(void)
{
	struct schedule_totals t = {0};
	for (uint64_t i = 0; i < SEEDS_PLANTED; i++)
		schedule_run(first_seed() + i, commit, &t);
}

static bool finds(const char *plant)
{
	int status, pipes[2];
	char line[512], how[512] = "";
	fflush(NULL);
	if (pipe(pipes))
		return false;
	pid_t pid = fork();
	if (pid < 0)
		return false;
	if (!pid) {
		setenv("WEIR_PLANT", plant, 1);
		dup2(pipes[1], STDERR_FILENO);
		some_seeds();
		_exit(0);
	}
	close(pipes[1]);
	FILE *said = fdopen(pipes[0], "r");
	while (said && fgets(line, sizeof line, said))
		if (!how[0] && line[0] != '\n')
			snprintf(how, sizeof how, "%s", line);
	if (said)
		fclose(said);
	if (waitpid(pid, &status, 0) != pid)
		return false;
	printf("%s: %s %s", plant, status ? "found:" : "NOT FOUND", how[0] ? how : "\n");
	return status != 0;
}

TEST(what_is_planted_is_found_and_nothing_else)
{
	EXPECT(finds("no_fsync_of_the_part"));
	EXPECT(finds("no_fsync_of_the_manifest"));
	EXPECT(finds("no_dir_fsync_after_the_part"));
	EXPECT(finds("no_dir_fsync_after_the_link"));
	some_seeds();
}

static int replay(const char *seed)
{
	struct schedule_totals t = {0};
	setenv("SIM_SEED", seed, 1); /* the world of this seed says what it does */
	schedule_run(strtoull(seed, NULL, 10), commit, &t);
	schedule_say(&t);
	return 0;
}

int main(int argc, char **argv)
{
	static const char *const parts[PARTS] = {"one", "two", "three", "four"};
	setvbuf(stdout, NULL, _IOLBF, 0);
	find_commit();
	if (argc == 3 && !strcmp(argv[1], "--replay"))
		return replay(argv[2]);
	for (int i = 0; argc == 2 && i < PARTS; i++)
		if (!strcmp(argv[1], parts[i]))
			part = i;
	const struct CMUnitTest plants[] = {T(what_is_planted_is_found_and_nothing_else)};
	if (argc == 2 && !strcmp(argv[1], "plants"))
		return RUN(plants);
	if (argc > 1 && part < 0) {
		fprintf(stderr, "usage: proof_schedules [one|two|three|four|plants | --replay SEED]\n");
		return 2;
	}
	const struct CMUnitTest tests[] = {
		T(inv28_output_is_exactly_the_oracles_whatever_happens_in_whatever_order),
	};
	return RUN(tests);
}
