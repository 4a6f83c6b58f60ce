/* w1.c - words of files to counts, an update (word, count) a word.
 *   one         one thread: split, count and check batches in turn
 *   two         read and split | count and check
 *   three       read and split | count | check
 * Reading is the splitting thread's (split.h). */
#include "ring.h"
#include "split.h"

#include <string.h>

struct update_batch {
	uint32_t n;
	bool last;
	_Alignas(64) struct word word[BATCH];
	uint64_t count[BATCH];
};

struct w1 {
	const struct options *o;
	struct splitter source;
	struct ring to_count, to_sink;
	struct word_batch *to_count_slots;
	struct update_batch *to_sink_slots;
	struct words t;
	uint64_t records, checksum;
};

static void run_one(struct w1 *w)
{
	struct word_batch *b = w->to_count_slots;
	uint64_t count[BATCH];
	for (b->last = false; !b->last;) {
		splitter_fill(&w->source, b);
		if (b->n)
			words_count(&w->t, b->word, b->n, count);
		w->checksum += checksum_words(b->word, count, b->n);
		w->records += b->n;
	}
}

static void *source_main(void *arg)
{
	struct w1 *w = arg;
	for (bool last = false; !last;) {
		struct word_batch *b = &w->to_count_slots[ring_room(&w->to_count)];
		splitter_fill(&w->source, b);
		last = b->last;
		ring_push(&w->to_count);
	}
	return NULL;
}

static void *sink_main(void *arg)
{
	struct w1 *w = arg;
	for (bool last = false; !last;) {
		const struct update_batch *u = &w->to_sink_slots[ring_next(&w->to_sink)];
		w->checksum += checksum_words(u->word, u->count, u->n);
		w->records += u->n;
		last = u->last;
		ring_pop(&w->to_sink);
	}
	return NULL;
}

static void run_two(struct w1 *w)
{
	uint64_t count[BATCH];
	unsigned long source = thread_begin(source_main, w);
	for (bool last = false; !last;) {
		struct word_batch *b = &w->to_count_slots[ring_next(&w->to_count)];
		words_count(&w->t, b->word, b->n, count);
		w->checksum += checksum_words(b->word, count, b->n);
		w->records += b->n;
		last = b->last;
		ring_pop(&w->to_count);
	}
	thread_join(source);
}

static void run_three(struct w1 *w)
{
	unsigned long source = thread_begin(source_main, w), sink = thread_begin(sink_main, w);
	for (bool last = false; !last;) {
		struct word_batch *b = &w->to_count_slots[ring_next(&w->to_count)];
		struct update_batch *u = &w->to_sink_slots[ring_room(&w->to_sink)];
		words_count(&w->t, b->word, b->n, u->count);
		memcpy(u->word, b->word, b->n * sizeof *b->word);
		u->n = b->n;
		last = u->last = b->last;
		ring_pop(&w->to_count);
		ring_push(&w->to_sink);
	}
	thread_join(source);
	thread_join(sink);
}

int work_w1(const struct options *o)
{
	static const struct {
		const char *name;
		void (*run)(struct w1 *w);
	} forms[] = {{"one", run_one}, {"two", run_two}, {"three", run_three}};
	struct w1 *w = pages(sizeof *w, true);
	struct answer a = {0};
	void (*run)(struct w1 *w) = NULL;
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
		if (!strcmp(o->form, forms[i].name))
			run = forms[i].run;
	if (!run || !o->n_files)
		die("w1: no such form, or no FILE");
	w->o = o;
	w->to_count_slots = pages(o->slots * sizeof *w->to_count_slots, false);
	w->to_sink_slots = pages(o->slots * sizeof *w->to_sink_slots, true);
	ring_open(&w->to_count, o->slots, o->spins);
	ring_open(&w->to_sink, o->slots, o->spins);
	struct began began = began_now();
	splitter_open(&w->source, o);
	words_open(&w->t, 16, !o->no_huge);
	run(w);
	answer_took(&a, began);
	a.records = w->records;
	a.checksum = w->checksum;
	a.distinct = w->t.used;
	answer_print("w1", o, &a);
	printf(", \"bytes\": %llu", (unsigned long long)w->source.bytes);
	return 0;
}
