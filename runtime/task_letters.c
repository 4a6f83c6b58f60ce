/* task_letters.c - what letters do to a task: commands of the control thread, completions of the
 * lanes, and the operator's own. Read at the beginning of each step, all that came. */
#include "runtime/task_in.h"

#include "base/planted.h"

static void restored(struct task *t, const struct task_letter *l)
{
	struct op_restored r = {.checkpoint = l->barrier.id,
				.keys = t->keyed ? keyed_count(t->keyed) : 0,
				.old_parallelism = l->old_parallelism};
	if (t->c.ops->restored && t->opened)
		t->c.ops->restored(t->self, &t->ctx, &r);
}

static void command(struct task *t, struct task_letter *l)
{
	switch (l->mail.kind) {
	case LETTER_TRIGGER:
		/* A trigger may be sent again (COORDINATOR 8): a second one for an id is none. */
		if ((l->barrier.id > t->newest_barrier &&
		     !(t->trigger_pending && t->trigger.id >= l->barrier.id)) ||
		    PLANTED(trigger_sent_again_is_new)) {
			t->trigger = l->barrier;
			t->trigger_pending = true;
		}
		break;
	case LETTER_RELEASE:
		if (t->phase == TASK_WAITING)
			t->phase = TASK_RUNNING;
		break;
	case LETTER_ABORT:
		if (t->trigger_pending && t->trigger.id == l->barrier.id)
			t->trigger_pending = false;
		if (t->c.n_inputs && !PLANTED(abort_leaves_inputs_held))
			gate_abort(&t->gate, l->barrier.id);
		task_abort(t, l->barrier.id);
		/* The sources of a stop that was given up go on (COORDINATOR 23). */
		if (t->phase == TASK_STOPPED && t->barrier.id == l->barrier.id)
			t->phase = TASK_RUNNING;
		break;
	case LETTER_COMMITTED:
		t->completed = l->barrier.id;
		if (t->c.ops->committed && t->opened)
			t->c.ops->committed(t->self, &t->ctx, l->barrier.id);
		break;
	case LETTER_CHAIN:
		t->chain_rows = l->chain_rows;
		t->chain_runs = l->chain_runs;
		break;
	case LETTER_DRAIN:
		t->draining = true;
		break;
	case LETTER_RESTORED:
		restored(t, l);
		break;
	case LETTER_CLOSE:
		t->closing = true;
		break;
	default:
		CHECK(!"a letter for a task");
	}
}

void task_letters(struct task *t)
{
	for (struct mail *m = mailbox_take_all(&t->mail), *next; m; m = next) {
		next = m->next;
		if (m->kind >= OP_LETTER) {
			if (t->c.ops->event(t->self, &t->ctx, m) == OP_FAILED)
				task_fail(t);
		} else if (m->kind == LETTER_PACKED) {
			task_packed(t, CONTAINER_OF(m, struct pack_done, mail));
		} else if (m->kind == LETTER_STRETCH) {
			task_stretch(t, m);
			task_lookups_again(t);
		} else if (m->kind == LETTER_LOOKUP) {
			task_lookup(t, m);
		} else {
			struct task_letter *l = CONTAINER_OF(m, struct task_letter, mail);
			command(t, l);
			mem_put(t->c.mem, l);
		}
	}
}
