/* snap.c - see snap.h. */
#include "runtime/snap.h"

struct snap *snap_open(struct mem *mem, const struct barrier *b)
{
	struct snap *s = mem_get(mem, sizeof *s);
	if (!s)
		return NULL;
	s->mem = mem;
	s->barrier = *b;
	bytes_init(&s->state, mem);
	bytes_init(&s->intents, mem);
	return s;
}

bool snap_count_room(struct snap *s, uint32_t n_sent, uint32_t n_received)
{
	struct snap_counts *c = &s->counts;
	if (!n_sent && !n_received)
		return true;
	c->sent = mem_get(s->mem, (n_sent + n_received) * sizeof *c->sent);
	if (!c->sent)
		return false;
	c->received = c->sent + n_sent;
	c->n_sent = n_sent;
	c->n_received = n_received;
	return true;
}

void snap_close(struct snap *s)
{
	if (!s)
		return;
	bytes_close(&s->state);
	bytes_close(&s->intents);
	mem_put(s->mem, s->counts.sent); /* with it those received */
	mem_put(s->mem, s->run);
	mem_put(s->mem, s);
}
