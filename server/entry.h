/* entry.h - one job's line in the catalogue: what must be known to run it again, and whether it is
 * to run. Text in, text out; docs/FORMAT.md has the layout.
 * Pure. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include "base/mem.h"

/* What is true of a job after any crash. */
enum standing {
	STANDING_RUNNING,   /* to be run: it was submitted or restarted, and has not ended */
	STANDING_STOPPED,
	STANDING_CANCELLED,
	STANDING_FINISHED,
	STANDING_FAILED,
	STANDING_REMOVED,   /* its files are being removed */
};
const char *standing_name(enum standing s); /* "running" */
bool standing_parse(const char *name, enum standing *s);

#define ENTRY_NAME_MAX 64      /* SPEC_NAME_MAX: [A-Za-z0-9_-] */
#define ENTRY_SETS_MAX 64      /* by feel */
#define ENTRY_TEXT_MAX (4u << 20) /* bytes of a whole entry: a job of 1 MiB, and plenty */
/* [A-Za-z0-9_-]{1,64}: so it may stand in a path. */
bool entry_name_ok(const char *name);

struct entry {
	struct mem *mem;
	char name[ENTRY_NAME_MAX + 1];
	enum standing standing;
	enum rc code;              /* FAILED: of the error; also of a stop that took no checkpoint */
	char *error;               /* one line; NULL: none */
	int exit;                  /* FAILED: what its process said to exit with; 0: by its code */
	bool erase;                /* its state is to be removed (on_cancel: delete) */
	int64_t submitted_wall_us; /* the description's */
	int64_t since_wall_us;     /* of this standing */
	char *file;                /* the job file's absolute path as the client knew it; NULL: none */
	uint32_t parallelism;      /* of `rescale`; 0: what the job says */
	char *set[ENTRY_SETS_MAX]; /* --set arguments */
	unsigned n_sets;
	char *restore;             /* what its next start is to go on from, until it has: an id, a name,
	                            * or an absolute path; NULL: its newest checkpoint */
	bool rewind, claim;        /* of restore */
	char *job;                 /* the description, as submitted; may hold anything but NUL */
	size_t job_len;
};

/* E_NO_MEMORY. Copies all of from (its memory from mem). */
RC entry_copy(struct entry *to, const struct entry *from, struct mem *mem, struct err *e);
void entry_close(struct entry *en); /* legal on the empty value */
/* Another error text (NULL: none). */
RC entry_set_error(struct entry *en, enum rc code, const char *text, struct err *e);

/* That has been done. */
void entry_forget_restore(struct entry *en);

/* Appends to `to`. E_INVALID: a name that is none, a file or --set argument that is not UTF-8, a
 * NUL in the job, or more than ENTRY_TEXT_MAX. Invalid UTF-8 in the error becomes U+FFFD; the job
 * is kept byte by byte. */
RC entry_encode(const struct entry *en, struct bytes *to, struct err *e);
/* E_CORRUPT with the reason: checksum, unknown version (by number), a missing or odd member. */
RC entry_decode(struct entry *en, const uint8_t *data, size_t len, struct mem *mem, struct err *e);
/* Without the description (en->job NULL, job_len as written), from the first len bytes of an entry
 * of total_bytes. With all of them, the description is verified nevertheless. *need: when len was
 * too little (then *en is empty and the result OK), how many bytes it takes; else 0. */
RC entry_decode_head(struct entry *en, const uint8_t *data, size_t len, size_t total_bytes,
		     size_t *need, struct mem *mem, struct err *e);
