/* retention.h - which slots and files stay, and which may go.
 * Why pure: a file deleted too early is the worst bug of checkpointing, and this is all that
 * decides it. Facts in, verdicts out; sweep.c performs them, in an order a crash may stop anywhere.
 * inv 12: nothing a live slot names goes. inv 13: a fence's slot never goes, nor a name of a newer
 * epoch; everything else only once a published manifest newer than all that name it dropped it.
 * inv 14: what no slot names goes, if its owner is dead. inv 16: beside an unreadable slot nothing
 * goes that stood before its quarantine; what a quarantined slot names stays as long as it does. */
#pragma once
#include "checkpoint/manifest.h"

/* The first of n ascending slots that is not below wanted; n: none. */
uint32_t slots_from(const uint64_t *slot, uint32_t n, uint64_t wanted);
bool slots_has(const uint64_t *slot, uint32_t n, uint64_t wanted);

/* top lists slot as retained or pinned, or is it, or is a fence that goes on from it: the slot is
 * alive. A fence is no checkpoint. */
bool retention_lists(const struct manifest *top, uint64_t slot);

/* The checkpoint that the line of top goes on from: top itself, or a fence's parent. */
uint64_t retention_newest(const struct manifest *top);

/* A quarantined slot stays, with all it names, until somebody asks that evidence goes (drops: `weir
 * gc`) and a checkpoint of the line stands above it: until then it says what may be committed, and
 * what a promise moves. */
bool retention_is_evidence(const struct manifest *top, bool drops, uint64_t slot);

/* How much is kept: so many checkpoints, and beyond them those younger than age_us, by the wall
 * clock (0: none). The age only ever keeps more: a clock that jumps loses nothing below the
 * count. */
struct retention {
	uint32_t count; /* the newest included; at least 1 */
	uint64_t age_us;
	int64_t now_wall_us;
};
#define RETAINED_MAX 16384 /* slots a manifest lists, by feel: 128 KiB of it */

/* What the child of slot `parent` should list as retained: its ancestors along parents, among
 * known[n] (readable checkpoints that `top` lists, ascending). keep has room for n; ascending.
 * Returns how many. Parents skip fences: they do not count. */
uint32_t retention_keep(const struct manifest *top, const struct manifest *const *known, size_t n,
			uint64_t parent, const struct retention *r, uint64_t *keep);

enum fate {
	FATE_KEEP,
	FATE_REMOVE,
};

struct retention_facts {
	uint64_t epoch;   /* ours */
	uint32_t attempt; /* the running one: its files are not orphans */
	/* Slots and names of epochs below this one may be named by a slot that cannot be read: the
	 * fence that found the newest such slot; 0: all can be read. */
	uint64_t evidence_below;
	bool drops_evidence; /* of quarantined slots that can be read */
	const struct manifest *top;  /* ours, the newest */
	const char *const *named;    /* names in slots that are alive or quarantined; ascending */
	size_t n_named;
	const char *const *dropped; /* names read in manifests that were retired, or discarded by us;
	                             * ascending */
	size_t n_dropped;
};

/* m: what the slot holds; NULL: it cannot be read. */
enum fate retention_slot(const struct retention_facts *f, uint64_t slot, const struct manifest *m);
/* A name in parts/. Names that are not ours to make are kept. */
enum fate retention_part(const struct retention_facts *f, const char *name);
/* A name in manifest/ that is no slot. */
enum fate retention_temporary(const struct retention_facts *f, const char *name);
