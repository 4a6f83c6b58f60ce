/* lookups.h - single keys of a running job's keyed state, asked for from outside: the key as bytes,
 * its hash, its group, the subtask that owns it, a letter to that one's task (runtime/lookup.h),
 * and the answer as soon as the letter is back.
 *
 *   FREE ──job_look_up──> ASKED ──back──> found() ──> FREE
 *                           └─LOOKUP_PATIENCE_US─> found(E_TIMEOUT) ──> LATE ──back──> FREE
 *   the attempt ends: found(E_REFUSED) of those that are ASKED; all are FREE
 *
 * inv 1  each that was accepted is answered exactly once, never from within job_look_up
 * inv 2  a task that has one LATE is asked nothing: one that is stuck keeps nobody else's places
 * Owns: its letters, and the keys in them, until they are back. Threads: control thread. */
#pragma once
#include "jobs/job.h"

#define LOOKUPS_MAX 64u            /* under way; a task answers all that came at its next step */
#define LOOKUP_PATIENCE_US 500000u /* a person waits; batches take microseconds: by feel */

struct job_found {
	uint64_t request;
	struct err error;          /* OK: it is there. E_NOT_FOUND: no such key. E_TIMEOUT: its task is
				    * busy; E_REFUSED: the attempt has ended; E_NO_MEMORY, E_CORRUPT */
	/* of a key that is there; borrowed: */
	const char *row;           /* a JSON object */
	uint32_t subtask;          /* that owns it */
	uint64_t records;          /* that it had worked on in this attempt */
	uint64_t barrier;          /* of the newest checkpoint that it had passed; 0: none */
	int64_t wall_us;           /* when it looked */
};

struct job_lookup {
	uint64_t request;
	const char *stage;
	const char *const *key;    /* a text for each field, or one for all: keys_text.h */
	unsigned n_keys;
	void (*found)(void *arg, const struct job_found *f);
	void *arg;
};

/* E_REFUSED: no attempt is running, or it is ending. E_NOT_FOUND: no such stage, or it has no
 * keyed state. E_USAGE: no key of that state. E_LIMIT: too many are asked for. E_TIMEOUT: its task
 * has not answered an earlier one. */
RC job_look_up(struct job *j, const struct job_lookup *l, struct err *e);
