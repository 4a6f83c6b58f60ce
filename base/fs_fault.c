/* fs_fault.c - see fs_fault.h. */
#include "base/fs_fault.h"

#include <stdio.h>

static const char *const op_names[FS_OPS] = {
	"any", "open", "read", "write", "truncate", "sync", "close", "stat", "link", "rename",
	"unlink", "mkdir", "rmdir", "sync-directory", "list", "lock",
};
static const char *const how_names[FS_FAULT_HOWS] = {
	"none", "die-before", "die-after", "die-torn", "fail",
};

const char *fs_op_name(enum fs_op op)
{
	return op_names[op];
}

const char *fs_fault_how_name(enum fs_fault_how h)
{
	return how_names[h];
}

/* ---- when ---- */

static struct fs_fault *self(struct fs *fs)
{
	return (struct fs_fault *)fs; /* its first member */
}

/* Counts one operation; whether the plan is about it. */
static bool struck(struct fs_fault *f, enum fs_op op)
{
	const struct fs_fault_plan *p = &f->plan;
	uint64_t all = atomic_fetch_add(&f->seen->begun[FS_OP_ANY], 1) + 1;
	uint64_t own = atomic_fetch_add(&f->seen->begun[op], 1) + 1;
	uint64_t n = p->op == FS_OP_ANY ? all : own;
	uint64_t times = p->how == FS_FAULT_FAIL ? p->times : 1;
	return p->how != FS_FAULT_NONE && (p->op == FS_OP_ANY || p->op == op) && n >= p->at &&
	       n - p->at < times;
}

static void note(struct fs_fault *f, enum fs_op op, const char *path)
{
	if (atomic_fetch_add(&f->seen->struck, 1))
		return;
	snprintf(f->seen->path, sizeof f->seen->path, "%s", path);
	atomic_store(&f->seen->op, (int)op);
}

static enum rc dead(struct err *e)
{
	return ERR(e, E_CRASHED, "killed by a planted fault");
}

static void die(struct fs_fault *f)
{
	atomic_store(&f->dead, true);
	f->die(f->arg);
}

static enum rc fail(struct fs_fault *f, enum fs_op op, const char *path, struct err *e)
{
	return err_errno(e, f->plan.errnum, "%s%s%s%s (a fault put there by weir torture)",
			 op_names[op], *path ? " '" : "", path, *path ? "'" : "");
}

/* `call` is the operation on the seam behind. */
#define OPERATION(op, path, e, call)                                                               \
	struct fs_fault *f = self(fs);                                                             \
	if (atomic_load(&f->dead))                                                                 \
		return dead(e);                                                                    \
	if (!struck(f, op))                                                                        \
		return call;                                                                       \
	note(f, op, path);                                                                         \
	if (f->plan.how == FS_FAULT_FAIL)                                                          \
		return fail(f, op, path, e);                                                       \
	if (f->plan.how == FS_FAULT_DIE_AFTER)                                                     \
		(void)!(call);                                                                     \
	die(f);                                                                                    \
	return dead(NULL)

/* ---- operations ---- */

static enum rc fault_open(struct fs *fs, const char *path, enum fs_open how, int *fd, struct err *e)
{
	OPERATION(FS_OP_OPEN, path, e, fs_open(f->behind, path, how, fd, e));
}

static enum rc fault_pread(struct fs *fs, int fd, void *to, size_t len, uint64_t off, size_t *got,
			   struct err *e)
{
	OPERATION(FS_OP_READ, "", e, fs_pread(f->behind, fd, to, len, off, got, e));
}

static enum rc write_torn(struct fs_fault *f, int fd, const void *from, size_t len, uint64_t off,
			  struct err *e)
{
	note(f, FS_OP_WRITE, "");
	(void)!fs_pwrite(f->behind, fd, from, len / 2, off, e);
	die(f);
	return dead(NULL);
}

static enum rc fault_pwrite(struct fs *fs, int fd, const void *from, size_t len, uint64_t off,
			    struct err *e)
{
	struct fs_fault *torn = self(fs);
	if (torn->plan.how == FS_FAULT_DIE_TORN && !atomic_load(&torn->dead))
		return struck(torn, FS_OP_WRITE) ? write_torn(torn, fd, from, len, off, e)
						 : fs_pwrite(torn->behind, fd, from, len, off, e);
	OPERATION(FS_OP_WRITE, "", e, fs_pwrite(f->behind, fd, from, len, off, e));
}

static enum rc fault_truncate(struct fs *fs, int fd, uint64_t size_bytes, struct err *e)
{
	OPERATION(FS_OP_TRUNCATE, "", e, fs_truncate(f->behind, fd, size_bytes, e));
}

static enum rc fault_sync(struct fs *fs, int fd, struct err *e)
{
	OPERATION(FS_OP_SYNC, "", e, fs_sync(f->behind, fd, e));
}

/* The handle goes in any case, as with close(2). */
static enum rc close_failing(struct fs_fault *f, int fd, struct err *e)
{
	(void)!fs_close(f->behind, &fd, NULL);
	return fail(f, FS_OP_CLOSE, "", e);
}

static enum rc fault_close(struct fs *fs, int fd, struct err *e)
{
	struct fs_fault *closing = self(fs);
	if (closing->plan.how == FS_FAULT_FAIL) {
		if (!struck(closing, FS_OP_CLOSE))
			return fs_close(closing->behind, &fd, e);
		note(closing, FS_OP_CLOSE, "");
		return close_failing(closing, fd, e);
	}
	OPERATION(FS_OP_CLOSE, "", e, fs_close(f->behind, &fd, e));
}

static enum rc fault_fstat(struct fs *fs, int fd, struct fs_stat *st, struct err *e)
{
	OPERATION(FS_OP_STAT, "", e, fs_fstat(f->behind, fd, st, e));
}

static enum rc fault_stat(struct fs *fs, const char *path, struct fs_stat *st, struct err *e)
{
	OPERATION(FS_OP_STAT, path, e, fs_stat(f->behind, path, st, e));
}

static enum rc fault_link(struct fs *fs, const char *from, const char *to, struct err *e)
{
	OPERATION(FS_OP_LINK, to, e, fs_link(f->behind, from, to, e));
}

static enum rc fault_rename(struct fs *fs, const char *from, const char *to, struct err *e)
{
	OPERATION(FS_OP_RENAME, to, e, fs_rename_new(f->behind, from, to, e));
}

static enum rc fault_unlink(struct fs *fs, const char *path, struct err *e)
{
	OPERATION(FS_OP_UNLINK, path, e, fs_unlink(f->behind, path, e));
}

static enum rc fault_mkdir(struct fs *fs, const char *path, bool *made, struct err *e)
{
	OPERATION(FS_OP_MKDIR, path, e, fs_mkdir(f->behind, path, made, e));
}

static enum rc fault_rmdir(struct fs *fs, const char *path, struct err *e)
{
	OPERATION(FS_OP_RMDIR, path, e, fs_rmdir(f->behind, path, e));
}

static enum rc fault_sync_dir(struct fs *fs, const char *path, struct err *e)
{
	OPERATION(FS_OP_SYNC_DIR, path, e, fs_sync_dir(f->behind, path, e));
}

static enum rc fault_list(struct fs *fs, const char *path, struct fs_names *l, struct err *e)
{
	OPERATION(FS_OP_LIST, path, e, fs_list(f->behind, path, l, e));
}

static enum rc fault_lock(struct fs *fs, const char *path, int *fd, struct err *e)
{
	OPERATION(FS_OP_LOCK, path, e, fs_lock(f->behind, path, fd, e));
}

static uint64_t fault_room(struct fs *fs, const char *path)
{
	return fs_room(self(fs)->behind, path);
}

static const struct fs_ops fault_ops = {
	.name = "fault",
	.open = fault_open,
	.pread = fault_pread,
	.pwrite = fault_pwrite,
	.truncate = fault_truncate,
	.sync = fault_sync,
	.close = fault_close,
	.fstat = fault_fstat,
	.stat = fault_stat,
	.link = fault_link,
	.rename_new = fault_rename,
	.unlink = fault_unlink,
	.mkdir = fault_mkdir,
	.rmdir = fault_rmdir,
	.sync_dir = fault_sync_dir,
	.list = fault_list,
	.lock = fault_lock,
	.room = fault_room,
};

void fs_fault_init(struct fs_fault *f, struct fs *behind, const struct fs_fault_plan *plan,
		   struct fs_fault_seen *seen, void (*die_now)(void *arg), void *arg)
{
	*f = (struct fs_fault){.fs = {.ops = &fault_ops, .mem = behind->mem}, .behind = behind,
			       .plan = *plan, .seen = seen, .die = die_now, .arg = arg};
}
