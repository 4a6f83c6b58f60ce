/* pages.c - see pages.h. */
#include "state/pages.h"

#include "state/keyed_in.h"

#define PIECE_BYTES ((size_t)2 << 20) /* a huge page: the kernel clears no less at once */

static size_t share(size_t bytes, size_t of)
{
	return (bytes + of - 1) / of;
}

void keyed_pages_begin(const struct keyed *k, struct keyed_pages *p)
{
	const struct table *t = &k->t;
	size_t slots = t->cap * t->slot_bytes;
	size_t piece = share(share(slots, PAGES_PIECES_MAX), PIECE_BYTES) * PIECE_BYTES;
	*p = (struct keyed_pages){.t = *t, .slot_bytes = piece,
				  .pieces = (uint32_t)share(slots, piece)};
	p->tag_bytes = p->pieces ? share(t->cap, p->pieces) : 0;
}

/* Piece i of `bytes` at `from`, by whole pages that are in no other piece. */
static bool ask(uint8_t *from, size_t bytes, size_t piece_bytes, uint32_t i)
{
	size_t at = i * piece_bytes, end = at + piece_bytes;
	at = at < bytes ? at : bytes;
	end = end < bytes ? end : bytes;
	return room_touch(from + at, end - at);
}

bool keyed_pages_ask(const struct keyed_pages *p, uint32_t piece)
{
	return ask(p->t.tags, p->t.cap, p->tag_bytes, piece) &&
	       ask(p->t.slots, p->t.cap * p->t.slot_bytes, p->slot_bytes, piece);
}

uint32_t keyed_pages_of(const struct keyed_pages *p, uint64_t hash)
{
	uint64_t slot = table_home(&p->t, hash);
	return (uint32_t)(slot * p->t.slot_bytes / p->slot_bytes);
}
