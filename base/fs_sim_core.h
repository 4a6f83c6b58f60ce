/* fs_sim_core.h - what the operations of the simulated file system share: begin and end, handles.
 * Why apart: fs_sim_ops.c says what each operation does, fs_sim.c whether it may, who is told. */
#pragma once
#include "base/check.h"
#include "base/fs_sim.h"
#include "base/fs_sim_disk.h"
#include "base/waker.h"

/* Numbers of handles are never used again, so a stale one cannot touch another's file. */
struct handle {
	int fd;
	uint64_t ino;
	uint32_t host;
	bool writes, locks;
	char path[128]; /* for messages; cut */
};

struct fs_sim {
	struct fs fs;
	struct lock lock;
	struct disk disk;
	struct handle *handle;
	size_t handles_n, handles_cap;
	int last_fd, first_fd_now; /* of those below first_fd_now some died with their process */
	uint32_t host;             /* whose calls these are */
	bool aside;                /* those of who only looks; their number is 0 */
	uint64_t ops;              /* equals fs.count when nobody is inside */
	uint8_t *changed;          /* of each operation: whether it may change the disk */
	size_t changed_cap;
	uint16_t *kinds;           /* of each operation: enum fs_sim_kind */
	size_t kinds_cap;
	uint64_t crash_at, crash_after;
	bool down;
	struct fs_sim_fault fault;
	uint64_t faults;
	uint64_t trusted_doubtful;
	uint64_t trace_hash;
	FILE *trace;
	void (*watch)(void *arg, const struct fs_sim_change *c);
	void *watch_arg;
};

/* One operation, from begin to end. */
struct op {
	struct fs_sim *s;
	const char *doing;
	char what[128]; /* the path; cut */
	uint64_t n, detail;
	struct err *e;
	bool changes;
	bool hit;       /* the planned fault finds it */
	bool e_is_ours; /* *e was empty when the operation began */
	enum rc rc;
};

static inline struct fs_sim *sim_of(struct fs *fs)
{
	return CONTAINER_OF(fs, struct fs_sim, fs);
}

/* Takes the lock, which op_end drops. o->rc then says whether the operation may happen. */
void op_begin(struct op *o, struct fs *fs, const char *doing, const char *what, bool needs_space,
	      struct err *e);
/* For an operation on a handle; *h and *f are NULL, and rc is not OK, if its process is dead. */
void op_begin_fd(struct op *o, struct fs *fs, const char *doing, int fd, bool needs_space,
		 struct handle **h, struct inode **f, struct err *e);
/* The operation's result as its caller hears it. */
RC op_end(struct op *o);
/* Unless it failed already. */
void op_fail(struct op *o, int errnum);
/* Tells who watches. to NULL: did has none; f NULL: a directory. */
void op_did(const struct op *o, enum fs_sim_did did, const char *to, const struct inode *f,
	    uint64_t off, uint64_t len);
/* Whether the caller will hear of a success. */
bool op_is_told(const struct op *o);
/* Whether a read is to give less than there is; then it is counted as a fault. */
bool op_is_short(struct op *o);
int64_t op_now_us(const struct op *o);

/* The new handle's number. */
int sim_handle_add(struct fs_sim *s, struct inode *f, const char *path, bool writes, bool locks);
void sim_handle_drop(struct fs_sim *s, struct handle *h);
bool sim_is_locked(const struct fs_sim *s, const struct inode *f);

extern const struct fs_ops fs_sim_ops; /* fs_sim_ops.c */
