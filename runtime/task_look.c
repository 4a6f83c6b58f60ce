/* task_look.c - see task_look.h. */
#include "runtime/task_look.h"

#include "runtime/task_in.h"

static const char *phase_of(const struct task *t)
{
	switch (t->phase) {
	case TASK_WAITING:
		return "waits for the first checkpoint";
	case TASK_RUNNING:
		return "flows";
	case TASK_ENDING:
		return "empties what it holds: its input has ended";
	case TASK_ENDED:
		return "has ended";
	case TASK_STOPPED:
		return "stopped at its barrier";
	case TASK_FAILED:
		return "failed";
	}
	return "?";
}

void task_look(const struct task *t, uint64_t base, struct task_look *l)
{
	const struct aligner *a = &t->gate.aligner;
	*l = (struct task_look){
		.phase = t->closed ? "is closed" : phase_of(t),
		.batch_rows = t->batch ? batch_count(t->batch) : 0,
		.aligning = a->ids ? a->running[0].id : 0,
		.passed = t->newest_barrier,
		.preparing = t->preparing,
		.keyed = t->keyed != NULL,
	};
	for (uint32_t i = 0; i < t->n_snapping; i++)
		l->slicing |= t->snapping[i].encoding;
	if (t->keyed && !t->closed) {
		l->keys = keyed_count(t->keyed);
		l->changed = keyed_changed(t->keyed, base);
	}
}

bool task_holds_input(const struct task *t, uint32_t i)
{
	return i < t->gate.n && aligner_is_held(&t->gate.aligner, i);
}

bool task_input_ended(const struct task *t, uint32_t i)
{
	return i < t->gate.n && aligner_is_ended(&t->gate.aligner, i);
}

bool task_is_taking(const struct task *t, uint64_t id)
{
	for (uint32_t i = 0; i < t->n_snapping; i++)
		if (t->snapping[i].snap->barrier.id == id)
			return true;
	return false;
}

const struct item *channel_look(const struct channel *ch, uint32_t i)
{
	uint32_t head = atomic_load_explicit(&ch->head, memory_order_acquire);
	uint32_t tail = atomic_load_explicit(&ch->tail, memory_order_acquire);
	return tail - head > i ? &ch->item[(head + i) % CHANNEL_SLOTS] : NULL;
}
