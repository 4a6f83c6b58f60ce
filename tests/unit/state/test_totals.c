/* test_totals.c - sums kept by difference where keys are added to in one pass, and after an add
 * that failed. (Through freezes, growth, deletion and restores: test_snapshot.c.) */
#include "model.h"
#include "state/keyed_in.h"

enum { KEYS = 3000, ROWS = 1500 };

struct world {
	struct rng rng;
	struct mem mem;
	struct chunk_pool pool;
	struct model m;
	struct keyed *k;
	struct err e;
};

static void world_open(struct world *w, enum key_form form, uint64_t seed)
{
	struct keyed_shape shape = model_shape(form, 8, MODEL_FROZEN);
	memset(w, 0, sizeof *w);
	rng_seed(&w->rng, seed);
	mem_init(&w->mem, 0);
	chunk_pool_init(&w->pool, &w->mem, 8);
	model_open(&w->m, shape, KEYS, 20, &w->rng);
	struct keyed_config c = {shape, 0, UINT64_MAX, &w->pool, &w->mem};
	EXPECT_OK(keyed_open(&w->k, &c, &w->e), &w->e);
	keyed_watch_sums(w->k, 1);
}

static void world_close(struct world *w)
{
	keyed_close(w->k);
	chunk_pool_close(&w->pool);
	model_close(&w->m);
	EXPECT(atomic_load(&w->mem.used_bytes) == 0);
}

static void expect_sum(const struct world *w)
{
	struct keyed_totals t = keyed_totals(w->k);
	__int128 sum = 0;
	uint64_t keys = 0;
	for (uint32_t i = 0; i < KEYS; i++) {
		keys += w->m.entry[i].present;
		sum += (int64_t)w->m.entry[i].value[0];
	}
	EXPECT(t.keys == keys && t.sum[0] == sum && t.sum[1] == 0);
	const char *broken;
	if (!keyed_check(w->k, &broken))
		fail_msg("%s", broken);
}

/* Some rows, chosen or as they stand, their sums wanted, not wanted, or in place of the numbers. */
static void add_some(struct world *w)
{
	static uint16_t sel[ROWS];
	static int64_t add[KEYS], sums[KEYS];
	uint32_t bad, n = 1 + (uint32_t)rng_below(&w->rng, ROWS), way = (uint32_t)rng_below(&w->rng, 3);
	bool chosen = rng_below(&w->rng, 2);
	for (uint32_t i = 0; i < KEYS; i++) /* some 2^18 of the largest would fit into a value */
		add[i] = (int64_t)rng_next(&w->rng) >> (18 + rng_below(&w->rng, 46));
	for (uint32_t i = 0; i < n; i++)
		sel[i] = (uint16_t)rng_below(&w->rng, chosen && way ? 50 : KEYS);
	for (uint32_t i = 0; i < n && chosen && way == 2; i++)
		sel[i] = (uint16_t)i; /* in place: no row twice */
	struct key_rows rows = model_rows(&w->m, chosen ? sel : NULL, n);
	for (uint32_t i = 0; i < n; i++) {
		struct model_entry *x = &w->m.entry[chosen ? sel[i] : i];
		x->present = true;
		x->value[0] += (uint64_t)add[chosen ? sel[i] : i];
	}
	w->k->simd = rng_below(&w->rng, 2) ? simd_have() : SIMD_BASE;
	EXPECT_OK(keyed_add_i64(w->k, &rows, add, way == 0 ? NULL : way == 1 ? sums : add, &bad, &w->e),
		  &w->e);
	EXPECT(bad == UINT32_MAX);
}

static void delete_some(struct world *w)
{
	uint16_t sel[20];
	for (uint32_t i = 0; i < ARRAY_LEN(sel); i++) {
		sel[i] = (uint16_t)rng_below(&w->rng, KEYS);
		memset(&w->m.entry[sel[i]], 0, sizeof *w->m.entry);
	}
	struct key_rows rows = model_rows(&w->m, sel, ARRAY_LEN(sel));
	EXPECT_OK(keyed_delete(w->k, &rows, NULL, &w->e), &w->e);
}

TEST(what_is_added_in_one_pass_is_in_the_sum_in_whatever_way)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct world w;
		world_open(&w, seed % 2 ? KEY_FIX8 : KEY_BYTES, seed);
		for (int round = 0; round < 40; round++) {
			add_some(&w);
			if (rng_below(&w.rng, 4) == 0)
				delete_some(&w);
			expect_sum(&w);
		}
		world_close(&w);
	}
}

TEST(a_sum_of_values_at_both_ends_of_int64_does_not_wrap)
{
	struct world w;
	int64_t add[KEYS];
	uint32_t bad;
	world_open(&w, KEY_FIX8, 7);
	for (uint32_t i = 0; i < KEYS; i++) {
		add[i] = i % 3 == 0 ? INT64_MIN : INT64_MAX - (int64_t)i;
		w.m.entry[i] = (struct model_entry){.present = true, .value = {(uint64_t)add[i]}};
	}
	struct key_rows rows = model_rows(&w.m, NULL, KEYS);
	EXPECT_OK(keyed_add_i64(w.k, &rows, add, NULL, &bad, &w.e), &w.e);
	expect_sum(&w);
	for (uint32_t i = 0; i < KEYS; i++)
		add[i] = INT64_MIN;
	EXPECT(totals_of(add, NULL, KEYS) == (__int128)INT64_MIN * KEYS);
	world_close(&w);
}

/* Which of its rows were added, nobody knows: what the table says is what counts. */
TEST(after_an_add_that_failed_the_sum_is_that_of_what_stands_there)
{
	struct world w;
	int64_t add[KEYS];
	uint32_t bad;
	world_open(&w, KEY_FIX8, 9);
	for (uint32_t i = 0; i < KEYS; i++)
		add[i] = INT64_MAX - 5;
	struct key_rows rows = model_rows(&w.m, NULL, KEYS);
	EXPECT_OK(keyed_add_i64(w.k, &rows, add, NULL, &bad, &w.e), &w.e);
	for (uint32_t i = 0; i < KEYS; i++)
		add[i] = i == 1234 ? 6 : 1;
	EXPECT_OK(keyed_add_i64(w.k, &rows, add, NULL, &bad, &w.e), &w.e);
	EXPECT(bad == 1234);
	const void *value[KEYS];
	keyed_find(w.k, &rows, value);
	for (uint32_t i = 0; i < KEYS; i++)
		w.m.entry[i] = (struct model_entry){.present = true,
						    .value = {*(const uint64_t *)value[i]}};
	expect_sum(&w);
	struct keyed_frozen f;
	keyed_freeze(w.k, 1, 0, true, &f); /* from here on it is known again */
	EXPECT(f.totals.sum[0] == keyed_totals(w.k).sum[0] && !w.k->watch.lost);
	expect_sum(&w);
	world_close(&w);
}

TEST(the_sum_of_a_word_nobody_watches_is_zero)
{
	struct world w;
	int64_t add[4] = {1, 2, 3, 4};
	uint32_t bad;
	world_open(&w, KEY_BYTES, 3);
	keyed_watch_sums(w.k, 0);
	struct key_rows rows = model_rows(&w.m, NULL, 4);
	EXPECT_OK(keyed_add_i64(w.k, &rows, add, NULL, &bad, &w.e), &w.e);
	keyed_note_sum(w.k, 0, 100);
	struct keyed_totals t = keyed_totals(w.k);
	EXPECT(keyed_watched(w.k) == 0 && t.keys == 4 && t.sum[0] == 0 && t.sum[1] == 0);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_added_in_one_pass_is_in_the_sum_in_whatever_way),
		T(a_sum_of_values_at_both_ends_of_int64_does_not_wrap),
		T(after_an_add_that_failed_the_sum_is_that_of_what_stands_there),
		T(the_sum_of_a_word_nobody_watches_is_zero),
	};
	return RUN(tests);
}
