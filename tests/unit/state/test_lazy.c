/* test_lazy.c - a table that is used while it is filled, stretch by stretch in any order, against
 * one that was restored before: the same records give the same state, and the same next delta. */
#include "model.h"
#include "state/keyed_in.h"

#define FIRST 7u /* the checkpoint restored */

struct lazy_test {
	uint64_t seed;
	struct rng r;
	struct mem mem;
	struct chunk_pool pool;
	struct model m;
	uint64_t lo, hi;
	struct model_lane lane; /* its runs: a full one, then deltas */
	struct keyed *eager, *lazy;
	struct err e;
};

static void sound(struct lazy_test *t, const struct keyed *k)
{
	const char *broken;
	if (!keyed_check(k, &broken))
		fail_msg("seed %llu: %s", (unsigned long long)t->seed, broken);
}

static struct keyed *table(struct lazy_test *t)
{
	struct keyed_config c = {t->m.shape, t->lo, t->hi, &t->pool, &t->mem};
	struct keyed *k = NULL;
	SAY(t, keyed_open(&k, &c, &t->e) == OK);
	keyed_watch_sums(k, 1);
	return k;
}

static uint32_t pick(struct lazy_test *t, uint16_t *sel, uint32_t most)
{
	uint32_t n = 0, want = 1 + (uint32_t)rng_below(&t->r, most);
	for (uint32_t tries = 0; n < want && tries < want * 4; tries++) {
		uint32_t i = (uint32_t)rng_below(&t->r, t->m.keys);
		if (t->m.hash[i] >= t->lo && t->m.hash[i] <= t->hi)
			sel[n++] = (uint16_t)i;
	}
	return n;
}

static void change(struct lazy_test *t, struct keyed *k, const uint16_t *sel, uint32_t n,
		   uint64_t add)
{
	void *value[MODEL_BATCH];
	struct key_rows rows = model_rows(&t->m, sel, n);
	SAY(t, keyed_upsert(k, &rows, value, &t->e) == OK);
	for (uint32_t i = 0; i < n; i++) {
		*(uint64_t *)value[i] += add + i;
		keyed_note_sum(k, 0, (__int128)(add + i));
	}
}

/* What the checkpoint's runs hold: some batches of changes and deletions each. */
static void write_run(struct lazy_test *t, struct keyed *k, uint64_t id, uint64_t base)
{
	uint16_t sel[MODEL_BATCH];
	struct keyed_frozen f;
	enum keyed_slice at;
	struct chunk *c;
	for (uint32_t i = base ? 2 : 12; i-- > 0;) {
		uint32_t n = pick(t, sel, MODEL_BATCH);
		change(t, k, sel, n, id);
		struct key_rows rows = model_rows(&t->m, sel, n / 4);
		SAY(t, keyed_delete(k, &rows, NULL, &t->e) == OK);
	}
	keyed_freeze(k, id, base, !base, &f);
	do {
		SAY(t, keyed_slice(k, 1000, &at, &t->e) == OK);
		while ((c = keyed_take(k)))
			model_lane_pack(&t->lane, c);
	} while (at != KEYED_DONE);
	model_lane_finish(&t->lane);
}

static void lazy_open_test(struct lazy_test *t, uint64_t seed)
{
	memset(t, 0, sizeof *t);
	t->seed = seed;
	rng_seed(&t->r, seed);
	mem_init(&t->mem, 0);
	enum model_hash hash = rng_below(&t->r, 3) ? MODEL_FROZEN : 1 + rng_below(&t->r, 3);
	struct keyed_shape shape = model_shape(rng_below(&t->r, 2) ? KEY_FIX8 : KEY_BYTES,
					       rng_below(&t->r, 2) ? 8 : 16, hash);
	model_open(&t->m, shape, hash == MODEL_FROZEN ? 5000 : 250,
		   16 + (uint32_t)rng_below(&t->r, 200), &t->r);
	chunk_pool_init(&t->pool, &t->mem, 8);
	t->hi = UINT64_MAX;
	if (hash == MODEL_FROZEN && rng_below(&t->r, 2)) {
		t->lo = rng_next(&t->r) >> 2;
		t->hi = t->lo + (rng_next(&t->r) >> 1);
	}
	SAY(t, model_lane_open(&t->lane, &shape, &t->mem, &t->e) == OK);
	struct keyed *k = table(t);
	uint32_t deltas = (uint32_t)rng_below(&t->r, 4);
	for (uint64_t id = FIRST - deltas; id <= FIRST; id++)
		write_run(t, k, id, id == FIRST - deltas ? 0 : id - 1);
	keyed_close(k);
}

static void lazy_close_test(struct lazy_test *t)
{
	keyed_close(t->eager);
	keyed_close(t->lazy);
	model_lane_close(&t->lane);
	chunk_pool_close(&t->pool);
	model_close(&t->m);
	SAY(t, atomic_load(&t->mem.used_bytes) == 0);
}

static uint32_t chain(const struct lazy_test *t, const struct model_run **run)
{
	for (uint32_t i = 0; i < t->lane.runs; i++)
		run[i] = &t->lane.run[i];
	return t->lane.runs;
}

/* expected % 15 == 0: as a whole, not by the other ways of the model. */
static void restore_both(struct lazy_test *t, uint32_t stretches)
{
	const struct model_run *run[MERGE_INPUTS];
	uint32_t n = chain(t, run);
	t->eager = table(t);
	t->lazy = table(t);
	SAY(t, model_restore(t->eager, &t->m.shape, run, n, t->lo, t->hi, 0, FIRST, &t->mem,
			     &t->e) == OK);
	uint64_t expected = rng_below(&t->r, 3) ? keyed_count(t->eager) : rng_below(&t->r, 50);
	SAY(t, keyed_lazy_begin(t->lazy, expected, FIRST, stretches, &t->e) == OK);
}

static void load(struct lazy_test *t, uint32_t stretch)
{
	const struct model_run *run[MERGE_INPUTS];
	uint32_t n = chain(t, run);
	SAY(t, model_load(t->lazy, &t->m.shape, run, n, stretch, &t->mem, &t->e) == OK);
}

/* The rows of the batch that are ready, up to the first that is not; that one's stretch is loaded,
 * or any other. */
static void work(struct lazy_test *t, const uint16_t *sel, uint32_t n, uint64_t add)
{
	for (uint32_t at = 0; at < n;) {
		uint32_t missing = UINT32_MAX;
		struct key_rows rest = model_rows(&t->m, sel + at, n - at);
		uint32_t ready = keyed_ready(t->lazy, &rest, 0, &missing);
		SAY(t, (ready == n - at) == (missing == UINT32_MAX));
		if (ready) {
			uint64_t plus = add + at;
			change(t, t->lazy, sel + at, ready, plus);
			change(t, t->eager, sel + at, ready, plus);
			at += ready;
			continue;
		}
		struct key_stretches s = keyed_stretches(t->lazy);
		SAY(t, key_stretch(&s, t->m.hash[sel[at]]) == missing);
		uint32_t which = (uint32_t)rng_below(&t->r, s.n);
		uint64_t lo, hi;
		key_stretch_hashes(&s, which, &lo, &hi);
		struct key_rows one = {.n = 1, .hashes = &lo};
		if (rng_below(&t->r, 3) || keyed_ready(t->lazy, &one, 0, &(uint32_t){0}))
			which = missing;
		load(t, which);
	}
}

static void load_the_rest(struct lazy_test *t)
{
	while (!keyed_is_whole(t->lazy)) {
		struct key_stretches s = keyed_stretches(t->lazy);
		uint64_t lo, hi;
		for (uint32_t i = s.n; i-- > 0 && !keyed_is_whole(t->lazy);) {
			key_stretch_hashes(&s, i, &lo, &hi);
			struct key_rows one = {.n = 1, .hashes = &lo};
			if (!keyed_ready(t->lazy, &one, 0, &(uint32_t){0}))
				load(t, i);
		}
	}
}

static void expect_equal(struct lazy_test *t)
{
	sound(t, t->lazy);
	SAY(t, keyed_count(t->lazy) == keyed_count(t->eager));
	SAY(t, keyed_live_bytes(t->lazy) == keyed_live_bytes(t->eager));
	SAY(t, keyed_checksum(t->lazy) == keyed_checksum(t->eager));
	SAY(t, keyed_totals(t->lazy).sum[0] == keyed_totals(t->eager).sum[0]);
	SAY(t, keyed_changed(t->lazy, FIRST) == keyed_changed(t->eager, FIRST));
}

static uint64_t rows_of_next(struct lazy_test *t, struct keyed *k)
{
	struct keyed_frozen f;
	enum keyed_slice at;
	struct chunk *c;
	keyed_freeze(k, FIRST + 1, FIRST, false, &f);
	do {
		SAY(t, keyed_slice(k, 1000, &at, &t->e) == OK);
		while ((c = keyed_take(k)))
			chunk_put_list(c);
	} while (at != KEYED_DONE);
	return f.full ? UINT64_MAX : f.rows;
}

TEST(inv7_inv40_a_table_filled_while_it_is_used_is_the_one_restored_before)
{
	for (uint64_t seed = 1; seed <= 120; seed++) {
		struct lazy_test t;
		lazy_open_test(&t, seed);
		restore_both(&t, 1 + (uint32_t)rng_below(&t.r, 100));
		for (uint32_t i = (uint32_t)rng_below(&t.r, 8); i-- > 0;) {
			uint16_t sel[MODEL_BATCH];
			uint32_t n = pick(&t, sel, rng_below(&t.r, 2) ? 10 : MODEL_BATCH);
			work(&t, sel, n, rng_below(&t.r, 1000));
			if (i == 3)
				sound(&t, t.lazy);
		}
		load_the_rest(&t);
		expect_equal(&t);
		SAY(&t, rows_of_next(&t, t.lazy) == rows_of_next(&t, t.eager));
		lazy_close_test(&t);
	}
}

/* Keys of one hash, or at the very end, and a table far too small for them. */
TEST(rows_that_run_over_the_end_of_a_stretch_are_found_and_in_nobodys_way)
{
	for (uint64_t seed = 1000; seed < 1012; seed++) {
		struct lazy_test t;
		lazy_open_test(&t, seed);
		restore_both(&t, 512);
		struct key_stretches s = keyed_stretches(t.lazy);
		/* All that have keys, from the last to the first, then those that have none. */
		uint32_t *has = calloc(s.n, sizeof *has);
		for (uint32_t i = 0; i < t.m.keys; i++)
			if (t.m.hash[i] >= t.lo && t.m.hash[i] <= t.hi)
				has[key_stretch(&s, t.m.hash[i])] = 1;
		for (uint32_t i = s.n; i-- > 0;)
			if (has[i])
				load(&t, i);
		for (uint32_t i = 0; i < s.n; i++)
			if (!has[i])
				keyed_loaded(t.lazy, i);
		SAY(&t, keyed_is_whole(t.lazy));
		free(has);
		expect_equal(&t);
		lazy_close_test(&t);
	}
}

TEST(stretches_are_a_partition_of_the_range_in_order)
{
	const uint64_t range[][2] = {{0, UINT64_MAX}, {0, 0}, {5, 11}, {UINT64_MAX, UINT64_MAX},
				     {1ull << 63, UINT64_MAX}, {3, 1ull << 40}};
	for (uint32_t r = 0; r < ARRAY_LEN(range); r++)
		for (uint32_t most = 1; most <= 1025; most += most < 9 ? 1 : 127) {
			struct key_stretches s = key_stretches_of(range[r][0], range[r][1], most);
			uint64_t next = range[r][0], lo, hi;
			EXPECT(s.n >= 1 && (s.n <= most || s.n == 2));
			EXPECT(2 * s.n >= most || range[r][1] - range[r][0] < s.n);
			for (uint32_t i = 0; i < s.n; i++) {
				key_stretch_hashes(&s, i, &lo, &hi);
				EXPECT(lo == next && hi >= lo);
				EXPECT(key_stretch(&s, lo) == i && key_stretch(&s, hi) == i);
				next = hi + 1;
			}
			EXPECT(hi == range[r][1]);
		}
}

TEST(inv33_a_row_out_of_order_or_range_is_an_error)
{
	struct mem mem;
	struct err e = {0};
	struct run_block b;
	struct keyed *k;
	mem_init(&mem, 0);
	struct keyed_config c = {
		{KEY_FIX8, 8}, .hash_lo = 1ull << 60, .hash_hi = UINT64_MAX, .mem = &mem};
	EXPECT_OK(run_block_open(&b, &c.shape, &mem, &e), &e);
	b.rows = 3;
	for (uint32_t i = 0; i < 3; i++) {
		b.op[i] = ROW_PUT;
		b.hash[i] = (4 - i) * (1ull << 62) - 1;
		b.fix8[i] = i;
	}
	EXPECT_OK(keyed_open(&k, &c, &e), &e);
	EXPECT_OK(keyed_lazy_begin(k, 10, 3, 8, &e), &e);
	EXPECT(keyed_load_rows(k, &b, 0, 3, &e) == E_CORRUPT && strstr(e.text, "order"));
	err_clear(&e);
	b.hash[0] = 17;
	EXPECT(keyed_load_rows(k, &b, 0, 1, &e) == E_CORRUPT && strstr(e.text, "range"));
	EXPECT(keyed_count(k) == 0);
	keyed_close(k);
	run_block_close(&b);
	EXPECT(atomic_load(&mem.used_bytes) == 0);
}

TEST(inv31_without_memory_a_lazy_restore_fails_and_leaks_nothing)
{
	for (uint64_t seed = 2000; seed < 2010; seed++)
		for (uint64_t n = 1;; n++) {
			struct lazy_test t;
			const struct model_run *run[MERGE_INPUTS];
			lazy_open_test(&t, seed);
			uint32_t runs = chain(&t, run);
			t.lazy = table(&t);
			t.mem.fail_at = t.mem.calls + n;
			enum rc rc = model_restore_lazily(t.lazy, &t.m.shape, run, runs, n % 50, FIRST,
							  &t.mem, &t.e);
			bool hit = t.mem.calls >= t.mem.fail_at;
			t.mem.fail_at = 0;
			SAY(&t, rc == OK || (hit && rc == E_NO_MEMORY));
			lazy_close_test(&t);
			if (!hit)
				break;
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv7_inv40_a_table_filled_while_it_is_used_is_the_one_restored_before),
		T(rows_that_run_over_the_end_of_a_stretch_are_found_and_in_nobodys_way),
		T(stretches_are_a_partition_of_the_range_in_order),
		T(inv33_a_row_out_of_order_or_range_is_an_error),
		T(inv31_without_memory_a_lazy_restore_fails_and_leaks_nothing),
	};
	return RUN(tests);
}
