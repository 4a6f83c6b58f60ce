/* timeline_file.c - see timeline_file.h. */
#include "jobs/timeline_file.h"

#include "checkpoint/history.h"
#include "checkpoint/layout.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- finding it ---- */

/* One line; true: it is a completed one of id. */
static bool line_is(struct timeline *t, const char *line, size_t len, uint64_t id, struct mem *mem)
{
	struct err ignored = {0};
	char begin[40];
	int n = snprintf(begin, sizeof begin, "{\"id\":%" PRIu64 ",", id);
	if (len < (size_t)n || memcmp(line, begin, (size_t)n) != 0 ||
	    timeline_get(t, line, len, mem, &ignored) != OK)
		return false;
	if (t->completed)
		return true;
	timeline_close(t, mem);
	return false;
}

bool timeline_find(struct timeline *t, struct env *env, const char *dir, uint64_t id)
{
	char path[LAYOUT_PATH_MAX];
	struct err ignored = {0};
	uint8_t *text;
	size_t len;
	bool found = false;
	if (!layout_path(path, dir, NULL, SPANS_NAME) ||
	    fs_read_all(env->fs, path, 2 * HISTORY_MAX, &text, &len, &ignored) != OK)
		return false;
	for (size_t end = len; end > 0 && !found;) {
		size_t from = end - 1;
		while (from > 0 && text[from - 1] != '\n')
			from--;
		size_t n = end - from - (text[end - 1] == '\n');
		found = line_is(t, (const char *)text + from, n, id, env->mem);
		end = from;
	}
	mem_put(env->fs->mem, text);
	return found;
}

/* ---- in words ---- */

void timeline_task_name(const struct timeline *t, uint32_t i, char to[TIMELINE_NAME])
{
	if (i < t->n_tasks)
		snprintf(to, TIMELINE_NAME, "%.30s/%u", t->task[i].stage, t->task[i].subtask);
	else
		snprintf(to, TIMELINE_NAME, "?");
}

void timeline_span_say(const struct timeline *t, const struct span *s, char *to, size_t room)
{
	char a[TIMELINE_NAME], b[TIMELINE_NAME];
	timeline_task_name(t, s->task, a);
	timeline_task_name(t, s->other, b);
	switch (s->kind) {
	case SPAN_LETTER:
		snprintf(to, room, "the trigger on its way to %s", s->task < t->n_tasks ? a : "a source");
		break;
	case SPAN_CHANNEL:
		snprintf(to, room, "the barrier on its way from %s to %s, behind records", a, b);
		break;
	case SPAN_FREEZE:
		snprintf(to, room, "%s stopped: its state frozen, the barrier sent on", a);
		break;
	case SPAN_SLICES:
		snprintf(to, room, "%s handed over its changed rows, between records", a);
		break;
	case SPAN_PACK:
		snprintf(to, room, "the rows of %s sorted, compressed, written", a);
		break;
	case SPAN_PREPARE:
		snprintf(to, room, "%s wrote its output files and made them durable", a);
		break;
	case SPAN_ACK:
		snprintf(to, room, "%s said that its part is done, and it was heard", a);
		break;
	case SPAN_PART:
		snprintf(to, room, "the part file's end written");
		break;
	case SPAN_SYNC:
		snprintf(to, room, "the part file made durable (fsync)");
		break;
	case SPAN_LINK:
		snprintf(to, room, "the manifest made durable and linked: it exists");
		break;
	case SPAN_COMMIT:
		snprintf(to, room, "outputs committed");
		break;
	case SPAN_KINDS:
		break;
	}
}

/* Where most of the time went. */
static void put_sentence(struct json_out *o, const struct timeline *t, const struct span *s)
{
	char what[160], text[300];
	double took = (double)(s->to - s->from), total = (double)timeline_total(t);
	timeline_span_say(t, s, what, sizeof what);
	snprintf(text, sizeof text, "Most of it, %.1f of %.1f ms (%.0f %%): %s.", took / 1e3,
		 total / 1e3, total > 0 ? 100 * took / total : 0, what);
	jout_kv_string(o, "sentence", text);
}

void timeline_json(struct json_out *o, const struct timeline *t)
{
	struct span span[TIMELINE_SPANS_MOST];
	uint32_t n = timeline_path(t, span, TIMELINE_SPANS_MOST), longest = 0;
	jout_key(o, "timeline");
	timeline_put(o, t);
	jout_key(o, "path");
	jout_array(o);
	for (uint32_t i = 0; i < n && n <= TIMELINE_SPANS_MOST; i++) {
		char what[160];
		if (span[i].to - span[i].from > span[longest].to - span[longest].from)
			longest = i;
		timeline_span_say(t, &span[i], what, sizeof what);
		jout_object(o);
		jout_kv_string(o, "what", span_name(span[i].kind));
		jout_kv_string(o, "says", what);
		jout_kv_uint(o, "from_us", span[i].from);
		jout_kv_uint(o, "to_us", span[i].to);
		jout_object_end(o);
	}
	jout_array_end(o);
	if (n && n <= TIMELINE_SPANS_MOST)
		put_sentence(o, t, &span[longest]);
}
