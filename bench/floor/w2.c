/* w2.c - generated records to sums, an update a record: key splitmix64(i, keys), value i % 256.
 *   one         one thread: generate, sum and check batches in turn
 *   two         generate | sum and check
 *   three       generate | sum | check: the updates go through a ring to a thread of their own
 *   alternate2  two threads, each generates every other batch, keeps the rows of its half of the
 *               keys and sends the others to the other thread: an exchange
 *   exchange4   the same with sources and sums on threads of their own
 * With an exchange the order of a key's records is open, so only the sums at the end compare. */
#include "checksum.h"
#include "exchange.h"
#include "ints.h"

#include <string.h>

/* A source fills BATCH of it; behind an exchange there may be twice as many. */
struct pairs {
	uint32_t n;
	bool last;
	_Alignas(64) uint64_t key[2 * BATCH];
	uint64_t value[2 * BATCH]; /* later the key's sum */
};

struct w2_part { /* what one summing thread owns */
	_Alignas(128) struct ints t;
	uint64_t checksum;
	uint64_t next; /* of the source beside it */
	struct pairs made;
};

struct w2 {
	const struct options *o;
	struct divider mod;
	struct ring ring;
	struct pairs *slots;
	struct w2_part part[2];
};

static struct pairs *slot_of(struct w2 *w, uint32_t s, uint32_t t, uint32_t slot)
{
	return &w->slots[(s * 2 + t) * w->o->slots + slot];
}

/* The batch that begins with row `first`; there may be none. */
static void generate(const struct w2 *w, uint64_t first, struct pairs *to)
{
	struct divider mod = w->mod;
	uint64_t rows = w->o->rows, left = first < rows ? rows - first : 0;
	uint32_t n = left < BATCH ? (uint32_t)left : BATCH;
	for (uint32_t i = 0; i < n; i++)
		to->key[i] = divider_rest(mod, mix(first + i));
	for (uint32_t i = 0; i < n; i++)
		to->value[i] = (first + i) % 256;
	to->n = n;
	to->last = left <= BATCH;
}

static void sum(struct w2_part *p, struct pairs *b)
{
	for (uint32_t at = 0; at < b->n; at += BATCH) {
		uint32_t n = b->n - at < BATCH ? b->n - at : BATCH;
		ints_add(&p->t, b->key + at, b->value + at, n);
	}
}

static void run_one(struct w2 *w)
{
	struct pairs *b = w->slots;
	uint64_t i = 0;
	do {
		generate(w, i, b);
		sum(w->part, b);
		w->part->checksum += checksum_ints(b->key, b->value, b->n);
		i += BATCH;
	} while (!b->last);
}

static void *source_main(void *arg)
{
	struct w2 *w = arg;
	thread_pin(w->o, 0);
	bool last = false;
	for (uint64_t i = 0; !last; i += BATCH) {
		struct pairs *b = &w->slots[ring_next(&w->ring, 0)];
		generate(w, i, b);
		last = b->last;
		ring_done(&w->ring, 0);
	}
	return NULL;
}

static void *sink_main(void *arg)
{
	struct w2 *w = arg;
	thread_pin(w->o, 0);
	for (bool last = false; !last;) {
		const struct pairs *b = &w->slots[ring_next(&w->ring, 2)];
		w->part->checksum += checksum_ints(b->key, b->value, b->n);
		last = b->last;
		ring_done(&w->ring, 2);
	}
	return NULL;
}

static void run_two(struct w2 *w)
{
	ring_open(&w->ring, w->o, 2);
	unsigned long source = thread_begin(source_main, w);
	thread_pin(w->o, 1);
	for (bool last = false; !last;) {
		struct pairs *b = &w->slots[ring_next(&w->ring, 1)];
		sum(w->part, b);
		w->part->checksum += checksum_ints(b->key, b->value, b->n);
		last = b->last;
		ring_done(&w->ring, 1);
	}
	thread_join(source);
}

static void run_three(struct w2 *w)
{
	ring_open(&w->ring, w->o, 3);
	unsigned long source = thread_begin(source_main, w), sink = thread_begin(sink_main, w);
	thread_pin(w->o, 1);
	for (bool last = false; !last;) {
		struct pairs *b = &w->slots[ring_next(&w->ring, 1)];
		sum(w->part, b);
		last = b->last;
		ring_done(&w->ring, 1);
	}
	thread_join(source);
	thread_join(sink);
}

/* ---- exchange ---- */

static void clear(void *owner, uint32_t s, uint32_t t, uint32_t slot)
{
	slot_of(owner, s, t, slot)->n = 0;
}

static uint32_t scatter(void *owner, uint32_t s, const uint32_t slot[2])
{
	struct w2 *w = owner;
	struct pairs *from = &w->part[s].made;
	struct pairs *a = slot_of(w, s, 0, slot[0]), *b = slot_of(w, s, 1, slot[1]);
	generate(w, w->part[s].next, from);
	w->part[s].next += 2 * BATCH;
	uint32_t na = a->n, nb = b->n;
	for (uint32_t i = 0; i < from->n; i++) {
		uint32_t t = int_hash(from->key[i]) >> 31 & 1; /* not the bits that find the line */
		a->key[na] = b->key[nb] = from->key[i]; /* one of them counts: no branch */
		a->value[na] = b->value[nb] = from->value[i];
		na += t ^ 1;
		nb += t;
	}
	a->n = na;
	b->n = nb;
	bool last = a->last = b->last = w->part[s].next >= w->o->rows;
	return last ? EXCHANGE_LAST : (uint32_t)(na >= BATCH) | (uint32_t)(nb >= BATCH) << 1;
}

static bool take(void *owner, uint32_t s, uint32_t t, uint32_t slot)
{
	struct w2 *w = owner;
	struct pairs *b = slot_of(w, s, t, slot);
	sum(&w->part[t], b);
	w->part[t].checksum += checksum_ints(b->key, b->value, b->n);
	return b->last;
}

static const struct exchange_work exchange = {.scatter = scatter, .clear = clear, .take = take};

static void run_alternate2(struct w2 *w)
{
	exchange_run(w->o, &exchange, w, 2);
}

static void run_exchange4(struct w2 *w)
{
	exchange_run(w->o, &exchange, w, 4);
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

static const struct form {
	const char *name;
	void (*run)(struct w2 *w);
	uint32_t parts;
} forms[] = {{"one", run_one, 1},
	     {"two", run_two, 1},
	     {"three", run_three, 1},
	     {"alternate2", run_alternate2, 2},
	     {"exchange4", run_exchange4, 2}};

int work_w2(const struct options *o)
{
	struct w2 *w = pages(sizeof *w, true);
	struct answer a = {.records = o->rows};
	const struct form *form = NULL;
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
		if (!strcmp(o->form, forms[i].name))
			form = &forms[i];
	if (o->strings)
		return work_w2_strings(o);
	if (!form || o->keys < 2 || !o->rows)
		die("w2: no such form, or too few --keys or --rows");
	w->o = o;
	w->mod = divider_of(o->keys);
	w->slots = pages(4 * o->slots * sizeof *w->slots, true);
	struct began began = began_now();
	for (uint32_t i = 0; i < form->parts; i++) {
		uint64_t keys = form->parts == 1 ? o->keys : o->keys / 2 + o->keys / 64 + 64;
		ints_open(&w->part[i].t, keys, !o->no_huge);
		w->part[i].next = i * BATCH;
	}
	form->run(w);
	answer_took(&a, began);
	for (uint32_t i = 0; i < form->parts; i++) {
		a.checksum += w->part[i].checksum;
		a.distinct += w->part[i].t.used;
		a.state_checksum += sums_checksum(&w->part[i].t);
	}
	answer_print("w2", o, &a);
	return 0;
}
