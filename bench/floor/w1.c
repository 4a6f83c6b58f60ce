/* w1.c - words of files to counts, an update (word, count) a word.
 *   one         one thread: split, count and check batches in turn
 *   two         read and split | count and check
 *   three       read and split | count | check (or, with --csv, write as text)
 *   alternate2  two threads, each splits every other file and counts half of the words: a hash
 *               exchange between them
 *   exchange4   the same with sources and counts on threads of their own
 * Reading is the splitting thread's (split.h). The sink knows of an update only what is in it. */
#include "csv.h"
#include "exchange.h"
#include "split.h"

#include <string.h>

struct w1_part { /* what one counting thread owns */
	_Alignas(128) struct words t;
	uint64_t records, checksum;
};

struct w1 {
	const struct options *o;
	struct splitter source[2];
	struct w1_part part[2];
	struct word_batch split[2]; /* of the forms with an exchange, before it */
	struct ring ring;
	struct word_batch *slots;
	struct csv csv;
};

static struct word_batch *slot_of(struct w1 *w, uint32_t s, uint32_t t, uint32_t slot)
{
	return &w->slots[(s * 2 + t) * w->o->slots + slot];
}

static void count(struct w1_part *p, struct word_batch *b)
{
	for (uint32_t at = 0; at < b->n; at += BATCH) {
		uint32_t n = b->n - at < BATCH ? b->n - at : BATCH;
		words_count(&p->t, b->word + at, n, b->count + at);
	}
}

static void check(struct w1_part *p, const struct word_batch *b)
{
	for (uint32_t at = 0; at < b->n; at += BATCH) {
		uint32_t n = b->n - at < BATCH ? b->n - at : BATCH;
		p->checksum += checksum_words(b->word + at, b->count + at, n);
	}
	p->records += b->n;
}

static void run_one(struct w1 *w)
{
	do {
		splitter_fill(&w->source[0], w->slots);
		count(w->part, w->slots);
		check(w->part, w->slots);
	} while (!w->slots->last);
}

static void *source_main(void *arg)
{
	struct w1 *w = arg;
	thread_pin(w->o, 0);
	for (bool last = false; !last;) {
		struct word_batch *b = &w->slots[ring_next(&w->ring, 0)];
		splitter_fill(&w->source[0], b);
		last = b->last;
		ring_done(&w->ring, 0);
	}
	return NULL;
}

static void *sink_main(void *arg)
{
	struct w1 *w = arg;
	thread_pin(w->o, 0);
	for (bool last = false; !last;) {
		const struct word_batch *b = &w->slots[ring_next(&w->ring, 2)];
		if (w->o->csv)
			csv_put(&w->csv, b);
		else
			check(w->part, b);
		last = b->last;
		ring_done(&w->ring, 2);
	}
	return NULL;
}

static void run_two(struct w1 *w)
{
	ring_open(&w->ring, w->o, 2);
	unsigned long source = thread_begin(source_main, w);
	thread_pin(w->o, 1);
	for (bool last = false; !last;) {
		struct word_batch *b = &w->slots[ring_next(&w->ring, 1)];
		count(w->part, b);
		check(w->part, b);
		last = b->last;
		ring_done(&w->ring, 1);
	}
	thread_join(source);
}

static void run_three(struct w1 *w)
{
	ring_open(&w->ring, w->o, 3);
	unsigned long source = thread_begin(source_main, w), sink = thread_begin(sink_main, w);
	thread_pin(w->o, 1);
	for (bool last = false; !last;) {
		struct word_batch *b = &w->slots[ring_next(&w->ring, 1)];
		count(w->part, b);
		last = b->last;
		ring_done(&w->ring, 1);
	}
	thread_join(source);
	thread_join(sink);
}

/* ---- exchange ---- */

static void clear(void *owner, uint32_t s, uint32_t t, uint32_t slot)
{
	struct word_batch *b = slot_of(owner, s, t, slot);
	b->n = b->arena_used = 0;
	b->last = false;
}

static uint32_t scatter(void *owner, uint32_t s, const uint32_t slot[2])
{
	struct w1 *w = owner;
	struct word_batch *from = &w->split[s];
	struct word_batch *to[2] = {slot_of(w, s, 0, slot[0]), slot_of(w, s, 1, slot[1])};
	uint32_t n[2] = {to[0]->n, to[1]->n};
	splitter_fill(&w->source[s], from);
	for (uint32_t i = 0; i < from->n; i++) {
		struct word x = from->word[i];
		uint32_t t = (uint32_t)(((x.lo ^ x.hi) * 0x9E3779B97F4A7C15u) >> 63);
		if (__builtin_expect(word_len(x) == WORD_LONG, 0)) { /* it points into from */
			t = x.lo & 1; /* the table takes the high bits */
			to[t]->n = n[t];
			if (!batch_put_long(to[t], word_long(x)->text, word_long(x)->len))
				die("no room for a long word");
			n[t]++;
			continue;
		}
		to[0]->word[n[0]] = to[1]->word[n[1]] = x; /* one of them counts: no branch */
		n[0] += t ^ 1;
		n[1] += t;
	}
	uint32_t full = from->last ? EXCHANGE_LAST : 0;
	for (uint32_t t = 0; t < 2; t++) {
		to[t]->n = n[t];
		to[t]->last = from->last;
		full |= (uint32_t)(n[t] >= BATCH || to[t]->arena_used) << t;
	}
	return full;
}

static bool take(void *owner, uint32_t s, uint32_t t, uint32_t slot)
{
	struct w1 *w = owner;
	struct word_batch *b = slot_of(w, s, t, slot);
	count(&w->part[t], b);
	check(&w->part[t], b);
	return b->last;
}

static const struct exchange_work exchange = {.scatter = scatter, .clear = clear, .take = take};

static void run_alternate2(struct w1 *w)
{
	exchange_run(w->o, &exchange, w, 2);
}

static void run_exchange4(struct w1 *w)
{
	exchange_run(w->o, &exchange, w, 4);
}

/* ---- */

static const struct form {
	const char *name;
	void (*run)(struct w1 *w);
	int parts;
} forms[] = {{"one", run_one, 1},
	     {"two", run_two, 1},
	     {"three", run_three, 1},
	     {"alternate2", run_alternate2, 2},
	     {"exchange4", run_exchange4, 2}};

int work_w1(const struct options *o)
{
	struct w1 *w = pages(sizeof *w, true);
	struct answer a = {0};
	const struct form *form = NULL;
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
		if (!strcmp(o->form, forms[i].name))
			form = &forms[i];
	if (!form || !o->n_files || (o->csv && form->run != run_three))
		die("w1: no such form, or no FILE; --csv is of form three");
	w->o = o;
	w->slots = pages(4 * o->slots * sizeof *w->slots, false);
	struct began began = began_now();
	for (int i = 0; i < form->parts; i++) {
		splitter_open(&w->source[i], o, i, form->parts);
		words_open(&w->part[i].t, 15, !o->no_huge);
	}
	if (o->csv)
		csv_open(&w->csv, o->csv);
	form->run(w);
	if (o->csv)
		csv_close(&w->csv);
	answer_took(&a, began);
	uint64_t bytes = 0;
	a.records = w->csv.records;
	for (int i = 0; i < form->parts; i++) {
		a.records += w->part[i].records;
		a.checksum += w->part[i].checksum;
		a.distinct += w->part[i].t.used;
		bytes += w->source[i].bytes;
	}
	answer_print("w1", o, &a);
	printf(", \"bytes\": %llu, \"bytes_written\": %llu", (unsigned long long)bytes,
	       (unsigned long long)w->csv.bytes);
	return 0;
}
