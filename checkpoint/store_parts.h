/* store_parts.h - what the files behind store.h share: look.c and fence.c take a directory, store.c
 * publishes into it, sweep.c clears it. Not for others.
 * Invariants, checked by store_check:
 *  1. known[] ascends by slot; top is its newest readable element, top_slot its last.
 *  2. Every readable checkpoint that top lists has its manifest in known[].m.
 *  3. After the fence: top->epoch == epoch, and top_slot == top->slot. */
#pragma once
#include "checkpoint/retention.h"
#include "checkpoint/store.h"

enum slot_is { SLOT_UNREAD, SLOT_IS_FENCE, SLOT_IS_CHECKPOINT, SLOT_UNREADABLE };

/* Slots, ascending, each once. */
struct slot_set {
	uint64_t *slot;
	uint32_t n, cap;
};
RC slot_set_add(struct slot_set *l, struct mem *mem, uint64_t slot, struct err *e);
void slot_set_remove(struct slot_set *l, uint64_t slot);
void slot_set_close(struct slot_set *l, struct mem *mem);

/* A slot that exists. */
struct known {
	uint64_t slot;
	enum slot_is is;
	enum rc unreadable; /* of SLOT_UNREADABLE: E_CORRUPT, or E_REFUSED: a later version's */
	struct manifest *m; /* owned; top, what it lists, and what waits to be swept */
};

enum sweep_at { SWEEP_LIST_PARTS, SWEEP_LIST, SWEEP_READ, SWEEP_SLOTS, SWEEP_SYNC, SWEEP_PARTS,
		SWEEP_TEMPORARIES, SWEEP_LARGE, SWEEP_DONE };

struct sweep {
	enum sweep_at at;
	uint32_t attempt;
	struct fs_names slots, parts; /* of manifest/ and parts/ */
	size_t i;
	const char **named;           /* of parts that may not go; borrowed from known[] */
	size_t n_named;
	uint64_t named_for;           /* top_slot when they were collected */
	struct sweep_ear ear;
	bool listed;                  /* the log: no successor's slot stood there */
	size_t large;                 /* the first of parts that waits for all else; n: none */
	uint64_t cutting;             /* what the file at i held before it was cut; 0: it was not */
};

/* Temporaries of a try for a slot are numbered below this, an owner's from here on: who tried, and
 * wakes when the slot is another's, unlinks no name of its owner (inv 11). */
#define STORE_OWN_SEQ 4096

struct store {
	struct fs *fs;
	struct mem *mem;
	struct store_options o; /* job_text borrowed until store_own is done */
	struct storage slots, parts; /* the log and the part files; in dir unless asked otherwise */
	char dir[LAYOUT_PATH_MAX], manifest_dir[LAYOUT_PATH_MAX], parts_dir[LAYOUT_PATH_MAX];
	char parent[LAYOUT_PATH_MAX]; /* of dir */
	bool made;                    /* dir is of this start */
	char job_temporary[LAYOUT_PATH_MAX]; /* job.json on its way, durable; "": none */
	char new_uuid[UUID_TEXT];
	int lock_fd;
	uint64_t previous_pid;
	int64_t previous_seen_us;

	struct known *known;
	size_t n_known, cap_known;
	const struct manifest *top; /* in known[]; NULL: there is none */
	uint64_t top_slot;          /* the last that exists, readable or not */
	bool missing;               /* a slot that counts is gone */
	uint64_t top_id;            /* highest checkpoint id any manifest or name carries */
	uint8_t *job_before;
	size_t job_before_len;

	/* Of the look: what it could not use, and what the fence will say of it. */
	struct slot_set bad;        /* to be quarantined */
	const struct manifest **passed; /* that chosen goes back behind, newest first; in known[] */
	size_t n_passed, cap_passed;
	struct err bad_err;         /* of the newest of them */
	const uint64_t *condemned;  /* repair.h: these are not intact; ascending */
	uint32_t n_condemned;
	bool not_kept;              /* the checkpoint asked for is not there */
	enum todo_kind promise;     /* the kind of the fence's todo */
	uint64_t promise_slot;
	bool carries;               /* top's moves go on in our fence */
	struct manifest plan;       /* an arena: its todo is what the caller planned */
	uint32_t todo_at;           /* after the fence: moves that were made */
	bool todo_back;             /* they are being moved back, for this piece is gone: */
	const char *todo_gone;

	struct slot_set pins, unpins, exporting; /* changes for the next manifest or fence */

	uint64_t epoch; /* 0: not the owner */
	uint32_t lineage;
	char uuid[UUID_TEXT];
	uint64_t seq; /* of temporaries: the next one's */
	int lost;     /* races for a slot */

	char **dropped; /* names in parts/ that may go (retention.h); owned; ascending */
	size_t n_dropped, cap_dropped;
	struct sweep sweep;
	bool unlinks_unsynced; /* slots went since manifest/ was last synced */
	uint64_t freed;        /* bytes, by all sweeps */

	enum rc dead; /* E_FENCED, E_UNKNOWN_OUTCOME: every call returns it again (inv 27) */
	struct err why;
};

/* How closely a checkpoint that is to be started from is looked at. */
static inline enum verify_depth store_depth(const struct store *s, const struct manifest *m)
{
	return s->o.depth ? s->o.depth(s->o.depth_arg, m) : s->o.verify;
}
/* Returns the standing error, or makes rc standing when it is one of those. */
RC store_dead(struct store *s, struct err *e);
enum rc store_died(struct store *s, enum rc rc, const struct err *why, struct err *e);

RC store_take_lock(struct store *s, struct err *e); /* owner_lock.c */
/* look.c: reads the log anew and chooses; what was known before is forgotten. */
RC store_look(struct store *s, struct store_start *out, struct err *e);
RC store_read_slot(struct store *s, struct known *k, struct err *e);
/* choose.c: fills in out->chosen and all that is said of it. */
RC store_choose(struct store *s, struct store_start *out, struct err *e);
/* k cannot be used, why says it: our fence will quarantine it. The first one's why is told. */
RC store_bad(struct store *s, const struct known *k, const struct err *why, struct err *e);
/* promise.c: how far the moves of a todo are. */
struct moves_state {
	uint32_t to_do, done, gone; /* gone: neither name is there */
	const char *first_gone;     /* its `from` */
};
RC moves_look(struct fs *fs, const struct manifest_todo *t, struct moves_state *at, struct err *e);
/* Plans the undoing of what t lists, last move first. */
RC store_plan_back(struct store *s, const struct manifest_todo *t, struct err *e);
/* Durably; never replaces. *gone: neither name is there. */
RC store_move(struct fs *fs, const char *from, const char *to, bool *gone, struct err *e);
/* tail.c: MOVE_TAIL and MOVE_BACK, each durably; *gone: neither name is there. */
RC tail_aside(struct fs *fs, const struct manifest_move *m, bool *gone, struct err *e);
RC tail_back(struct fs *fs, const struct manifest_move *m, bool *gone, struct err *e);
/* So many bytes between two open files; `to` is synced. */
RC copy_range(struct fs *fs, int from, uint64_t from_at, int to, uint64_t to_at, uint64_t length,
	      struct err *e);
/* gc.c: reads every slot that was not read yet, as far as it can be. */
RC store_read_all(struct store *s, struct err *e);
/* Puts what this owner promises into its fence. */
RC store_promise(struct store *s, struct manifest *fence, struct err *e);
/* pins.c: t's pinned (NULL: none) with the changes asked for, in memory of m. */
RC store_pinned(struct store *s, const struct manifest *t, struct manifest *m, struct err *e);
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
/* sweep.c: what decides, by the log as it is known now. epoch: of the owner, or who would be one.
 * Collects what is named; valid until the next of these, a publication or sweep_close. */
RC sweep_facts(struct store *s, uint64_t epoch, struct retention_facts *f, struct err *e);
/* remove.c: one step of taking a file away; *gone: its name went, or was gone. */
RC sweep_remove(struct store *s, struct storage st, const char *name, const char *why, bool *gone,
		struct err *e);
/* Why each kind goes. */
#define SWEEP_WHY_SLOT      "a checkpoint that is not kept any more"
#define SWEEP_WHY_PART      "no checkpoint that is kept names it"
#define SWEEP_WHY_TEMPORARY "left by a process that is gone"
/* choose.c: "7, 5, 4": the checkpoints that are kept, newest first; "none". */
void store_kept_text(struct store *s, char *to, size_t size);
void store_check(const struct store *s);
