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

void snap_close(struct snap *s)
{
	if (!s)
		return;
	bytes_close(&s->state);
	bytes_close(&s->intents);
	mem_put(s->mem, s->run);
	mem_put(s->mem, s);
}
