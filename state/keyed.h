/* keyed.h - the keyed state of one subtask: a hash table that is snapshotted while it changes.
 * Why our own: slots in hash order (so a snapshot is almost sorted and a restore writes in
 * order), growth in steps, and a change list in a byte beside each slot (so a checkpoint costs
 * what changed). Knows keys, bytes and checkpoint numbers it is given; no thread, no file, no
 * clock.
 * Threads: one owner (the task). Chunks taken may be read and put back by another thread.
 *
 * A freeze, as the task drives it:
 *     keyed_freeze(k, id, base, full, &f)          at the barrier: microseconds
 *     between batches: keyed_slice(k, 4096, &at)   until KEYED_DONE
 *     after each: while ((c = keyed_take(k)))      to the packing thread (state/run.h), chunk_put
 *     before each batch: keyed_can_change(k, ...)  false: take no input now, go on with slices
 *     abort: keyed_abort(k) */
#pragma once
#include "base/err.h"
#include "state/chunk.h"
#include "state/run.h"
#include "state/shape.h"

/* A key of KEY_BYTES as callers hold it: the Arrow string view, inl zero padded. */
struct key_view {
	uint32_t len;
	union {
		char inl[KEY_INLINE_BYTES]; /* len <= 12 */
		struct {
			char prefix[4];
			uint32_t buf, off; /* text = bases[buf] + off */
		} ref;
	};
};

struct keyed_config {
	struct keyed_shape shape;
	uint64_t hash_lo, hash_hi; /* the subtask's own range, both inclusive; CHECKed */
	struct chunk_pool *pool;   /* borrowed; NULL: never frozen */
	struct mem *mem;           /* borrowed */
};

struct keyed;

/* No table is allocated before the first key. */
RC keyed_open(struct keyed **k, const struct keyed_config *config, struct err *e);
void keyed_close(struct keyed *k); /* legal on NULL; gives back the chunks it holds */

/* Rows to look at: n of them, rows sel[0..n-1] of the arrays, or 0..n-1 when sel is NULL.
 * hashes, fix8 and views are indexed by row. All borrowed for the call. */
struct key_rows {
	uint32_t n;
	const uint16_t *sel;
	const uint64_t *hashes;
	const uint64_t *fix8;         /* KEY_FIX8: 8 canonical bytes as a little-endian number */
	const struct key_view *views; /* KEY_BYTES */
	const uint8_t *const *bases;  /* KEY_BYTES: where views longer than 12 bytes point */
	uint32_t ahead; /* rows n .. n+ahead-1 are those of the next call: their slots are fetched */
};

/* values[i]: where the value of the i-th row stands, zeroed when the key is new; 8-byte aligned;
 * equal keys give equal pointers. Valid until the next call on k that is not const. The caller
 * may change all n values: they are marked as changed, and saved first if the running freeze is
 * still owed them. E_NO_MEMORY: some rows may have been inserted; k stays usable.
 * E_LIMIT: a key longer than KEY_MAX_BYTES. */
RC keyed_upsert(struct keyed *k, const struct key_rows *rows, void **values, struct err *e);
/* The same for values of 8 bytes that are sums: adds add[row] to the value of each row's key, in
 * order, and writes what it is then to sums[row] (sums: NULL, or add itself). One pass over the
 * table's memory instead of two. *bad: the first of the n rows whose sum would leave int64; its
 * key's value is as it was before, rows behind it may have been added: k is to be given up.
 * UINT32_MAX: none. On error too, any of the rows may have been added. */
RC keyed_add_i64(struct keyed *k, const struct key_rows *rows, const int64_t *add, int64_t *sums,
		 uint32_t *bad, struct err *e);
RC keyed_add_f64(struct keyed *k, const struct key_rows *rows, const double *add, double *sums,
		 struct err *e);
/* keyed_upsert without inserting or marking: NULL where there is no such key. Read only. */
void keyed_find(const struct keyed *k, const struct key_rows *rows, const void **values);
/* Deletes what is there. *deleted (may be NULL) counts. */
RC keyed_delete(struct keyed *k, const struct key_rows *rows, uint64_t *deleted, struct err *e);
/* Room for this many keys in all, at once; moves existing ones in one go: at start-up only. */
RC keyed_reserve(struct keyed *k, uint64_t keys, struct err *e);

const struct keyed_shape *keyed_shape(const struct keyed *k); /* borrowed */
uint64_t keyed_count(const struct keyed *k);        /* live keys */
uint64_t keyed_live_bytes(const struct keyed *k);   /* their keys and values, as rows */
uint64_t keyed_memory_bytes(const struct keyed *k); /* tables and key texts, as allocated */
/* Sum mod 2^64 of hash_bytes(key then value) over live keys: independent of order. Walks the
 * table. */
uint64_t keyed_checksum(const struct keyed *k);

/* --- totals: what a check of the whole state asks, without a walk over it --- */

struct keyed_totals {
	uint64_t keys;   /* live ones */
	__int128 sum[2]; /* over live keys, of each value word that is watched; else 0 */
};

/* From now on the sums of these value words (bit w: word w, an int64) are kept, by difference: what
 * keyed_add_i64 adds, what keyed_delete takes away, what a restore brings; what is done to values
 * that keyed_upsert handed out, its caller notes. k must be empty. Costs one more pass over the
 * numbers of a batch; nothing at all where it was not asked for. */
void keyed_watch_sums(struct keyed *k, unsigned words);
unsigned keyed_watched(const struct keyed *k);
/* Values of k changed so that the sum of this word changed by delta: before anything else is asked
 * of k. Of a word that is not watched: nothing. */
void keyed_note_sum(struct keyed *k, unsigned word, __int128 delta);
/* As of now, in no time; after an add that failed (the sums are not known then), by a walk. */
struct keyed_totals keyed_totals(const struct keyed *k);

/* --- snapshots --- */

struct keyed_frozen {
	bool full;     /* everything is written: the new runs replace the chain */
	uint64_t rows; /* how many rows will be written */
	struct keyed_totals totals; /* of the state that is frozen. Where all of it is written, the
	                               rows must sum to this (CHECKed as they go out) */
};

/* Rows a delta on base would write now; UINT64_MAX when only a full one can be written. */
uint64_t keyed_changed(const struct keyed *k, uint64_t base);

/* Freezes the state as checkpoint id (> 0, ascending) on base (0: none, else an id this table froze
 * or restored; never older than an earlier call's base, or it becomes full). Lists up to base are
 * dropped. Full when asked for, when there is no base, or when more than half the keys changed.
 * No freeze may be running (keyed_is_freezing) and every chunk must have been taken. */
void keyed_freeze(struct keyed *k, uint64_t id, uint64_t base, bool full, struct keyed_frozen *f);

enum keyed_slice { KEYED_MORE, KEYED_DONE, KEYED_NO_ROOM };

/* Encodes about max_rows further rows (4,096 take some 50 us). KEYED_NO_ROOM: the chunk budget is
 * spent: take what is ready, wait for chunk_put, call again. KEYED_DONE: nothing is owed any more;
 * what is ready is all. With no freeze running: KEYED_DONE. */
RC keyed_slice(struct keyed *k, uint32_t max_rows, enum keyed_slice *at, struct err *e);

/* The next chunk (or list of chunks, by next) that is ready, or NULL. The caller owns it and puts
 * it back. CHUNK_ORDERED comes one at a time: all of one freeze are one run; it ends when
 * keyed_slice said KEYED_DONE and nothing is left to take. A CHUNK_SAVED list is a run of its
 * own; the last holds the ordered rows too where they are one chunk. A freeze with nothing to
 * write yields no chunk. */
struct chunk *keyed_take(struct keyed *k);

bool keyed_is_freezing(const struct keyed *k); /* some key may still be owed */

/* Whether a batch of this many rows, whose key bytes sum to key_bytes (0: not known, then keys of
 * average length are assumed), can be upserted without exceeding the snapshot's budget. Always
 * true while no freeze is running. False: take what is ready, go on with slices. (An upsert
 * without room goes beyond the budget.) */
bool keyed_can_change(struct keyed *k, uint32_t rows, uint64_t key_bytes);

/* Rows saved before they changed, over all freezes: what snapshots added to upserts. */
uint64_t keyed_saved_rows(const struct keyed *k);

/* Ends the running freeze, if any, and gives back all chunks not taken. What changed stays on its
 * lists, and so is in the next one. */
void keyed_abort(struct keyed *k);

/* --- restore: rows in ascending (hash, key) order, as merge_rows yields them --- */

/* k must be empty. expected: keys, a hint for the size. */
RC keyed_restore_begin(struct keyed *k, uint64_t expected, struct err *e);
/* Rows [from, to) of a decoded block. Deletions are skipped. E_CORRUPT: out of order or range. */
RC keyed_restore_rows(struct keyed *k, const struct run_block *b, uint32_t from, uint32_t to,
		      struct err *e);
/* Restoring by several threads (KEY_FIX8, after keyed_restore_begin with expected > 0): the range
 * of hashes falls into `parts` stretches, and each is filled by one thread with rows of its own, in
 * order. Threads: keyed_fill_rows, one thread a stretch; begin and end, k's owner, while none is
 * being filled. */
struct keyed_fill {
	struct keyed *k;
	uint64_t lo, hi; /* its hashes, both inclusive; lo > hi: it has none */
	uint64_t next, end; /* slots: free from next on; from end on they are another's */
	uint64_t rows, room, last_hash;
	__int128 sum[2];    /* of what is watched */
	struct bytes late;  /* rows that found no room: key, value */
};
void keyed_fill_begin(struct keyed *k, uint32_t part, uint32_t parts, struct keyed_fill *f);
/* As keyed_restore_rows. */
RC keyed_fill_rows(struct keyed_fill *f, const struct run_block *b, uint32_t from, uint32_t to,
		   struct err *e);
/* All stretches are done, whatever became of them: their rows count. On error k is to be closed. */
RC keyed_fill_end(struct keyed_fill *all, uint32_t parts, struct err *e);
/* Counts as having frozen checkpoint with empty lists: the next delta may name it as its base. */
void keyed_restore_end(struct keyed *k, uint64_t checkpoint);

/* --- walking --- */

/* Zero is the beginning. Broken by upsert, delete and reserve; freezes and slices do no harm. */
struct keyed_iter {
	uint64_t slot;
};

struct keyed_entry {
	const uint8_t *key;
	uint32_t key_len;
	const void *value; /* 8-byte aligned */
};

/* Up to max further live entries in table order; 0: there are no more. Looks at a bounded number of
 * slots beyond those returned only where the table is sparse. */
uint32_t keyed_next(const struct keyed *k, struct keyed_iter *it, struct keyed_entry *out,
		    uint32_t max);

/* For tests: every invariant of keyed_in.h, or a text that says which is broken. */
bool keyed_check(const struct keyed *k, const char **broken);
