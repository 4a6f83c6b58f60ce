/* test_landlock.c - what the process gave up is given up for all it does and starts, the rest works
 * as before; a kernel without it changes nothing. Each case is a child: there is no way back. */
#include "base/landlock.h"

#include "base/check.h"
#include "base/roots.h"
#include "tests/lib/lacking.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

struct world {
	char dir[64], path[4][128]; /* in, out, bin, other */
};

enum { IN, OUT, BIN, OTHER };

static const char *at(const struct world *w, int folder, const char *name)
{
	static __thread char path[4][256];
	static __thread unsigned turn;
	char *to = path[turn++ % 4];
	snprintf(to, sizeof path[0], "%s/%s", w->path[folder], name);
	return to;
}

static bool writes(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
	bool ok = fd >= 0 && write(fd, "x", 1) == 1;
	if (fd >= 0)
		close(fd);
	return ok;
}

static bool reads(const char *path)
{
	char x;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool ok = fd >= 0 && read(fd, &x, 1) >= 0;
	if (fd >= 0)
		close(fd);
	return ok;
}

/* "cp /bin/true to" would need a shell: a program is one that is allowed to be executed. */
static int runs_it(void *arg)
{
	char *argv[] = {"true", NULL};
	execv(arg, argv);
	return 99;
}

static bool runs(const char *path)
{
	return in_child(runs_it, (void *)path) == 0;
}

static void begin(struct world *w)
{
	static const char *const names[] = {"in", "out", "bin", "other"};
	strcpy(w->dir, "/tmp/weir-test-XXXXXX");
	EXPECT(mkdtemp(w->dir));
	for (int i = 0; i < 4; i++) {
		size_t n = strlen(w->dir);
		memcpy(w->path[i], w->dir, n);
		snprintf(w->path[i] + n, sizeof w->path[i] - n, "/%s", names[i]);
		EXPECT(!mkdir(w->path[i], 0755) && writes(at(w, i, "a")));
	}
	char copy[400];
	snprintf(copy, sizeof copy, "cp /bin/true %s/true && cp /bin/true %s/true", w->path[BIN],
		 w->path[OTHER]);
	EXPECT(!system(copy));
}

static void end(struct world *w)
{
	char command[100];
	snprintf(command, sizeof command, "rm -r %s", w->dir);
	EXPECT(!system(command));
}

static bool enter(const struct world *w, bool *is_on)
{
	struct err e = {0};
	const struct landlock_path p[] = {
		{w->path[IN], ROOT_READ}, {w->path[OUT], ROOT_READ | ROOT_WRITE}, {w->path[BIN], ROOT_RUN},
		{"/no/such/folder", ROOT_READ | ROOT_WRITE}};
	return landlock_enter(p, ARRAY_LEN(p), is_on, &e) == OK;
}

enum { SKIPPED = 77 };

#define NEED(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                 \
			return 1;                                                                  \
		}                                                                                  \
	} while (0)

static int what_holds(void *arg)
{
	const struct world *w = arg;
	int kept = open(at(w, OTHER, "a"), O_WRONLY | O_CLOEXEC);
	bool is_on;
	NEED(enter(w, &is_on));
	if (!is_on)
		return SKIPPED;
	NEED(reads(at(w, IN, "a")) && !writes(at(w, IN, "a")) && !writes(at(w, IN, "new")));
	NEED(unlink(at(w, IN, "a")) == -1 && mkdir(at(w, IN, "b"), 0755) == -1);
	NEED(reads(at(w, OUT, "a")) && writes(at(w, OUT, "a")) && writes(at(w, OUT, "new")));
	NEED(!mkdir(at(w, OUT, "b"), 0755) && !unlink(at(w, OUT, "new")));
	/* commits are renames between a sink's folders */
	NEED(!rename(at(w, OUT, "a"), at(w, OUT, "b/a")) && !link(at(w, OUT, "b/a"), at(w, OUT, "a")));
	NEED(rename(at(w, OUT, "a"), at(w, OTHER, "b")) == -1);
	NEED(runs(at(w, BIN, "true")) && !writes(at(w, BIN, "true")));
	NEED(!reads(at(w, OTHER, "a")) && !writes(at(w, OTHER, "a")) && !runs(at(w, OTHER, "true")));
	NEED(truncate(at(w, IN, "a"), 0) == -1);
	/* what every program needs */
	NEED(runs("/bin/true") && reads("/etc/passwd") && writes("/dev/null"));
	NEED(!writes("/etc/weir-test") && !writes("/tmp/weir-test-landlock"));
	/* what was open stays so */
	NEED(write(kept, "y", 1) == 1);
	return 0;
}

TEST(what_is_not_allowed_is_given_up_and_the_rest_works)
{
	struct world w;
	begin(&w);
	int said = in_child(what_holds, &w);
	if (said == SKIPPED)
		printf("skipped: this kernel has no Landlock of ABI 2\n");
	EXPECT(said == 0 || said == SKIPPED);
	end(&w);
}

static int without(void *arg)
{
	const struct world *w = arg;
	bool is_on = true;
	if (!kernel_lacks(SYS_landlock_create_ruleset))
		return SKIPPED;
	NEED(enter(w, &is_on) && !is_on);
	NEED(writes(at(w, IN, "new")) && writes(at(w, OTHER, "new")) && runs(at(w, OTHER, "true")));
	return 0;
}

static int signals(void *arg)
{
	const struct world *w = arg;
	bool is_on;
	NEED(enter(w, &is_on));
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
	if (!is_on || abi < 6)
		return SKIPPED;
	NEED(kill(getppid(), 0) == -1 && errno == EPERM);
	pid_t child = fork();
	if (child == 0) {
		pause();
		_exit(0);
	}
	int status;
	NEED(child > 0 && !kill(child, SIGKILL) && waitpid(child, &status, 0) == child);
	NEED(WIFSIGNALED(status) && !kill(getpid(), 0));
	return 0;
}

TEST(others_are_not_signalled_and_ones_own_children_are)
{
	struct world w;
	begin(&w);
	int said = in_child(signals, &w);
	if (said == SKIPPED)
		printf("skipped: this kernel has no Landlock of ABI 6\n");
	EXPECT(said == 0 || said == SKIPPED);
	end(&w);
}

TEST(a_kernel_without_it_changes_nothing_and_says_so)
{
	struct world w;
	begin(&w);
	int said = in_child(without, &w);
	EXPECT(said == 0 || said == SKIPPED);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_not_allowed_is_given_up_and_the_rest_works),
		T(others_are_not_signalled_and_ones_own_children_are),
		T(a_kernel_without_it_changes_nothing_and_says_so),
	};
	return RUN(tests);
}
