/* step_text.c - see step_text.h.
 *
 *     quick/0   flows                        1,204 sent
 *     slow/0    flows                          310 sent
 *     both/0    aligning barrier 3
 *       <- quick/0  [ 12 9 ] HELD: barrier 3 came here, and not from slow/0 yet
 *       <- slow/0   [ |3| 10 10 ]
 *     cut 3       quick/0 yes  slow/0 yes  both/0 -  count/0 - */
#include "cli/step_text.h"

#include "jobs/step_view.h"

#include <inttypes.h>

void step_print_event(const struct paint *p, const struct step_event *e)
{
	enum paint_colour c = e->barrier ? PAINT_CYAN : PAINT_PLAIN;
	fprintf(p->to, "%s%5" PRIu64 "  %7.3f s  %s: %s%s\n", paint_on(p, c), e->n,
		(double)e->at_us / 1e6, e->who, e->what, paint_off(p));
}

/* ---- channels ---- */

/* The oldest item, the next to be taken, stands left. */
static void print_items(const struct paint *p, const struct step_lane *l)
{
	fputs("[", p->to);
	for (uint32_t i = 0; i < l->n_items && i < STEP_ITEMS_SHOWN; i++) {
		const struct step_item *it = &l->item[i];
		if (it->kind == ITEM_BATCH)
			fprintf(p->to, " %u", it->rows);
		else if (it->kind == ITEM_BARRIER)
			fprintf(p->to, " %s|%" PRIu64 "|%s", paint_on(p, PAINT_CYAN), it->id,
				paint_off(p));
		else if (it->kind == ITEM_CANCEL)
			fprintf(p->to, " not %" PRIu64, it->id);
		else if (it->kind == ITEM_END)
			fputs(" end", p->to);
	}
	if (l->n_items > STEP_ITEMS_SHOWN)
		fprintf(p->to, " and %u more", l->n_items - STEP_ITEMS_SHOWN);
	fputs(" ]", p->to);
}

static void print_lane(const struct paint *p, const struct step_view *v, const struct step_lane *l)
{
	char why[400];
	fprintf(p->to, "      <- %-18s ", l->from == STEP_NOBODY ? "?" : v->task[l->from].name);
	print_items(p, l);
	if (l->held) {
		step_lane_why(v, l, why, sizeof why);
		fprintf(p->to, "  %sHELD%s: %s", paint_on(p, PAINT_YELLOW), paint_off(p), why);
	} else if (l->ended) {
		fputs("  has ended", p->to);
	}
	fputc('\n', p->to);
}

/* ---- tasks ---- */

static void print_task(const struct paint *p, const struct step_view *v, const struct step_task *t)
{
	char a[PAINT_TEXT], b[PAINT_TEXT];
	const struct task_look *l = &t->look;
	fprintf(p->to, "  %s%-20s%s %s", paint_on(p, PAINT_BOLD), t->name, paint_off(p), l->phase);
	if (l->aligning)
		fprintf(p->to, ", %saligning barrier %" PRIu64 "%s", paint_on(p, PAINT_YELLOW),
			l->aligning, paint_off(p));
	fprintf(p->to, "; %s in, %s out", text_count(t->in, a), text_count(t->out, b));
	if (l->batch_rows)
		fprintf(p->to, ", %u in hand", l->batch_rows);
	if (l->keyed && l->changed == UINT64_MAX)
		fprintf(p->to, "; %s, none of them saved yet", text_many(l->keys, "key", a));
	else if (l->keyed)
		fprintf(p->to, "; %s, %s changed since checkpoint %" PRIu64,
			text_many(l->keys, "key", a), text_count(l->changed, b), v->published);
	if (l->slicing)
		fprintf(p->to, "; still hands over rows of its frozen state");
	fputc('\n', p->to);
	for (uint32_t i = 0; i < t->n_lanes; i++)
		print_lane(p, v, &v->lane[t->first_lane + i]);
}

static void print_cut(const struct paint *p, const struct step_view *v)
{
	static const char *const parts[] = {"-", "being written", "there"};
	if (v->pending) {
		fprintf(p->to, "\n  %scheckpoint %" PRIu64 "%s, its parts:", paint_on(p, PAINT_CYAN),
			v->pending, paint_off(p));
		for (uint32_t i = 0; i < v->n_tasks; i++)
			fprintf(p->to, "  %s %s", v->task[i].name, parts[v->task[i].part]);
		fputc('\n', p->to);
	}
	if (v->published)
		fprintf(p->to, "  a restart now would go back to checkpoint %" PRIu64 "\n",
			v->published);
	else
		fputs("  a restart now would begin from nothing: no checkpoint is published yet\n",
		      p->to);
}

static void print_view(const struct paint *p, const struct step_view *v)
{
	if (v->process == STEP_KILLED) {
		fputs("\n  no process: it was killed. Its disk stays; the next event is the new start.\n",
		      p->to);
		return;
	}
	if (v->process == STEP_WITHOUT) {
		fprintf(p->to, "\n  the process is there (%s); its tasks do not run yet or any more\n",
			v->state);
		return;
	}
	fputc('\n', p->to);
	for (uint32_t i = 0; i < v->n_tasks; i++)
		print_task(p, v, &v->task[i]);
	print_cut(p, v);
}

RC step_print_state(const struct paint *p, const struct stepper *s, struct mem *mem, struct err *e)
{
	struct step_view v;
	if (step_view_open(&v, s, mem, e) != OK)
		return e->code;
	print_view(p, &v);
	step_view_close(&v);
	return OK;
}
