/* task_lookup.c - what a task does with a look-up (lookup.h): one probe of its table, which changes
 * nothing, at the beginning of a step. A batch is then either worked on or not begun. */
#include "runtime/task_in.h"

#include "runtime/lookup.h"

#include <string.h>

/* In hand, and not worked on. */
static uint64_t owed(const struct task *t)
{
	return t->batch ? batch_count(t->batch) + task_lazy_owed(t) : 0;
}

static void give_back(struct task *t, struct lookup *l, enum lookup_said said)
{
	l->said = said;
	l->records = atomic_load_explicit(&t->stats.records_in, memory_order_relaxed) - owed(t);
	l->barrier = t->newest_barrier > t->c.after_id ? t->newest_barrier : t->c.after_id;
	l->at_us = t->ctx.now_us;
	l->mail.kind = l->kind;
	mailbox_put(l->reply, &l->mail);
}

static void look(struct task *t, struct lookup *l)
{
	const void *value;
	uint64_t fix8 = t->c.shape.form == KEY_FIX8 ? load_u64(l->key) : 0;
	struct strview v = strview_of(l->key, 0, 0, l->len);
	struct key_view view;
	_Static_assert(sizeof view == sizeof v, "one is passed as the other");
	memcpy(&view, &v, sizeof view);
	struct key_rows row = {.n = 1, .hashes = &l->hash, .fix8 = &fix8, .views = &view,
			       .bases = &l->key};
	keyed_find(t->keyed, &row, &value);
	if (value)
		memcpy(l->value, value, t->c.shape.value_bytes);
	give_back(t, l, value ? LOOKUP_FOUND : LOOKUP_ABSENT);
}

void task_lookup(struct task *t, struct mail *m)
{
	struct lookup *l = CONTAINER_OF(m, struct lookup, mail);
	CHECK(t->keyed && l->len <= KEY_BYTES_MAX &&
	      (t->c.shape.form == KEY_BYTES || l->len == sizeof(uint64_t)));
	if (t->phase == TASK_FAILED || t->closing) {
		give_back(t, l, LOOKUP_ENDED);
	} else if (task_lazy_has(t, l->hash)) {
		look(t, l);
	} else {
		m->next = t->parked;
		t->parked = m;
	}
}

void task_lookups_again(struct task *t)
{
	struct mail *list = t->parked, *next;
	t->parked = NULL;
	for (; list; list = next) {
		next = list->next;
		task_lookup(t, list);
	}
}
