/* w3.c - sums of a few hot keys of many, at full speed, and with --track a snapshot each second of
 * what has changed since the last one, while updates go on.
 *
 *   freeze    swaps the lists of dirty places: all that stops the updating thread at once
 *   gather    between batches, GATHER places of the frozen list are copied out as columns
 *   touch     a frozen place that is updated before it was gathered is copied out first
 *   write     a second thread splits the columns into planes of bytes, packs them by LZ4, writes,
 *             fsyncs, renames and fsyncs the folder: now the snapshot is durable
 *
 * Two bits of a place's key say which list it is on: 0 none, else the list's number. So a mark
 * costs no other line of the cache, and who looks for a key that is on the list asks nothing more.
 * When all is gathered, none has the frozen list's number left.
 * The writing thread also keeps what the snapshots say, and at the end it must be what the table
 * says. Printed: updates a second without tracking (before and after) and with it. */
#include "checksum.h"
#include "ints.h"

#include <errno.h>
#include <fcntl.h>
#include <lz4.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define MARK_SHIFT 62
#define KEY_BITS ((1ull << MARK_SHIFT) - 1)
#define GATHER 256u
#define BLOCK 16384u /* rows that are packed together */
#define SNAPSHOT_S 1.0

struct places {
	uint32_t *at; /* line * 4 + place in it */
	uint32_t n;
};

struct snapshot { /* what the updating thread hands to the writing one */
	uint64_t *key, *sum;
	uint32_t n;
	double asked_s;
};

struct w3 {
	const struct options *o;
	struct divider mod;
	struct ints t;
	uint64_t next; /* row */
	/* of the updating thread */
	struct places dirty[3]; /* lists 1 and 2 */
	uint32_t list, frozen;	/* numbers; frozen 0: nothing to gather */
	uint32_t gathered;
	struct snapshot out;
	double longest_stop_s;
	/* between the two: under the lock */
	pthread_mutex_t lock;
	pthread_cond_t change;
	bool full, stop; /* out is the writing thread's; there will be no more */
	/* of the writing thread */
	uint64_t *said; /* the hot keys' sums as the snapshots have them */
	uint64_t snapshots, rows, bytes;
	double durable_s, durable_max_s;
	char *planes, *packed;
};

/* ---- updates ---- */

static inline void copy_out(struct w3 *w, uint64_t stored, uint64_t sum)
{
	w->out.key[w->out.n] = (stored & KEY_BITS) - 1;
	w->out.sum[w->out.n++] = sum;
}

/* The first update of a place since the last freeze, before it happens. */
static __attribute__((noinline)) void touch(struct w3 *w, struct int_line *l, uint32_t j)
{
	uint64_t mark = l->key[j] >> MARK_SHIFT;
	struct places *d = &w->dirty[w->list];
	if (mark && mark == w->frozen)
		copy_out(w, l->key[j], l->sum[j]);
	l->key[j] = (l->key[j] & KEY_BITS) | (uint64_t)w->list << MARK_SHIFT;
	d->at[d->n++] = (uint32_t)(l - w->t.line) * 4 + j;
}

static inline uint32_t marked_find(const struct int_line *l, uint64_t stored)
{
	__m256i key = _mm256_and_si256(_mm256_load_si256((const __m256i *)l->key), x4(KEY_BITS));
	__m256i same = _mm256_cmpeq_epi64(key, x4(stored));
	return (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(same));
}

/* As ints_add, with marks; all keys are there. A place that is on the list already has just the key
 * that is looked for: nothing more to do than without marks. */
static void tracked_add(struct w3 *w, const uint64_t *key, uint64_t *value)
{
	struct int_line *home[BATCH + PIPE];
	uint64_t mark = (uint64_t)w->list << MARK_SHIFT;
	for (uint32_t i = 0; i < BATCH; i++)
		home[i] = ints_home(&w->t, int_hash(key[i]));
	for (uint32_t i = BATCH; i < BATCH + PIPE; i++)
		home[i] = w->t.line;
	for (uint32_t i = 0; i < PIPE; i++)
		__builtin_prefetch(home[i], 1);
	for (uint32_t i = 0; i < BATCH; i++) {
		struct int_line *l = home[i];
		uint64_t stored = key[i] + 1;
		uint32_t hit = line_find(l, stored | mark);
		__builtin_prefetch(home[i + PIPE], 1);
		while (__builtin_expect(!hit, 0)) {
			if ((hit = marked_find(l, stored))) {
				touch(w, l, (uint32_t)__builtin_ctz(hit));
				break;
			}
			if (++l == w->t.end)
				l = w->t.line;
			hit = line_find(l, stored | mark);
		}
		value[i] = l->sum[__builtin_ctz(hit)] += value[i];
	}
}

/* ---- freeze and gather: between batches ---- */

static void gather(struct w3 *w, uint32_t most)
{
	struct places *d = &w->dirty[w->frozen];
	uint32_t end = d->n - w->gathered < most ? d->n : w->gathered + most;
	for (uint32_t i = w->gathered; i < end; i++) {
		if (i + 16 < end)
			__builtin_prefetch(&w->t.line[d->at[i + 16] / 4], 1);
		struct int_line *l = &w->t.line[d->at[i] / 4];
		uint32_t j = d->at[i] % 4;
		if (l->key[j] >> MARK_SHIFT != w->frozen)
			continue; /* it has been touched, and copied out then */
		copy_out(w, l->key[j], l->sum[j]);
		l->key[j] &= KEY_BITS;
	}
	w->gathered = end;
	if (end < d->n)
		return;
	d->n = 0;
	w->frozen = 0;
	pthread_mutex_lock(&w->lock);
	w->full = true;
	pthread_cond_signal(&w->change);
	pthread_mutex_unlock(&w->lock);
}

/* false: the last one is not yet written. */
static bool freeze(struct w3 *w, double now)
{
	pthread_mutex_lock(&w->lock);
	bool busy = w->full;
	pthread_mutex_unlock(&w->lock);
	if (busy || w->frozen)
		return false;
	w->frozen = w->list;
	w->list = 3 - w->list;
	w->gathered = w->out.n = 0;
	w->out.asked_s = now;
	return true;
}

static void stopped(struct w3 *w, double since)
{
	double s = now_s() - since;
	w->longest_stop_s = s > w->longest_stop_s ? s : w->longest_stop_s;
}

/* ---- the writing thread ---- */

/* Bytes 0 of all values, then bytes 1, ...: those that are the same stand together. */
static void planes_put(const uint64_t *from, uint32_t n, char *to)
{
	for (uint32_t byte = 0; byte < 8; byte++)
		for (uint32_t i = 0; i < n; i++)
			to[byte * n + i] = (char)(from[i] >> 8 * byte);
}

static void write_all(int fd, const char *from, size_t len)
{
	for (ssize_t n; len; from += n, len -= (size_t)n)
		if ((n = write(fd, from, len)) < 0)
			die("cannot write a snapshot");
}

static void block_write(struct w3 *w, int fd, const uint64_t *column, uint32_t n)
{
	int bound = LZ4_compressBound(8 * (int)BLOCK);
	planes_put(column, n, w->planes);
	int len = LZ4_compress_default(w->planes, w->packed + 8, 8 * (int)n, bound);
	if (len <= 0)
		die("cannot pack");
	memcpy(w->packed, &n, 4);
	memcpy(w->packed + 4, &len, 4);
	write_all(fd, w->packed, (size_t)len + 8);
	w->bytes += (uint64_t)len + 8;
}

static void snapshot_write(struct w3 *w, int folder)
{
	int fd = openat(folder, "floor-w3.tmp", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		die("%s/floor-w3.tmp", w->o->dir);
	for (uint32_t i = 0; i < w->out.n; i += BLOCK) {
		uint32_t n = w->out.n - i < BLOCK ? w->out.n - i : BLOCK;
		block_write(w, fd, w->out.key + i, n);
		block_write(w, fd, w->out.sum + i, n);
	}
	if (fsync(fd) || close(fd) || renameat(folder, "floor-w3.tmp", folder, "floor-w3.snapshot") ||
	    fsync(folder))
		die("cannot write a snapshot in %s", w->o->dir);
	double took = now_s() - w->out.asked_s;
	w->durable_s += took;
	w->durable_max_s = took > w->durable_max_s ? took : w->durable_max_s;
	w->snapshots++;
	w->rows += w->out.n;
	for (uint32_t i = 0; i < w->out.n; i++)
		if (w->out.key[i] < w->o->hot)
			w->said[w->out.key[i]] = w->out.sum[i];
}

static void *writer_main(void *arg)
{
	struct w3 *w = arg;
	int folder = open(w->o->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	thread_pin(w->o, 1);
	if (folder < 0)
		die("%s", w->o->dir);
	pthread_mutex_lock(&w->lock);
	for (;;) {
		while (!w->full && !w->stop)
			pthread_cond_wait(&w->change, &w->lock);
		if (!w->full)
			break;
		pthread_mutex_unlock(&w->lock);
		snapshot_write(w, folder);
		pthread_mutex_lock(&w->lock);
		w->full = false;
		pthread_cond_signal(&w->change);
	}
	pthread_mutex_unlock(&w->lock);
	(void)unlinkat(folder, "floor-w3.snapshot", 0);
	close(folder);
	return NULL;
}

/* ---- phases ---- */

static void generate(struct w3 *w, uint64_t *key, uint64_t *value)
{
	struct divider mod = w->mod;
	for (uint32_t i = 0; i < BATCH; i++)
		key[i] = divider_rest(mod, mix(w->next + i));
	for (uint32_t i = 0; i < BATCH; i++)
		value[i] = (w->next + i) % 256;
	w->next += BATCH;
}

static void preload(struct w3 *w)
{
	uint64_t key[BATCH], value[BATCH];
	while (w->next < w->o->keys) {
		uint64_t left = w->o->keys - w->next;
		uint32_t n = left < BATCH ? (uint32_t)left : BATCH;
		for (uint32_t i = 0; i < n; i++)
			value[i] = (key[i] = w->next + i) % 256;
		ints_add(&w->t, key, value, n);
		w->next += n;
	}
}

/* How many a second. */
static double run_untracked(struct w3 *w, double seconds)
{
	uint64_t key[BATCH], value[BATCH], first = w->next;
	double began = now_s(), now = began;
	for (; now - began < seconds; now = now_s()) {
		generate(w, key, value);
		ints_add(&w->t, key, value, BATCH);
	}
	return (double)(w->next - first) / (now - began);
}

static double run_tracked(struct w3 *w, double seconds)
{
	uint64_t key[BATCH], value[BATCH], first = w->next;
	double began = now_s(), now = began, due = began + SNAPSHOT_S;
	for (; now - began < seconds; now = now_s()) {
		if (now >= due && freeze(w, now))
			due += SNAPSHOT_S;
		if (w->frozen) {
			gather(w, GATHER);
			stopped(w, now);
		}
		generate(w, key, value);
		tracked_add(w, key, value);
	}
	return (double)(w->next - first) / (now - began);
}

/* The last snapshot, which is not timed; then the snapshots and the table must agree. */
static void finish(struct w3 *w, unsigned long writer)
{
	uint64_t key[1], value[1];
	if (w->frozen)
		gather(w, UINT32_MAX);
	pthread_mutex_lock(&w->lock);
	while (w->full)
		pthread_cond_wait(&w->change, &w->lock);
	pthread_mutex_unlock(&w->lock);
	double durable = w->durable_s, longest = w->durable_max_s;
	uint64_t n = w->snapshots, rows = w->rows, bytes = w->bytes;
	(void)freeze(w, now_s());
	gather(w, UINT32_MAX);
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_signal(&w->change);
	pthread_mutex_unlock(&w->lock);
	thread_join(writer);
	w->durable_s = durable, w->durable_max_s = longest;
	w->snapshots = n, w->rows = rows, w->bytes = bytes;
	for (struct int_line *l = w->t.line; l < w->t.end; l++)
		for (uint32_t j = 0; j < 4; j++)
			l->key[j] &= KEY_BITS;
	for (*key = 0; *key < w->o->hot; ++*key) {
		*value = 0;
		ints_add(&w->t, key, value, 1);
		if (*value != w->said[*key])
			die("the snapshots are wrong: key %llu", (unsigned long long)*key);
	}
}

static void tracking_open(struct w3 *w)
{
	size_t places = w->o->keys + 1;
	for (uint32_t i = 1; i < 3; i++)
		w->dirty[i].at = pages(places * sizeof(uint32_t), false);
	w->out.key = pages(places * sizeof(uint64_t), false);
	w->out.sum = pages(places * sizeof(uint64_t), false);
	w->said = pages(w->o->hot * sizeof(uint64_t), false);
	w->planes = pages(8 * BLOCK, false);
	w->packed = pages((size_t)LZ4_compressBound(8 * (int)BLOCK) + 8, false);
	w->list = 1;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->change, NULL);
}

int work_w3(const struct options *o)
{
	struct w3 *w = pages(sizeof *w, false);
	struct answer a = {0};
	double untracked, tracked = 0, later = 0;
	if (o->hot < 2 || o->keys < o->hot || o->keys > UINT32_MAX / 5)
		die("w3: --hot is 2 to --keys");
	w->o = o;
	w->mod = divider_of(o->hot);
	thread_pin(o, 0);
	ints_open(&w->t, o->keys, !o->no_huge);
	preload(w);
	(void)run_untracked(w, 0.3); /* the hot ones are where they will be */
	struct began began = began_now();
	uint64_t first = w->next;
	untracked = run_untracked(w, o->seconds / 2);
	if (o->track) {
		tracking_open(w);
		for (uint64_t k = 0; k < o->hot; k++) { /* as if an earlier snapshot had said so */
			uint64_t value = 0;
			ints_add(&w->t, &k, &value, 1);
			w->said[k] = value;
		}
		unsigned long writer = thread_begin(writer_main, w);
		tracked = run_tracked(w, o->seconds);
		finish(w, writer);
		later = run_untracked(w, o->seconds / 2);
		untracked = (untracked + later) / 2;
	}
	answer_took(&a, began);
	a.records = w->next - first;
	a.distinct = w->t.used;
	for (const struct int_line *l = w->t.line; l < w->t.end; l++)
		for (uint32_t j = 0; j < 4; j++)
			if (l->key[j])
				a.state_checksum +=
					fold64(fold64(CHECKSUM_SEED ^ (l->key[j] - 1)) ^ l->sum[j]);
	answer_print("w3", o, &a);
	printf(", \"rows\": %llu, \"updates_per_s_untracked\": %.0f", (unsigned long long)w->next,
	       untracked);
	if (o->track && w->snapshots)
		printf(", \"updates_per_s\": %.0f, \"ratio\": %.4f, \"snapshots\": %llu, "
		       "\"bytes_per_changed_key\": %.2f, \"changed_keys\": %.0f, "
		       "\"durable_ms\": %.2f, \"durable_ms_max\": %.2f, \"longest_stop_us\": %.1f",
		       tracked, tracked / untracked, (unsigned long long)w->snapshots,
		       (double)w->bytes / (double)w->rows, (double)w->rows / (double)w->snapshots,
		       w->durable_s * 1e3 / (double)w->snapshots, w->durable_max_s * 1e3,
		       w->longest_stop_s * 1e6);
	return 0;
}
