/* slots.h - the manifest log: numbered slots, each put once, with one winner, ever.
 * Here: find, read, make durable, publish. Not here: how a put has one winner (storage.h), who owns
 * (store.h), what is kept (retention.h), what is shown (listing.h). Everything blocks on files:
 * durability lane, or before a job runs. */
#pragma once
#include "checkpoint/manifest.h"
#include "checkpoint/storage.h"

/* The log of a directory. */
struct storage slots_in(struct fs *fs, const char *dir);

struct slot_list {
	uint64_t *slot; /* ascending */
	size_t n;
	struct mem *mem;
};
/* The slots that exist; none when the folder is not there. Any other error is an error: it never
 * looks like an empty log (inv 15). */
RC slots_list(struct storage st, struct mem *mem, struct slot_list *l, struct err *e);
void slot_list_close(struct slot_list *l); /* legal on the empty value */

/* Reads and verifies one. E_NOT_FOUND: not there; E_CORRUPT names the file; E_REFUSED: of a later
 * version. *m is closed on error. */
RC slots_read(struct storage st, struct mem *mem, uint64_t slot, struct manifest *m, struct err *e);

/* Makes what stands in the slot durable; its name is by storage_settle. A start does both, and
 * settles parts, before it believes the top. */
RC slots_harden(struct storage st, uint64_t slot, struct err *e);

/* Puts data (an encoded manifest) into slot; epoch and *seq name what a crash may leave behind.
 *   OK                 visible and durable
 *   E_FENCED           another's slot: nothing of ours is visible, and never will be
 *   E_UNKNOWN_OUTCOME  it may or may not stand: stop, delete nothing, commit nothing
 *   else               not visible; a later try may take the slot */
RC slots_publish(struct storage st, uint64_t slot, uint64_t epoch, const void *data, size_t len,
		 uint64_t *seq, struct err *e);
