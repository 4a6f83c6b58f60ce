/* step_text.c - see step_text.h.
 *
 *     quick/0   flows                        1,204 sent
 *     slow/0    flows                          310 sent
 *     both/0    aligning barrier 3
 *       <- quick/0  [ 12 9 ] HELD: barrier 3 came here, and not from slow/0 yet
 *       <- slow/0   [ |3| 10 10 ]
 *     cut 3       quick/0 yes  slow/0 yes  both/0 -  count/0 - */
#include "cli/step_text.h"

#include "runtime/task_look.h"

#include <inttypes.h>
#include <string.h>

#define ITEMS_SHOWN 8u

static void task_name(const struct stepper *s, uint32_t task, char to[PAINT_TEXT])
{
	const struct plan *p = stepper_plan(s);
	for (uint32_t i = 0; i < p->n_stages; i++)
		if (task - p->stage[i].first_task < p->stage[i].parallelism)
			snprintf(to, PAINT_TEXT, "%.24s/%u", p->stage[i].spec->id,
				 task - p->stage[i].first_task);
}

void step_print_event(const struct paint *p, const struct step_event *e)
{
	enum paint_colour c = e->barrier ? PAINT_CYAN : PAINT_PLAIN;
	fprintf(p->to, "%s%5" PRIu64 "  %7.3f s  %s: %s%s\n", paint_on(p, c), e->n,
		(double)e->at_us / 1e6, e->who, e->what, paint_off(p));
}

/* ---- channels ---- */

/* The oldest item, the next to be taken, stands left. */
static void print_items(const struct paint *p, const struct channel *ch)
{
	uint32_t n = channel_fill(ch);
	fputs("[", p->to);
	for (uint32_t i = 0; i < n && i < ITEMS_SHOWN; i++) {
		const struct item *it = channel_look(ch, i);
		if (!it)
			break;
		if (it->kind == ITEM_BATCH)
			fprintf(p->to, " %u", batch_count(it->batch));
		else if (it->kind == ITEM_BARRIER)
			fprintf(p->to, " %s|%" PRIu64 "|%s", paint_on(p, PAINT_CYAN), it->barrier.id,
				paint_off(p));
		else if (it->kind == ITEM_CANCEL)
			fprintf(p->to, " not %" PRIu64, it->barrier.id);
		else if (it->kind == ITEM_END)
			fputs(" end", p->to);
	}
	if (n > ITEMS_SHOWN)
		fprintf(p->to, " and %u more", n - ITEMS_SHOWN);
	fputs(" ]", p->to);
}

/* Those whose barrier is missing, as words: "slow/0 and slow/1". */
static void missing_names(const struct stepper *s, const struct task *t, char *to, size_t room)
{
	const struct task_config *c = task_config(t);
	size_t n = 0;
	*to = '\0';
	for (uint32_t i = 0; i < c->n_inputs; i++) {
		char name[PAINT_TEXT] = "?";
		uint32_t pusher = stepper_pusher(s, c->inputs[i]);
		if (task_holds_input(t, i) || n + sizeof name + 8 > room)
			continue;
		if (pusher != UINT32_MAX)
			task_name(s, pusher, name);
		n += (size_t)snprintf(to + n, room - n, "%s%s", n ? " and " : "", name);
	}
}

static void print_inputs(const struct paint *p, const struct stepper *s, const struct task *t,
			 const struct task_look *l)
{
	const struct task_config *c = task_config(t);
	char missing[200], name[PAINT_TEXT];
	missing_names(s, t, missing, sizeof missing);
	for (uint32_t i = 0; i < c->n_inputs; i++) {
		uint32_t pusher = stepper_pusher(s, c->inputs[i]);
		snprintf(name, sizeof name, "?");
		if (pusher != UINT32_MAX)
			task_name(s, pusher, name);
		fprintf(p->to, "      <- %-18s ", name);
		print_items(p, c->inputs[i]);
		if (task_holds_input(t, i))
			fprintf(p->to, "  %sHELD%s: barrier %" PRIu64 " came here and not from %s yet; what "
				       "stands here belongs after the cut", paint_on(p, PAINT_YELLOW),
				paint_off(p), l->aligning, missing);
		else if (task_input_ended(t, i))
			fputs("  has ended", p->to);
		fputc('\n', p->to);
	}
}

/* ---- tasks ---- */

static void print_task(const struct paint *p, const struct stepper *s, const struct task *t,
		       uint32_t i)
{
	char name[PAINT_TEXT], a[PAINT_TEXT], b[PAINT_TEXT];
	const struct task_stats *st = task_stats(t);
	struct task_look l;
	task_look(t, stepper_published(s), &l);
	task_name(s, i, name);
	fprintf(p->to, "  %s%-20s%s %s", paint_on(p, PAINT_BOLD), name, paint_off(p), l.phase);
	if (l.aligning)
		fprintf(p->to, ", %saligning barrier %" PRIu64 "%s", paint_on(p, PAINT_YELLOW),
			l.aligning, paint_off(p));
	fprintf(p->to, "; %s in, %s out",
		text_count(atomic_load_explicit(&st->records_in, memory_order_relaxed), a),
		text_count(atomic_load_explicit(&st->records_out, memory_order_relaxed), b));
	if (l.batch_rows)
		fprintf(p->to, ", %u in hand", l.batch_rows);
	if (l.keyed && l.changed == UINT64_MAX)
		fprintf(p->to, "; %s, none of them saved yet", text_many(l.keys, "key", a));
	else if (l.keyed)
		fprintf(p->to, "; %s, %s changed since checkpoint %" PRIu64,
			text_many(l.keys, "key", a), text_count(l.changed, b), stepper_published(s));
	if (l.slicing)
		fprintf(p->to, "; still hands over rows of its frozen state");
	fputc('\n', p->to);
	print_inputs(p, s, t, &l);
}

static void print_cut(const struct paint *p, const struct stepper *s, const struct attempt *a)
{
	uint64_t id = stepper_pending(s);
	char name[PAINT_TEXT];
	if (id) {
		fprintf(p->to, "\n  %scheckpoint %" PRIu64 "%s, its parts:", paint_on(p, PAINT_CYAN), id,
			paint_off(p));
		for (uint32_t i = 0; i < attempt_tasks(a); i++) {
			task_name(s, i, name);
			fprintf(p->to, "  %s %s", name,
				stepper_has_part(s, id, i)                ? "there"
				: task_is_taking(attempt_task(a, i), id)  ? "being written"
									  : "-");
		}
		fputc('\n', p->to);
	}
	if (stepper_published(s))
		fprintf(p->to, "  a restart now would go back to checkpoint %" PRIu64 "\n",
			stepper_published(s));
	else
		fputs("  a restart now would begin from nothing: no checkpoint is published yet\n",
		      p->to);
}

void step_print_state(const struct paint *p, const struct stepper *s)
{
	const struct attempt *a = stepper_attempt(s);
	if (!stepper_job(s)) {
		fputs("\n  no process: it was killed. Its disk stays; the next event is the new start.\n",
		      p->to);
		return;
	}
	if (!a) {
		fprintf(p->to, "\n  the process is there (%s); its tasks do not run yet or any more\n",
			job_state_name(job_state(stepper_job(s))));
		return;
	}
	fputc('\n', p->to);
	for (uint32_t i = 0; i < attempt_tasks(a); i++)
		print_task(p, s, attempt_task(a, i), i);
	print_cut(p, s, a);
}
