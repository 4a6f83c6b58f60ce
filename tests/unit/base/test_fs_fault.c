/* test_fs_fault.c - each operation of the seam is counted by kind, and struck where the plan says:
 * before it, after it, in the middle of a write, or by an error, and nowhere else. */
#include "tests/lib/test.h"

#include "base/fs_fault.h"
#include "base/fs_sim.h"

#include <errno.h>

struct rig {
	struct mem mem;
	struct fs_sim *sim;
	struct fs_fault fault;
	struct fs_fault_seen seen;
	unsigned deaths;
};

static void dies(void *arg)
{
	((struct rig *)arg)->deaths++;
}

static struct fs *rig_open(struct rig *r, struct fs_fault_plan plan)
{
	struct err e = {0};
	*r = (struct rig){0};
	mem_init(&r->mem, 0);
	EXPECT_OK(fs_sim_open(&r->sim, &r->mem, &e), &e);
	fs_fault_init(&r->fault, fs_sim_fs(r->sim), &plan, &r->seen, dies, r);
	return &r->fault.fs;
}

static void rig_close(struct rig *r)
{
	fs_sim_close(&r->sim);
}

static bool is_there(struct rig *r, const char *path, uint64_t *size)
{
	struct fs_stat st = {0};
	bool there = fs_stat(fs_sim_fs(r->sim), path, &st, NULL) == OK;
	*size = st.size_bytes;
	return there;
}

/* Every operation there is, once or more; how many went well. */
static unsigned all(struct fs *fs)
{
	struct fs_stat st;
	struct fs_names l;
	char byte;
	size_t got;
	int fd, lock;
	unsigned ok = 0;
	ok += fs_mkdir(fs, "d", NULL, NULL) == OK;
	ok += fs_open(fs, "d/a", FS_CREATE, &fd, NULL) == OK;
	ok += fd >= 0 && fs_pwrite(fs, fd, "12345678", 8, 0, NULL) == OK;
	ok += fd >= 0 && fs_truncate(fs, fd, 6, NULL) == OK;
	ok += fd >= 0 && fs_sync(fs, fd, NULL) == OK;
	ok += fd >= 0 && fs_fstat(fs, fd, &st, NULL) == OK;
	ok += fd >= 0 && fs_pread(fs, fd, &byte, 1, 0, &got, NULL) == OK;
	ok += fd >= 0 && fs_close(fs, &fd, NULL) == OK;
	ok += fs_link(fs, "d/a", "d/b", NULL) == OK;
	ok += fs_rename_new(fs, "d/b", "d/c", NULL) == OK;
	ok += fs_sync_dir(fs, "d", NULL) == OK;
	ok += fs_stat(fs, "d/c", &st, NULL) == OK;
	ok += fs_list(fs, "d", &l, NULL) == OK;
	fs_names_close(&l);
	ok += fs_unlink(fs, "d/c", NULL) == OK;
	ok += fs_lock(fs, "lock", &lock, NULL) == OK;
	ok += lock >= 0 && fs_close(fs, &lock, NULL) == OK;
	ok += fs_unlink(fs, "d/a", NULL) == OK;
	ok += fs_rmdir(fs, "d", NULL) == OK;
	return ok;
}

enum { ALL = 18 };

TEST(without_a_plan_it_only_counts)
{
	struct rig r;
	EXPECT(all(rig_open(&r, (struct fs_fault_plan){0})) == ALL);
	uint64_t sum = 0;
	for (int op = FS_OP_ANY + 1; op < FS_OPS; op++) {
		EXPECT(r.seen.begun[op] >= 1);
		sum += r.seen.begun[op];
	}
	EXPECT(sum == ALL && r.seen.begun[FS_OP_ANY] == ALL && !r.seen.struck && !r.deaths);
	rig_close(&r);
}

TEST(each_operation_of_each_kind_can_be_failed_and_only_that)
{
	struct rig r;
	for (uint64_t at = 1; at <= ALL; at++) {
		struct fs *fs = rig_open(&r, (struct fs_fault_plan){FS_FAULT_FAIL, FS_OP_ANY, at, 1, EIO});
		EXPECT(all(fs) < ALL && r.seen.struck == 1 && !r.deaths);
		rig_close(&r);
	}
	for (int op = FS_OP_ANY + 1; op < FS_OPS; op++) {
		struct fs_fault_plan p = {FS_FAULT_FAIL, (enum fs_op)op, 1, 1000, ENOSPC};
		EXPECT(all(rig_open(&r, p)) < ALL && r.seen.struck && r.seen.op == op);
		rig_close(&r);
	}
}

TEST(an_error_is_what_was_asked_for_and_is_said_to_be_planted)
{
	struct rig r;
	struct err e = {0};
	struct fs *fs = rig_open(&r, (struct fs_fault_plan){FS_FAULT_FAIL, FS_OP_MKDIR, 2, 1, ENOSPC});
	EXPECT(fs_mkdir(fs, "a", NULL, &e) == OK);
	EXPECT(fs_mkdir(fs, "b", NULL, &e) == E_NO_SPACE);
	EXPECT(strstr(e.text, "'b'") && strstr(e.text, "torture"));
	EXPECT(!strcmp(r.seen.path, "b"));
	EXPECT(fs_mkdir(fs, "b", NULL, &e) == OK);
	rig_close(&r);
}

TEST(after_a_death_nothing_is_done_any_more)
{
	struct rig r;
	uint64_t size;
	for (int how = FS_FAULT_DIE_BEFORE; how <= FS_FAULT_DIE_AFTER; how++) {
		struct fs *fs = rig_open(
			&r, (struct fs_fault_plan){(enum fs_fault_how)how, FS_OP_MKDIR, 1, 1, 0});
		EXPECT(fs_mkdir(fs, "a", NULL, NULL) == E_CRASHED && r.deaths == 1);
		EXPECT(fs_mkdir(fs, "b", NULL, NULL) == E_CRASHED && r.deaths == 1);
		EXPECT(is_there(&r, "a", &size) == (how == FS_FAULT_DIE_AFTER));
		EXPECT(!is_there(&r, "b", &size));
		rig_close(&r);
	}
}

TEST(a_torn_write_leaves_its_first_half)
{
	struct rig r;
	uint64_t size;
	int fd;
	struct fs *fs = rig_open(&r, (struct fs_fault_plan){FS_FAULT_DIE_TORN, FS_OP_WRITE, 1, 1, 0});
	EXPECT(fs_open(fs, "a", FS_CREATE, &fd, NULL) == OK);
	EXPECT(fs_pwrite(fs, fd, "12345678", 8, 0, NULL) == E_CRASHED && r.deaths == 1);
	EXPECT(is_there(&r, "a", &size) && size == 4);
	rig_close(&r);
}

TEST(a_close_that_fails_closes)
{
	struct rig r;
	int fd;
	struct err e = {0};
	struct fs *fs = rig_open(&r, (struct fs_fault_plan){FS_FAULT_FAIL, FS_OP_CLOSE, 1, 1, EIO});
	EXPECT_OK(fs_lock(fs, "lock", &fd, &e), &e);
	EXPECT(fs_close(fs, &fd, &e) == E_IO && fd == -1);
	err_clear(&e);
	EXPECT_OK(fs_lock(fs, "lock", &fd, &e), &e); /* so it was given back */
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(without_a_plan_it_only_counts),
		T(each_operation_of_each_kind_can_be_failed_and_only_that),
		T(an_error_is_what_was_asked_for_and_is_said_to_be_planted),
		T(after_a_death_nothing_is_done_any_more),
		T(a_torn_write_leaves_its_first_half),
		T(a_close_that_fails_closes),
	};
	return RUN(tests);
}
