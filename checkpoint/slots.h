/* slots.h - the manifest log: numbered slots, each taken by link(2), which has one winner, ever.
 * Why not rename: rename replaces; two owners would both believe they had won.
 * Here: find, read, make durable, publish. Not here: who owns (store.h), what is kept
 * (retention.h), what is shown (listing.h). Everything blocks on files: durability lane, or before
 * a job runs. */
#pragma once
#include "checkpoint/manifest.h"

struct slot_list {
	uint64_t *slot; /* ascending */
	size_t n;
	struct mem *mem;
};
/* The slots that exist; none when the folder is not there. Any other error is an error: it never
 * looks like an empty log (inv 15). */
RC slots_list(struct fs *fs, struct mem *mem, const char *dir, struct slot_list *l, struct err *e);
void slot_list_close(struct slot_list *l); /* legal on the empty value */

/* Reads and verifies one. E_NOT_FOUND: not there; E_CORRUPT names the file; E_REFUSED: of a later
 * version. *m is closed on error. */
RC slots_read(struct fs *fs, struct mem *mem, const char *dir, uint64_t slot, struct manifest *m,
	      struct err *e);

/* fsync of the slot's file and of both folders: a start does so before it believes the top. */
RC slots_durable(struct fs *fs, const char *dir, uint64_t slot, struct err *e);

/* Puts data (an encoded manifest) into slot: temporary (O_EXCL, named by epoch and *seq, which is
 * advanced), fsync, link, the outcome read, fsync of the folder, temporary unlinked.
 *   OK                 visible and durable
 *   E_FENCED           another's slot: nothing of ours is visible, and never will be
 *   E_UNKNOWN_OUTCOME  it may or may not stand: stop, delete nothing, commit nothing
 *   else               not visible; a later try may take the slot */
RC slots_publish(struct fs *fs, const char *dir, uint64_t slot, uint64_t epoch, const void *data,
		 size_t len, uint64_t *seq, struct err *e);
