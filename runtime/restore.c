/* restore.c - see restore.h. */
#include "runtime/restore.h"

#include "base/check.h"
#include "base/waker.h"
#include "runtime/walk_ahead.h"
#include "state/pages.h"

#include <stdatomic.h>

#define SPLIT_KEYS (1u << 20) /* from here on threads pay, by feel: some 20 ms for one */
#define STRETCHES_MAX 16u

/* What one thread restores: all of the table, or one stretch of it. */
struct restore {
	struct fs *fs;
	struct mem *mem;
	const char *parts_dir;
	const struct manifest *m;
	const struct manifest_keyed *s;
	const struct keyed_shape *shape;
	struct keyed *k;
	struct keyed_fill *fill; /* NULL: all of k */
	uint64_t lo, hi;
	struct restored out;
	struct thread thread;
	bool started;
	enum rc rc;
	struct err error;
};

static RC rows_put(struct restore *r, const struct merge_span *x, struct err *e)
{
	return r->fill ? keyed_fill_rows(r->fill, x->block, x->from, x->to, e)
		       : keyed_restore_rows(r->k, x->block, x->from, x->to, e);
}

static RC restore_rows(struct restore *r, struct walk *w, struct err *e)
{
	struct merge_span x;
	for (;;) {
		if (walk_next(w, &x, e) != OK)
			return e->code;
		if (!x.block)
			return OK;
		if (rows_put(r, &x, e) != OK)
			return e->code;
	}
}

static struct walk_options options_of(const struct restore *r)
{
	return (struct walk_options){.fs = r->fs, .mem = r->mem, .parts_dir = r->parts_dir,
				     .m = r->m, .state = r->s, .shape = r->shape,
				     .hash_first = r->lo, .hash_last = r->hi};
}

static void restore_main(void *arg)
{
	struct restore *r = arg;
	struct walk *w;
	struct walk_options o = options_of(r);
	r->rc = walk_open(&w, &o, &r->error);
	if (r->rc != OK)
		return;
	r->rc = restore_rows(r, w, &r->error);
	r->out.rows_read = walk_rows_read(w);
	r->out.bytes_read = walk_bytes_read(w);
	walk_close(w);
}

/* Every stretch by a thread of its own, if wanted; the first one here, and those that have none. */
static RC restore_split(const struct restore *whole, uint32_t parts, bool threads,
			struct restored *out, struct err *e)
{
	struct keyed_fill fill[STRETCHES_MAX];
	struct restore *all = mem_get(whole->mem, parts * sizeof *all);
	CHECK(parts <= STRETCHES_MAX);
	if (!all)
		return ERR(e, E_NO_MEMORY, "no memory to restore");
	for (uint32_t i = 0; i < parts; i++) {
		all[i] = *whole;
		keyed_fill_begin(whole->k, i, parts, &fill[i]);
		all[i].fill = &fill[i];
		all[i].lo = fill[i].lo;
		all[i].hi = fill[i].hi;
	}
	for (uint32_t i = 1; i < parts && threads; i++) {
		struct err ignored = {0};
		all[i].started = thread_start(&all[i].thread, restore_main, &all[i], "weir-restore",
					      &ignored) == OK;
	}
	for (uint32_t i = 0; i < parts; i++)
		if (!all[i].started)
			restore_main(&all[i]);
	enum rc rc = OK;
	for (uint32_t i = 0; i < parts; i++) {
		if (all[i].started)
			thread_join(&all[i].thread);
		out->rows_read += all[i].out.rows_read;
		out->bytes_read += all[i].out.bytes_read;
		if (all[i].rc != OK && rc == OK) {
			rc = all[i].rc;
			*e = all[i].error;
		}
	}
	struct err end = {0};
	if (keyed_fill_end(fill, parts, &end) != OK && rc == OK) {
		rc = end.code;
		*e = end;
	}
	mem_put(whole->mem, all);
	return rc;
}

/* One thread fills the table, one reads ahead of it; and the table's memory, of which each would
 * otherwise wait for the most, is asked for by whoever has to wait for the other anyway. */
struct touch {
	struct keyed_pages pages;
	_Atomic uint32_t next; /* piece that nobody has begun to ask for */
	_Atomic bool there[PAGES_PIECES_MAX];
};

static bool touch_next(void *arg)
{
	struct touch *t = arg;
	if (atomic_load_explicit(&t->next, memory_order_relaxed) >= t->pages.pieces)
		return false;
	uint32_t i = atomic_fetch_add(&t->next, 1);
	if (i >= t->pages.pieces)
		return false;
	if (!keyed_pages_ask(&t->pages, i)) { /* this system does not: not by anybody */
		atomic_store(&t->next, t->pages.pieces);
		return false;
	}
	atomic_store(&t->there[i], true);
	return true;
}

/* Rows up to this hash are about to be put. While their memory is asked for by the other thread,
 * this one asks for what comes after it: both would clear the same page. */
static void touch_up_to(struct touch *t, uint64_t hash)
{
	uint32_t i = keyed_pages_of(&t->pages, hash);
	while (i < t->pages.pieces && !atomic_load(&t->there[i]) && touch_next(t))
		;
}

static RC rows_ahead(struct restore *r, struct walk_ahead *w, struct touch *t, struct err *e)
{
	struct merge_span x;
	for (;;) {
		if (walk_ahead_next(w, &x, e) != OK)
			return e->code;
		if (!x.block)
			return OK;
		touch_up_to(t, x.block->hash[x.to - 1]);
		if (rows_put(r, &x, e) != OK)
			return e->code;
	}
}

/* Whether it could be done that way; else nothing has happened. */
static bool restore_ahead(struct restore *r)
{
	struct touch t = {.next = 0};
	struct walk_ahead *w;
	struct walk_options o = options_of(r);
	struct err none = {0};
	keyed_pages_begin(r->k, &t.pages);
	if (walk_ahead_open(&w, &o, touch_next, &t, &none) != OK)
		return false;
	r->rc = rows_ahead(r, w, &t, &r->error);
	walk_ahead_close(w, &r->out.rows_read, &r->out.bytes_read);
	return true;
}

static void restore_whole(struct restore *r, bool threads, uint64_t expected)
{
	if (!threads || expected < SPLIT_KEYS || r->shape->form != KEY_FIX8 ||
	    thread_cores() < 2 || !restore_ahead(r))
		restore_main(r);
}

RC restore_stretches(uint32_t stretches, bool threads, struct fs *fs, struct mem *mem,
		     const char *parts_dir, const struct manifest *m,
		     const struct manifest_keyed *s, const struct keyed_shape *shape,
		     uint64_t hash_first, uint64_t hash_last, uint64_t expected, struct keyed *k,
		     struct restored *out, struct err *e)
{
	struct restore r = {.fs = fs, .mem = mem, .parts_dir = parts_dir, .m = m, .s = s,
			    .shape = shape, .k = k, .lo = hash_first, .hi = hash_last};
	*out = (struct restored){0};
	if (keyed_restore_begin(k, expected, e) != OK)
		return e->code;
	if (stretches > 1 && expected && shape->form == KEY_FIX8) {
		uint32_t parts = stretches < STRETCHES_MAX ? stretches : STRETCHES_MAX;
		if (restore_split(&r, parts, threads, out, e) != OK)
			return e->code;
	} else {
		restore_whole(&r, threads, expected);
		*out = r.out;
		if (r.rc != OK) {
			*e = r.error;
			return r.rc;
		}
	}
	for (uint32_t i = 0; i < s->n_runs; i++)
		if (s->run[i].hash_first <= hash_last && s->run[i].hash_last >= hash_first)
			s->run[i].delta ? out->delta_runs++ : out->full_runs++;
	keyed_restore_end(k, m->id);
	out->keys = keyed_count(k);
	return OK;
}

uint32_t restore_width(uint64_t expected, uint32_t beside, uint32_t cores)
{
	if (expected < SPLIT_KEYS || cores <= beside)
		return 1;
	return cores / beside < STRETCHES_MAX ? cores / beside : STRETCHES_MAX;
}

RC restore_keyed(uint32_t beside, struct fs *fs, struct mem *mem, const char *parts_dir,
		 const struct manifest *m, const struct manifest_keyed *s,
		 const struct keyed_shape *shape, uint64_t hash_first, uint64_t hash_last,
		 uint64_t expected, struct keyed *k, struct restored *out, struct err *e)
{
	uint32_t stretches = restore_width(expected, beside, thread_cores());
	return restore_stretches(stretches, true, fs, mem, parts_dir, m, s, shape, hash_first,
				 hash_last, expected, k, out, e);
}
