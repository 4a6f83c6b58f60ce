/* table.c - the keyed table beside a plain open-addressing loop: prints both, and the ratio.
 * W2 of the design: sums of i over splitmix64(i) % keys, in batches of 1,024. Then what snapshots
 * cost: freeze, slices (all dirty, 1 % dirty), packing, restore.
 * usage: bench_table [keys [records]] */
#include "base/bytes.h"
#include "base/rng.h"
#include "state/keyed.h"
#include "state/merge.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define BATCH 1024u
#define DRAWN (1u << 20)

static double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* the machine may be busy */
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

struct slot {
	uint64_t key, value;
};

static void *pages(size_t n)
{
	void *p = aligned_alloc(2u << 20, (n + (2u << 20) - 1) >> 21 << 21);
	madvise(p, n, MADV_HUGEPAGE);
	memset(p, 0, n);
	return p;
}

/* What one good engineer writes first; then the same with groups and prefetch. Key 0 is empty. */
static double plain(uint64_t keys, uint64_t records, bool prefetch)
{
	unsigned bits = 64 - (unsigned)__builtin_clzll(keys * 3 / 2);
	struct slot *t = pages(sizeof *t << bits);
	double best = 1e9;
	for (int round = 0; round < 3; round++) {
		double t0 = now_s();
		uint64_t key[BATCH], at[BATCH];
		for (uint64_t i = 0; i < records; i += BATCH) {
			for (uint32_t j = 0; j < BATCH; j++)
				key[j] = splitmix64(i + j) % keys + 1;
			for (uint32_t j = 0; j < BATCH; j++) {
				at[j] = hash_fold64(key[j]) >> (64 - bits);
				if (prefetch)
					__builtin_prefetch(&t[at[j]], 1);
				if (!prefetch || j % 128 == 127)
					for (uint32_t g = prefetch ? j - 127 : j; g <= j; g++) {
						uint64_t s = at[g];
						while (t[s].key != key[g] && t[s].key)
							s = (s + 1) & ((1ull << bits) - 1);
						t[s].key = key[g];
						t[s].value += i + g;
					}
			}
		}
		double d = now_s() - t0;
		best = d < best ? d : best;
	}
	free(t);
	return best;
}

static void batch(struct keyed *k, uint64_t i, uint64_t keys)
{
	uint64_t key[BATCH], hash[BATCH];
	void *value[BATCH];
	struct err e = {0};
	for (uint32_t j = 0; j < BATCH; j++)
		key[j] = splitmix64(i + j) % keys + 1;
	for (uint32_t j = 0; j < BATCH; j++)
		hash[j] = hash_fold64(key[j]);
	struct key_rows rows = {.n = BATCH, .hashes = hash, .fix8 = key};
	if (keyed_upsert(k, &rows, value, &e) != OK)
		abort();
	for (uint32_t j = 0; j < BATCH; j++)
		*(uint64_t *)value[j] += i + j;
}

static double generate_only(uint64_t keys, uint64_t records)
{
	double t0 = now_s();
	uint64_t sum = 0;
	for (uint64_t i = 0; i < records; i++)
		sum += splitmix64(i) % keys + 1;
	__asm__ volatile("" ::"r"(sum));
	return now_s() - t0;
}

struct run_bytes {
	struct bytes bytes;
	uint64_t rows;
};

static void snapshot(struct keyed *k, uint64_t id, uint64_t base, struct keyed_shape shape,
		     struct mem *mem, struct run_bytes *to, const char *what)
{
	struct run_scratch scratch;
	struct run_writer *w;
	struct run_out out;
	struct keyed_frozen f;
	struct err e = {0};
	struct chunk *c;
	enum keyed_slice at = KEYED_MORE;
	if (run_scratch_open(&scratch, &shape, mem, &e) != OK ||
	    run_writer_open(&w, &shape, mem, &e) != OK)
		abort();
	bytes_init(&to->bytes, mem);
	double t0 = now_s(), longest = 0, slices = 0, packing = 0, freezing;
	keyed_freeze(k, id, base, false, &f);
	freezing = now_s() - t0;
	uint64_t n = 0, rows = 0;
	while (at != KEYED_DONE) {
		t0 = now_s();
		if (keyed_slice(k, 4096, &at, &e) != OK)
			abort();
		double d = now_s() - t0;
		slices += d;
		longest = d > longest ? d : longest;
		n++;
		t0 = now_s();
		while ((c = keyed_take(k))) {
			run_order(&scratch, c);
			run_feed(w, c);
			while (run_step(w, &out) == RUN_BLOCK) {
				bytes_put_u32(&to->bytes, (uint32_t)out.len);
				bytes_put(&to->bytes, out.bytes, out.len);
				rows += out.rows;
			}
			chunk_put(c);
		}
		packing += now_s() - t0;
	}
	if (run_finish(w, &out) == RUN_BLOCK) {
		bytes_put_u32(&to->bytes, (uint32_t)out.len);
		bytes_put(&to->bytes, out.bytes, out.len);
		rows += out.rows;
	}
	to->rows = rows;
	printf("%s: %s of %llu rows: freeze %.1f us, %llu slices %.2f ms (longest %.0f us), "
	       "packing %.2f ms, %.1f bytes a row before LZ4\n",
	       what, f.full ? "full" : "delta", (unsigned long long)rows, freezing * 1e6,
	       (unsigned long long)n, slices * 1e3, longest * 1e6, packing * 1e3,
	       rows ? (double)to->bytes.len / (double)rows : 0.0);
	run_scratch_close(&scratch);
	run_writer_close(w);
}

static void restore(struct run_bytes *run, uint32_t n, struct keyed_config *config, uint64_t id)
{
	struct merge_input in[4];
	struct merge *m;
	struct merge_span span;
	struct keyed *k;
	struct err e = {0};
	size_t at[4] = {0};
	double t0 = now_s();
	for (uint32_t i = 0; i < n; i++)
		in[i] = (struct merge_input){0, UINT64_MAX};
	if (keyed_open(&k, config, &e) != OK ||
	    merge_open(&m, &config->shape, in, n, true, config->mem, &e) != OK ||
	    keyed_restore_begin(k, run[0].rows, &e) != OK)
		abort();
	for (;;) {
		enum merge_did did = merge_rows(m, &span, &e);
		if (did == MERGE_END)
			break;
		if (did == MERGE_ROWS) {
			if (keyed_restore_rows(k, span.block, span.from, span.to, &e) != OK)
				abort();
			continue;
		}
		struct bytes *b = &run[span.input].bytes;
		if (at[span.input] == b->len) {
			merge_feed_end(m, span.input);
			continue;
		}
		uint32_t len = load_u32(b->data + at[span.input]);
		if (merge_feed(m, span.input, b->data + at[span.input] + 4, len, &e) != OK)
			abort();
		at[span.input] += 4 + len;
	}
	keyed_restore_end(k, id);
	printf("restore of %u runs, %llu keys: %.1f ms\n", n, (unsigned long long)keyed_count(k),
	       (now_s() - t0) * 1e3);
	merge_close(m);
	keyed_close(k);
}

/* Words of at most 12 bytes, hashes given: what the sum of a word count asks of the table. */
static void words(uint32_t n, struct mem *mem)
{
	struct keyed_config config = {{.form = KEY_BYTES, .value_bytes = 8}, 0, UINT64_MAX, NULL, mem};
	struct key_view *view = calloc(n, sizeof *view);
	uint64_t *hash = calloc(n, sizeof *hash), records = 20 * 1000 * 1000;
	struct keyed *k;
	struct err e = {0};
	uint32_t *drawn = calloc(DRAWN, sizeof *drawn);
	for (uint32_t i = 0; i < DRAWN; i++) /* Zipf 1.0: the logarithm of the rank is uniform */
		drawn[i] = (uint32_t)exp(log(n) * (double)(splitmix64(i) >> 11) * 0x1p-53) - 1;
	for (uint32_t i = 0; i < n; i++) {
		char text[32];
		int len = snprintf(text, sizeof text, "%s%u", i % 3 ? "a" : "word", i);
		view[i].len = (uint32_t)len;
		memcpy(view[i].inl, text, view[i].len);
		hash[i] = shape_hash(&config.shape, text, view[i].len);
	}
	if (keyed_open(&k, &config, &e) != OK)
		abort();
	double best = 1e9;
	for (int round = 0; round < 4; round++) {
		struct key_view v[BATCH];
		uint64_t h[BATCH];
		void *value[BATCH];
		struct key_rows rows = {.n = BATCH, .hashes = h, .views = v};
		double sum = 0;
		for (uint64_t i = 0; i < records; i += BATCH) {
			for (uint32_t j = 0; j < BATCH; j++) {
				uint32_t x = drawn[(i + j) % DRAWN];
				v[j] = view[x];
				h[j] = hash[x];
			}
			double t0 = now_s();
			if (keyed_upsert(k, &rows, value, &e) != OK)
				abort();
			for (uint32_t j = 0; j < BATCH; j++)
				++*(uint64_t *)value[j];
			sum += now_s() - t0;
		}
		best = sum < best ? sum : best;
	}
	printf("%u words: %.1f ns a record for upsert and add\n", n, best / (double)records * 1e9);
	keyed_close(k);
	free(drawn);
	free(view);
	free(hash);
}

int main(int argc, char **argv)
{
	uint64_t keys = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
	uint64_t records = argc > 2 ? strtoull(argv[2], NULL, 10) : 50000000;
	struct mem mem;
	struct chunk_pool pool;
	struct keyed_shape shape = {.form = KEY_FIX8, .value_bytes = 8};
	mem_init(&mem, 0);
	chunk_pool_init(&pool, &mem, 16);
	struct keyed_config config = {shape, 0, UINT64_MAX, &pool, &mem};
	struct keyed *k;
	struct err e = {0};
	records -= records % BATCH;
	double gen = generate_only(keys, records);
	double loop = plain(keys, records, false), tuned = plain(keys, records, true);
	printf("%llu keys, %llu records; generating alone %.0f M/s\n", (unsigned long long)keys,
	       (unsigned long long)records, (double)records / gen / 1e6);
	printf("plain loop      %6.1f M/s\n", (double)records / loop / 1e6);
	printf("  + prefetch    %6.1f M/s\n", (double)records / tuned / 1e6);

	if (keyed_open(&k, &config, &e) != OK)
		abort();
	double t0 = now_s(), longest = 0;
	for (uint64_t i = 0; i < records; i += BATCH) {
		double t1 = now_s();
		batch(k, i, keys);
		double d = now_s() - t1;
		longest = d > longest ? d : longest;
	}
	double first = now_s() - t0;
	printf("table, growing  %6.1f M/s, longest batch %.0f us, %.1f bytes a key\n",
	       (double)records / first / 1e6, longest * 1e6,
	       (double)keyed_memory_bytes(k) / (double)keyed_count(k));
	double best = 1e9;
	for (int round = 0; round < 3; round++) {
		t0 = now_s();
		for (uint64_t i = 0; i < records; i += BATCH)
			batch(k, i, keys);
		double d = now_s() - t0;
		best = d < best ? d : best;
	}
	printf("table           %6.1f M/s = %.2f of the plain loop, %.2f of the tuned one\n",
	       (double)records / best / 1e6, loop / best, tuned / best);

	struct run_bytes run[3] = {0};
	snapshot(k, 1, 0, shape, &mem, &run[0], "first");
	t0 = now_s();
	for (uint64_t i = 0; i < keys; i += BATCH)
		batch(k, i, keys);
	printf("marking: %.1f M/s\n", (double)keys / (now_s() - t0) / 1e6);
	snapshot(k, 2, 1, shape, &mem, &run[1], "all touched");
	for (uint64_t i = 0; i < keys / 100; i += BATCH)
		batch(k, i, keys);
	snapshot(k, 3, 2, shape, &mem, &run[2], "1 % touched");
	restore(run + 1, 2, &config, 3);
	restore(run + 1, 2, &config, 3);
	snapshot(k, 4, 3, shape, &mem, &run[0], "nothing touched");
	words(97000, &mem);
	return 0;
}
