/* listing.h - the manifest log as one looks at it who is not its owner: `weir checkpoints`.
 * Why not every slot: fences stay for ever and thousands of checkpoints may be kept, but the newest
 * manifest says which slots count; only those are read, and of them no more than are wanted.
 * Takes no lock and changes nothing. A slot that vanished meanwhile is left out. */
#pragma once
#include "checkpoint/slots.h"

struct slot_entry {
	uint64_t slot;
	struct manifest m; /* empty when rc is not OK */
	enum rc rc;        /* of reading it */
	struct err err;
	bool live; /* the newest readable manifest lists it, or is it */
	bool pinned; /* and lists it as pinned */
};
struct slot_entries {
	struct slot_entry *entry; /* newest first */
	size_t n;
	size_t older;             /* that are kept too, and were not read */
	bool top_unreadable;      /* the newest slot is: nothing can say what is kept */
	struct mem *mem;
};
/* Every slot there is, fences too, readable or not. */
RC slots_read_all(struct storage st, struct mem *mem, struct slot_entries *l, struct err *e);
/* Kept checkpoints, the newest `most` of them, and what cannot be read of them and of quarantined
 * ones. Above an unreadable top: what there is. */
RC slots_read_kept(struct storage st, struct mem *mem, size_t most, struct slot_entries *l,
		   struct err *e);
/* The kept checkpoint of that id: ids rise with slots (inv 10), so few are read. l->n is 0: there
 * is none. */
RC slots_read_id(struct storage st, struct mem *mem, uint64_t id, struct slot_entries *l,
		 struct err *e);
void slot_entries_close(struct slot_entries *l); /* legal on the empty value */
