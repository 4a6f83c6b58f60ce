/* task_lazy.c - a task whose keyed state comes while it works (lazy_restore.h): of a batch it is
 * given the rows that are ready, up to the first that is not, so that no record overtakes another;
 * that one's keys are asked for. What needs the whole state waits: barriers are held back by the
 * coordinator until LETTER_LOADED, the end of input here. */
#include "runtime/lazy_restore.h"
#include "runtime/task_in.h"

struct task_lazy {
	struct lazy *loads; /* NULL: all has come */
	bool begun;
	bool cut;           /* the batch is its first part; the rest's rows are rest[0..n_rest-1] */
	uint32_t n_rest;
	uint16_t rest[BATCH_ROWS];
};

RC task_restore_lazily(struct task *t, const struct lazy_options *options, struct err *e)
{
	struct lazy_options o = *options;
	CHECK(t->keyed && !t->lazy);
	t->lazy = mem_get(t->c.mem, sizeof *t->lazy);
	if (!t->lazy)
		return ERR(e, E_NO_MEMORY, "no memory to restore");
	o.mem = t->c.mem;
	o.shape = t->c.shape;
	o.k = t->keyed;
	o.hash_first = t->c.section.hash_first;
	o.hash_last = t->c.section.hash_last;
	o.io = t->c.io;
	o.reply = &t->mail;
	o.kind = LETTER_STRETCH;
	return lazy_open(&t->lazy->loads, &o, e);
}

bool task_is_lazy(const struct task *t)
{
	return t->lazy;
}

const struct restored *task_restored(const struct task *t)
{
	return &t->loaded_what;
}

void task_lazy_begin(struct task *t)
{
	if (t->lazy->begun || t->closing)
		return;
	t->lazy->begun = true;
	lazy_begin(t->lazy->loads);
}

bool task_is_loading(const struct task *t)
{
	return t->lazy && t->lazy->loads;
}

/* Nothing of it is needed any more. */
static void lazy_is_done(struct task *t)
{
	if (t->lazy->loads || t->lazy->cut)
		return;
	mem_put(t->c.mem, t->lazy);
	t->lazy = NULL;
}

void task_stretch(struct task *t, struct mail *m)
{
	struct lazy *l = t->lazy->loads;
	if (t->phase == TASK_FAILED || t->closing)
		lazy_drop(l);
	if (lazy_take(l, m, &t->ctx.error) != OK) {
		err_in(&t->ctx.error, "restore of checkpoint %llu",
		       (unsigned long long)t->c.after_id);
		task_fail(t);
	}
	if (!lazy_is_over(l))
		return;
	t->loaded_what = *lazy_restored(l);
	lazy_close(l);
	t->lazy->loads = NULL;
	lazy_is_done(t);
	mailbox_put(t->c.control, &t->loaded.mail);
}

bool task_lazy_cut(struct task *t)
{
	struct task_lazy *z = t->lazy;
	struct batch *b = t->batch;
	uint32_t missing = 0, n = batch_count(b);
	if (z->cut || !z->loads)
		return true;
	CHECK(b->hash);
	struct key_rows rows = {.n = n, .sel = b->selected ? b->sel : NULL,
				.hashes = (const uint64_t *)b->hash->i64};
	uint32_t ready = keyed_ready(t->keyed, &rows, 0, &missing);
	if (ready == n)
		return true;
	(void)lazy_want(z->loads, missing);
	if (!ready)
		return false;
	z->cut = true;
	z->n_rest = n - ready;
	for (uint32_t i = 0; i < n; i++) {
		uint16_t row = b->selected ? b->sel[i] : (uint16_t)i;
		*(i < ready ? &b->sel[i] : &z->rest[i - ready]) = row;
	}
	b->selected = true;
	b->n_sel = ready;
	return true;
}

uint32_t task_lazy_owed(const struct task *t)
{
	return t->lazy && t->lazy->cut ? t->lazy->n_rest : 0;
}

bool task_lazy_has(struct task *t, uint64_t hash)
{
	struct key_rows row = {.n = 1, .hashes = &hash};
	uint32_t missing = 0;
	if (!task_is_loading(t) || keyed_ready(t->keyed, &row, 0, &missing) == 1)
		return true;
	(void)lazy_want(t->lazy->loads, missing);
	return false;
}

bool task_lazy_rest(struct task *t)
{
	struct task_lazy *z = t->lazy;
	if (!z->cut)
		return false;
	z->cut = false;
	t->batch->n_sel = z->n_rest;
	memcpy(t->batch->sel, z->rest, z->n_rest * sizeof *z->rest);
	lazy_is_done(t);
	return true;
}

bool task_lazy_closing(struct task *t)
{
	if (!task_is_loading(t))
		return true;
	lazy_drop(t->lazy->loads);
	return !lazy_is_flying(t->lazy->loads);
}

void task_lazy_close(struct task *t)
{
	if (!t->lazy)
		return;
	lazy_close(t->lazy->loads);
	mem_put(t->c.mem, t->lazy);
	t->lazy = NULL;
}
