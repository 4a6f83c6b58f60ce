/* store_parts.h - what the files behind store.h share: ownership.c takes a directory, store.c
 * publishes into it, sweep.c clears it. Not for others.
 * Invariants, checked by store_check:
 *  1. known[] ascends by slot; top is its newest readable element, top_slot its last.
 *  2. Every readable checkpoint that top lists has its manifest in known[].m.
 *  3. After the fence: top->epoch == epoch, and top_slot == top->slot. */
#pragma once
#include "checkpoint/retention.h"
#include "checkpoint/store.h"

enum slot_is { SLOT_UNREAD, SLOT_IS_FENCE, SLOT_IS_CHECKPOINT, SLOT_UNREADABLE };

/* A slot that exists. */
struct known {
	uint64_t slot;
	enum slot_is is;
	struct manifest *m; /* owned; top, what it lists, and what waits to be swept */
};

enum sweep_at { SWEEP_LIST, SWEEP_READ, SWEEP_SLOTS, SWEEP_SYNC, SWEEP_LIST_PARTS, SWEEP_PARTS,
		SWEEP_TEMPORARIES, SWEEP_DONE };

struct sweep {
	enum sweep_at at;
	uint32_t attempt;
	struct fs_names slots, parts; /* of manifest/ and parts/ */
	size_t i;
};

struct store {
	struct fs *fs;
	struct mem *mem;
	struct store_options o; /* job_text borrowed until store_own is done */
	char dir[LAYOUT_PATH_MAX], manifest_dir[LAYOUT_PATH_MAX], parts_dir[LAYOUT_PATH_MAX];
	char new_uuid[UUID_TEXT];
	int lock_fd;
	uint64_t previous_pid;
	int64_t previous_seen_us;

	struct known *known;
	size_t n_known, cap_known;
	const struct manifest *top; /* in known[]; NULL: there is none */
	uint64_t top_slot;          /* the last that exists, readable or not */
	bool unreadable;            /* a slot that counts cannot be read, or is gone */
	uint64_t top_id;            /* highest checkpoint id any manifest or name carries */
	uint8_t *job_before;
	size_t job_before_len;

	uint64_t epoch; /* 0: not the owner */
	uint32_t lineage;
	char uuid[UUID_TEXT];
	uint64_t seq; /* of temporaries */
	int lost;     /* races for a slot */

	char **dropped; /* names in parts/ that may go (retention.h); owned */
	size_t n_dropped, cap_dropped;
	struct sweep sweep;
	bool unlinks_unsynced; /* slots went since manifest/ was last synced */

	enum rc dead; /* E_FENCED, E_UNKNOWN_OUTCOME: every call returns it again (inv 27) */
	struct err why;
};

/* Returns the standing error, or makes rc standing when it is one of those. */
RC store_dead(struct store *s, struct err *e);
enum rc store_died(struct store *s, enum rc rc, const struct err *why, struct err *e);

struct known *store_find(struct store *s, uint64_t slot);
/* Adds at the end. Takes m (NULL: unread). */
RC store_add(struct store *s, uint64_t slot, struct manifest *m, struct err *e);
void store_forget_slot(struct store *s, struct known *k);
void store_forget_all(struct store *s);
/* Encodes m, links it into m->slot, and has it in known[] and as top on OK. */
RC store_link(struct store *s, struct manifest *m, struct err *e);
/* Checkpoints with a manifest that top lists: borrowed pointers in memory of s->mem, which the
 * caller puts back; NULL: no memory. */
const struct manifest **store_live(struct store *s, size_t *n);
RC store_drop_name(struct store *s, const char *name, struct err *e);
void sweep_close(struct store *s);
void store_check(const struct store *s);
