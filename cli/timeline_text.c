/* timeline_text.c - see timeline_text.h.
 *
 *     lines/0  .F
 *     count/1  ......aaaaaaFssspppppppppp
 *     all                               pSSSSSLLLLLLLCC
 *
 * A phase shorter than a column still gets one: the shortest, the stop, is drawn last. */
#include "cli/timeline_text.h"

#include <string.h>

#define NAME_COLUMNS 24u
#define BAR_MOST 160u

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

static void task_bar(const struct paint *p, const struct timeline *t, uint32_t i, unsigned columns)
{
	const struct timeline_task *x = &t->task[i];
	uint64_t rest = x->packed ? x->packed : x->encoded ? x->encoded : x->frozen;
	if (x->prepared > rest)
		rest = x->prepared;
	char name[TIMELINE_NAME];
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
	timeline_task_name(t, i, name);
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

static void path_print(const struct paint *p, const struct timeline *t)
{
	struct span span[TIMELINE_SPANS_MOST];
	char what[160], a[PAINT_TEXT], b[PAINT_TEXT];
	uint32_t n = timeline_path(t, span, TIMELINE_SPANS_MOST), longest = 0;
	uint64_t total = timeline_total(t);
	if (!n || n > TIMELINE_SPANS_MOST)
		return;
	fprintf(p->to, "\n  what it waited for, one after the other\n");
	for (uint32_t i = 0; i < n; i++) {
		if (span[i].to - span[i].from > span[longest].to - span[longest].from)
			longest = i;
		if (span[i].to == span[i].from)
			continue;
		timeline_span_say(t, &span[i], what, sizeof what);
		fprintf(p->to, "  %9s  %s\n", text_us(span[i].to - span[i].from, a), what);
	}
	fprintf(p->to, "  %9s  in all\n", text_us(total, b));
	timeline_span_say(t, &span[longest], what, sizeof what);
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
