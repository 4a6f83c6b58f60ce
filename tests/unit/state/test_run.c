/* test_run.c - blocks: what is written is read back, and bytes nobody wrote are refused, never
 * trusted (inv 33, 34). */
#include "model.h"

struct rows {
	uint32_t n;
	uint64_t hash[RUN_BLOCK_ROWS];
	uint8_t op[RUN_BLOCK_ROWS];
	uint8_t key[RUN_BLOCK_ROWS][40];
	uint32_t len[RUN_BLOCK_ROWS];
	uint64_t value[RUN_BLOCK_ROWS][2];
};

struct work {
	struct mem mem;
	struct err e;
	struct keyed_shape shape;
	struct run_writer *w;
	struct run_block b;
	struct rows rows;
};

static const struct keyed_shape *order_shape;

static int compare(const void *x, const void *y)
{
	const uint8_t *a = x, *b = y;
	uint32_t al = a[40], bl = b[40];
	uint64_t ah = shape_hash(order_shape, a, al), bh = shape_hash(order_shape, b, bl);
	return ah != bh ? (ah < bh ? -1 : 1) : key_compare(a, al, b, bl);
}

/* n distinct keys in run order. */
static void rows_make(struct work *w, struct rng *r, uint32_t n)
{
	uint8_t (*keys)[41] = calloc(n, 41);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t len = 8;
		uint64_t number = rng_below(r, 2) ? rng_next(r) << 16 | i : (uint64_t)i << 13;
		memcpy(keys[i], &number, 8);
		if (w->shape.form == KEY_BYTES) {
			len = (uint32_t)rng_below(r, 41);
			for (uint32_t b = 0; b < len; b++)
				keys[i][b] = (uint8_t)rng_below(r, 4);
		}
		keys[i][40] = (uint8_t)len;
	}
	order_shape = &w->shape;
	qsort(keys, n, 41, compare);
	w->rows.n = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (i && compare(keys[i - 1], keys[i]) == 0)
			continue;
		uint32_t j = w->rows.n++;
		w->rows.len[j] = keys[i][40];
		memcpy(w->rows.key[j], keys[i], 40);
		w->rows.hash[j] = shape_hash(&w->shape, keys[i], keys[i][40]);
		w->rows.op[j] = rng_below(r, 5) == 0 ? ROW_DELETE : ROW_PUT;
		w->rows.value[j][0] = rng_next(r) >> rng_below(r, 64);
		w->rows.value[j][1] = rng_below(r, 3) - 1;
	}
	free(keys);
}

static void work_open(struct work *w, enum key_form form, uint32_t value_bytes,
		      enum model_hash hash)
{
	memset(w, 0, sizeof *w);
	mem_init(&w->mem, 0);
	w->shape = model_shape(form, value_bytes, hash);
	EXPECT_OK(run_writer_open(&w->w, &w->shape, &w->mem, &w->e), &w->e);
	EXPECT_OK(run_block_open(&w->b, &w->shape, &w->mem, &w->e), &w->e);
}

static void work_close(struct work *w)
{
	run_writer_close(w->w);
	run_block_close(&w->b);
	EXPECT(atomic_load(&w->mem.used_bytes) == 0);
}

static struct run_out work_encode(struct work *w)
{
	struct run_out out;
	for (uint32_t i = 0; i < w->rows.n; i++)
		EXPECT(run_add(w->w, w->rows.hash[i], w->rows.op[i], w->rows.key[i],
			       w->rows.len[i], w->rows.value[i], &out) == RUN_NEED);
	EXPECT(run_finish(w->w, &out) == RUN_BLOCK);
	EXPECT(out.rows == w->rows.n && out.len <= RUN_BLOCK_BYTES);
	EXPECT(out.first_hash == w->rows.hash[0] && out.last_hash == w->rows.hash[w->rows.n - 1]);
	return out;
}

static void same_rows(const struct work *w)
{
	EXPECT(w->b.rows == w->rows.n);
	static const uint64_t zero[2];
	for (uint32_t i = 0; i < w->b.rows; i++) {
		uint32_t len;
		const uint8_t *key = run_key(&w->b, i, &len);
		EXPECT(w->b.hash[i] == w->rows.hash[i] && w->b.op[i] == w->rows.op[i]);
		EXPECT(len == w->rows.len[i] && (!len || memcmp(key, w->rows.key[i], len) == 0));
		const void *value = w->rows.op[i] == ROW_PUT ? w->rows.value[i] : zero;
		EXPECT(memcmp(w->b.value + (size_t)i * w->shape.value_bytes, value,
			      w->shape.value_bytes) == 0);
		EXPECT(run_find(&w->b, w->rows.hash[i], w->rows.key[i], len) == (int)i);
	}
}

TEST(a_block_reads_back_as_it_was_written)
{
	struct rng r;
	rng_seed(&r, 1);
	struct work *w = malloc(sizeof *w);
	for (int round = 0; round < 200; round++) {
		enum model_hash hash = round % 5 ? MODEL_FROZEN : MODEL_FEW;
		work_open(w, round & 1 ? KEY_FIX8 : KEY_BYTES, round & 2 ? 8 : 16, hash);
		rows_make(w, &r, round < 20 ? RUN_BLOCK_ROWS : 1 + (uint32_t)rng_below(&r, 70));
		struct run_out out = work_encode(w);
		EXPECT_OK(run_decode(&w->b, out.bytes, out.len, &w->e), &w->e);
		same_rows(w);
		EXPECT(run_find(&w->b, out.first_hash - 1, "", 0) == -1);
		work_close(w);
	}
	free(w);
}

/* Golden: these bytes are the format. */
TEST(the_layout_of_a_block_is_frozen)
{
	static const uint8_t numbers[] = {
		2, 0, 1, 8, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* header, deletions */
		0,    /* operations; filled below */
		1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* keys: plane 0 raw */
		1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* values: planes 0, 1 raw */
	};
	uint8_t want[sizeof numbers];
	memcpy(want, numbers, sizeof want);
	struct work *w = malloc(sizeof *w);
	work_open(w, KEY_FIX8, 8, MODEL_FROZEN);
	struct run_out out;
	uint64_t a = 1, b = 2, value = 0x0304;
	if (hash_fold64(a) > hash_fold64(b)) {
		a = 2;
		b = 1;
	}
	(void)run_add(w->w, hash_fold64(a), ROW_PUT, (uint8_t *)&a, 8, &value, &out);
	(void)run_add(w->w, hash_fold64(b), ROW_DELETE, (uint8_t *)&b, 8, &value, &out);
	EXPECT(run_finish(w->w, &out) == RUN_BLOCK);
	want[16] = 2; /* the second row is a deletion */
	want[18] = (uint8_t)a;
	want[19] = (uint8_t)b;
	want[35] = 4;
	want[38] = 3;
	EXPECT(out.len == sizeof want && memcmp(out.bytes, want, sizeof want) == 0);
	work_close(w);

	static const uint8_t texts[] = {
		1, 0, 2, 16, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, /* header, 5 bytes of text */
		0, 5, 0, 0, 0, 0, 0, 0,                          /* length 5 */
		'h', 'e', 'l', 'l', 'o',
		0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8,  /* first word of the value */
		0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  /* second */
	};
	uint64_t wide[2] = {0x0807060504030201, 9};
	work_open(w, KEY_BYTES, 16, MODEL_FROZEN);
	(void)run_add(w->w, hash_bytes("hello", 5), ROW_PUT, (const uint8_t *)"hello", 5, wide,
		      &out);
	EXPECT(run_finish(w->w, &out) == RUN_BLOCK);
	EXPECT(out.len == sizeof texts && memcmp(out.bytes, texts, sizeof texts) == 0);
	work_close(w);
	free(w);
}

/* Whatever the bytes: refused, or a block that keeps every promise. */
static void must_be_sound(struct work *w, const uint8_t *bytes, size_t len)
{
	uint8_t *exact = malloc(len ? len : 1);
	memcpy(exact, bytes, len);
	err_clear(&w->e);
	enum rc rc = run_decode(&w->b, exact, len, &w->e);
	EXPECT(rc == OK || rc == E_CORRUPT);
	EXPECT(rc == OK ? w->b.rows > 0 && w->b.rows <= RUN_BLOCK_ROWS : w->b.rows == 0);
	for (uint32_t i = 0; i < w->b.rows; i++) {
		uint32_t key_len;
		const uint8_t *key = run_key(&w->b, i, &key_len);
		EXPECT(key_len <= KEY_MAX_BYTES);
		EXPECT(shape_hash(&w->shape, key, key_len) == w->b.hash[i]);
		EXPECT(i == 0 || w->b.hash[i] >= w->b.hash[i - 1]);
	}
	free(exact);
}

TEST(inv34_hostile_blocks_are_refused_or_sound)
{
	struct rng r;
	rng_seed(&r, 2);
	struct work *w = malloc(sizeof *w);
	uint64_t refused = 0;
	for (int round = 0; round < 60; round++) {
		work_open(w, round & 1 ? KEY_FIX8 : KEY_BYTES, round & 2 ? 8 : 16, MODEL_FROZEN);
		rows_make(w, &r, 1 + (uint32_t)rng_below(&r, 40));
		struct run_out out = work_encode(w);
		uint8_t *bytes = malloc(out.len + 600);
		for (size_t at = 0; at < out.len; at++) { /* each byte flipped */
			memcpy(bytes, out.bytes, out.len);
			bytes[at] ^= (uint8_t)(1u << rng_below(&r, 8));
			must_be_sound(w, bytes, out.len);
			refused += w->b.rows == 0;
			bytes[at] = (uint8_t)rng_next(&r);
			must_be_sound(w, bytes, out.len);
		}
		for (size_t len = 0; len <= out.len + 3; len++) { /* each length */
			memcpy(bytes, out.bytes, out.len);
			memset(bytes + out.len, 0, 3);
			must_be_sound(w, bytes, len);
			EXPECT((w->b.rows > 0) == (len == out.len));
		}
		for (int i = 0; i < 300; i++) { /* noise behind a plausible header */
			size_t len = rng_below(&r, 600);
			for (size_t at = 0; at < len; at++)
				bytes[at] = (uint8_t)rng_next(&r);
			if (i % 2 && len >= 16) {
				memcpy(bytes, out.bytes, 16);
				if (i % 4 == 1)
					memset(bytes, 0xFF, 2);
				for (size_t at = 16; at < len; at++)
					bytes[at] &= 1;
			}
			must_be_sound(w, bytes, len);
		}
		free(bytes);
		work_close(w);
	}
	EXPECT(refused > 1000);
	free(w);
}

TEST(rows_that_do_not_ascend_are_refused)
{
	struct work *w = malloc(sizeof *w);
	struct run_out out;
	for (int equal = 0; equal < 2; equal++) {
		uint64_t a = 1, b = 2, value = 3;
		work_open(w, KEY_FIX8, 8, MODEL_FROZEN);
		if (hash_fold64(a) < hash_fold64(b)) {
			a = 2;
			b = 1;
		}
		(void)run_add(w->w, 0, ROW_PUT, (uint8_t *)&a, 8, &value, &out);
		(void)run_add(w->w, 0, ROW_PUT, (uint8_t *)(equal ? &a : &b), 8, &value, &out);
		EXPECT(run_finish(w->w, &out) == RUN_BLOCK);
		EXPECT(run_decode(&w->b, out.bytes, out.len, &w->e) == E_CORRUPT);
		EXPECT(strstr(w->e.text, "ascend"));
		work_close(w);
	}
	free(w);
}

TEST(blocks_close_in_time_and_the_longest_keys_fit)
{
	struct work *w = malloc(sizeof *w);
	uint8_t *key = calloc(1, KEY_MAX_BYTES);
	uint64_t value[2] = {1, 2}, rows = 0, hash = 0;
	struct run_out out;
	work_open(w, KEY_BYTES, 16, MODEL_ONE);
	for (uint32_t i = 0; i < 20000; i++) {
		/* One hash: the order is that of lengths, then bytes. */
		uint32_t len = i < 19980 ? 8 : KEY_MAX_BYTES;
		uint64_t number = __builtin_bswap64(i);
		memcpy(key, &number, 8);
		hash = shape_hash(&w->shape, key, len);
		if (run_add(w->w, hash, ROW_PUT, key, len, value, &out) == RUN_BLOCK) {
			EXPECT_OK(run_decode(&w->b, out.bytes, out.len, &w->e), &w->e);
			EXPECT(out.rows == w->b.rows);
			rows += out.rows;
		}
	}
	EXPECT(run_finish(w->w, &out) == RUN_BLOCK);
	rows += out.rows;
	EXPECT(rows == 20000 && run_finish(w->w, &out) == RUN_NEED);
	work_close(w);
	free(key);
	free(w);
}

/* One row of the chunk; key and value are equal. */
static void chunk_row(struct chunk *c, const struct keyed_shape *shape, uint64_t key)
{
	if (shape->form == KEY_BYTES) {
		uint8_t *to = c->data + c->used_bytes;
		uint32_t head = 8;
		memcpy(to + 8, &head, 4);
		memcpy(to + CHUNK_TEXT_HEAD, &key, 8);
		memcpy(to + CHUNK_TEXT_HEAD + 8, &key, 8);
		c->used_bytes += CHUNK_TEXT_HEAD + 16;
	} else {
		struct chunk_columns x = chunk_columns(c, shape->value_bytes);
		x.key[c->rows] = key;
		for (uint32_t w = 0; w < shape->value_bytes / 8; w++)
			x.value[c->rows * (shape->value_bytes / 8) + w] = key + w;
		x.op[c->rows] = key % 7 == 0 ? ROW_DELETE : ROW_PUT;
		c->used_bytes += 9 + shape->value_bytes;
	}
	c->rows++;
}

/* Row i as run_sort left it: its key, after a look at the rest. */
static uint64_t chunk_key(struct chunk *c, const struct keyed_shape *shape, uint32_t i)
{
	uint64_t key, value;
	if (shape->form == KEY_BYTES) {
		const uint8_t *row = c->data + i * (CHUNK_TEXT_HEAD + 16);
		memcpy(&key, row + CHUNK_TEXT_HEAD, 8);
		memcpy(&value, row + CHUNK_TEXT_HEAD + 8, 8);
		EXPECT(key == value);
		memcpy(&value, row, 8);
		EXPECT(value == shape_hash(shape, &key, 8));
		return key;
	}
	struct chunk_columns x = chunk_columns(c, shape->value_bytes);
	for (uint32_t w = 0; w < shape->value_bytes / 8; w++)
		EXPECT(x.value[i * (shape->value_bytes / 8) + w] == x.key[i] + w);
	EXPECT(x.op[i] == (x.key[i] % 7 == 0 ? ROW_DELETE : ROW_PUT));
	return x.key[i];
}

static const struct keyed_shape *almost_shape;

static int almost_compare(const void *a, const void *b)
{
	uint64_t x = shape_hash(almost_shape, a, 8), y = shape_hash(almost_shape, b, 8);
	return x < y ? -1 : x > y;
}

/* A chunk of rows in any order, or almost sorted, comes out sorted, whatever the hash. */
TEST(sorting_a_chunk_puts_any_order_right)
{
	struct rng r;
	rng_seed(&r, 4);
	for (int round = 0; round < 160; round++) {
		struct mem mem;
		struct err e = {0};
		struct chunk_pool pool;
		struct run_scratch s;
		struct keyed_shape shape =
			model_shape(round & 1 ? KEY_FIX8 : KEY_BYTES, round & 16 && round & 1 ? 16 : 8,
				    (unsigned)round / 2 % 4);
		mem_init(&mem, 0);
		chunk_pool_init(&pool, &mem, 4);
		struct chunk *c = chunk_get(&pool);
		EXPECT_OK(run_scratch_open(&s, &shape, &mem, &e), &e);
		uint32_t n = round % 32 < 4 ? 5000 : 1 + (uint32_t)rng_below(&r, 300);
		uint64_t sum = 0, *key = calloc(n, sizeof *key);
		for (uint32_t i = 0; i < n; i++) {
			key[i] = round & 8 ? i : rng_next(&r) << 13 | i;
			sum += key[i];
		}
		if (round & 32) { /* as slices leave it: neighbours swapped here and there */
			almost_shape = &shape;
			qsort(key, n, sizeof *key, almost_compare);
			for (uint32_t i = 3; i < n; i += 1 + (uint32_t)rng_below(&r, 9)) {
				uint32_t from = i - (uint32_t)rng_below(&r, 4);
				uint64_t was = key[i];
				key[i] = key[from];
				key[from] = was;
			}
		}
		if (round & 64)
			c->stream = CHUNK_SAVED;
		for (uint32_t i = 0; i < n; i++)
			chunk_row(c, &shape, key[i]);
		run_sort(&s, c);
		uint64_t last = 0, was = 0;
		for (uint32_t i = 0; i < n; i++) {
			uint64_t at = chunk_key(c, &shape, i);
			uint64_t hash = shape_hash(&shape, &at, 8);
			EXPECT(i == 0 || hash > last ||
			       (hash == last && memcmp(&was, &at, 8) < 0));
			last = hash;
			was = at;
			sum -= at;
		}
		EXPECT(sum == 0);
		free(key);
		run_scratch_close(&s);
		chunk_put(c);
		chunk_pool_close(&pool);
	}
}

TEST(inv31_opening_under_short_memory_leaks_nothing)
{
	for (uint64_t n = 1; n < 20; n++) {
		struct mem mem;
		struct err e = {0};
		enum key_form form = n & 1 ? KEY_FIX8 : KEY_BYTES;
		struct keyed_shape shape = model_shape(form, 8, MODEL_FROZEN);
		struct run_scratch s;
		struct run_writer *w = NULL;
		struct run_block b;
		struct merge *m = NULL;
		struct merge_input in[3] = {{0, 9}, {0, 9}, {0, 9}};
		mem_init(&mem, 0);
		mem.fail_at = n;
		if (run_scratch_open(&s, &shape, &mem, &e) == OK)
			run_scratch_close(&s);
		if (run_writer_open(&w, &shape, &mem, &e) == OK)
			run_writer_close(w);
		if (run_block_open(&b, &shape, &mem, &e) == OK)
			run_block_close(&b);
		if (merge_open(&m, &shape, in, 3, true, &mem, &e) == OK)
			merge_close(m);
		EXPECT(atomic_load(&mem.used_bytes) == 0);
		EXPECT(e.code == E_NO_MEMORY);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_block_reads_back_as_it_was_written),
		T(the_layout_of_a_block_is_frozen),
		T(inv34_hostile_blocks_are_refused_or_sound),
		T(rows_that_do_not_ascend_are_refused),
		T(blocks_close_in_time_and_the_longest_keys_fit),
		T(sorting_a_chunk_puts_any_order_right),
		T(inv31_opening_under_short_memory_leaks_nothing),
	};
	return RUN(tests);
}
