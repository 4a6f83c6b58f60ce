/* asker.c - see asker.h. */
#include "server/asker.h"

struct asker *asker_add(struct asker **list, struct http_request *r, struct mem *mem)
{
	struct asker *a = mem_get(mem, sizeof *a), **at = list;
	if (!a)
		return NULL;
	a->r = r;
	while (*at)
		at = &(*at)->next;
	*at = a;
	http_set_context(r, a);
	return a;
}

bool asker_pop(struct asker **list, struct http_request **r, struct mem *mem)
{
	struct asker *a = *list;
	if (!a)
		return false;
	*list = a->next;
	*r = a->r;
	mem_put(mem, a);
	if (*r)
		http_set_context(*r, NULL);
	return true;
}

struct http_request *asker_take(struct asker **list, struct mem *mem)
{
	struct http_request *r = NULL;
	while (!r && asker_pop(list, &r, mem))
		;
	return r;
}

void asker_gone(void *arg, struct http_request *r)
{
	(void)arg;
	struct asker *a = http_context(r);
	if (a)
		a->r = NULL;
}
