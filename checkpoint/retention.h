/* retention.h - which slots and files stay, and which may go.
 * Why pure: a file deleted too early is the worst bug of checkpointing, and this is all that
 * decides it. Facts in, verdicts out; sweep.c performs them, in an order a crash may stop anywhere.
 * inv 12: nothing a live slot names goes. inv 13: a fence's slot never goes, nor a name of a newer
 * epoch; everything else only once a published manifest newer than all that name it dropped it.
 * inv 14: what no slot names goes, if its owner is dead. inv 16: beside an unreadable slot nothing
 * goes that stood before its quarantine. */
#pragma once
#include "checkpoint/manifest.h"

/* top lists slot as retained or pinned, or is it: the slot is alive. A fence is no checkpoint. */
bool retention_lists(const struct manifest *top, uint64_t slot);

/* What the child of slot `parent` should list as retained when `retain` checkpoints are kept, the
 * child included: its ancestors along parents, among known[n] (readable checkpoints that `top`
 * lists). keep has room for retain - 1; ascending. Returns how many. Parents skip fences: they do
 * not count. */
uint32_t retention_keep(const struct manifest *top, const struct manifest *const *known, size_t n,
			uint64_t parent, uint32_t retain, uint64_t *keep);

enum fate {
	FATE_KEEP,
	FATE_REMOVE,
};

struct retention_facts {
	uint64_t epoch;   /* ours */
	uint32_t attempt; /* the running one: its files are not orphans */
	bool unreadable;  /* some slot below top cannot be read */
	const struct manifest *top;          /* ours, the newest */
	const struct manifest *const *live;  /* what top lists, and top: all of it that is readable */
	size_t n_live;
	const char *const *dropped; /* names read in manifests that were retired, or discarded by us */
	size_t n_dropped;
};

/* m: what the slot holds; NULL: it cannot be read. */
enum fate retention_slot(const struct retention_facts *f, uint64_t slot, const struct manifest *m);
/* A name in parts/. Names that are not ours to make are kept. */
enum fate retention_part(const struct retention_facts *f, const char *name);
/* A name in manifest/ that is no slot. */
enum fate retention_temporary(const struct retention_facts *f, const char *name);
