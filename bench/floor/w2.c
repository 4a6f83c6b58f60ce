/* w2.c - generated records to sums, an update a record: key splitmix64(i, keys), value i % 256.
 *   one         one thread: generate, sum and check batches in turn
 *   two         generate | sum and check
 *   three       generate | sum | check: the updates go through a ring to a thread of their own
 *   alternate2  two threads, each generates every other batch, keeps the rows of its half of the
 *               keys and sends the others to the other thread: an exchange
 *   exchange4   the same with sources and sums on threads of their own
 * With an exchange the order of a key's records is open, so only the sums at the end compare. */
#include "checksum.h"
#include "ints.h"
#include "ring.h"

#include <stdlib.h>
#include <string.h>

struct pairs {
	uint32_t n;
	bool last;
	_Alignas(64) uint64_t key[BATCH], value[BATCH];
};

struct w2 {
	const struct options *o;
	struct divider mod;
	struct ring to_sum, to_sink;
	struct pairs *to_sum_slots, *to_sink_slots;
	struct ints t;
	uint64_t checksum;
};

static void generate(const struct w2 *w, uint64_t first, uint32_t n, struct pairs *to)
{
	struct divider mod = w->mod;
	for (uint32_t i = 0; i < n; i++) {
		to->key[i] = divider_rest(mod, mix(first + i));
		to->value[i] = (first + i) % 256;
	}
	to->n = n;
}

static uint32_t batch_at(const struct options *o, uint64_t first)
{
	return o->rows - first < BATCH ? (uint32_t)(o->rows - first) : BATCH;
}

static void run_one(struct w2 *w)
{
	struct pairs *b = pages(sizeof *b, false);
	uint64_t sum[BATCH];
	for (uint64_t i = 0; i < w->o->rows; i += BATCH) {
		generate(w, i, batch_at(w->o, i), b);
		ints_add(&w->t, b->key, b->value, b->n, sum);
		w->checksum += checksum_ints(b->key, sum, b->n);
	}
}

static void *source_main(void *arg)
{
	struct w2 *w = arg;
	for (uint64_t i = 0; i < w->o->rows; i += BATCH) {
		struct pairs *b = &w->to_sum_slots[ring_room(&w->to_sum)];
		generate(w, i, batch_at(w->o, i), b);
		b->last = i + BATCH >= w->o->rows;
		ring_push(&w->to_sum);
	}
	return NULL;
}

static void *sink_main(void *arg)
{
	struct w2 *w = arg;
	for (bool last = false; !last;) {
		const struct pairs *b = &w->to_sink_slots[ring_next(&w->to_sink)];
		w->checksum += checksum_ints(b->key, b->value, b->n);
		last = b->last;
		ring_pop(&w->to_sink);
	}
	return NULL;
}

static void run_two(struct w2 *w)
{
	uint64_t sum[BATCH];
	unsigned long source = thread_begin(source_main, w);
	for (bool last = false; !last;) {
		const struct pairs *b = &w->to_sum_slots[ring_next(&w->to_sum)];
		ints_add(&w->t, b->key, b->value, b->n, sum);
		w->checksum += checksum_ints(b->key, sum, b->n);
		last = b->last;
		ring_pop(&w->to_sum);
	}
	thread_join(source);
}

static void run_three(struct w2 *w)
{
	unsigned long source = thread_begin(source_main, w), sink = thread_begin(sink_main, w);
	for (bool last = false; !last;) {
		const struct pairs *b = &w->to_sum_slots[ring_next(&w->to_sum)];
		struct pairs *u = &w->to_sink_slots[ring_room(&w->to_sink)];
		ints_add(&w->t, b->key, b->value, b->n, u->value);
		memcpy(u->key, b->key, b->n * sizeof *b->key);
		u->n = b->n;
		last = u->last = b->last;
		ring_pop(&w->to_sum);
		ring_push(&w->to_sink);
	}
	thread_join(source);
	thread_join(sink);
}

/* Of the keys and their sums, which do not depend on the order of records. */
static uint64_t sums_checksum(const struct ints *t)
{
	uint64_t sum = 0;
	for (const struct int_line *l = t->line; l < t->end; l++)
		for (uint32_t j = 0; j < 4; j++)
			if (l->key[j])
				sum += fold64(fold64(CHECKSUM_SEED ^ (l->key[j] - 1)) ^ l->sum[j]);
	return sum;
}

int work_w2(const struct options *o)
{
	static const struct {
		const char *name;
		void (*run)(struct w2 *w);
	} forms[] = {{"one", run_one}, {"two", run_two}, {"three", run_three}};
	struct w2 w = {.o = o};
	struct answer a = {.records = o->rows};
	void (*run)(struct w2 *w) = NULL;
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
		if (!strcmp(o->form, forms[i].name))
			run = forms[i].run;
	if (!run || o->keys < 2 || !o->rows)
		die("w2: no such form, or too few --keys or --rows");
	w.mod = divider_of(o->keys);
	w.to_sum_slots = pages(o->slots * sizeof *w.to_sum_slots, true);
	w.to_sink_slots = pages(o->slots * sizeof *w.to_sink_slots, true);
	ring_open(&w.to_sum, o->slots, o->spins);
	ring_open(&w.to_sink, o->slots, o->spins);
	struct began began = began_now();
	ints_open(&w.t, o->keys, !o->no_huge);
	run(&w);
	answer_took(&a, began);
	a.checksum = w.checksum;
	a.distinct = w.t.used;
	a.state_checksum = sums_checksum(&w.t);
	answer_print("w2", o, &a);
	return 0;
}
