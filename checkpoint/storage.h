/* storage.h - where manifests and parts are kept: objects with a name in a folder, put once.
 * Why: the log of slots and the part files need five promises of what is below them, and a folder
 * of a file system is only one thing that gives them; an object store is another (adr/0020).
 *   put      of a name that nobody has: one of many wins, ever, and all learn who (inv 25)
 *   get      after a put or a seal: those bytes, or an error; never a part of them
 *   list     shows every name that was put before it began, and no other
 *   remove   of what nobody names any more
 *   settle   what was put, created or removed in a folder before is not lost by a crash
 * Here: storage_dir (a folder, over struct fs) and storage_mem.h (tests). Not here: what stays on
 * files whatever keeps the state: owner.lock, job.json, the history, and what sinks commit by link
 * and rename (intent.c, promise.c).
 * Threads: any; an object has one user at a time, but it may be synced while it is written.
 * Cost: one indirect call an object or a piece of 256 KiB. */
#pragma once
#include "base/fs.h"
#include "checkpoint/layout.h"

/* What became of a put. UNKNOWN is no failure: it may stand, or come to stand. */
enum put_outcome {
	PUT_DONE,    /* visible to all, and not lost by a crash */
	PUT_TAKEN,   /* the name is another's: nothing of ours is visible, and never will be */
	PUT_UNKNOWN, /* nobody knows: stop, delete nothing */
	PUT_FAILED,  /* not visible, and never will be: another try may put it */
};

struct put {
	const char *folder, *path; /* of the object; path stands in folder */
	const void *data;
	size_t len;
	/* Whose it is: names what a crash may leave behind. *seq is advanced. */
	uint64_t epoch;
	uint64_t *seq;
};

/* A whole object, read. Owner: the caller. */
struct blob {
	uint8_t *data;
	size_t len;
	struct mem *mem;
};
void blob_close(struct blob *b); /* legal on the empty value */

struct storage_ops {
	const char *name;
	enum put_outcome (*put)(void *self, const struct put *p, struct err *e);
	RC (*get)(void *self, const char *path, size_t limit_bytes, struct blob *b, struct err *e);
	RC (*list)(void *self, const char *folder, struct fs_names *l, struct err *e);
	RC (*remove)(void *self, const char *path, struct err *e);
	RC (*size)(void *self, const char *path, uint64_t *size_bytes, struct err *e);
	uint64_t (*shrink)(void *self, const char *path, uint64_t step_bytes); /* NULL: never does */
	RC (*settle)(void *self, const char *folder, struct err *e);
	RC (*harden)(void *self, const char *path, struct err *e);
	RC (*create)(void *self, const char *path, int *handle, struct err *e);
	RC (*open)(void *self, const char *path, int *handle, uint64_t *size_bytes, struct err *e);
	RC (*write)(void *self, int handle, const void *from, size_t len, uint64_t off,
		    struct err *e);
	RC (*read)(void *self, int handle, void *to, size_t len, uint64_t off, size_t *got,
		   struct err *e);
	RC (*sync)(void *self, int handle, struct err *e);
	RC (*close)(void *self, int *handle, struct err *e);
};

/* One folder: a value. Paths are borrowed. */
struct storage {
	const struct storage_ops *ops;
	void *self;
	const char *dir, *folder; /* folder NULL: dir itself */
};
/* Over files; fs outlives it and its objects. */
struct storage storage_dir(struct fs *fs, const char *dir, const char *folder);

/* "<dir>/<folder>/<name>", for messages too; name NULL: the folder's. E_INVALID: too long. */
RC storage_path(struct storage st, const char *name, char to[LAYOUT_PATH_MAX], struct err *e);

/* Puts a small object if nobody has the name. e says why, unless PUT_DONE; its code is
 * E_CRASHED where this process is no more. */
enum put_outcome storage_put(struct storage st, const char *name, const void *data, size_t len,
			     uint64_t epoch, uint64_t *seq, struct err *e);
/* E_NOT_FOUND: not there. E_CORRUPT: larger than the limit. */
RC storage_get(struct storage st, const char *name, size_t limit_bytes, struct blob *b,
	       struct err *e);
RC storage_list(struct storage st, struct fs_names *l, struct err *e); /* E_NOT_FOUND: no folder */
RC storage_remove(struct storage st, const char *name, struct err *e); /* E_NOT_FOUND: is gone */
RC storage_size(struct storage st, const char *name, uint64_t *size_bytes, struct err *e);
/* Takes the last bytes of a large object that nobody names, which is removed next, so that no
 * removal takes long: returns how many, at most step_bytes; 0: it goes whole. In a folder only
 * where the name is its file's last: a savepoint that was copied with hard links, or a state that
 * was taken over, may share it. (Who links a part of a directory that is not its own looks at its
 * size afterwards, for between a look and a link it may have been cut.) */
uint64_t storage_shrink(struct storage st, const char *name, uint64_t step_bytes);
/* Names of before survive a crash from now on. */
RC storage_settle(struct storage st, struct err *e);
/* What stands under this name does, too: for who did not put it, and is to believe it. */
RC storage_harden(struct storage st, const char *name, struct err *e);

/* An object that is written piece by piece, or read at any place. handle -1: closed. */
struct object {
	const struct storage_ops *ops;
	void *self;
	int handle;
};
#define OBJECT_CLOSED ((struct object){.handle = -1})

/* E_EXISTS: somebody has the name. Not durable before object_sync, its name not before settle. */
RC storage_create(struct storage st, const char *name, struct object *o, struct err *e);
/* *size_bytes: UINT64_MAX when it is no object (a folder). */
RC storage_open(struct storage st, const char *name, struct object *o, uint64_t *size_bytes,
		struct err *e);
RC object_write(struct object *o, const void *from, size_t len, uint64_t off, struct err *e);
/* *got is less only at its end. */
RC object_read(struct object *o, void *to, size_t len, uint64_t off, size_t *got, struct err *e);
RC object_sync(struct object *o, struct err *e);
RC object_close(struct object *o, struct err *e); /* legal on a closed one */
