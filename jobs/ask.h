/* ask.h - what somebody outside may ask of a running job, as one value: a checkpoint, a savepoint,
 * a stop, that a checkpoint is kept, that what nobody needs goes.
 * Why one type: it passes unchanged from a command line or a request through server, wire, drive
 * and job, so another wish is a field here and not a function in each of them.
 * Pure. */
#pragma once
#include "base/err.h"

#include <stdint.h>

#define ASK_NAME_MAX 64 /* bytes of a savepoint's name: a folder is called by it */

enum ask_kind {
	ASK_CHECKPOINT, /* full */
	ASK_SAVEPOINT,  /* name */
	ASK_PIN,        /* id: retention keeps it */
	ASK_UNPIN,      /* id */
	ASK_GC,         /* dry_run */
	ASK_STOP,       /* drain, savepoint, name */
};
#define ASK_KINDS 6
const char *ask_kind_name(enum ask_kind k); /* "checkpoint" */

struct job_ask {
	enum ask_kind kind;
	uint64_t request;  /* the asker's number, given back with the answer; not 0, but of a stop: the
			    * job's end is its answer */
	bool full;         /* write everything, whatever the newest checkpoint holds */
	bool drain;        /* sources end first, so that what waits for the end of input comes out */
	bool savepoint;    /* the stop's checkpoint is a savepoint too */
	bool dry_run;      /* only say what would go */
	char name[ASK_NAME_MAX + 1]; /* of a savepoint; "": named by its checkpoint's number */
	uint64_t id;       /* a checkpoint's */
};

/* E_INVALID: what cannot be the name of a savepoint, and why. */
RC ask_name_check(const char *name, struct err *e);
