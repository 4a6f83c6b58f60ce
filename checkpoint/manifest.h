/* manifest.h - one slot of the log in memory: a checkpoint, or a fence; its encoding and decoding.
 * Why complete: no manifest refers to another; what a restore needs stands in this one file.
 * Form: a binary header and checksum around a JSON body (docs/FORMAT.md, "Manifest").
 * Owns: everything its pointers reach (one arena, freed by manifest_close).
 * Pure: no files here (slots.h). Threads: one owner at a time. */
#pragma once
#include "base/rng.h"
#include "checkpoint/part.h"

#define SLOT_NONE 0             /* slots count from 1 */
#define MANIFEST_MAX (16u << 20) /* bytes; by feel: nothing larger is read (inv 34) */
#define MANIFEST_INLINE_MAX 2048 /* bytes of all inline sections together, as raw bytes */

enum slot_kind { SLOT_CHECKPOINT, SLOT_FENCE };
enum checkpoint_kind {
	CHECKPOINT_INITIAL,   /* before the first record, or a changed plan */
	CHECKPOINT_PERIODIC,
	CHECKPOINT_STOP,
	CHECKPOINT_FINAL,
	CHECKPOINT_MANUAL,
	CHECKPOINT_SAVEPOINT,
};
#define CHECKPOINT_KINDS 6
const char *checkpoint_kind_name(enum checkpoint_kind k); /* "periodic" */

/* One entry of a keyed state's chain. For any hash, entries that cover it stand bottom to top. */
struct manifest_run {
	struct section_ref ref;
	uint64_t hash_first, hash_last; /* rows to take, both ends included */
	bool delta;                     /* false: a full run, nothing below it counts */
	const uint8_t *data;            /* when ref.file is SECTION_INLINE: ref.bytes bytes */
};

struct manifest_keyed {
	const char *name; /* the state's; may be "" */
	struct schema key, value;
	uint32_t hash_id; /* enum hash_id */
	struct manifest_run *run;
	uint32_t n_runs;
};

/* What is not keyed: one section of one subtask. */
struct manifest_section {
	uint32_t subtask;
	enum section_kind kind; /* not SECTION_KEYED */
	const char *name;       /* may be "" */
	struct section_ref ref;
	const uint8_t *data;    /* when ref.file is SECTION_INLINE: ref.bytes bytes */
};

/* Records, and the sum of their hashes mod 2^64 (0 without audit), since the lineage began. */
struct manifest_total {
	uint64_t n, hash;
};

/* The sum of one value field over a keyed state. */
struct manifest_sum {
	const char *field;
	__int128 sum;
};

struct manifest_op {
	const char *id, *type;
	uint32_t state_version;
	uint32_t parallelism, max_parallelism;
	bool *ended; /* parallelism of them */
	struct manifest_keyed *keyed;
	uint32_t n_keyed;
	struct manifest_section *section;
	uint32_t n_sections;

	bool counted;               /* the numbers below were taken; else all are 0 */
	uint64_t in, out, skipped;  /* records of all subtasks since the lineage began */
	struct manifest_total kept; /* of a sink: what it put into its pieces, as it counted */
	uint64_t keys;              /* in its keyed state */
	struct manifest_sum *sum;
	uint32_t n_sums;
};

/* What went along one edge of the plan, all subtasks together, up to this checkpoint's barrier. */
struct manifest_edge {
	const char *from, *to; /* stage ids */
	uint32_t input;        /* of `to` */
	struct manifest_total sent, received;
};

/* One of the job's invariants, as it held on this cut. */
struct manifest_check {
	const char *text;
	__int128 left, right;
};

/* The checkpoint an imported state was taken from. id 0: none. */
struct manifest_origin {
	char uuid[UUID_TEXT];
	uint32_t lineage;
	uint64_t id, slot;
	bool claimed; /* its directory is ours now */
};

/* The audit's ledger: what of it is this checkpoint's and older. file NULL: none. */
struct manifest_ledger {
	const char *file;
	uint64_t length, hash;
};

/* What a fence promises and a start may not have finished (docs/FORMAT.md says each rule). */
enum todo_kind {
	TODO_NONE, TODO_REWIND, TODO_FALLBACK, TODO_IMPORT, TODO_CLAIMED, TODO_REPAIR, TODO_BACK
};
#define TODO_KINDS 7
/* What a move does (tail.c). Of a file that only ever grows a part is moved, not the name. */
enum move_how {
	MOVE_NAME, /* a rename that never replaces */
	MOVE_TAIL, /* from's bytes from `at` on stand in to, then from ends there */
	MOVE_BACK, /* the undoing of that: all of from stands in to from `at` on, then from goes */
};
struct manifest_move {
	const char *from, *to; /* paths */
	enum move_how how;
	uint64_t at;           /* MOVE_NAME: 0 */
};
/* Whether a and b move the same thing, wherever to. */
bool move_is_same(const struct manifest_move *a, const struct manifest_move *b);
struct manifest_todo {
	enum todo_kind kind;
	struct manifest_move *move;
	uint32_t n;
	const char *source; /* import, claimed: a directory, or NULL */
	bool claim;         /* import: the source's directory is taken over with it */
	uint64_t slot;      /* rewind, fallback, repair: the checkpoint left; import: the one taken */
	char uuid[UUID_TEXT]; /* import, claimed: the other job's; else "" */
	uint32_t lineage;
};

/* A prepared piece and what makes it final: data, performed by whoever settles (section 8). */
struct manifest_intent {
	const char *sink, *kind; /* stage id; "rename" or "append" */
	const char *from, *to;   /* paths as the sink gave them */
	uint64_t offset, length, hash;
};

/* For `weir checkpoints` and the report; durations in microseconds. */
struct manifest_figures {
	const char *trigger; /* "interval", "start", ... ; NULL is "" */
	uint64_t bytes_written, state_bytes, keys, keys_changed;
	uint64_t align_us, sync_us_max, async_us, total_us;
};

struct arena_block;
struct manifest {
	struct mem *mem;
	struct arena_block *blocks; /* the arena, newest first */

	/* Filled by the store (publish, own): */
	enum slot_kind slot_kind;
	char uuid[UUID_TEXT];
	uint32_t lineage;
	uint64_t slot, parent; /* parent: the checkpoint slot it goes on from, or SLOT_NONE */
	uint64_t epoch;        /* of a fence: its own slot */
	uint64_t top_id;       /* highest checkpoint id known when it was written, its own included */
	uint64_t *retained, *pinned, *quarantined; /* slots, ascending, itself not among them */
	uint32_t n_retained, n_pinned, n_quarantined;
	bool stretches; /* one of these lists has pairs in the file: set by encode and decode */
	uint32_t *accepts; /* lineages whose files are this line's too */
	uint32_t n_accepts;
	struct manifest_todo todo; /* of a fence */

	/* Filled by the checkpoint's maker; a fence has none of it: */
	uint32_t attempt;
	uint64_t id;
	enum checkpoint_kind kind;
	bool final;
	const char *name;  /* a savepoint's, or NULL */
	int64_t wall_us;   /* for people only (inv 23) */
	uint64_t job_hash; /* checksum of the job's text: did it change? */
	struct part_file *file;
	uint32_t n_files;
	struct manifest_op *op;
	uint32_t n_ops;
	struct manifest_intent *intent;
	uint32_t n_intents;
	struct manifest_figures figures;
	struct manifest_edge *edge;
	uint32_t n_edges;
	struct manifest_check *check;
	uint32_t n_checks;
	struct manifest_origin origin;
	struct manifest_ledger ledger;

	uint64_t size_bytes; /* of its encoding: set by encode and decode, not in the body */
};

void manifest_init(struct manifest *m, struct mem *mem);
void manifest_close(struct manifest *m); /* legal on the empty value and twice */

/* Zeroed memory that lives as long as m, or NULL. */
void *manifest_alloc(struct manifest *m, size_t size_bytes);
char *manifest_text(struct manifest *m, const char *text);
/* Each adds one zeroed element and returns it, or NULL without memory; earlier pointers into the
 * same list become invalid. Strings and data given to the elements must be m's own
 * (manifest_text, manifest_copy) or outlive it. */
void *manifest_copy(struct manifest *m, const void *data, size_t len);
struct part_file *manifest_add_file(struct manifest *m);
/* ended[] is there, all false. */
struct manifest_op *manifest_add_op(struct manifest *m, const char *id, const char *type,
				    uint32_t parallelism);
struct manifest_keyed *manifest_add_keyed(struct manifest *m, struct manifest_op *op);
struct manifest_run *manifest_add_run(struct manifest *m, struct manifest_keyed *k);
struct manifest_section *manifest_add_section(struct manifest *m, struct manifest_op *op);
struct manifest_intent *manifest_add_intent(struct manifest *m);
struct manifest_sum *manifest_add_sum(struct manifest *m, struct manifest_op *op);
struct manifest_edge *manifest_add_edge(struct manifest *m);
struct manifest_check *manifest_add_check(struct manifest *m);
struct manifest_move *manifest_add_move(struct manifest *m); /* to todo */
/* The index of the file called f->name, added (copied) when it is not there; UINT32_MAX without
 * memory. */
uint32_t manifest_file(struct manifest *m, const struct part_file *f);
/* Copies a chain entry of `from` into k of m, its file too: how a chain is carried on. */
RC manifest_carry_run(struct manifest *m, struct manifest_keyed *k, const struct manifest *from,
		      const struct manifest_run *run, struct err *e);
/* Drops files that no run and no section names (references are renumbered). */
void manifest_prune_files(struct manifest *m);
const struct manifest_op *manifest_find_op(const struct manifest *m, const char *id);
const struct manifest_edge *manifest_find_edge(const struct manifest *m, const char *from,
					       const char *to, uint32_t input);
/* Whether files of that lineage are this line's. */
bool manifest_accepts(const struct manifest *m, uint32_t lineage);
/* A copy that shares nothing with `from`. to is closed on error. */
RC manifest_clone(struct manifest *to, const struct manifest *from, struct mem *mem,
		  struct err *e);
/* Bytes of all inline sections together. */
uint64_t manifest_inline_bytes(const struct manifest *m);

/* Required features: bits of the header that the keys of m need; 0 is what every weir reads. */
enum {
	FEATURE_COUNTS = 1 << 0, /* counts, edges, audit */
	FEATURE_ORIGIN = 1 << 1, /* origin, accepts */
	FEATURE_PROMISE = 1 << 2,
	FEATURE_CHECKS = 1 << 3,
	FEATURE_STRETCHES = 1 << 4,
	FEATURE_TAILS = 1 << 5, /* a move of a part of a file */
	FEATURES_KNOWN = (1 << 6) - 1,
};
uint64_t manifest_features(const struct manifest *m);

/* Appends header and body. CHECKs what only a caller can do wrong (its own decode accepts it). */
RC manifest_encode(struct manifest *m, struct bytes *to, struct err *e);
/* Complete validation: E_CORRUPT says what and where; E_REFUSED: a format or feature of a later
 * version, by name. slot: the number its file name says. m is closed on error. */
RC manifest_decode(struct manifest *m, struct mem *mem, uint64_t slot, const void *data, size_t len,
		   struct err *e);
