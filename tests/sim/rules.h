/* rules.h - what must hold of a job's directory and of its output's folder after every single
 * operation on the disk, whoever made it.
 *
 *   the disk -> each change -> a model of names, slots and manifests -> world_fail
 *
 * Why beside the checks at the end (committed.h): a file that is unlinked too early, or a commit
 * before its checkpoint is durable, is mostly harmless in the run that does it; here it fails at
 * once, at the operation that did it, in every schedule. The rules, by the invariants' numbers:
 *   1  when a slot is linked, all that its manifest names is on the disk with its names, and so is
 *      the manifest; a final file appears only if a slot that no power cut takes away lists it
 *   4  each edge of its plan counted as many records at both ends, and no fewer than its parent
 *  10  ids and slots rise by the life of the directory
 *  11  no name in manifest/, parts/ and audit/, of a prepared or a final file is used twice
 *  12  nothing that the newest slot, or the newest that no power cut takes away, keeps is unlinked,
 *      cut or written to; no prepared file that may still have to be committed goes
 *  13  no fence is unlinked; nor a slot that is kept
 *  26  each slot's epoch is that of the newest fence
 *  27  who found its next slot taken, and halts as fenced, changes nothing after that
 *  32  no file whose sync or close failed is synced again, linked or renamed
 *      final files never change, move or go
 * The manifests are read with the product's reader; what they name is looked at on the disk.
 * Owns: its model. Threads: one. Not for rewinds, imports and exports, which have tests of their
 * own. */
#pragma once
#include "tests/sim/world.h"

struct rules;

struct rules_seen {
	uint64_t changes, checkpoints, fences, commits, removals, taken;
};

/* Watches the world's disk from now on; its directory has no state yet. */
struct rules *rules_open(struct world *w);
void rules_close(struct rules *r);
/* After a power cut: what was never safe may be gone. */
void rules_cut(struct rules *r);
/* Records that `stage` has received in this checkpoint; id 0: in the newest on the disk. */
uint64_t rules_received(const struct rules *r, const char *stage, uint64_t id);
/* The process of this host has halted as fenced. */
void rules_halted(struct rules *r, uint32_t host);
/* A checkpoint was reported as complete: it stands in a slot that no power cut takes. */
void rules_completed(struct rules *r, uint64_t id);
const struct rules_seen *rules_seen(const struct rules *r);
