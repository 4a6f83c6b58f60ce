/* part_share.h - a part file that two lanes hold at once: the bytes lane writes it, the durability
 * lane syncs it every few MiB as it grows, so that no fsync ever finds hundreds of MiB to write.
 *
 *   bytes lane:      append ... part_share_grew ── job ──> durability lane: fdatasync
 *   durability lane: part_share_seal, which fails if one of those failed: a failed fsync is never
 *                    made good by a later one (inv 32)
 *
 * Counted references: whoever lets go last closes the file, whichever lane that is.
 * Threads: as each function says. */
#pragma once
#include "checkpoint/part.h"
#include "runtime/ioqueue.h"

struct part_share;
/* One reference, the caller's. Nothing is on disk until the first block. */
RC part_share_open(struct part_share **s, struct mem *mem, const struct part_writer_options *o,
		   struct err *e);
void part_share_drop(struct part_share *s); /* any lane; NULL is legal */
struct part_writer *part_share_writer(struct part_share *s); /* bytes lane, until it is finished */
/* Bytes lane, after an append: submits a sync when PART_SYNC_EVERY bytes were written since the
 * last. */
void part_share_grew(struct part_share *s, struct ioqueue *io);
/* Durability lane. */
RC part_share_seal(struct part_share *s, struct err *e);
