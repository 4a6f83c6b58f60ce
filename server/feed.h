/* feed.h - who watches one job: server-sent events to each of them.
 * Why apart: the server of many jobs and the one job of `weir run` tell the same events the same
 * way.
 * A watcher that does not read is dropped by http's bound. Threads: the loop's. */
#pragma once
#include "base/json.h"
#include "server/http.h"

struct feed_watcher;
struct feed {
	struct mem *mem;
	struct feed_watcher *first;
	uint64_t *event_id;  /* counts over all feeds of a host */
	/* The last watcher went, or the first came. May be NULL. */
	void (*watched)(void *arg, bool anybody);
	void *arg;
};

/* Answers r with a stream. action: it ends with the action event of that number; 0: it goes on.
 * E_NO_MEMORY: r was answered. */
RC feed_add(struct feed *f, struct http_request *r, uint64_t action, struct err *e);
bool feed_is_watched(const struct feed *f);
/* One line of JSON to all. */
void feed_tell(struct feed *f, const char *event, const struct bytes *data);
/* To the one that came last only: what it begins with. */
void feed_tell_newest(struct feed *f, const char *event, const struct bytes *data);
/* An action has ended: told to all; the streams that waited for it end. */
void feed_action(struct feed *f, uint64_t action, const struct bytes *data);
/* Each 10 s: a comment, so that clients know and gone ones are noticed. */
void feed_beat(struct feed *f);
/* All streams end. */
void feed_close(struct feed *f);
