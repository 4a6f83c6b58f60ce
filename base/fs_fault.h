/* fs_fault.h - a file seam before another one: counts its operations by kind, and at one of them
 * the process dies, or the operation fails.
 * Why: "killed in the middle of the publication" is a place, not a moment; a signal from outside
 * hardly ever meets it. For `weir torture`, whose children are the only ones that have it.
 * Borrows the seam behind it and the page. Threads: any may call, as with any seam. */
#pragma once
#include "base/fs.h"

enum fs_op {
	FS_OP_ANY, /* in a plan: of whatever kind */
	FS_OP_OPEN,
	FS_OP_READ,
	FS_OP_WRITE,
	FS_OP_TRUNCATE,
	FS_OP_SYNC,
	FS_OP_CLOSE,
	FS_OP_STAT,
	FS_OP_LINK,
	FS_OP_RENAME,
	FS_OP_UNLINK,
	FS_OP_MKDIR,
	FS_OP_RMDIR,
	FS_OP_SYNC_DIR,
	FS_OP_LIST,
	FS_OP_LOCK,
	FS_OPS,
};

enum fs_fault_how {
	FS_FAULT_NONE,
	FS_FAULT_DIE_BEFORE, /* the operation is not begun */
	FS_FAULT_DIE_AFTER,  /* it is done, and nobody hears of it */
	FS_FAULT_DIE_TORN,   /* a write: half of it is done; else as DIE_BEFORE */
	FS_FAULT_FAIL,       /* it is not done, and says so */
	FS_FAULT_HOWS,
};

struct fs_fault_plan {
	enum fs_fault_how how;
	enum fs_op op;
	uint64_t at;    /* at the at-th of its kind, from 1 */
	uint64_t times; /* FAIL: so many in a row, from that one on */
	int errnum;     /* FAIL: EIO, ENOSPC, ... */
};

/* What became of it, in memory that may be shared with whoever watches, and that outlives it. */
struct fs_fault_seen {
	_Atomic uint64_t begun[FS_OPS]; /* operations, by kind; [FS_OP_ANY]: all */
	_Atomic uint64_t struck;        /* how often the plan did */
	char path[256];                 /* of the first one it struck; "" where there is but a handle */
	_Atomic int op;                 /* and its kind */
};

struct fs_fault {
	struct fs fs;
	struct fs *behind;
	struct fs_fault_plan plan;
	struct fs_fault_seen *seen;
	void (*die)(void *arg); /* does not return, but in a test: then nothing is done any more */
	void *arg;
	_Atomic bool dead;
};

/* Nothing to close. */
void fs_fault_init(struct fs_fault *f, struct fs *behind, const struct fs_fault_plan *plan,
		   struct fs_fault_seen *seen, void (*die)(void *arg), void *arg);
const char *fs_op_name(enum fs_op op);              /* "rename" */
const char *fs_fault_how_name(enum fs_fault_how h); /* "die-before" */
