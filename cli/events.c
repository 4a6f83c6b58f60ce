/* events.c - see events.h. */
#include "cli/events.h"

#include <stdio.h>

void events_init(struct events *ev, bool (*on)(void *arg, const char *event, const char *data,
					       size_t len), void *arg, struct mem *mem)
{
	*ev = (struct events){.on = on, .arg = arg};
	bytes_init(&ev->line, mem);
	bytes_init(&ev->data, mem);
}

void events_close(struct events *ev)
{
	bytes_close(&ev->line);
	bytes_close(&ev->data);
}

/* An empty line: the event is whole. */
static bool dispatch(struct events *ev)
{
	bool go_on = true;
	if (ev->has_data) {
		const char *data = bytes_text(&ev->data);
		go_on = ev->on(ev->arg, ev->name[0] ? ev->name : "message", data, ev->data.len);
	}
	bytes_clear(&ev->data);
	ev->name[0] = '\0';
	ev->has_data = false;
	return go_on;
}

/* The value behind "field:" and at most one space, or NULL: it is another field. */
static const char *field(const char *line, const char *name)
{
	size_t len = strlen(name);
	if (strncmp(line, name, len) || (line[len] && line[len] != ':'))
		return NULL;
	const char *value = line + len + (line[len] == ':');
	return value + (*value == ' ');
}

static bool line_end(struct events *ev)
{
	if (ev->line.len && ev->line.data[ev->line.len - 1] == '\r')
		ev->line.len--;
	const char *line = bytes_text(&ev->line), *value;
	if (!*line)
		return dispatch(ev);
	if ((value = field(line, "event")) != NULL) {
		snprintf(ev->name, sizeof ev->name, "%s", value);
	} else if ((value = field(line, "data")) != NULL) {
		if (ev->has_data)
			bytes_put_u8(&ev->data, '\n');
		bytes_put_text(&ev->data, value);
		ev->has_data = true;
	} /* else: a comment, an id, or what a later server says */
	return true;
}

bool events_take(struct events *ev, const char *data, size_t len)
{
	for (const char *at = data, *end = data + len; at < end;) {
		const char *lf = memchr(at, '\n', (size_t)(end - at));
		size_t n = (size_t)((lf ? lf : end) - at);
		bytes_put(&ev->line, at, n);
		if (ev->line.len + ev->data.len > EVENT_MAX || !bytes_ok(&ev->line)) {
			ev->failed = true;
			return false;
		}
		at += n + (lf != NULL);
		if (!lf)
			return true;
		bool go_on = line_end(ev);
		bytes_clear(&ev->line);
		if (!bytes_ok(&ev->data) || !bytes_ok(&ev->line))
			ev->failed = true;
		if (!go_on || ev->failed)
			return false;
	}
	return true;
}
