/* ledger.h - the audit's ledger: a line a checkpoint, of what was counted on its cut and which
 * pieces its sinks prepared in the interval before it. docs/FORMAT.md, "Audit ledger".
 * Why beside the manifests: they are retired; what every interval was must be told for as long as
 * its output is there.
 *
 *   <dir>/audit/<lineage>-<epoch>-<n>.jsonl: appended to by one owner, synced before the manifest
 *   is linked that names it by length and hash, and never read for recovery.
 *
 * A line whose manifest was never published stays behind (its id is no later line's parent). A file
 * that could not be written or synced is abandoned; the next one begins with the published totals.
 * Threads: the durability lane. */
#pragma once
#include "base/fs.h"
#include "checkpoint/manifest.h"

#define LAYOUT_AUDIT "audit"

struct ledger;
/* No file is touched before the first line. */
RC ledger_open(struct ledger **l, struct fs *fs, struct mem *mem, const char *dir,
	       uint32_t lineage, uint64_t epoch, struct err *e);
void ledger_close(struct ledger *l); /* legal on NULL */
/* Appends the line of m, which is about to be published, and puts the ledger's place into it. base:
 * the checkpoint it goes on from, NULL: none. law: of each operator of m, what holds between its
 * records ("same", "at_most", "ends", "sink"; NULL: nothing). */
RC ledger_append(struct ledger *l, struct manifest *m, const struct manifest *base,
		 const char *const *law, struct err *e);
