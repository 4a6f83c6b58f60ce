/* events.h - server-sent events out of a stream's bytes: "event: job", "data: {...}", an empty
 * line.
 * Pure but for what `on` does. Owns its buffers. Threads: one owner. */
#pragma once
#include "base/bytes.h"

#define EVENT_MAX (8u << 20) /* bytes of one event's data; by feel: a job with facts has 100 kB */

struct events {
	/* One event; data ends with a NUL that len does not count. False: that is enough. */
	bool (*on)(void *arg, const char *event, const char *data, size_t len);
	void *arg;
	struct bytes line, data;
	char name[32];
	bool has_data, failed; /* failed: no memory, or an event over EVENT_MAX */
};

void events_init(struct events *ev, bool (*on)(void *arg, const char *event, const char *data,
					       size_t len), void *arg, struct mem *mem);
void events_close(struct events *ev); /* legal on the empty value */
/* What came, cut anywhere. False: `on` said so, or failed. An event that the stream's end cuts is
 * dropped, as the standard says. */
bool events_take(struct events *ev, const char *data, size_t len);
