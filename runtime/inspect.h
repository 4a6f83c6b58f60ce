/* inspect.h - one checkpoint of a job's directory, read by somebody who is not its owner: keys,
 * rows, differences, and whether every byte is what was written.
 * Why no lock: it is asked while the job runs. A file is never changed and goes only after the slot
 * that named it, so whatever looks corrupt or missing counts only while the slot stands and the
 * newest manifest still lists it: else the checkpoint was retired meanwhile, which is no fault
 * (E_NOT_FOUND says so).
 *
 *   inspect_open (by id, by a savepoint's name, or the one a start would go on from)
 *     -> inspect_find a stage's keyed state -> get | scan | diff
 *     -> inspect_check (inspect_check.h)
 *
 * Nothing is changed on disk. Owns: the manifest. Blocking. Threads: one owner. */
#pragma once
#include "base/env.h"
#include "checkpoint/manifest.h"
#include "runtime/keys.h"

struct inspect;

/* at: NULL, the checkpoint a start would go on from; "7", that id; else the name of a savepoint, in
 * <dir>/savepoints or in the log. E_NOT_FOUND says what there is; E_CORRUPT, E_REFUSED: its
 * manifest cannot be read. */
RC inspect_open(struct inspect **i, struct env *env, const char *dir, const char *at,
		struct err *e);
/* A checkpoint whose manifest was read already. Takes m: it is empty afterwards. live: the newest
 * manifest lists it. */
RC inspect_open_slot(struct inspect **i, struct env *env, const char *dir, struct manifest *m,
		     bool live, struct err *e);
void inspect_close(struct inspect *i); /* legal on NULL */

const struct manifest *inspect_manifest(const struct inspect *i); /* borrowed */
const char *inspect_dir(const struct inspect *i); /* the job's, or a savepoint's own */
const char *inspect_parts_dir(const struct inspect *i);
struct env *inspect_env(const struct inspect *i);

/* Whether it may still be read: see the top of this file. */
RC inspect_still(struct inspect *i, bool *there, struct err *e);
/* What a reader says of an error it met: rc, or E_NOT_FOUND where the checkpoint was retired
 * meanwhile. Every function below has asked already. */
enum rc inspect_verdict(struct inspect *i, enum rc rc, const struct err *why, struct err *e);

/* --- keyed states --- */

/* A keyed state and how its keys become bytes. A plain value; borrows from i. */
struct inspect_state {
	const struct manifest_op *op;
	const struct manifest_keyed *keyed;
	struct keyed_shape shape;
	struct key_spec key; /* of the state's own key fields, in their order */
};
/* stage NULL: the only one there is. E_NOT_FOUND names those that are there; E_REFUSED: of a form
 * this version does not know. */
RC inspect_find(const struct inspect *i, const char *stage, struct inspect_state *s,
		struct err *e);
/* The same for state k of op, as it stands. */
RC inspect_state_of(const struct manifest_op *op, const struct manifest_keyed *k,
		    struct inspect_state *s, struct err *e);

/* Valid until the next row, or the end of the call that gave it. */
struct inspect_row {
	uint64_t hash;
	const uint8_t *key; /* canonical bytes (keys.h) */
	uint32_t key_len;
	const uint8_t *value; /* shape.value_bytes, 8-byte aligned */
};

/* The row of one key: newest run first, by the runs' indexes. value_bytes are copied to value;
 * *found: there is such a key. */
RC inspect_get(struct inspect *i, const struct inspect_state *s, const void *key, uint32_t len,
	       uint64_t value[2], bool *found, struct err *e);

/* Rows in ascending (hash, key) order, until `on` says false. after: only those behind this key
 * (of len bytes; it need not be there); NULL: all. Constant memory. */
RC inspect_scan(struct inspect *i, const struct inspect_state *s, const void *after, uint32_t len,
		bool (*on)(void *arg, const struct inspect_row *r), void *arg, struct err *e);

enum diff_kind { DIFF_ADDED, DIFF_REMOVED, DIFF_CHANGED };
/* What became of the keys of one state from a to b, in ascending (hash, key) order, until `on` says
 * false. was, is: NULL of a key that is not there. What both checkpoints share is not read but
 * where a key asks for it. E_REFUSED: keyed or summed differently. */
RC inspect_diff(struct inspect *a, struct inspect *b, const char *stage,
		bool (*on)(void *arg, enum diff_kind k, const struct inspect_row *was,
			   const struct inspect_row *is),
		void *arg, struct err *e);
