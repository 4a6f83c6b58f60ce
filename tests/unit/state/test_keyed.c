/* test_keyed.c - the table alone: what callers are promised, growth, deletion, memory. */
#include "model.h"
#include "state/keyed_in.h"

struct world {
	struct mem mem;
	struct chunk_pool pool;
	struct keyed_config config;
	struct keyed *k;
	struct err e;
};

static void world_open(struct world *w, struct keyed_shape shape, uint64_t lo, uint64_t hi)
{
	memset(w, 0, sizeof *w);
	mem_init(&w->mem, 0);
	chunk_pool_init(&w->pool, &w->mem, 8);
	w->config = (struct keyed_config){shape, lo, hi, &w->pool, &w->mem};
	EXPECT_OK(keyed_open(&w->k, &w->config, &w->e), &w->e);
}

static void world_close(struct world *w)
{
	keyed_close(w->k);
	chunk_pool_close(&w->pool);
	EXPECT(atomic_load(&w->mem.used_bytes) == 0);
}

static void sound(const struct keyed *k)
{
	const char *broken;
	if (!keyed_check(k, &broken))
		fail_msg("%s", broken);
}

/* Adds plus to the numbers from .. to-1, hashed as they are. */
static void add_numbers(struct world *w, uint64_t from, uint64_t to, uint64_t plus)
{
	uint64_t key[1024], hash[1024];
	void *value[1024];
	for (; from < to; from += 1024) {
		uint32_t n = to - from < 1024 ? (uint32_t)(to - from) : 1024;
		for (uint32_t i = 0; i < n; i++) {
			key[i] = from + i;
			hash[i] = hash_fold64(key[i]);
		}
		struct key_rows rows = {.n = n, .hashes = hash, .fix8 = key};
		EXPECT_OK(keyed_upsert(w->k, &rows, value, &w->e), &w->e);
		for (uint32_t i = 0; i < n; i++)
			*(uint64_t *)value[i] += plus;
	}
}

static void delete_numbers(struct world *w, uint64_t from, uint64_t to)
{
	for (; from < to; from++) {
		uint64_t hash = hash_fold64(from), n;
		struct key_rows rows = {.n = 1, .hashes = &hash, .fix8 = &from};
		EXPECT_OK(keyed_delete(w->k, &rows, &n, &w->e), &w->e);
		EXPECT(n == 1);
	}
}

/* A whole checkpoint whose rows nobody wants; returns how many there were. */
static uint64_t checkpoint(struct world *w, uint64_t id, uint64_t base, bool *full)
{
	struct keyed_frozen f;
	struct chunk *c;
	enum keyed_slice at = KEYED_MORE;
	uint64_t rows = 0;
	keyed_freeze(w->k, id, base, false, &f);
	while (at != KEYED_DONE) {
		EXPECT_OK(keyed_slice(w->k, 500, &at, &w->e), &w->e);
		while ((c = keyed_take(w->k))) {
			rows += c->rows;
			chunk_put_list(c);
		}
	}
	EXPECT(rows == f.rows);
	if (full)
		*full = f.full;
	return rows;
}

TEST(equal_keys_of_one_batch_share_one_value)
{
	struct world w;
	world_open(&w, model_shape(KEY_FIX8, 8, MODEL_FROZEN), 0, UINT64_MAX);
	uint64_t key[6] = {7, 0, 7, UINT64_MAX, 0, 7}, hash[6];
	void *value[6];
	for (int i = 0; i < 6; i++)
		hash[i] = hash_fold64(key[i]);
	struct key_rows rows = {.n = 6, .hashes = hash, .fix8 = key};
	EXPECT_OK(keyed_upsert(w.k, &rows, value, &w.e), &w.e);
	EXPECT(value[0] == value[2] && value[0] == value[5] && value[1] == value[4]);
	EXPECT(value[0] != value[1] && value[0] != value[3] && value[1] != value[3]);
	EXPECT(keyed_count(w.k) == 3 && keyed_live_bytes(w.k) == 3 * 16);
	for (int i = 0; i < 6; i++)
		*(uint64_t *)value[i] += 10;
	const void *found[2];
	uint16_t sel[2] = {5, 3};
	rows.sel = sel;
	rows.n = 2;
	keyed_find(w.k, &rows, found);
	EXPECT(*(const uint64_t *)found[0] == 30 && *(const uint64_t *)found[1] == 10);
	sound(w.k);
	world_close(&w);
}

/* Adds 1 to the value of each row's key, in one of the ways there are. want[i] of row sel[i], or of
 * row i: what the keys stand at. */
static void add_one_each(struct world *w, const struct key_rows *rows, uint64_t *want, uint64_t way)
{
	enum { MOST = 2000 };
	static void *value[MOST];
	static int64_t ones[MOST], sums[MOST];
	uint32_t n = rows->n, bad = 0;
	for (uint32_t i = 0; i < MOST; i++)
		ones[i] = 1;
	w->k->simd = way % 2 ? simd_have() : SIMD_BASE; /* one after the other, on one table */
	way /= 2;
	if (way == 0)
		EXPECT_OK(keyed_upsert(w->k, rows, value, &w->e), &w->e);
	else
		EXPECT_OK(keyed_add_i64(w->k, rows, ones, way == 1 ? sums : NULL, &bad, &w->e), &w->e);
	EXPECT(way == 0 || bad == UINT32_MAX);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t row = rows->sel ? rows->sel[i] : i;
		want[row]++;
		if (way == 0)
			++*(uint64_t *)value[i];
		else if (way == 1 && (!rows->sel || i + 1 == n))
			EXPECT(sums[row] == (int64_t)want[row]);
	}
}

/* Calls of any length, selections or none, with and without rows announced, across freezes. */
TEST(how_rows_are_cut_into_calls_does_not_matter)
{
	enum { ROWS = 2000, KEYS = 700 };
	for (int kind = 0; kind < 4; kind++) {
		enum key_form form = kind < 2 ? KEY_FIX8 : KEY_BYTES;
		enum model_hash hash = kind % 2 ? MODEL_FEW : MODEL_FROZEN;
		struct rng r;
		struct model m;
		struct world w;
		static uint16_t sel[ROWS];
		uint64_t want[KEYS] = {0};
		rng_seed(&r, 4711);
		struct keyed_shape shape = model_shape(form, 8, hash);
		model_open(&m, shape, KEYS, 70, &r);
		world_open(&w, shape, 0, UINT64_MAX);
		for (uint64_t round = 1; round < 60; round++) {
			bool whole = rng_below(&r, 4) == 0; /* all keys, no selection */
			for (uint32_t i = 0; i < ROWS; i++)
				sel[i] = (uint16_t)rng_below(&r, KEYS);
			for (uint32_t at = 0, end = whole ? KEYS : ROWS, n; at < end; at += n) {
				n = 1 + (uint32_t)rng_below(&r, end - at);
				struct key_rows rows = model_rows(&m, whole ? NULL : sel + at, n);
				if (whole) {
					rows.hashes += at;
					rows.fix8 += at;
					rows.views += at;
				}
				rows.ahead = (uint32_t)rng_below(&r, end - at - n + 1);
				add_one_each(&w, &rows, want + (whole ? at : 0), rng_below(&r, 6));
			}
			if (round % 5 == 0)
				checkpoint(&w, round, round - 5, NULL);
			sound(w.k);
		}
		for (uint32_t i = 0; i < KEYS; i++) {
			m.entry[i].present = want[i] > 0;
			m.entry[i].value[0] = want[i];
		}
		EXPECT(model_differs(&m, m.entry, w.k, 0, UINT64_MAX) == NULL);
		world_close(&w);
		model_close(&m);
	}
}

TEST(a_sum_that_leaves_int64_is_named_and_its_key_keeps_what_it_had)
{
	struct world w;
	uint64_t key[8] = {1, 2, 1, 3, 2, 1, 1, 2}, hash[8];
	int64_t add[8] = {INT64_MAX, 1, -1, 5, INT64_MAX, 1, 1, 7}, sums[8];
	struct key_rows rows = {.n = 8, .hashes = hash, .fix8 = key};
	uint32_t bad = 0;
	world_open(&w, (struct keyed_shape){.form = KEY_FIX8, .value_bytes = 8}, 0, UINT64_MAX);
	for (unsigned i = 0; i < 8; i++)
		hash[i] = hash_fold64(key[i]);
	for (int round = 0; round < 2; round++) { /* new keys; known ones */
		int64_t zero[8] = {0};
		const void *value[8];
		EXPECT_OK(keyed_add_i64(w.k, &rows, add, sums, &bad, &w.e), &w.e);
		EXPECT(bad == (round ? 0 : 4));
		keyed_find(w.k, &rows, value);
		EXPECT(*(const int64_t *)value[0] > INT64_MAX - 3);
		if (round)
			break;
		EXPECT(sums[0] == INT64_MAX && sums[2] == INT64_MAX - 1 && sums[5] == INT64_MAX);
		EXPECT_OK(keyed_add_i64(w.k, &rows, zero, NULL, &bad, &w.e), &w.e);
		EXPECT(bad == UINT32_MAX);
	}
	sound(w.k);
	world_close(&w);
}

TEST(doubles_are_added_in_the_order_of_their_rows)
{
	enum { N = 1500 };
	struct world w;
	struct rng r;
	static uint64_t key[N], hash[N];
	static uint16_t sel[N];
	static double add[N], sums[N];
	double want[7] = {0};
	world_open(&w, (struct keyed_shape){.form = KEY_FIX8, .value_bytes = 8}, 0, UINT64_MAX);
	rng_seed(&r, 99);
	for (int round = 0; round < 20; round++) {
		bool chosen = round % 2;
		uint32_t n = 0;
		for (uint32_t i = 0; i < N; i++) {
			key[i] = rng_below(&r, 7);
			hash[i] = hash_fold64(key[i]);
			add[i] = 1.0 / (double)(1 + rng_below(&r, 1000)); /* order shows */
			if (chosen && rng_below(&r, 2))
				sel[n++] = (uint16_t)i;
		}
		struct key_rows rows = {.n = chosen ? n : N, .sel = chosen ? sel : NULL,
					.hashes = hash, .fix8 = key};
		EXPECT_OK(keyed_add_f64(w.k, &rows, add, sums, &w.e), &w.e);
		for (uint32_t i = 0; i < rows.n; i++) {
			uint32_t row = chosen ? sel[i] : i;
			want[key[row]] += add[row];
			EXPECT(memcmp(&sums[row], &want[key[row]], 8) == 0);
		}
	}
	sound(w.k);
	world_close(&w);
}

TEST(an_empty_state_can_be_asked_anything)
{
	struct world w;
	world_open(&w, model_shape(KEY_BYTES, 16, MODEL_FROZEN), 100, 200);
	const void *found = &w;
	uint64_t hash = 150, n = 1;
	struct key_view view = {0};
	struct key_rows rows = {.n = 1, .hashes = &hash, .views = &view};
	struct keyed_iter it = {0};
	struct keyed_entry x;
	bool full;
	keyed_find(w.k, &rows, &found);
	EXPECT(found == NULL);
	EXPECT_OK(keyed_delete(w.k, &rows, &n, &w.e), &w.e);
	EXPECT(n == 0 && keyed_count(w.k) == 0 && keyed_checksum(w.k) == 0);
	EXPECT(keyed_next(w.k, &it, &x, 1) == 0);
	EXPECT(checkpoint(&w, 1, 0, &full) == 0 && full);
	EXPECT(checkpoint(&w, 2, 1, &full) == 0 && !full);
	EXPECT(atomic_load(&w.mem.calls) == 1);
	sound(w.k);
	world_close(&w);
}

TEST(a_key_of_64_kib_is_held_and_a_longer_one_refused)
{
	struct world w;
	world_open(&w, model_shape(KEY_BYTES, 8, MODEL_FROZEN), 0, UINT64_MAX);
	uint8_t *text = calloc(1, KEY_MAX_BYTES + 1);
	const uint8_t *bases[1] = {text};
	void *value;
	for (uint32_t len = KEY_MAX_BYTES; len <= KEY_MAX_BYTES + 1; len++) {
		struct key_view view = {.len = len};
		uint64_t hash = hash_bytes(text, len);
		struct key_rows rows = {.n = 1, .hashes = &hash, .views = &view, .bases = bases};
		enum rc rc = keyed_upsert(w.k, &rows, &value, &w.e);
		EXPECT(rc == (len > KEY_MAX_BYTES ? E_LIMIT : OK));
	}
	EXPECT(keyed_count(w.k) == 1);
	struct keyed_iter it = {0};
	struct keyed_entry x;
	EXPECT(keyed_next(w.k, &it, &x, 1) == 1 && x.key_len == KEY_MAX_BYTES);
	free(text);
	world_close(&w);
}

TEST(a_growing_table_costs_less_than_40_bytes_a_number)
{
	struct world w;
	world_open(&w, model_shape(KEY_FIX8, 8, MODEL_FROZEN), 0, UINT64_MAX);
	add_numbers(&w, 0, 262144, 1);
	for (uint64_t n = 262144; n < 1000000; n += 4096) { /* below, tables are half empty */
		add_numbers(&w, n, n + 4096, 1);
		/* A table that has just begun to grow has all of its new size. */
		EXPECT(keyed_memory_bytes(w.k) < 64 * keyed_count(w.k));
		struct keyed_iter it = {0};
		struct keyed_entry x;
		EXPECT(keyed_next(w.k, &it, &x, 1) == 1);
	}
	add_numbers(&w, 0, 70000, 1); /* any growth ends */
	EXPECT(keyed_memory_bytes(w.k) < 40 * keyed_count(w.k));
	sound(w.k);
	world_close(&w);
}

TEST(walking_yields_every_key_once_in_hash_order_while_growing_too)
{
	struct world w;
	world_open(&w, model_shape(KEY_FIX8, 16, MODEL_FROZEN), 0, UINT64_MAX);
	for (uint64_t n = 0; n < 40000; n += 500) {
		add_numbers(&w, n, n + 500, n);
		struct keyed_iter it = {0};
		struct keyed_entry x[77];
		uint64_t seen = 0, sum = 0, disorder = 0, last = 0;
		uint32_t got;
		while ((got = keyed_next(w.k, &it, x, 77)))
			for (uint32_t i = 0; i < got; i++) {
				uint64_t key;
				memcpy(&key, x[i].key, 8);
				EXPECT(*(const uint64_t *)x[i].value == key / 500 * 500);
				disorder += hash_fold64(key) < last;
				last = hash_fold64(key);
				sum += key;
				seen++;
			}
		EXPECT(seen == n + 500 && sum == seen * (seen - 1) / 2);
		EXPECT(disorder < seen / 2); /* only within clusters */
	}
	world_close(&w);
}

TEST(the_checksum_depends_on_content_not_on_order_or_capacity)
{
	struct world a, b;
	world_open(&a, model_shape(KEY_FIX8, 8, MODEL_FROZEN), 0, UINT64_MAX);
	world_open(&b, model_shape(KEY_FIX8, 8, MODEL_FROZEN), 0, UINT64_MAX);
	EXPECT_OK(keyed_reserve(b.k, 100000, &b.e), &b.e);
	add_numbers(&a, 0, 5000, 3);
	for (uint64_t n = 5500; n > 0; n -= 500)
		add_numbers(&b, n - 500, n, 3);
	EXPECT(keyed_checksum(a.k) != keyed_checksum(b.k));
	delete_numbers(&b, 5000, 5500);
	EXPECT(keyed_checksum(a.k) == keyed_checksum(b.k));
	add_numbers(&b, 17, 18, 1);
	EXPECT(keyed_checksum(a.k) != keyed_checksum(b.k));
	add_numbers(&a, 17, 18, 1);
	EXPECT(keyed_checksum(a.k) == keyed_checksum(b.k));
	world_close(&a);
	world_close(&b);
}

TEST(checkpoints_of_an_idle_table_write_nothing_whatever_their_number)
{
	struct world w;
	bool full;
	world_open(&w, model_shape(KEY_FIX8, 8, MODEL_FROZEN), 0, UINT64_MAX);
	add_numbers(&w, 0, 3000, 1);
	EXPECT(checkpoint(&w, 1, 0, &full) == 3000 && full);
	for (uint64_t id = 2; id < 100; id++)
		EXPECT(checkpoint(&w, id, id > 40 ? 40 : 1, &full) == 0 && !full);
	add_numbers(&w, 10, 20, 1);
	EXPECT(keyed_changed(w.k, 40) == 10);
	EXPECT(keyed_changed(w.k, 39) == UINT64_MAX); /* its lists are gone */
	EXPECT(checkpoint(&w, 100, 40, &full) == 10 && !full);
	EXPECT(checkpoint(&w, 101, 39, &full) == 3000 && full);
	world_close(&w);
}

TEST(what_a_published_delta_had_is_not_written_again)
{
	struct world w;
	bool full;
	world_open(&w, model_shape(KEY_FIX8, 8, MODEL_FROZEN), 0, UINT64_MAX);
	add_numbers(&w, 0, 10000, 1);
	EXPECT(checkpoint(&w, 1, 0, &full) == 10000 && full);
	for (uint64_t id = 2; id < 60; id++) {
		add_numbers(&w, id * 100, id * 100 + 150, 1);
		EXPECT(checkpoint(&w, id, id - 1, &full) == 150 && !full);
		sound(w.k);
	}
	/* Two behind: the overlap counts once. */
	add_numbers(&w, 60 * 100, 60 * 100 + 150, 1);
	EXPECT(checkpoint(&w, 60, 58, &full) == 250 && !full);
	world_close(&w);
}

TEST(lists_of_aborted_freezes_are_bounded_and_lose_nothing)
{
	struct world w;
	struct keyed_frozen f;
	bool full;
	world_open(&w, model_shape(KEY_FIX8, 8, MODEL_FROZEN), 0, UINT64_MAX);
	add_numbers(&w, 0, 10000, 1);
	(void)checkpoint(&w, 1, 0, NULL);
	for (uint64_t id = 2; id < 200; id++) {
		enum keyed_slice at;
		add_numbers(&w, id * 20, id * 20 + 5, 1);
		keyed_freeze(w.k, id, 1, false, &f);
		EXPECT(!f.full && f.rows == (id - 1) * 5);
		if (id % 3)
			EXPECT_OK(keyed_slice(w.k, 100, &at, &w.e), &w.e);
		keyed_abort(w.k);
		sound(w.k);
	}
	EXPECT(checkpoint(&w, 200, 1, &full) == 198 * 5 && !full);
	EXPECT(checkpoint(&w, 201, 200, &full) == 0 && !full);
	world_close(&w);
}

TEST(more_than_half_changed_is_written_in_full)
{
	struct world w;
	bool full;
	world_open(&w, model_shape(KEY_FIX8, 8, MODEL_FROZEN), 0, UINT64_MAX);
	add_numbers(&w, 0, 1000, 1);
	(void)checkpoint(&w, 1, 0, NULL);
	add_numbers(&w, 0, 500, 1);
	EXPECT(checkpoint(&w, 2, 1, &full) == 500 && !full);
	add_numbers(&w, 0, 501, 1);
	EXPECT(checkpoint(&w, 3, 2, &full) == 1000 && full);
	world_close(&w);
}

TEST(keys_that_come_and_go_do_not_fill_memory)
{
	struct world w;
	struct rng rng;
	world_open(&w, model_shape(KEY_BYTES, 8, MODEL_FROZEN), 0, UINT64_MAX);
	rng_seed(&rng, 5);
	size_t peak = 0;
	for (uint64_t id = 1; id < 120; id++) {
		char text[500][80];
		struct key_view view[500];
		uint64_t hash[500];
		void *value[500];
		const uint8_t *bases[1] = {(const uint8_t *)text};
		for (uint32_t i = 0; i < 500; i++) {
			memset(text[i], 'x', sizeof text[i]);
			snprintf(text[i], sizeof text[i], "%llu-%u", (unsigned long long)id, i);
			view[i] = (struct key_view){.len = 80};
			memcpy(view[i].ref.prefix, text[i], 4);
			view[i].ref.off = i * 80;
			hash[i] = hash_bytes(text[i], 80);
		}
		struct key_rows rows = {.n = 500, .hashes = hash, .views = view, .bases = bases};
		EXPECT_OK(keyed_upsert(w.k, &rows, value, &w.e), &w.e);
		(void)checkpoint(&w, 2 * id - 1, id > 1 ? 2 * id - 2 : 0, NULL);
		EXPECT_OK(keyed_delete(w.k, &rows, NULL, &w.e), &w.e);
		(void)checkpoint(&w, 2 * id, 2 * id - 1, NULL);
		EXPECT(keyed_count(w.k) == 0);
		sound(w.k);
		if (id == 60)
			peak = keyed_memory_bytes(w.k);
	}
	/* 4.8 MB of keys have passed; about 1 MiB of waste starts a rebuild. */
	EXPECT(keyed_memory_bytes(w.k) < 4u << 20);
	EXPECT(peak < 4u << 20);
	world_close(&w);
}

TEST(the_last_hash_of_the_range_can_have_any_number_of_keys)
{
	struct world w;
	struct rng rng;
	struct model m;
	rng_seed(&rng, 9);
	world_open(&w, model_shape(KEY_FIX8, 8, MODEL_TOP), 0, UINT64_MAX);
	model_open(&m, w.config.shape, 3000, 16, &rng);
	void *value[3000];
	uint16_t sel[3000];
	for (uint32_t i = 0; i < 3000; i++)
		sel[i] = (uint16_t)i;
	struct key_rows rows = model_rows(&m, sel, 3000);
	EXPECT_OK(keyed_upsert(w.k, &rows, value, &w.e), &w.e);
	for (uint32_t i = 0; i < 3000; i++) {
		m.entry[i] = (struct model_entry){.present = true, .value = {i}};
		memcpy(value[i], &m.entry[i].value, 8); /* pointers have followed every extension */
	}
	sound(w.k);
	const char *wrong = model_differs(&m, m.entry, w.k, 0, UINT64_MAX);
	if (wrong)
		fail_msg("%s", wrong);
	model_close(&m);
	world_close(&w);
}

/* Every step of a table's life, with the n-th allocation failing: refused or done, never broken. */
static bool life(uint64_t fail_at, enum key_form form)
{
	struct world w;
	struct rng rng;
	struct model m;
	bool failed = false;
	rng_seed(&rng, 77);
	memset(&w, 0, sizeof w);
	mem_init(&w.mem, 0);
	w.mem.fail_at = fail_at;
	chunk_pool_init(&w.pool, &w.mem, 4);
	w.pool.chunk_bytes = 4096;
	w.config = (struct keyed_config){model_shape(form, 8, MODEL_TOP), 0, UINT64_MAX, &w.pool,
					 &w.mem};
	model_open(&m, w.config.shape, 1500, 600, &rng);
	if (keyed_open(&w.k, &w.config, &w.e) != OK) {
		EXPECT(w.k == NULL && fail_at == 1 && w.e.code == E_NO_MEMORY);
		chunk_pool_close(&w.pool);
		model_close(&m);
		return true;
	}
	for (uint64_t round = 0; round < 40; round++) {
		uint16_t sel[100];
		void *value[100];
		for (uint32_t i = 0; i < 100; i++)
			sel[i] = (uint16_t)rng_below(&rng, 1 + round * 35);
		struct key_rows rows = model_rows(&m, sel, 100);
		enum rc rc = keyed_upsert(w.k, &rows, value, &w.e);
		failed |= rc != OK;
		for (uint32_t i = 0; i < 100; i++) {
			struct model_entry *x = &m.entry[sel[i]];
			const void *found;
			struct key_rows one = model_rows(&m, &sel[i], 1);
			keyed_find(w.k, &one, &found);
			EXPECT(rc != OK || found == value[i]);
			EXPECT(found || !x->present);
			if (!found)
				continue;
			EXPECT(memcmp(found, x->value, 8) == 0);
			x->present = true;
			if (rc != OK)
				continue;
			x->value[0] += i;
			memcpy(value[i], x->value, 8);
		}
		struct keyed_frozen f;
		enum keyed_slice at;
		struct chunk *c;
		if (!keyed_is_freezing(w.k) && round % 3 == 0)
			keyed_freeze(w.k, round + 1, 0, true, &f);
		rc = keyed_slice(w.k, 30, &at, &w.e);
		failed |= rc != OK;
		if (rc != OK)
			keyed_abort(w.k);
		while ((c = keyed_take(w.k)))
			chunk_put_list(c);
		sound(w.k);
	}
	const char *wrong = model_differs(&m, m.entry, w.k, 0, UINT64_MAX);
	if (wrong)
		fail_msg("allocation %llu: %s", (unsigned long long)fail_at, wrong);
	EXPECT(!failed || w.e.code == E_NO_MEMORY);
	model_close(&m);
	world_close(&w);
	return atomic_load(&w.mem.calls) >= fail_at;
}

TEST(inv31_any_allocation_may_fail_and_the_table_stays_usable)
{
	for (enum key_form form = KEY_FIX8; form <= KEY_BYTES; form++)
		for (uint64_t n = 1; life(n, form); n++)
			;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(equal_keys_of_one_batch_share_one_value),
		T(how_rows_are_cut_into_calls_does_not_matter),
		T(a_sum_that_leaves_int64_is_named_and_its_key_keeps_what_it_had),
		T(doubles_are_added_in_the_order_of_their_rows),
		T(an_empty_state_can_be_asked_anything),
		T(a_key_of_64_kib_is_held_and_a_longer_one_refused),
		T(a_growing_table_costs_less_than_40_bytes_a_number),
		T(walking_yields_every_key_once_in_hash_order_while_growing_too),
		T(the_checksum_depends_on_content_not_on_order_or_capacity),
		T(checkpoints_of_an_idle_table_write_nothing_whatever_their_number),
		T(what_a_published_delta_had_is_not_written_again),
		T(lists_of_aborted_freezes_are_bounded_and_lose_nothing),
		T(more_than_half_changed_is_written_in_full),
		T(keys_that_come_and_go_do_not_fill_memory),
		T(the_last_hash_of_the_range_can_have_any_number_of_keys),
		T(inv31_any_allocation_may_fail_and_the_table_stays_usable),
	};
	return RUN(tests);
}
