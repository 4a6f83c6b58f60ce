/* test_grow.c - a table that grows where it stands: at each step of it everything else may happen,
 * and nothing of it is touched twice. */
#include "model.h"
#include "state/keyed_in.h"

enum { KEYS = 700, FIRST = 500, CALLS = 40, ROWS = 4 }; /* of the first 512 keys' table, and on */

struct world {
	struct mem mem;
	struct chunk_pool pool;
	struct model m;
	struct model_lane lane;
	struct model_entry frozen[KEYS];
	struct keyed *k;
	struct err e;
};

static void world_open(struct world *w, struct keyed_shape shape, uint32_t keys)
{
	struct rng r;
	rng_seed(&r, 31);
	memset(w, 0, sizeof *w);
	mem_init(&w->mem, 0);
	chunk_pool_init(&w->pool, &w->mem, 16);
	w->pool.chunk_bytes = 4096;
	model_open(&w->m, shape, keys, 40, &r);
	struct keyed_config c = {shape, 0, UINT64_MAX, &w->pool, &w->mem};
	EXPECT_OK(keyed_open(&w->k, &c, &w->e), &w->e);
	EXPECT_OK(model_lane_open(&w->lane, &shape, &w->mem, &w->e), &w->e);
}

static void world_close(struct world *w)
{
	keyed_close(w->k);
	model_lane_close(&w->lane);
	chunk_pool_close(&w->pool);
	EXPECT(atomic_load(&w->mem.used_bytes) == 0);
	model_close(&w->m);
}

static void sound(const struct world *w)
{
	const char *broken;
	if (!keyed_check(w->k, &broken))
		fail_msg("%s", broken);
	broken = model_differs(&w->m, w->m.entry, w->k, 0, UINT64_MAX);
	if (broken)
		fail_msg("%s", broken);
}

static void add_one_each(struct world *w, const uint16_t *sel, uint32_t n)
{
	void *value[KEYS];
	struct key_rows rows = model_rows(&w->m, sel, n);
	EXPECT_OK(keyed_upsert(w->k, &rows, value, &w->e), &w->e);
	for (uint32_t i = 0; i < n; i++) {
		++*(uint64_t *)value[i];
		w->m.entry[sel[i]].present = true;
		w->m.entry[sel[i]].value[0]++;
	}
}

static void delete_one(struct world *w, uint16_t key)
{
	struct key_rows rows = model_rows(&w->m, &key, 1);
	EXPECT_OK(keyed_delete(w->k, &rows, NULL, &w->e), &w->e);
	memset(&w->m.entry[key], 0, sizeof w->m.entry[key]);
}

/* Slices of about this many rows; all of them: until nothing is owed. */
static void slices(struct world *w, uint32_t rows, bool all)
{
	enum keyed_slice at;
	struct chunk *c;
	do {
		EXPECT_OK(keyed_slice(w->k, rows, &at, &w->e), &w->e);
		while ((c = keyed_take(w->k)))
			model_lane_pack(&w->lane, c);
	} while (all && at != KEYED_DONE);
	if (all)
		model_lane_finish(&w->lane);
}

/* What was written so far, put together again. */
static void restores_what_was_frozen(struct world *w)
{
	const struct model_run *run[MERGE_INPUTS];
	struct keyed *again;
	struct keyed_config c = {w->m.shape, 0, UINT64_MAX, NULL, &w->mem};
	EXPECT(w->lane.runs <= ARRAY_LEN(run));
	for (uint32_t i = 0; i < w->lane.runs; i++)
		run[i] = &w->lane.run[i];
	EXPECT_OK(keyed_open(&again, &c, &w->e), &w->e);
	EXPECT_OK(model_restore(again, &w->m.shape, run, w->lane.runs, 0, UINT64_MAX, 0, 9, &w->mem,
				&w->e), &w->e);
	const char *wrong = model_differs(&w->m, w->frozen, again, 0, UINT64_MAX);
	if (wrong)
		fail_msg("%s", wrong);
	keyed_close(again);
}

/* A key comes, others change, one goes, at each call; before call `freeze` a checkpoint of all
 * (delta: of what changed since one before all calls) begins and goes on with a slice a call. How
 * many calls found the table growing. */
static int grow_with_a_freeze(struct keyed_shape shape, int freeze, bool delta)
{
	struct world w;
	struct keyed_frozen f;
	uint16_t sel[FIRST];
	int growing = 0;
	world_open(&w, shape, KEYS);
	for (uint16_t i = 0; i < FIRST; i++)
		sel[i] = i;
	add_one_each(&w, sel, FIRST);
	if (delta) {
		keyed_freeze(w.k, 1, 0, true, &f);
		slices(&w, 100, true);
	}
	for (int call = 0; call < CALLS; call++) {
		if (call == freeze) {
			keyed_freeze(w.k, 2, delta ? 1 : 0, !delta, &f);
			memcpy(w.frozen, w.m.entry, sizeof w.frozen);
			EXPECT(f.full == !delta);
		}
		for (uint16_t i = 1; i < ROWS; i++)
			sel[i] = (uint16_t)((call * 97 + i * 131) % FIRST);
		sel[0] = (uint16_t)(FIRST + call);
		add_one_each(&w, sel, ROWS);
		growing += keyed_growing(w.k);
		delete_one(&w, (uint16_t)((call * 13 + 5) % FIRST));
		sound(&w);
		if (call >= freeze)
			slices(&w, 30, false);
		sound(&w);
	}
	slices(&w, 500, true);
	restores_what_was_frozen(&w);
	world_close(&w);
	return growing;
}

TEST(inv4_at_each_step_of_a_growth_a_snapshot_is_the_state_it_began_with)
{
	for (enum key_form form = KEY_FIX8; form <= KEY_BYTES; form++)
		for (enum model_hash hash = MODEL_FROZEN; hash <= MODEL_TOP; hash++)
			for (int freeze = 0; freeze < CALLS; freeze++) {
				uint32_t value_bytes = freeze % 3 ? 8 : 16;
				struct keyed_shape shape = model_shape(form, value_bytes, hash);
				int growing = grow_with_a_freeze(shape, freeze, freeze % 2);
				if (hash == MODEL_FROZEN) /* several steps were seen */
					EXPECT(growing > 3);
			}
}

TEST(home_ascends_with_the_hash_at_each_step_and_hash_at_is_the_first_of_a_home)
{
	struct world w;
	world_open(&w, model_shape(KEY_FIX8, 8, MODEL_FROZEN), 8192);
	static uint16_t sel[8192];
	uint64_t seen = 0, hash;
	for (uint16_t i = 0; i < 8192; i++)
		sel[i] = i;
	for (uint32_t at = 0; at < 8192; at += 16) {
		const struct table *t = &w.k->t;
		void *value[16];
		struct key_rows rows = model_rows(&w.m, sel + at, 16);
		EXPECT_OK(keyed_upsert(w.k, &rows, value, &w.e), &w.e);
		if (!keyed_growing(w.k))
			continue;
		seen++;
		EXPECT(table_home(t, 0) == 0 && table_home(t, t->old_last) <= t->unmoved);
		uint64_t last = 0;
		for (uint64_t h = 0; h < 1u << 14; h++) {
			uint64_t near = t->old_last - (1u << 13) + h;
			EXPECT(table_home(t, h << 50) >= last);
			last = table_home(t, h << 50);
			EXPECT(near == 0 || table_home(t, near - 1) <= table_home(t, near));
		}
		for (uint64_t slot = at % 7; slot < t->total; slot += 7) {
			if (!table_hash_at(t, UINT64_MAX, slot, &hash)) {
				EXPECT(table_home(t, UINT64_MAX) < slot);
				continue;
			}
			EXPECT(table_home(t, hash) >= slot);
			EXPECT(hash == 0 || table_home(t, hash - 1) < slot);
		}
	}
	EXPECT(seen > 30);
	world_close(&w);
}

TEST(a_large_table_grows_in_place_and_never_takes_more_than_it_has_in_the_end)
{
	struct world w;
	world_open(&w, model_shape(KEY_FIX8, 8, MODEL_FROZEN), 16);
	const uint8_t *slots = NULL;
	int grown = 0;
	size_t before = atomic_load(&w.mem.used_bytes);
	for (uint64_t n = 0; n < 1000000; n += 1000) {
		uint64_t key[1000], hash[1000], cap = w.k->t.cap;
		void *value[1000];
		for (uint32_t i = 0; i < 1000; i++) {
			key[i] = n + i;
			hash[i] = hash_fold64(key[i]);
		}
		struct key_rows rows = {.n = 1000, .hashes = hash, .fix8 = key};
		EXPECT_OK(keyed_upsert(w.k, &rows, value, &w.e), &w.e);
		if (w.k->t.cap == cap || !w.k->t.room[ROOM_SLOTS].reserved)
			continue;
		EXPECT(!slots || slots == w.k->t.slots);
		grown += slots != NULL;
		slots = w.k->t.slots;
	}
	EXPECT(grown >= 4);
	/* Apart from the side arrays, which are copied while they are small. */
	EXPECT(atomic_load(&w.mem.peak_bytes) - before < keyed_memory_bytes(w.k) + (2u << 20));
	const char *broken;
	EXPECT(keyed_check(w.k, &broken));
	world_close(&w);
}

TEST(inv34_no_table_is_made_for_more_keys_than_any_system_holds)
{
	struct world w;
	const uint16_t key = 3;
	world_open(&w, model_shape(KEY_FIX8, 8, MODEL_FROZEN), 16);
	add_one_each(&w, &key, 1);
	for (unsigned bit = 47; bit < 64; bit++) {
		EXPECT(keyed_reserve(w.k, 1ull << bit, &w.e) == E_NO_MEMORY);
		EXPECT(keyed_reserve(w.k, (1ull << bit) / 7 * 5, &w.e) == E_NO_MEMORY);
		sound(&w);
	}
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv4_at_each_step_of_a_growth_a_snapshot_is_the_state_it_began_with),
		T(home_ascends_with_the_hash_at_each_step_and_hash_at_is_the_first_of_a_home),
		T(a_large_table_grows_in_place_and_never_takes_more_than_it_has_in_the_end),
		T(inv34_no_table_is_made_for_more_keys_than_any_system_holds),
	};
	return RUN(tests);
}
