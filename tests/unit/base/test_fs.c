/* test_fs.c - one set of claims, held against each file system: POSIX's in a fresh directory of
 * /tmp, the same confined to that, and the simulated disk. What holds for one holds for all, or
 * simulation proves nothing. */
#include "base/fs_sim.h"
#include "base/roots.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a claim gets; paths are below dir. */
struct world {
	struct mem mem;
	struct fs_real real;
	struct roots roots;
	struct fs_sim *sim;
	struct fs *fs;
	char dir[64];
	char path[4][128];
	unsigned last; /* the path handed out last */
	struct err e;
};

/* One of four path buffers in turn. */
static const char *at(struct world *w, const char *name)
{
	w->last = (w->last + 1) % 4;
	snprintf(w->path[w->last], sizeof w->path[0], "%s/%s", w->dir, name);
	return w->path[w->last];
}

static void put(struct world *w, const char *name, const char *text)
{
	EXPECT_OK(fs_write_new(w->fs, at(w, name), text, strlen(text), &w->e), &w->e);
}

static void expect_text(struct world *w, const char *name, const char *text)
{
	uint8_t *data;
	size_t len;
	EXPECT_OK(fs_read_all(w->fs, at(w, name), 1 << 20, &data, &len, &w->e), &w->e);
	EXPECT(len == strlen(text) && !memcmp(data, text, len + 1));
	mem_put(&w->mem, data);
}

/* The code of a call that is to fail, and that its text names the path. */
static enum rc failing(struct world *w, enum rc rc)
{
	EXPECT(rc != OK && w->e.code == rc);
	EXPECT(strstr(w->e.text, w->path[w->last]) ||
	       strstr(w->e.text, w->path[(w->last + 3) % 4]));
	err_clear(&w->e);
	return rc;
}

static void what_is_written_is_read(struct world *w)
{
	put(w, "a", "hello");
	put(w, "empty", "");
	expect_text(w, "a", "hello");
	expect_text(w, "empty", "");
	struct fs_stat st;
	EXPECT_OK(fs_stat(w->fs, at(w, "a"), &st, &w->e), &w->e);
	EXPECT(st.kind == FS_FILE && st.size_bytes == 5 && st.links == 1);
	EXPECT_OK(fs_stat(w->fs, w->dir, &st, &w->e), &w->e);
	EXPECT(st.kind == FS_DIR);
}

static void reads_stop_at_the_end(struct world *w)
{
	put(w, "a", "0123456789");
	int fd;
	char buf[16];
	size_t got;
	EXPECT_OK(fs_open(w->fs, at(w, "a"), FS_READ, &fd, &w->e), &w->e);
	EXPECT_OK(fs_pread(w->fs, fd, buf, sizeof buf, 7, &got, &w->e), &w->e);
	EXPECT(got == 3 && !memcmp(buf, "789", 3));
	EXPECT_OK(fs_pread(w->fs, fd, buf, sizeof buf, 10, &got, &w->e), &w->e);
	EXPECT(got == 0);
	EXPECT_OK(fs_pread(w->fs, fd, buf, sizeof buf, 1000, &got, &w->e), &w->e);
	EXPECT(got == 0);
	EXPECT(fs_pwrite(w->fs, fd, "x", 1, 0, NULL) == E_IO);
	EXPECT_OK(fs_close(w->fs, &fd, &w->e), &w->e);
	EXPECT(fd == -1);
	EXPECT_OK(fs_close(w->fs, &fd, &w->e), &w->e);
}

static void a_hole_reads_as_zeros(struct world *w)
{
	int fd;
	char buf[8];
	size_t got;
	struct fs_stat st;
	EXPECT_OK(fs_open(w->fs, at(w, "a"), FS_CREATE_PRIVATE, &fd, &w->e), &w->e);
	EXPECT_OK(fs_pwrite(w->fs, fd, "end", 3, 10000, &w->e), &w->e);
	EXPECT_OK(fs_pwrite(w->fs, fd, "st", 2, 2, &w->e), &w->e);
	EXPECT_OK(fs_fstat(w->fs, fd, &st, &w->e), &w->e);
	EXPECT(st.size_bytes == 10003);
	EXPECT_OK(fs_pread(w->fs, fd, buf, 6, 0, &got, &w->e), &w->e);
	EXPECT(got == 6 && !memcmp(buf, "\0\0st\0\0", 6));
	EXPECT_OK(fs_pread(w->fs, fd, buf, 8, 9998, &got, &w->e), &w->e);
	EXPECT(got == 5 && !memcmp(buf, "\0\0end", 5));
	EXPECT_OK(fs_sync(w->fs, fd, &w->e), &w->e);
	EXPECT_OK(fs_close(w->fs, &fd, &w->e), &w->e);
}

static void inv11_create_never_takes_a_name_that_exists(struct world *w)
{
	int fd;
	put(w, "a", "first");
	EXPECT(failing(w, fs_open(w->fs, at(w, "a"), FS_CREATE, &fd, &w->e)) == E_EXISTS);
	EXPECT(fd == -1);
	EXPECT(failing(w, fs_write_new(w->fs, at(w, "a"), "second", 6, &w->e)) == E_EXISTS);
	expect_text(w, "a", "first");
}

static void opened_to_write_an_existing_file_is_changed_in_place(struct world *w)
{
	int fd;
	char buf[16];
	size_t got;
	struct fs_stat before, after;
	put(w, "a", "0123456789");
	EXPECT_OK(fs_stat(w->fs, at(w, "a"), &before, &w->e), &w->e);
	EXPECT_OK(fs_open(w->fs, at(w, "a"), FS_WRITE, &fd, &w->e), &w->e);
	EXPECT_OK(fs_pwrite(w->fs, fd, "abc", 3, 4, &w->e), &w->e);
	EXPECT_OK(fs_pwrite(w->fs, fd, "end", 3, 10, &w->e), &w->e);
	EXPECT_OK(fs_pread(w->fs, fd, buf, sizeof buf, 0, &got, &w->e), &w->e);
	EXPECT(got == 13);
	EXPECT_OK(fs_sync(w->fs, fd, &w->e), &w->e);
	EXPECT_OK(fs_close(w->fs, &fd, &w->e), &w->e);
	expect_text(w, "a", "0123abc789end");
	EXPECT_OK(fs_stat(w->fs, at(w, "a"), &after, &w->e), &w->e);
	EXPECT(before.inode == after.inode);
	EXPECT(failing(w, fs_open(w->fs, at(w, "x"), FS_WRITE, &fd, &w->e)) == E_NOT_FOUND);
	EXPECT(fd == -1 && fs_stat(w->fs, at(w, "x"), &after, NULL) == E_NOT_FOUND);
	EXPECT_OK(fs_mkdir(w->fs, at(w, "d"), NULL, &w->e), &w->e);
	EXPECT(failing(w, fs_open(w->fs, at(w, "d"), FS_WRITE, &fd, &w->e)) == E_IO);
	EXPECT_OK(fs_open(w->fs, at(w, "a"), FS_WRITE_ITSELF, &fd, &w->e), &w->e);
	EXPECT_OK(fs_close(w->fs, &fd, &w->e), &w->e);
	EXPECT(failing(w, fs_open(w->fs, at(w, "x"), FS_WRITE_ITSELF, &fd, &w->e)) == E_NOT_FOUND);
}

static void a_file_is_cut_and_never_made_longer(struct world *w)
{
	int fd;
	put(w, "a", "0123456789");
	EXPECT_OK(fs_open(w->fs, at(w, "a"), FS_WRITE, &fd, &w->e), &w->e);
	EXPECT(failing(w, fs_truncate(w->fs, fd, 11, &w->e)) == E_INVALID);
	EXPECT_OK(fs_truncate(w->fs, fd, 10, &w->e), &w->e);
	expect_text(w, "a", "0123456789");
	EXPECT_OK(fs_truncate(w->fs, fd, 4, &w->e), &w->e);
	expect_text(w, "a", "0123");
	EXPECT_OK(fs_pwrite(w->fs, fd, "z", 1, 6, &w->e), &w->e);
	EXPECT_OK(fs_sync(w->fs, fd, &w->e), &w->e);
	struct fs_stat st;
	char buf[16];
	size_t got;
	EXPECT_OK(fs_pread(w->fs, fd, buf, sizeof buf, 0, &got, &w->e), &w->e);
	EXPECT(got == 7 && !memcmp(buf, "0123\0\0z", 7));
	EXPECT_OK(fs_truncate(w->fs, fd, 0, &w->e), &w->e);
	EXPECT_OK(fs_fstat(w->fs, fd, &st, &w->e), &w->e);
	EXPECT(st.size_bytes == 0);
	EXPECT_OK(fs_close(w->fs, &fd, &w->e), &w->e);
	EXPECT_OK(fs_open(w->fs, at(w, "a"), FS_READ, &fd, &w->e), &w->e);
	EXPECT(fs_truncate(w->fs, fd, 0, NULL) != OK);
	EXPECT_OK(fs_close(w->fs, &fd, &w->e), &w->e);
}

static void what_is_not_there_is_not_found(struct world *w)
{
	int fd;
	struct fs_stat st;
	struct fs_names l;
	EXPECT(failing(w, fs_open(w->fs, at(w, "x"), FS_READ, &fd, &w->e)) == E_NOT_FOUND);
	EXPECT(failing(w, fs_open(w->fs, at(w, "x/y"), FS_CREATE, &fd, &w->e)) == E_NOT_FOUND);
	EXPECT(failing(w, fs_stat(w->fs, at(w, "x"), &st, &w->e)) == E_NOT_FOUND);
	EXPECT(failing(w, fs_unlink(w->fs, at(w, "x"), &w->e)) == E_NOT_FOUND);
	EXPECT(failing(w, fs_rmdir(w->fs, at(w, "x"), &w->e)) == E_NOT_FOUND);
	EXPECT(failing(w, fs_sync_dir(w->fs, at(w, "x"), &w->e)) == E_NOT_FOUND);
	EXPECT(failing(w, fs_list(w->fs, at(w, "x"), &l, &w->e)) == E_NOT_FOUND);
	EXPECT(failing(w, fs_mkdir(w->fs, at(w, "x/y"), NULL, &w->e)) == E_NOT_FOUND);
	EXPECT(failing(w, fs_link(w->fs, at(w, "x"), at(w, "y"), &w->e)) == E_NOT_FOUND);
	EXPECT(failing(w, fs_rename_new(w->fs, at(w, "x"), at(w, "y"), &w->e)) == E_NOT_FOUND);
	put(w, "file", "");
	EXPECT(failing(w, fs_stat(w->fs, at(w, "file/x"), &st, &w->e)) == E_NOT_FOUND);
	EXPECT(failing(w, fs_list(w->fs, at(w, "file"), &l, &w->e)) == E_NOT_FOUND);
}

static void a_link_is_a_second_name_and_has_one_winner(struct world *w)
{
	struct fs_stat a, b;
	put(w, "tmp", "manifest");
	put(w, "loser", "other");
	EXPECT_OK(fs_link(w->fs, at(w, "tmp"), at(w, "slot"), &w->e), &w->e);
	EXPECT(failing(w, fs_link(w->fs, at(w, "loser"), at(w, "slot"), &w->e)) == E_EXISTS);
	EXPECT_OK(fs_stat(w->fs, at(w, "tmp"), &a, &w->e), &w->e);
	EXPECT_OK(fs_stat(w->fs, at(w, "slot"), &b, &w->e), &w->e);
	EXPECT(a.inode == b.inode && a.device == b.device && a.links == 2 && b.links == 2);
	EXPECT_OK(fs_unlink(w->fs, at(w, "tmp"), &w->e), &w->e);
	expect_text(w, "slot", "manifest");
	EXPECT_OK(fs_stat(w->fs, at(w, "slot"), &b, &w->e), &w->e);
	EXPECT(a.inode == b.inode && b.links == 1);
}

static void rename_moves_and_never_replaces(struct world *w)
{
	put(w, "a", "A");
	put(w, "b", "B");
	EXPECT_OK(fs_mkdir(w->fs, at(w, "sub"), NULL, &w->e), &w->e);
	EXPECT(failing(w, fs_rename_new(w->fs, at(w, "a"), at(w, "b"), &w->e)) == E_EXISTS);
	EXPECT_OK(fs_rename_new(w->fs, at(w, "a"), at(w, "sub/a"), &w->e), &w->e);
	EXPECT(failing(w, fs_rename_new(w->fs, at(w, "a"), at(w, "c"), &w->e)) == E_NOT_FOUND);
	expect_text(w, "sub/a", "A");
	expect_text(w, "b", "B");
	EXPECT_OK(fs_rename_new(w->fs, at(w, "sub"), at(w, "moved"), &w->e), &w->e);
	expect_text(w, "moved/a", "A");
}

static void an_unlinked_file_lives_as_long_as_its_handle(struct world *w)
{
	int fd;
	char buf[8];
	size_t got;
	put(w, "a", "still");
	EXPECT_OK(fs_open(w->fs, at(w, "a"), FS_READ, &fd, &w->e), &w->e);
	EXPECT_OK(fs_unlink(w->fs, at(w, "a"), &w->e), &w->e);
	put(w, "a", "another");
	EXPECT_OK(fs_pread(w->fs, fd, buf, sizeof buf, 0, &got, &w->e), &w->e);
	EXPECT(got == 5 && !memcmp(buf, "still", 5));
	EXPECT_OK(fs_close(w->fs, &fd, &w->e), &w->e);
}

static void directories_are_made_once_and_removed_empty(struct world *w)
{
	bool made;
	EXPECT_OK(fs_mkdir(w->fs, at(w, "d"), &made, &w->e), &w->e);
	EXPECT(made);
	EXPECT_OK(fs_mkdir(w->fs, at(w, "d"), &made, &w->e), &w->e);
	EXPECT(!made);
	put(w, "d/f", "x");
	EXPECT(failing(w, fs_mkdir(w->fs, at(w, "d/f"), &made, &w->e)) == E_EXISTS);
	EXPECT(failing(w, fs_rmdir(w->fs, at(w, "d"), &w->e)) == E_EXISTS);
	EXPECT(failing(w, fs_unlink(w->fs, at(w, "d"), &w->e)) != E_NOT_FOUND);
	EXPECT_OK(fs_unlink(w->fs, at(w, "d/f"), &w->e), &w->e);
	EXPECT_OK(fs_sync_dir(w->fs, at(w, "d"), &w->e), &w->e);
	EXPECT_OK(fs_rmdir(w->fs, at(w, "d"), &w->e), &w->e);
}

static void mkdir_all_makes_what_is_missing(struct world *w)
{
	struct fs_stat st;
	EXPECT_OK(fs_mkdir_all(w->fs, at(w, "p//q/r/"), &w->e), &w->e);
	EXPECT_OK(fs_stat(w->fs, at(w, "p/q/r"), &st, &w->e), &w->e);
	EXPECT(st.kind == FS_DIR);
	EXPECT_OK(fs_mkdir_all(w->fs, at(w, "p/q/r"), &w->e), &w->e);
	bool confined = w->roots.n;
	EXPECT(fs_mkdir_all(w->fs, "/", NULL) == (confined ? E_PERMISSION : OK));
	EXPECT(fs_mkdir_all(w->fs, ".", NULL) == (confined ? E_INVALID : OK));
	EXPECT(fs_mkdir_all(w->fs, "", NULL) == E_INVALID);
	put(w, "file", "");
	const char *below = at(w, "file/below");
	at(w, "file"); /* the part that the error is to name */
	EXPECT(failing(w, fs_mkdir_all(w->fs, below, &w->e)) == E_EXISTS);
	EXPECT(fs_mkdir_all(w->fs, at(w, "file"), NULL) == E_EXISTS);
}

static void lists_stand_bytewise(struct world *w)
{
	static const char *const names[] = {"b", "a", "B", "a.b", "\xC3\xA4", "a-b"};
	static const char *const sorted[] = {"B", "a", "a-b", "a.b", "b", "\xC3\xA4"};
	struct fs_names l;
	EXPECT_OK(fs_mkdir(w->fs, at(w, "d"), NULL, &w->e), &w->e);
	EXPECT_OK(fs_list(w->fs, at(w, "d"), &l, &w->e), &w->e);
	EXPECT(l.n == 0);
	fs_names_close(&l);
	for (unsigned i = 0; i < 6; i++) {
		char name[16];
		snprintf(name, sizeof name, "d/%s", names[i]);
		put(w, name, "");
	}
	EXPECT_OK(fs_list(w->fs, at(w, "d"), &l, &w->e), &w->e);
	EXPECT(l.n == 6);
	for (unsigned i = 0; i < 6; i++)
		EXPECT(!strcmp(l.name[i], sorted[i]));
	fs_names_close(&l);
	fs_names_close(&l);
	EXPECT(l.n == 0 && !l.name);
}

static void a_lock_has_one_holder_until_it_is_closed(struct world *w)
{
	int mine, other;
	EXPECT_OK(fs_lock(w->fs, at(w, "owner.lock"), &mine, &w->e), &w->e);
	EXPECT(failing(w, fs_lock(w->fs, at(w, "owner.lock"), &other, &w->e)) == E_REFUSED);
	EXPECT(other == -1);
	EXPECT_OK(fs_close(w->fs, &mine, &w->e), &w->e);
	EXPECT_OK(fs_lock(w->fs, at(w, "owner.lock"), &other, &w->e), &w->e);
	EXPECT_OK(fs_close(w->fs, &other, &w->e), &w->e);
}

static void inv34_read_all_trusts_no_length(struct world *w)
{
	uint8_t *data;
	size_t len;
	put(w, "a", "12345678");
	EXPECT(failing(w, fs_read_all(w->fs, at(w, "a"), 7, &data, &len, &w->e)) == E_CORRUPT);
	EXPECT(!data && !len);
	EXPECT_OK(fs_read_all(w->fs, at(w, "a"), 8, &data, &len, &w->e), &w->e);
	mem_put(&w->mem, data);
	EXPECT_OK(fs_mkdir(w->fs, at(w, "d"), NULL, &w->e), &w->e);
	EXPECT(failing(w, fs_read_all(w->fs, at(w, "d"), 8, &data, &len, &w->e)) == E_INVALID);
}

static void inv31_a_failing_allocation_leaks_nothing(struct world *w)
{
	put(w, "a", "text");
	put(w, "b", "");
	put(w, "c", "");
	size_t before = atomic_load(&w->mem.used_bytes);
	unsigned failures = 0;
	for (uint64_t n = 1;; n++) {
		uint8_t *data;
		size_t len;
		struct fs_names l;
		w->mem.fail_at = atomic_load(&w->mem.calls) + n;
		enum rc read = fs_read_all(w->fs, at(w, "a"), 100, &data, &len, NULL);
		enum rc list = fs_list(w->fs, w->dir, &l, NULL);
		EXPECT((read == OK || read == E_NO_MEMORY) && (list == OK || list == E_NO_MEMORY));
		EXPECT((read == OK) == (data != NULL) && (list == OK || !l.name));
		mem_put(&w->mem, data);
		fs_names_close(&l);
		EXPECT(atomic_load(&w->mem.used_bytes) == before);
		failures += read != OK || list != OK;
		if (read == OK && list == OK)
			break;
	}
	w->mem.fail_at = 0;
	EXPECT(failures >= 3);
}

static void each_call_counts_once(struct world *w)
{
	int fd = -1;
	struct fs_stat st;
	uint64_t n = atomic_load(&w->fs->count);
	EXPECT_OK(fs_close(w->fs, &fd, &w->e), &w->e);
	EXPECT(atomic_load(&w->fs->count) == n);
	EXPECT(fs_stat(w->fs, at(w, "x"), &st, NULL) == E_NOT_FOUND);
	EXPECT(atomic_load(&w->fs->count) == n + 1);
	put(w, "a", "x"); /* open, write, sync, close */
	EXPECT(atomic_load(&w->fs->count) == n + 5);
}

enum which { REAL, CONFINED, SIMULATED };

static void world_begin(struct world *w, enum which which)
{
	memset(w, 0, sizeof *w);
	mem_init(&w->mem, 0);
	roots_init(&w->roots, &w->mem);
	if (which == SIMULATED) {
		EXPECT_OK(fs_sim_open(&w->sim, &w->mem, &w->e), &w->e);
		w->fs = fs_sim_fs(w->sim);
		strcpy(w->dir, "/tmp-weir");
		EXPECT_OK(fs_mkdir(w->fs, w->dir, NULL, &w->e), &w->e);
		return;
	}
	strcpy(w->dir, "/tmp/weir-test-XXXXXX");
	EXPECT(mkdtemp(w->dir));
	fs_real_init(&w->real, &w->mem);
	w->fs = &w->real.fs;
	if (which == CONFINED) {
		EXPECT_OK(roots_add(&w->roots, w->dir, ROOT_READ | ROOT_WRITE, &w->e), &w->e);
		fs_real_confine(&w->real, &w->roots);
	}
}

/* rm -r, by the seam under test. */
static void remove_all(struct fs *fs, const char *path)
{
	struct fs_names l;
	struct fs_stat st;
	if (fs_stat(fs, path, &st, NULL) != OK || st.kind != FS_DIR) {
		EXPECT(fs_unlink(fs, path, NULL) == OK);
		return;
	}
	EXPECT(fs_list(fs, path, &l, NULL) == OK);
	for (size_t i = 0; i < l.n; i++) {
		char below[512];
		snprintf(below, sizeof below, "%s/%s", path, l.name[i]);
		remove_all(fs, below);
	}
	fs_names_close(&l);
	EXPECT(fs_rmdir(fs, path, NULL) == OK);
}

static void world_end(struct world *w)
{
	fs_real_confine(&w->real, NULL); /* nothing removes its own root */
	remove_all(w->fs, w->dir);
	fs_sim_close(&w->sim);
	roots_close(&w->roots);
	EXPECT(atomic_load(&w->mem.used_bytes) == 0);
}

#define CLAIMS(X)                                                                                  \
	X(what_is_written_is_read)                                                                 \
	X(reads_stop_at_the_end)                                                                   \
	X(a_hole_reads_as_zeros)                                                                   \
	X(inv11_create_never_takes_a_name_that_exists)                                             \
	X(opened_to_write_an_existing_file_is_changed_in_place)                                    \
	X(a_file_is_cut_and_never_made_longer)                                                     \
	X(what_is_not_there_is_not_found)                                                          \
	X(a_link_is_a_second_name_and_has_one_winner)                                              \
	X(rename_moves_and_never_replaces)                                                         \
	X(an_unlinked_file_lives_as_long_as_its_handle)                                            \
	X(directories_are_made_once_and_removed_empty)                                             \
	X(mkdir_all_makes_what_is_missing)                                                         \
	X(lists_stand_bytewise)                                                                    \
	X(a_lock_has_one_holder_until_it_is_closed)                                                \
	X(inv34_read_all_trusts_no_length)                                                         \
	X(inv31_a_failing_allocation_leaks_nothing)                                                \
	X(each_call_counts_once)

#define IN(which, claim)                                                                           \
	TEST(which##_##claim)                                                                      \
	{                                                                                          \
		struct world w;                                                                    \
		world_begin(&w, which);                                                            \
		claim(&w);                                                                         \
		world_end(&w);                                                                     \
	}
#define X(claim) IN(REAL, claim) IN(CONFINED, claim) IN(SIMULATED, claim)
CLAIMS(X)
#undef X

TEST(opening_a_pipe_nobody_writes_to_does_not_hang)
{
	struct world w;
	world_begin(&w, REAL);
	int fd;
	struct fs_stat st;
	EXPECT(mkfifo(at(&w, "pipe"), 0600) == 0);
	EXPECT_OK(fs_open(w.fs, at(&w, "pipe"), FS_READ, &fd, &w.e), &w.e);
	EXPECT_OK(fs_fstat(w.fs, fd, &st, &w.e), &w.e);
	EXPECT(st.kind == FS_OTHER);
	EXPECT_OK(fs_close(w.fs, &fd, &w.e), &w.e);
	uint8_t *data;
	size_t len;
	EXPECT(fs_read_all(w.fs, at(&w, "pipe"), 100, &data, &len, NULL) == E_INVALID);
	world_end(&w);
}

enum { NOT_LIMITED = 77 };

/* In a child, because limits stay. Its exit code: which step went wrong. */
static int write_beyond_the_limit(struct world *w)
{
	int fd;
	char path[128];
	const struct rlimit limit = {8192, 8192};
	static const char block[4096];
	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit))
		return NOT_LIMITED;
	snprintf(path, sizeof path, "%s/a", w->dir);
	if (fs_open(w->fs, path, FS_CREATE, &fd, NULL) != OK)
		return 1;
	if (fs_pwrite(w->fs, fd, block, sizeof block, 0, NULL) != OK)
		return 2;
	if (fs_pwrite(w->fs, fd, block, sizeof block, 6000, &w->e) != E_NO_SPACE)
		return 3;
	return strstr(w->e.text, path) && strstr(w->e.text, "File too large") ? 0 : 4;
}

TEST(a_file_that_may_not_grow_is_a_lack_of_space_and_names_it)
{
	struct world w;
	int status = 0;
	world_begin(&w, REAL);
	pid_t child = fork();
	if (!child)
		_exit(write_beyond_the_limit(&w));
	EXPECT(child > 0 && waitpid(child, &status, 0) == child);
	world_end(&w);
	EXPECT(WIFEXITED(status));
	if (WEXITSTATUS(status) == NOT_LIMITED)
		skip();
	if (WEXITSTATUS(status))
		fail_msg("step %d", WEXITSTATUS(status));
}

TEST(a_link_to_another_file_system_is_told_apart)
{
	struct world w;
	struct fs_stat here, there;
	world_begin(&w, REAL);
	put(&w, "a", "A");
	bool other = fs_stat(w.fs, at(&w, "a"), &here, NULL) == OK &&
		     fs_stat(w.fs, "/dev/shm", &there, NULL) == OK && here.device != there.device;
	if (other) {
		char to[64];
		snprintf(to, sizeof to, "/dev/shm/%s", strrchr(w.dir, '/') + 1);
		EXPECT(fs_link(w.fs, at(&w, "a"), to, &w.e) == E_UNREACHABLE);
		EXPECT(strstr(w.e.text, to));
	}
	world_end(&w);
	if (!other)
		skip(); /* there is only one */
}

/* From now on the kernel seems not to know renameat2. False: it does not take filters. */
static bool forget_rename_flag(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_renameat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {4, code};
	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

enum { CANNOT_FORGET = 77 };

/* In a child, because the filter stays. Its exit code: which step went wrong. */
static int rename_without_the_flag(struct world *w)
{
	if (!forget_rename_flag())
		return CANNOT_FORGET;
	char a[128], b[128], c[128];
	snprintf(a, sizeof a, "%s/a", w->dir);
	snprintf(b, sizeof b, "%s/b", w->dir);
	snprintf(c, sizeof c, "%s/c", w->dir);
	struct fs_stat before, after;
	if (fs_stat(w->fs, a, &before, NULL) != OK)
		return 1;
	if (fs_rename_new(w->fs, a, b, NULL) != E_EXISTS)
		return 2;
	if (fs_rename_new(w->fs, a, c, NULL) != OK || fs_stat(w->fs, a, &after, NULL) == OK)
		return 3;
	if (fs_stat(w->fs, c, &after, NULL) != OK || before.inode != after.inode)
		return 4;
	return fs_rename_new(w->fs, a, c, NULL) == E_NOT_FOUND && after.links == 1 ? 0 : 5;
}

TEST(rename_new_works_where_the_flag_is_unknown)
{
	struct world w;
	int status = 0;
	world_begin(&w, REAL);
	put(&w, "a", "A");
	put(&w, "b", "B");
	pid_t child = fork();
	if (!child)
		_exit(rename_without_the_flag(&w));
	EXPECT(child > 0 && waitpid(child, &status, 0) == child);
	world_end(&w);
	EXPECT(WIFEXITED(status));
	if (WEXITSTATUS(status) == CANNOT_FORGET)
		skip(); /* a sandbox that allows no filters */
	if (WEXITSTATUS(status))
		fail_msg("step %d", WEXITSTATUS(status));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define X(claim) T(REAL_##claim), T(CONFINED_##claim), T(SIMULATED_##claim),
		CLAIMS(X)
#undef X
			T(opening_a_pipe_nobody_writes_to_does_not_hang),
		T(a_file_that_may_not_grow_is_a_lack_of_space_and_names_it),
		T(a_link_to_another_file_system_is_told_apart),
		T(rename_new_works_where_the_flag_is_unknown),
	};
	return RUN(tests);
}
