/* feed.c - see feed.h. */
#include "server/feed.h"

#include <inttypes.h>

struct feed_watcher {
	struct feed *feed;
	struct feed_watcher *next;
	struct http_stream *stream; /* NULL: it went; the memory goes when nobody walks the list */
	uint64_t action;
};

static void watcher_gone(void *arg)
{
	struct feed_watcher *w = arg;
	struct feed *f = w->feed;
	struct feed_watcher **at = &f->first;
	while (*at && *at != w)
		at = &(*at)->next;
	if (*at)
		*at = w->next;
	mem_put(f->mem, w);
	if (!f->first && f->watched)
		f->watched(f->arg, false);
}

RC feed_add(struct feed *f, struct http_request *r, uint64_t action, struct err *e)
{
	struct feed_watcher *w = mem_get(f->mem, sizeof *w);
	if (!w) {
		static const char full[] = "{\"code\":\"E_NO_MEMORY\",\"message\":\"no memory to watch\","
					   "\"at\":null}\n";
		http_answer(r, 503, "application/json", full, sizeof full - 1);
		return ERR(e, E_NO_MEMORY, "no memory to watch");
	}
	w->feed = f;
	w->action = action;
	if (http_stream_open(&w->stream, r, "text/event-stream", watcher_gone, w, e) != OK) {
		mem_put(f->mem, w);
		return e->code;
	}
	w->next = f->first;
	f->first = w;
	if (!w->next && f->watched)
		f->watched(f->arg, true);
	return OK;
}

bool feed_is_watched(const struct feed *f)
{
	return f->first != NULL;
}

static void put_event(struct feed *f, const char *event, const struct bytes *data, struct bytes *to)
{
	bytes_printf(to, "id: %" PRIu64 "\nevent: %s\ndata: ", ++*f->event_id, event);
	bytes_put(to, data->data, data->len);
	bytes_put_text(to, "\n\n");
	if (data->failed)
		to->failed = true;
}

/* http calls `gone` in a turn of its own, never from within http_stream_put: the list stands. */
static void tell(struct feed *f, struct feed_watcher *only, const char *event,
		 const struct bytes *data)
{
	struct bytes text;
	if (!f->first)
		return;
	bytes_init(&text, f->mem);
	put_event(f, event, data, &text);
	for (struct feed_watcher *w = f->first; w && bytes_ok(&text); w = w->next)
		if (!only || w == only)
			(void)http_stream_put(w->stream, (const char *)text.data, text.len);
	bytes_close(&text);
}

void feed_tell(struct feed *f, const char *event, const struct bytes *data)
{
	tell(f, NULL, event, data);
}

void feed_tell_newest(struct feed *f, const char *event, const struct bytes *data)
{
	tell(f, f->first, event, data);
}

static void end_streams(struct feed *f, uint64_t action, bool all)
{
	for (struct feed_watcher **at = &f->first, *w; (w = *at);) {
		if (!all && w->action != action) {
			at = &w->next;
			continue;
		}
		http_stream_end(w->stream);
		*at = w->next;
		mem_put(f->mem, w);
	}
}

void feed_action(struct feed *f, uint64_t action, const struct bytes *data)
{
	bool watched = f->first != NULL;
	feed_tell(f, "action", data);
	end_streams(f, action, false);
	if (watched && !f->first && f->watched)
		f->watched(f->arg, false);
}

void feed_beat(struct feed *f)
{
	for (struct feed_watcher *w = f->first; w; w = w->next)
		(void)http_stream_put(w->stream, ":\n\n", 3);
}

void feed_close(struct feed *f)
{
	end_streams(f, 0, true);
}
