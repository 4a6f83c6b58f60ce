/* test_proof_errnos.c - the file seam on the real file system (fs_real.c), with each call it makes
 * of the kernel going wrong in each way it can, one after the other, while a whole job runs above
 * it (inv 32). EINTR of what may be called again, and reads and writes that do half, are not even
 * noticed: the job finishes without a failed attempt. Whatever else: exact output after a restart,
 * or an end with a reason; and with the fault gone the next start ends exactly.
 * Argument: words, union or single; none: all. WEIR_CASE="words 3 120" is one case. */
#include "tests/proof/syscalls.h"
#include "tests/sim/scenario.h"

#include "base/check.h"
#include "tests/lib/proof.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <ftw.h>
#include <unistd.h>

#define SEED 4343
#ifdef __SANITIZE_ADDRESS__
#define ONE_IN 40
#define PROOF_ONE_IN 1
#else
#define ONE_IN 6
#define PROOF_ONE_IN 4 /* all of them are the sanitized build's */
#endif
#define AGAIN (CALL_OPEN | CALL_READ | CALL_WRITE | CALL_CUT | CALL_STAT | CALL_LOCK)
#define ANY 0xffffu

static const struct kind {
	const char *name;
	unsigned on;
	int errnum;
	enum syscall_how how;
	uint64_t every;
	bool unseen; /* by the job */
} kinds[] = {
	{"EINTR", AGAIN, EINTR, .unseen = true},
	{"EINTR every other time", AGAIN, EINTR, .every = 2, .unseen = true},
	{"a short read", CALL_READ, 0, CALL_SHORT, .unseen = true},
	{"short reads", CALL_READ, 0, CALL_SHORT, .every = 1, .unseen = true},
	{"a short write", CALL_WRITE, 0, CALL_SHORT, .unseen = true},
	{"short writes", CALL_WRITE, 0, CALL_SHORT, .every = 1, .unseen = true},
	{"a short write, then ENOSPC", CALL_WRITE, ENOSPC, CALL_SHORT_FAILS},
	{"a write of nothing", CALL_WRITE, 0, CALL_NOTHING},
	{"EINTR of what is not called again", ANY & ~AGAIN, EINTR},
	{"EIO", ANY, EIO},
	{"EIO from then on", ANY, EIO, .every = 1},
	{"ENOSPC", CALL_SPACE, ENOSPC},
	{"ENOSPC from then on", CALL_SPACE, ENOSPC, .every = 1},
	{"EDQUOT", CALL_SPACE, EDQUOT},
	{"EDQUOT from then on", CALL_SPACE, EDQUOT, .every = 1},
	{"EFBIG", CALL_WRITE, EFBIG},
	{"EMFILE", CALL_OPEN | CALL_LIST, EMFILE},
	{"EMFILE from then on", CALL_OPEN | CALL_LIST, EMFILE, .every = 1},
	{"ENFILE", CALL_OPEN | CALL_LIST, ENFILE},
	{"EACCES", CALL_NAMES, EACCES},
	{"EACCES from then on", CALL_NAMES, EACCES, .every = 1},
	{"EROFS from then on", CALL_SPACE | CALL_UNLINK, EROFS, .every = 1},
	{"EEXIST of a link", CALL_LINK, EEXIST},
	{"ENOMEM", ANY, ENOMEM},
};

/* ---- a folder of the real file system ---- */

static char folder[64], before[4096];

static int remove_one(const char *path, const struct stat *st, int what, struct FTW *at)
{
	(void)st, (void)what, (void)at;
	return remove(path);
}

static void folder_enter(void)
{
	EXPECT(getcwd(before, sizeof before));
	strcpy(folder, access("/dev/shm", W_OK) ? "/tmp/weir-errnos-XXXXXX"
						  : "/dev/shm/weir-errnos-XXXXXX");
	EXPECT(mkdtemp(folder) && !chdir(folder));
}

static void folder_leave(void)
{
	EXPECT(!chdir(before));
	EXPECT(!nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS));
}

/* ---- a job on it ---- */

struct fix {
	struct scenario s;
	struct world w;
	struct fs_real real;
};

static struct fix *open_fix(enum scenario_kind k)
{
	struct fix *f = calloc(1, sizeof *f);
	struct rng r;
	folder_enter();
	rng_seed(&r, SEED);
	scenario_open(&f->s, k, &r, (struct scenario_size){.lines = 12, .lines_a_second = 450});
	world_open(&f->w, SEED, f->s.job);
	fs_real_init(&f->real, &f->w.mem);
	f->w.fs = f->w.env.fs = &f->real.fs;
	scenario_files(&f->s, &f->w);
	return f;
}

static void close_fix(struct fix *f)
{
	world_close(&f->w);
	scenario_close(&f->s);
	free(f);
	folder_leave();
}

struct outcomes {
	uint64_t given, unseen, restarted, failed;
};

static void judge(struct fix *f, enum world_end end, const struct kind *k, const char *what,
		  struct outcomes *c)
{
	struct world *w = &f->w;
	if (end == WORLD_FINISHED) {
		scenario_check_end(&f->s, w);
		c->restarted += w->failed_attempts > 0;
		c->unseen += !w->failed_attempts;
	} else if ((end != WORLD_FAILED && end != WORLD_HALTED) || !w->error.text[0] ||
		   !err_exit_code(w->error.code) || w->error.code == E_CORRUPT) {
		world_fail(w, "%s: ended as %d: %s: %s", what, (int)end, err_name(w->error.code),
			   w->error.text);
	}
	c->failed += end != WORLD_FINISHED;
	if (k->unseen && (end != WORLD_FINISHED || w->failed_attempts))
		world_fail(w, "%s: it was noticed: %s", what, w->error.text);
	world_exit(w);
}

static const char *name_of(enum scenario_kind k)
{
	return k == SCENARIO_WORDS ? "words" : k == SCENARIO_UNION ? "union" : "single";
}

static void try(enum scenario_kind scenario, const struct kind *k, uint64_t n, struct outcomes *c)
{
	struct fix *f = open_fix(scenario);
	struct world *w = &f->w;
	char what[128];
	struct syscall_fault fault = {.at = n, .every = k->every, .on = k->on, .errnum = k->errnum,
				      .how = k->how};
	snprintf(what, sizeof what, "WEIR_CASE=\"%s %td %" PRIu64 "\": %s at call %" PRIu64,
		 name_of(scenario), k - kinds, n, k->name, n);
	syscalls_begin(&fault);
	enum world_end end = world_process(w, 2);
	syscalls_end();
	c->given += syscalls_hits() > 0;
	judge(f, end, k, what, c);
	scenario_check_now(&f->s, w);
	if (world_process(w, 2) != WORLD_FINISHED)
		world_fail(w, "after %s the next start failed: %s", what, w->error.text);
	scenario_check_end(&f->s, w);
	world_exit(w);
	close_fix(f);
}

static void each_call(enum scenario_kind scenario)
{
	struct proof p;
	struct outcomes all = {0};
	static uint16_t kind[65536];
	char name[64];
	struct fix *f = open_fix(scenario);
	syscalls_begin(&(struct syscall_fault){.at = 0});
	WORLD_CHECK(&f->w, world_process(&f->w, 2) == WORLD_FINISHED);
	syscalls_end();
	uint64_t calls = syscalls_count();
	WORLD_CHECK(&f->w, calls < ARRAY_LEN(kind));
	for (uint64_t n = 1; n <= calls; n++)
		kind[n] = (uint16_t)syscalls_kind(n);
	world_exit(&f->w);
	close_fix(f);
	snprintf(name, sizeof name, "errnos of the kernel, %s", name_of(scenario));
	proof_open_large(&p, name, ONE_IN, PROOF_ONE_IN);
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		struct outcomes c = {0};
		for (uint64_t n = 1; n <= calls; n++)
			if (kinds[k].on & kind[n] && proof_takes(&p))
				try(scenario, &kinds[k], n, &c);
		printf("%s: %" PRIu64 " faults: %" PRIu64 " not noticed, %" PRIu64 " finished after a "
		       "restart, %" PRIu64 " failed\n", kinds[k].name, c.given, c.unseen, c.restarted,
		       c.failed);
		all.given += c.given;
		all.restarted += c.restarted;
		all.failed += c.failed;
	}
	proof_close(&p);
	printf("%s: %" PRIu64 " calls\n", name_of(scenario), calls);
	EXPECT(all.given * 10 > p.done * 9 && all.restarted && all.failed);
}

static const char *asked;

TEST(inv32_any_call_of_the_kernel_that_goes_wrong_loses_nothing)
{
	static const enum scenario_kind all[] = {SCENARIO_WORDS, SCENARIO_UNION, SCENARIO_ONE_FILE};
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (!asked || !strcmp(asked, name_of(all[i])))
			each_call(all[i]);
}

int main(int argc, char **argv)
{
	char scenario[32];
	unsigned kind;
	uint64_t n;
	const char *one = getenv("WEIR_CASE");
	setvbuf(stdout, NULL, _IOLBF, 0);
	asked = argc > 1 ? argv[1] : NULL;
	if (one && sscanf(one, "%31s %u %" SCNu64, scenario, &kind, &n) == 3) {
		struct outcomes c = {0};
		CHECK(kind < ARRAY_LEN(kinds));
		try(!strcmp(scenario, "words")   ? SCENARIO_WORDS
		    : !strcmp(scenario, "union") ? SCENARIO_UNION
						 : SCENARIO_ONE_FILE, &kinds[kind], n, &c);
		return 0;
	}
	const struct CMUnitTest tests[] = {
		T(inv32_any_call_of_the_kernel_that_goes_wrong_loses_nothing),
	};
	return RUN(tests);
}
