/* test_backlog.c - new checkpoints wait for a slow disk, not soon for a budget, and not for large
 * files; nothing piles up without bound all the same (inv 14). */
#include "jobs/backlog.h"

#include "tests/lib/test.h"

#define MB ((uint64_t)1 << 20)

static struct backlog of(uint64_t commits, uint64_t bytes, uint64_t state_bytes)
{
	return (struct backlog){.made = {100 + commits, 7 * MB + bytes}, .gone = {100, 7 * MB},
				.state_bytes = state_bytes};
}

TEST(inv14_a_slow_disk_is_waited_for)
{
	struct backlog b = of(2, MB, MB);
	EXPECT(!backlog_waits(&b, false));
	b = of(3, MB, MB);
	EXPECT(backlog_waits(&b, false));
}

TEST(a_budget_is_waited_for_when_there_are_many)
{
	struct backlog b = of(BACKLOG_MOST, MB, MB);
	EXPECT(!backlog_waits(&b, true));
	b = of(BACKLOG_MOST + 1, MB, MB);
	EXPECT(backlog_waits(&b, true));
}

TEST(inv14_bytes_that_wait_are_bounded_by_the_state)
{
	struct backlog b = of(0, 2000 * MB, 1000 * MB);
	EXPECT(!backlog_waits(&b, true) && !backlog_waits(&b, false));
	b = of(0, 2000 * MB + 1, 1000 * MB);
	EXPECT(backlog_waits(&b, true) && backlog_waits(&b, false));
	b = of(0, 64 * MB, MB);
	EXPECT(!backlog_waits(&b, false));
	b = of(0, 64 * MB + 1, MB);
	EXPECT(backlog_waits(&b, false));
}

TEST(a_sweep_of_all_but_large_files_counts_and_its_bytes_one_by_one)
{
	struct backlog b = of(3, 100 * MB, MB);
	b.covered = b.made;
	backlog_swept(&b, true, 30 * MB);
	EXPECT(b.gone.commits == 103 && b.made.bytes - b.gone.bytes == 70 * MB);
	EXPECT(backlog_waits(&b, false));
	backlog_swept(&b, true, 10 * MB);
	EXPECT(!backlog_waits(&b, false));
	backlog_swept(&b, true, 1000 * MB); /* an owner of before left more than we know of */
	EXPECT(b.gone.bytes == b.made.bytes);
	b.made = (struct backlog_mark){b.made.commits + 1, b.made.bytes + 9 * MB};
	b.covered = b.made;
	b.made.bytes += MB;
	backlog_swept(&b, false, 0); /* what is pinned is not freed, and does not wait */
	EXPECT(b.made.bytes - b.gone.bytes == MB && b.made.commits == b.gone.commits);
}

/* Bytes that are of 10, 20, 40 ...: each sum says which. */
static struct manifest files(struct part_file *f, const char *letters)
{
	struct manifest m = {.file = f, .n_files = (uint32_t)strlen(letters)};
	for (uint32_t i = 0; i < m.n_files; i++) {
		f[i] = (struct part_file){.length = (uint64_t)10 << (letters[i] - 'a')};
		f[i].name[0] = letters[i];
	}
	return m;
}

TEST(what_the_newest_does_not_name_is_left_behind)
{
	struct part_file f[8], g[8];
	struct backlog b = {0};
	struct manifest one = files(f, "abc"), two;
	backlog_published(&b, NULL, &one);
	EXPECT(b.made.bytes == 0 && b.state_bytes == 70);
	two = files(g, "cad");
	backlog_published(&b, &one, &two);
	EXPECT(b.made.bytes == 20 && b.state_bytes == 130);
	one = files(f, "dcae");
	backlog_published(&b, &two, &one);
	EXPECT(b.made.bytes == 20);
	two = files(g, "");
	backlog_published(&b, &one, &two);
	EXPECT(b.made.bytes == 20 + 290 && b.state_bytes == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv14_a_slow_disk_is_waited_for),
		T(a_budget_is_waited_for_when_there_are_many),
		T(inv14_bytes_that_wait_are_bounded_by_the_state),
		T(a_sweep_of_all_but_large_files_counts_and_its_bytes_one_by_one),
		T(what_the_newest_does_not_name_is_left_behind),
	};
	return RUN(tests);
}
