/* w6.c - latency: a paced source, sums by key, a sink that looks at the clock; three threads.
 * Record n is due n / rate after the begin, whether or not its source was late; its latency goes
 * from then to when the sink is done with its batch.
 *   --tick-us T   the source sends what is due each T us, and threads sleep while there is nothing
 *                 to do (futex); 0: they yield instead, and use all the processor there is
 * Not pinned: here the first free core is the best one. */
#include "checksum.h"
#include "ints.h"
#include "ring.h"

#include <linux/futex.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct paced {
	uint32_t n;
	bool last;
	_Alignas(64) uint64_t key[BATCH];
	uint64_t value[BATCH], due_ns[BATCH];
};

/* What a stage sleeps at until the one before it has done something. */
struct bell {
	_Alignas(128) _Atomic uint32_t rung;
	_Atomic uint32_t sleeps;
};

struct w6 {
	const struct options *o;
	struct ring ring;
	struct bell bell[RING_STAGES];
	struct paced *slots;
	struct ints t;
	struct divider mod;
	uint64_t rows, checksum;
	uint64_t *latency_ns; /* of each record */
};

static uint64_t clock_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void stage_done(struct w6 *w, uint32_t stage)
{
	struct bell *b = &w->bell[(stage + 1) % RING_STAGES];
	ring_done(&w->ring, stage);
	if (!w->o->tick_us)
		return;
	atomic_fetch_add(&b->rung, 1);
	if (atomic_exchange(&b->sleeps, 0))
		syscall(SYS_futex, &b->rung, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static struct paced *stage_next(struct w6 *w, uint32_t stage)
{
	struct bell *b = &w->bell[stage];
	uint32_t slot = 0;
	while (!ring_try(&w->ring, stage, &slot)) {
		if (!w->o->tick_us) {
			sched_yield();
			continue;
		}
		uint32_t heard = atomic_load(&b->rung);
		atomic_store(&b->sleeps, 1);
		if (ring_try(&w->ring, stage, &slot))
			break;
		syscall(SYS_futex, &b->rung, FUTEX_WAIT_PRIVATE, heard, NULL, NULL, 0);
	}
	return &w->slots[slot];
}

static void sleep_until(uint64_t ns)
{
	struct timespec t = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL))
		;
}

static void *source_main(void *arg)
{
	struct w6 *w = arg;
	struct divider mod = w->mod;
	uint64_t begin = clock_ns(), sent = 0, tick = begin;
	double gap = 1e9 / (double)w->o->rate;
	prctl(PR_SET_TIMERSLACK, 1);
	while (sent < w->rows) {
		uint64_t now = clock_ns();
		uint64_t due = (uint64_t)((double)(now - begin) / gap) + 1;
		due = due < w->rows ? due : w->rows;
		if (due == sent && !w->o->tick_us)
			sched_yield();
		while (sent < due) {
			struct paced *b = stage_next(w, 0);
			b->n = due - sent < BATCH ? (uint32_t)(due - sent) : BATCH;
			for (uint32_t i = 0; i < b->n; i++, sent++) {
				b->key[i] = divider_rest(mod, mix(sent));
				b->value[i] = sent % 256;
				b->due_ns[i] = begin + (uint64_t)((double)sent * gap);
			}
			b->last = sent == w->rows;
			stage_done(w, 0);
		}
		if (!w->o->tick_us)
			continue;
		tick += w->o->tick_us * 1000u;
		now = clock_ns();
		if (tick < now)
			tick = now;
		sleep_until(tick);
	}
	return NULL;
}

static void *sink_main(void *arg)
{
	struct w6 *w = arg;
	uint64_t at = 0;
	for (bool last = false; !last;) {
		const struct paced *b = stage_next(w, 2);
		w->checksum += checksum_ints(b->key, b->value, b->n);
		uint64_t now = clock_ns();
		for (uint32_t i = 0; i < b->n; i++)
			w->latency_ns[at++] = now - b->due_ns[i];
		last = b->last;
		stage_done(w, 2);
	}
	return NULL;
}

static void sum_all(struct w6 *w)
{
	for (bool last = false; !last;) {
		struct paced *b = stage_next(w, 1);
		ints_add(&w->t, b->key, b->value, b->n);
		last = b->last;
		stage_done(w, 1);
	}
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static double at_share(const struct w6 *w, double share)
{
	uint64_t i = (uint64_t)(share * (double)w->rows);
	return (double)w->latency_ns[i < w->rows ? i : w->rows - 1] / 1e3;
}

int work_w6(const struct options *o)
{
	struct w6 *w = pages(sizeof *w, false);
	struct answer a = {.form = "three"};
	w->o = o;
	w->rows = a.records = (uint64_t)((double)o->rate * o->seconds);
	if (!w->rows || o->keys < 2)
		die("w6: nothing to do");
	w->mod = divider_of(o->keys);
	w->slots = pages(o->slots * sizeof *w->slots, true);
	w->latency_ns = pages(w->rows * sizeof *w->latency_ns, true);
	for (uint64_t i = 0; i < w->rows; i += 512)
		w->latency_ns[i] = 1; /* the page is there when the sink comes */
	ring_open(&w->ring, o, 3);
	ints_open(&w->t, o->keys, !o->no_huge);
	struct began began = began_now();
	unsigned long source = thread_begin(source_main, w), sink = thread_begin(sink_main, w);
	sum_all(w);
	thread_join(source);
	thread_join(sink);
	answer_took(&a, began);
	a.checksum = w->checksum;
	a.distinct = w->t.used;
	qsort(w->latency_ns, w->rows, sizeof *w->latency_ns, by_size);
	answer_print("w6", o, &a);
	printf(", \"tick_us\": %u, \"p50_us\": %.1f, \"p99_us\": %.1f, \"p99_9_us\": %.1f, "
	       "\"max_us\": %.1f", o->tick_us, at_share(w, 0.5), at_share(w, 0.99),
	       at_share(w, 0.999), at_share(w, 1));
	return 0;
}
