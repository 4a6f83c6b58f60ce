/* test_proof_disk_states.c - lost and torn writes: every legal state of the disk after every
 * operation of some small jobs (disk_states.h).
 *
 *	proof_disk_states words                       a sample by WEIR_SEED; all: WEIR_PROOF=all
 *	WEIR_CASE=0:412:17 proof_disk_states words    life 0, state 17 after operation 412: traced
 *	proof_disk_states plants                      in the planted build: it finds what it is for */
#include "tests/lib/test.h"
#include "tests/proof/disk_states.h"

#include "base/check.h"

#include <sys/wait.h>
#include <unistd.h>

/* ---- lives that crash_shapes.c has not ---- */

#define LINES {.lines = 12, .lines_a_second = 450}

/* A savepoint after the first checkpoint, a pin of the newest after the third, and not before the
 * savepoint is there: what is being made one is not pinned. Nor is anything once the final
 * checkpoint is being taken, so that the life has to be long enough. */
static void ask(struct life *l)
{
	struct err e = {0};
	struct world *w = &l->w;
	struct job_ask a = {.kind = ASK_SAVEPOINT, .request = 1, .name = "keep"};
	if (l->phase == 2 || w->completed < 1 + 2 * l->phase)
		return;
	if (l->phase == 1 && !w->answers)
		return;
	if (l->phase == 1) /* whose number is above 1 */
		a = (struct job_ask){.kind = ASK_PIN, .request = w->acked, .id = w->acked};
	if (job_ask(w->job, &a, &e) != OK)
		world_fail(w, "%s", e.text);
	l->phase++;
}

static enum world_end asks_on_the_way(struct life *l)
{
	if (l->came)
		return life_process(l);
	enum world_end end = world_start(&l->w, life_parallelism(l));
	if (end != WORLD_RUNNING)
		return end;
	do {
		end = world_run(&l->w, 1);
		ask(l);
	} while (end == WORLD_PAUSED);
	return end;
}

/* Killed at some operation: what it wrote stands in the cache, and may go with the power, in the
 * start that follows too. The number of the life says where. */
static void killed_somewhere(struct life *l)
{
	struct world *w = &l->w;
	uint64_t n = 20 + splitmix64(w->seed + l->note) % 110;
	fs_sim_crash_at(w->disk, fs_sim_count(w->disk) + n);
	WORLD_CHECK(w, world_process(w, 2) == WORLD_CRASHED);
	world_crash(w, false);
}

static const struct shape
	words = {.name = "words", .kind = SCENARIO_WORDS, .size = LINES},
	in_two = {.name = "union", .kind = SCENARIO_UNION, .size = LINES},
	at_the_end = {.name = "end", .kind = SCENARIO_WORDS_END, .size = LINES},
	one_file = {.name = "one_file", .kind = SCENARIO_ONE_FILE, .size = LINES},
	requests = {.name = "requests", .kind = SCENARIO_KEYS, .process = asks_on_the_way,
		    .size = {.rows = 300, .lines_a_second = 75}},
	killed = {.name = "killed", .kind = SCENARIO_WORDS, .size = LINES,
		  .before = killed_somewhere},
	killed_one_file = {.name = "killed_one_file", .kind = SCENARIO_ONE_FILE, .size = LINES,
			   .before = killed_somewhere};

/* ---- the parts ---- */

#define ONE_LIFE .lives = 1, .lives_of_all = 1
/* Of a longer life there are more cuts, and of each as many states. */
#define MUCH {8, 1, 2000, 20000, ONE_LIFE}
#define LESS {16, 2, 700, 4000, ONE_LIFE}
#define LEAST {64, 16, 300, 1000, ONE_LIFE} /* larger states, and recoveries */
#define LIVES {16, 1, 200, 2000, .lives = 6, .lives_of_all = 60}

static const struct disk_part parts[] = {
	{&words, MUCH},
	{&in_two, MUCH},
	{&at_the_end, MUCH},
	{&one_file, MUCH},
	{&requests, {16, 6, 700, 4000, ONE_LIFE}, .asks = true}, /* its recoveries are the longest */
	{&killed, LIVES},
	{&killed_one_file, LIVES},
};

/* Those of the crashes, too. */
static const struct {
	const char *name;
	struct disk_states_size much;
	bool forgets;
} more[] = {
	{"overlap", LESS, false},
	{"savepoint_and_stop", LESS, false},
	{"rewind", LEAST, true},
	{"taken_over", LESS, false},
	{"rescale", LEAST, false},
	{"merges", {64, 16, 100, 300, ONE_LIFE}, false},
	{"attempts", LESS, false},
};

static const struct shape *shape_of(const char *name)
{
	for (size_t i = 0; i < crash_shapes_n; i++)
		if (!strcmp(crash_shapes[i].name, name))
			return &crash_shapes[i];
	CHECK(!"a shape");
	return NULL;
}

TEST(inv28_inv1_inv12_every_state_of_the_disk_is_safe_and_has_kept_what_was_told)
{
	const char *name = *test_state;
	unsigned found = 0;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (!name || !strcmp(name, parts[i].shape->name)) {
			disk_states_run(&parts[i]);
			found++;
		}
	for (size_t i = 0; i < ARRAY_LEN(more); i++)
		if (!name || !strcmp(name, more[i].name)) {
			disk_states_run(&(struct disk_part){shape_of(more[i].name), more[i].much,
							    .forgets = more[i].forgets});
			found++;
		}
	EXPECT(found);
}

/* ---- in the planted build ---- */

static bool finds(const char *plant)
{
	fflush(NULL);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		CHECK(setenv("WEIR_PLANT", plant, 1) == 0 && freopen("/dev/null", "w", stderr));
		disk_states_run(&parts[0]);
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
	struct shape same = words;
	same.name = "nothing planted";
	disk_states_run(&(struct disk_part){&same, {200, 100, 2000, 2000, ONE_LIFE}});
}

int main(int argc, char **argv)
{
	char *name = argc > 1 ? argv[1] : NULL;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (name && !strcmp(name, "plants")) {
		const struct CMUnitTest tests[] = {
			T(each_sync_that_is_left_out_is_found_and_nothing_else)};
		return RUN(tests);
	}
	const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(
		inv28_inv1_inv12_every_state_of_the_disk_is_safe_and_has_kept_what_was_told, name)};
	return RUN(tests);
}
