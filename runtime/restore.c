/* restore.c - see restore.h. */
#include "runtime/restore.h"

#include "base/check.h"
#include "base/waker.h"
#include "runtime/walk.h"
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

static RC restore_rows(struct restore *r, struct walk *w, struct err *e)
{
	struct merge_span x;
	for (;;) {
		if (walk_next(w, &x, e) != OK)
			return e->code;
		if (!x.block)
			return OK;
		if ((r->fill ? keyed_fill_rows(r->fill, x.block, x.from, x.to, e)
			     : keyed_restore_rows(r->k, x.block, x.from, x.to, e)) != OK)
			return e->code;
	}
}

static void restore_main(void *arg)
{
	struct restore *r = arg;
	struct walk *w;
	struct walk_options o = {.fs = r->fs, .mem = r->mem, .parts_dir = r->parts_dir, .m = r->m,
				 .state = r->s, .shape = r->shape, .hash_first = r->lo,
				 .hash_last = r->hi};
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

/* One thread fills the table; what it would wait for most is memory. */
struct ahead {
	struct keyed_pages pages;
	_Atomic bool over;
};

static void ahead_main(void *arg)
{
	struct ahead *a = arg;
	while (!atomic_load_explicit(&a->over, memory_order_relaxed) && keyed_pages_step(&a->pages))
		;
}

static void restore_whole(struct restore *r, bool threads, uint64_t expected)
{
	struct ahead a = {.over = false};
	struct thread thread;
	struct err ignored = {0};
	bool started = false;
	if (threads && expected >= SPLIT_KEYS) {
		keyed_pages_begin(r->k, &a.pages);
		started = thread_start(&thread, ahead_main, &a, "weir-pages", &ignored) == OK;
	}
	restore_main(r);
	atomic_store_explicit(&a.over, true, memory_order_relaxed);
	if (started)
		thread_join(&thread);
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
