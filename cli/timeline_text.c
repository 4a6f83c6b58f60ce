/* timeline_text.c - see timeline_text.h.
 *
 *     lines/0  .F
 *     count/1  ......aaaaaaFssspppppppppp
 *     all                               pSSSSSLLLLLLLCC
 *
 * A phase shorter than a column still gets one: the shortest, the stop, is drawn last. */
#include "cli/timeline_text.h"

#include "checkpoint/history.h"
#include "checkpoint/layout.h"

#include <inttypes.h>
#include <string.h>

#define NAME_COLUMNS 24u
#define BAR_MOST 160u

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

/* ---- bars ---- */

struct bar {
	char cell[BAR_MOST + 1];
	unsigned columns;
	uint64_t total;
};

static void bar_begin(struct bar *b, unsigned columns, uint64_t total)
{
	b->columns = columns < BAR_MOST ? columns : BAR_MOST;
	b->total = total ? total : 1;
	memset(b->cell, ' ', b->columns);
	b->cell[b->columns] = '\0';
}

static void bar_draw(struct bar *b, char c, uint64_t from, uint64_t to)
{
	if (to <= from)
		return;
	unsigned first = (unsigned)((double)from / (double)b->total * b->columns);
	unsigned end = (unsigned)((double)to / (double)b->total * b->columns);
	if (end <= first)
		end = first + 1;
	for (unsigned i = first; i < end && i < b->columns; i++)
		b->cell[i] = c;
}

static void bar_print(const struct paint *p, struct bar *b, const char *name)
{
	unsigned n = b->columns;
	while (n && b->cell[n - 1] == ' ')
		n--;
	fprintf(p->to, "  %-*.*s  %.*s\n", (int)NAME_COLUMNS, (int)NAME_COLUMNS, name, (int)n,
		b->cell);
}

static void task_name(const struct timeline *t, uint32_t i, char to[PAINT_TEXT])
{
	if (i < t->n_tasks)
		snprintf(to, PAINT_TEXT, "%.30s/%u", t->task[i].stage, t->task[i].subtask);
	else
		snprintf(to, PAINT_TEXT, "?");
}

static void task_bar(const struct paint *p, const struct timeline *t, uint32_t i, unsigned columns)
{
	const struct timeline_task *x = &t->task[i];
	uint64_t rest = x->packed ? x->packed : x->encoded ? x->encoded : x->frozen;
	if (x->prepared > rest)
		rest = x->prepared;
	char name[PAINT_TEXT];
	struct bar b;
	bar_begin(&b, columns, timeline_total(t));
	bar_draw(&b, '.', 0, x->first);
	bar_draw(&b, 'a', x->first, x->aligned);
	if (x->encoded)
		bar_draw(&b, 's', x->frozen, x->encoded);
	if (x->packed)
		bar_draw(&b, 'p', x->encoded, x->packed);
	bar_draw(&b, '-', rest, x->acked);
	bar_draw(&b, 'w', x->packed ? x->packed : x->frozen, x->prepared);
	bar_draw(&b, 'F', x->aligned, x->frozen);
	task_name(t, i, name);
	bar_print(p, &b, name);
}

static void all_bar(const struct paint *p, const struct timeline *t, unsigned columns)
{
	struct bar b;
	bar_begin(&b, columns, timeline_total(t));
	bar_draw(&b, 'p', t->acked, t->packed);
	bar_draw(&b, 'S', t->packed, t->sealed);
	bar_draw(&b, 'L', t->sealed, t->linked);
	bar_draw(&b, 'C', t->linked, t->committed);
	bar_print(p, &b, "all");
}

/* ---- the path ---- */

static void span_say(const struct timeline *t, const struct span *s, char *to, size_t room)
{
	char a[PAINT_TEXT], b[PAINT_TEXT];
	task_name(t, s->task, a);
	task_name(t, s->other, b);
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

#define SPANS_MOST 256u

static void path_print(const struct paint *p, const struct timeline *t)
{
	struct span span[SPANS_MOST];
	char what[160], a[PAINT_TEXT], b[PAINT_TEXT];
	uint32_t n = timeline_path(t, span, SPANS_MOST), longest = 0;
	uint64_t total = timeline_total(t);
	if (!n || n > SPANS_MOST)
		return;
	fprintf(p->to, "\n  what it waited for, one after the other\n");
	for (uint32_t i = 0; i < n; i++) {
		if (span[i].to - span[i].from > span[longest].to - span[longest].from)
			longest = i;
		if (span[i].to == span[i].from)
			continue;
		span_say(t, &span[i], what, sizeof what);
		fprintf(p->to, "  %9s  %s\n", text_us(span[i].to - span[i].from, a), what);
	}
	fprintf(p->to, "  %9s  in all\n", text_us(total, b));
	span_say(t, &span[longest], what, sizeof what);
	uint64_t took = span[longest].to - span[longest].from;
	fprintf(p->to, "\n%sMost of it, %s of %s (%.0f %%): %s.%s\n", paint_on(p, PAINT_BOLD),
		text_us(took, a), b, total ? 100.0 * (double)took / (double)total : 0.0, what,
		paint_off(p));
}

void timeline_print(const struct paint *p, const struct timeline *t, unsigned columns)
{
	char time[PAINT_TEXT], total[PAINT_TEXT];
	unsigned bar = columns > NAME_COLUMNS + 24 ? columns - NAME_COLUMNS - 4 : 20;
	fprintf(p->to, "timeline, from the trigger at %s to %s, %s\n\n", text_time(t->wall_us, time),
		t->completed ? "the commit" : "the end of a failed attempt at it",
		text_us(timeline_total(t), total));
	for (uint32_t i = 0; i < t->n_tasks; i++)
		task_bar(p, t, i, bar);
	all_bar(p, t, bar);
	fprintf(p->to, "\n  . no barrier yet    a aligning: inputs that had theirs wait    F stopped\n"
		       "  s rows handed over between records    p packed    w outputs written    - told\n"
		       "  S fsync of the part    L manifest linked    C outputs committed\n");
	path_print(p, t);
}

void timeline_json(struct json_out *o, const struct timeline *t)
{
	struct span span[SPANS_MOST];
	uint32_t n = timeline_path(t, span, SPANS_MOST);
	jout_key(o, "timeline");
	timeline_put(o, t);
	jout_key(o, "path");
	jout_array(o);
	for (uint32_t i = 0; i < n && n <= SPANS_MOST; i++) {
		char what[160];
		span_say(t, &span[i], what, sizeof what);
		jout_object(o);
		jout_kv_string(o, "what", span_name(span[i].kind));
		jout_kv_string(o, "says", what);
		jout_kv_uint(o, "from_us", span[i].from);
		jout_kv_uint(o, "to_us", span[i].to);
		jout_object_end(o);
	}
	jout_array_end(o);
}
