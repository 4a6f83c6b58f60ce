/* export.h - a savepoint's files: a small ordinary job directory that needs nothing of the one it
 * came from, made after its checkpoint is durable.
 *
 *   <dir>/savepoints/<name>/job.json, manifest/<the checkpoint's slot>, parts/<one file>
 *
 * It exists iff its slot is linked: everything else is made durable before, so a crash leaves it
 * whole or absent (and its leftovers are cleared by the next try, which is owed: until then the
 * checkpoint is pinned). Every reader of a job's directory works on it as it is.
 *
 *   durability lane: folders, leftovers ─> bytes lane: bundle ─> durability lane: seal, link
 *
 * Owns: copies of what it needs. Threads: control thread; the work is done on the lanes. */
#pragma once
#include "base/check.h"
#include "base/env.h"
#include "checkpoint/store.h"
#include "runtime/ioqueue.h"

#define SAVEPOINTS "savepoints"

/* "<dir>/savepoints/<name>"; false: too long. */
bool savepoint_path(char to[LAYOUT_PATH_MAX], const char *dir, const char *name);
/* Whether the savepoint exists, whole. Any error but that it is not there is an error (inv 15). */
RC savepoint_is_there(struct fs *fs, struct mem *mem, const char *dir, const char *name,
		      bool *there, struct err *e);
/* The slot of its checkpoint; SLOT_NONE: it is not there. */
RC savepoint_slot(struct fs *fs, struct mem *mem, const char *dir, const char *name, uint64_t *slot,
		  struct err *e);

/* How many there are, whole, in that job's directory, and the first names: "a, b, ...". */
#define SAVEPOINT_TEXT 200
RC savepoints_count(struct fs *fs, struct mem *mem, const char *dir, uint32_t *n,
		    char some[SAVEPOINT_TEXT], struct err *e);

struct export_options {
	struct env *env;
	struct ioqueue *io;
	struct store *store;     /* told, on the durability lane, that it is durable; may be NULL */
	const char *dir;         /* the job's; borrowed until export_close */
	const char *job_text;    /* borrowed during export_open; NULL: not that of the checkpoint */
	size_t job_len;
	uint64_t epoch;          /* of who exports; may be above the checkpoint's */
	uint32_t number;         /* of this export in this process, from 0 */
	struct mailbox *reply;   /* gets the letter */
	int kind;
};

struct export_job {
	struct io_job prepare, write, publish; /* the letter is publish's: rc and error */
	struct export_options o;
	struct mem *mem;
	struct bundle *bundle;
	struct manifest from;
	char *job_text;
	char dir[LAYOUT_PATH_MAX], parts[LAYOUT_PATH_MAX], from_parts[LAYOUT_PATH_MAX];
	struct fs_names old, temporaries; /* of an earlier try, perhaps */
	size_t at;
	uint32_t stage;
	bool done_before;        /* somebody finished it already */
	_Atomic bool dropped;
	uint64_t bytes;          /* out: of its part file */
};

/* m: a published checkpoint with a name. */
RC export_open(struct export_job **x, const struct export_options *o, const struct manifest *m,
	       struct err *e);
void export_submit(struct export_job *x);
/* It is not wanted now: comes back soon as E_STOPPED, and is to be begun anew later. */
void export_drop(struct export_job *x);
void export_close(struct export_job *x); /* after its letter; NULL is legal */
static inline struct export_job *export_of_letter(struct mail *m)
{
	return CONTAINER_OF(CONTAINER_OF(m, struct io_job, mail), struct export_job, publish);
}
