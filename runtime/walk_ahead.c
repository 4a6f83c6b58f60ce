/* walk_ahead.c - see walk_ahead.h. */
#include "runtime/walk_ahead.h"

#include "base/check.h"
#include "base/waker.h"

#include <string.h>

#define AHEAD_BLOCKS 8u /* about 1 MiB, by feel: it stays in a processor's cache */

struct walk_ahead {
	struct mem *mem;
	struct walk *walk; /* the thread's until it ended */
	walk_meanwhile *meanwhile;
	void *arg;
	struct run_block block[AHEAD_BLOCKS];
	struct thread thread;
	bool holds;    /* the reader's: block `taken` is what it has been given */
	enum rc rc;    /* the thread's; the reader's once `ended` is seen */
	struct err error;
	struct waker reader, filler;
	_Alignas(64) _Atomic uint32_t filled; /* blocks; written by the thread */
	_Atomic bool ended;
	_Alignas(64) _Atomic uint32_t taken; /* written by the reader */
	_Atomic bool stop;
};

/* For the thread: a block is free, or all is over. */
static bool has_room(const struct walk_ahead *a)
{
	return atomic_load(&a->stop) ||
	       atomic_load(&a->filled) - atomic_load(&a->taken) < AHEAD_BLOCKS;
}

/* For the reader: a block is there, or none will come. */
static bool has_news(const struct walk_ahead *a)
{
	return atomic_load(&a->ended) || atomic_load(&a->filled) != atomic_load(&a->taken);
}

static void wait_for(struct walk_ahead *a, bool (*is_there)(const struct walk_ahead *a),
		     struct waker *w)
{
	while (!is_there(a)) {
		if (a->meanwhile && a->meanwhile(a->arg))
			continue;
		waker_prepare(w);
		if (is_there(a))
			waker_cancel(w);
		else
			waker_sleep(w, UINT64_MAX);
	}
}

static uint32_t rows_copy(struct run_block *to, const struct merge_span *x, uint32_t from)
{
	const struct run_block *b = x->block;
	uint32_t n = x->to - from, size = b->shape.value_bytes;
	if (n > RUN_BLOCK_ROWS - to->rows)
		n = RUN_BLOCK_ROWS - to->rows;
	memcpy(to->hash + to->rows, b->hash + from, n * sizeof *b->hash);
	memcpy(to->op + to->rows, b->op + from, n);
	memcpy(to->fix8 + to->rows, b->fix8 + from, n * sizeof *b->fix8);
	memcpy(to->value + (size_t)to->rows * size, b->value + (size_t)from * size,
	       (size_t)n * size);
	to->rows += n;
	return n;
}

/* Rows of *x from *at on, then the walk's next ones, until the block is full or there are no
 * more. */
static enum rc fill(struct walk_ahead *a, struct run_block *to, struct merge_span *x, uint32_t *at,
		    struct err *e)
{
	for (to->rows = 0; to->rows < RUN_BLOCK_ROWS;) {
		if (x->block && *at < x->to) {
			*at += rows_copy(to, x, *at);
			continue;
		}
		if (walk_next(a->walk, x, e) != OK)
			return e->code;
		if (!x->block)
			return OK;
		*at = x->from;
	}
	return OK;
}

static void ahead_main(void *arg)
{
	struct walk_ahead *a = arg;
	struct merge_span x = {0};
	uint32_t at = 0, n = 0;
	bool more = true;
	while (more) {
		wait_for(a, has_room, &a->filler);
		if (atomic_load(&a->stop))
			break;
		struct run_block *b = &a->block[n % AHEAD_BLOCKS];
		a->rc = fill(a, b, &x, &at, &a->error);
		more = a->rc == OK && x.block;
		if (b->rows)
			atomic_store(&a->filled, ++n);
		waker_wake(&a->reader);
	}
	atomic_store(&a->ended, true);
	waker_wake(&a->reader);
}

static void ahead_close(struct walk_ahead *a)
{
	walk_close(a->walk);
	for (uint32_t i = 0; i < AHEAD_BLOCKS; i++)
		run_block_close(&a->block[i]);
	mem_put(a->mem, a);
}

RC walk_ahead_open(struct walk_ahead **out, const struct walk_options *o, walk_meanwhile *meanwhile,
		   void *arg, struct err *e)
{
	CHECK(o->shape->form == KEY_FIX8);
	struct walk_ahead *a = mem_get_aligned(o->mem, _Alignof(struct walk_ahead), sizeof *a);
	*out = NULL;
	if (!a)
		return ERR(e, E_NO_MEMORY, "no memory to read ahead");
	memset(a, 0, sizeof *a);
	a->mem = o->mem;
	a->meanwhile = meanwhile;
	a->arg = arg;
	waker_init(&a->reader);
	waker_init(&a->filler);
	for (uint32_t i = 0; i < AHEAD_BLOCKS; i++)
		if (run_block_open(&a->block[i], o->shape, o->mem, e) != OK)
			goto fail;
	if (walk_open(&a->walk, o, e) != OK ||
	    thread_start(&a->thread, ahead_main, a, "weir-ahead", e) != OK)
		goto fail;
	*out = a;
	return OK;
fail:
	ahead_close(a);
	return e->code;
}

void walk_ahead_close(struct walk_ahead *a, uint64_t *rows, uint64_t *bytes)
{
	atomic_store(&a->stop, true);
	waker_wake(&a->filler);
	thread_join(&a->thread);
	*rows = walk_rows_read(a->walk);
	*bytes = walk_bytes_read(a->walk);
	ahead_close(a);
}

RC walk_ahead_next(struct walk_ahead *a, struct merge_span *span, struct err *e)
{
	uint32_t n = atomic_load(&a->taken);
	*span = (struct merge_span){0};
	if (a->holds) {
		a->holds = false;
		atomic_store(&a->taken, ++n);
		waker_wake(&a->filler);
	}
	wait_for(a, has_news, &a->reader);
	/* `ended` may have been seen beside a last block: that first. */
	if (atomic_load(&a->filled) != n) {
		a->holds = true;
		span->block = &a->block[n % AHEAD_BLOCKS];
		span->to = span->block->rows;
		return OK;
	}
	if (a->rc != OK)
		*e = a->error;
	return a->rc;
}
