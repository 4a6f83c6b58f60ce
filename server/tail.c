/* tail.c - see tail.h. */
#include "server/tail.h"

#include <stdio.h>
#include <string.h>

void tail_open(struct tail *t, struct mem *mem)
{
	*t = (struct tail){.mem = mem};
}

static struct tail_sink *sink_of(struct tail *t, const char *stage)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (!strcmp(t->sink[i].stage, stage))
			return &t->sink[i];
	if (t->n == TAIL_SINKS_MAX)
		return NULL;
	struct tail_sink *s = &t->sink[t->n++];
	snprintf(s->stage, sizeof s->stage, "%s", stage);
	bytes_init(&s->text, t->mem);
	return s;
}

/* A line, or the part of one that is there: end says whether its line feed is among it. */
static void put_part(struct tail_sink *s, const char *at, size_t len, bool end)
{
	if (s->in_dropped) {
		s->in_dropped = !end;
		return;
	}
	if (s->text.len + len <= TAIL_BYTES) {
		bytes_put(&s->text, at, len);
		return;
	}
	while (s->text.len && s->text.data[s->text.len - 1] != '\n')
		s->text.len--; /* what was kept of it */
	s->dropped++;
	s->in_dropped = !end;
}

void tail_put(struct tail *t, const char *stage, const void *text, size_t len)
{
	struct tail_sink *s = sink_of(t, stage);
	const char *at = text, *end = at + len;
	while (s && at < end) {
		const char *eol = memchr(at, '\n', (size_t)(end - at));
		size_t n = eol ? (size_t)(eol + 1 - at) : (size_t)(end - at);
		put_part(s, at, n, eol != NULL);
		at += n;
	}
	if (s && !bytes_ok(&s->text)) { /* without memory it shows what comes next */
		bytes_close(&s->text);
		bytes_init(&s->text, t->mem);
	}
}

static size_t whole_lines(const struct tail_sink *s)
{
	size_t n = s->text.len;
	while (n && s->text.data[n - 1] != '\n')
		n--;
	return n;
}

static void write_sink(struct tail_sink *s, size_t len, struct bytes *to)
{
	struct json_out o;
	jout_begin(&o, to, false);
	jout_object(&o);
	jout_kv_string(&o, "stage", s->stage);
	jout_key(&o, "lines");
	jout_array(&o);
	for (size_t at = 0; at < len;) {
		const uint8_t *eol = memchr(s->text.data + at, '\n', len - at);
		size_t n = (size_t)(eol - s->text.data) - at;
		jout_string_n(&o, (const char *)s->text.data + at, n);
		at += n + 1;
	}
	jout_array_end(&o);
	jout_kv_uint(&o, "dropped", s->dropped);
	jout_object_end(&o);
	if (len) /* else there may be no text at all, only lines that were dropped */
		memmove(s->text.data, s->text.data + len, s->text.len - len);
	s->text.len -= len;
	s->dropped = 0;
}

bool tail_take(struct tail *t, struct bytes *to)
{
	for (uint32_t i = 0; i < t->n; i++) {
		size_t len = whole_lines(&t->sink[i]);
		if (!len && !t->sink[i].dropped)
			continue;
		write_sink(&t->sink[i], len, to);
		return true;
	}
	return false;
}

void tail_close(struct tail *t)
{
	for (uint32_t i = 0; i < t->n; i++)
		bytes_close(&t->sink[i].text);
	*t = (struct tail){0};
}
