/* asker.h - clients' requests that wait for something: an answer may come after its client went.
 * Who gives asker_gone to http_open may keep requests in such lists.
 * Threads: the loop's. */
#pragma once
#include "server/http.h"

struct asker {
	struct asker *next;
	struct http_request *r; /* NULL: the client went */
};

/* At the end of the list. NULL: no memory; r is as it was. */
struct asker *asker_add(struct asker **list, struct http_request *r, struct mem *mem);
/* Takes the oldest off the list; *r is NULL when that client went. False: the list is empty. */
bool asker_pop(struct asker **list, struct http_request **r, struct mem *mem);
/* Takes the oldest off the list: its request, or NULL when the list is empty. Those whose client
 * went are passed over. */
struct http_request *asker_take(struct asker **list, struct mem *mem);
/* As http_config.gone. */
void asker_gone(void *arg, struct http_request *r);
