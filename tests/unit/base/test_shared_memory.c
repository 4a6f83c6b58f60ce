/* test_shared_memory.c - what one process writes is there for the next, and nothing else is taken
 * for such memory. */
#include "base/shared_memory.h"

#include "tests/lib/lacking.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>

enum { SIZE = 4096 };

static int writes_and_dies(void *arg)
{
	char *at = shared_memory_map(*(int *)arg, SIZE);
	if (!at)
		return 1;
	memcpy(at + 100, "so far", 7);
	raise(SIGKILL);
	return 0;
}

TEST(what_a_process_wrote_before_it_was_killed_is_there_for_the_next)
{
	struct err e = {0};
	int fd;
	EXPECT_OK(shared_memory_make(&fd, SIZE, &e), &e);
	EXPECT(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	char *at = shared_memory_map(fd, SIZE);
	EXPECT(at && !at[0] && !at[SIZE - 1]);
	EXPECT(in_child(writes_and_dies, &fd) == -1);
	EXPECT(!strcmp(at + 100, "so far"));
	close(fd);
	EXPECT(!strcmp(at + 100, "so far"));
}

TEST(its_size_is_for_good)
{
	struct err e = {0};
	int fd;
	EXPECT_OK(shared_memory_make(&fd, SIZE, &e), &e);
	EXPECT(ftruncate(fd, 0) == -1 && ftruncate(fd, 2 * SIZE) == -1);
	EXPECT(!shared_memory_map(fd, 2 * SIZE) && !shared_memory_map(fd, SIZE - 1));
	close(fd);
}

TEST(another_descriptor_is_none)
{
	char name[] = "/tmp/weir-test-XXXXXX";
	int file = mkstemp(name), null = open("/dev/null", O_RDWR | O_CLOEXEC);
	EXPECT(file >= 0 && null >= 0 && !unlink(name) && !ftruncate(file, SIZE));
	EXPECT(!shared_memory_map(file, SIZE) && !shared_memory_map(null, SIZE));
	EXPECT(!shared_memory_map(-1, SIZE));
	close(file);
	close(null);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_a_process_wrote_before_it_was_killed_is_there_for_the_next),
		T(its_size_is_for_good),
		T(another_descriptor_is_none),
	};
	return RUN(tests);
}
