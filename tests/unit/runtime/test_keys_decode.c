/* test_keys_decode.c - canonical key bytes and back. */
#include "runtime/keys_decode.h"
#include "tests/lib/rows.h"

struct world {
	struct mem mem;
	struct pool *pool;
	struct schema s;
	struct key_spec spec;
	struct keys keys;
	struct err e;
};

static void world_open(struct world *w, const char *fields)
{
	uint32_t field[KEY_FIELDS_MAX];
	memset(w, 0, sizeof *w);
	mem_init(&w->mem, 0);
	EXPECT_OK(pool_open(&w->pool, &w->mem, &w->e), &w->e);
	w->s = rows_schema(fields);
	for (uint32_t i = 0; i < w->s.n; i++)
		field[i] = i;
	key_spec_set(&w->spec, &w->s, field, w->s.n);
	keys_init(&w->keys, &w->mem);
}

static void world_close(struct world *w)
{
	keys_close(&w->keys);
	EXPECT(pool_out(w->pool) == 0);
	pool_close(w->pool);
	EXPECT(w->mem.used_bytes == 0);
}

/* The entries the keyed state would hold for b's rows; they borrow from w->keys. */
static void entries_of(struct world *w, const struct batch *b, struct keyed_entry *x)
{
	uint32_t bad_row;
	EXPECT_OK(keys_of(&w->keys, &w->spec, b, &bad_row, &w->e), &w->e);
	for (uint32_t i = 0; i < b->rows; i++) {
		const struct key_view *v = w->keys.view ? &w->keys.view[i] : NULL;
		if (!v)
			x[i] = (struct keyed_entry){(const uint8_t *)&w->keys.fix8[i], 8, NULL};
		else if (v->len <= KEY_INLINE_BYTES)
			x[i] = (struct keyed_entry){(const uint8_t *)v->inl, v->len, NULL};
		else
			x[i] = (struct keyed_entry){w->keys.base[v->ref.buf] + v->ref.off, v->len, NULL};
	}
}

static void expect_round_trip(const char *fields, const char *const *row, uint32_t n)
{
	struct world w;
	struct keyed_entry x[16];
	world_open(&w, fields);
	struct batch *b = rows_batch_n(w.pool, &w.s, row, n), *out = pool_batch(w.pool);
	entries_of(&w, b, x);
	EXPECT_OK(keys_decode(&w.spec, x, n, w.pool, out->col, &w.e), &w.e);
	out->n_cols = w.s.n;
	for (uint32_t f = 0; f < w.s.n; f++)
		EXPECT(out->col[f]->rows == n && out->col[f]->has_valid == w.s.field[f].nullable);
	for (uint32_t i = 0; i < n; i++) {
		char *text = rows_text(out, i);
		assert_string_equal(text, row[i]);
		free(text);
	}
	batch_drop(&b);
	batch_drop(&out);
	world_close(&w);
}
#define ROUND_TRIP(fields, ...)                                                                    \
	expect_round_trip(fields, (const char *const[]){__VA_ARGS__},                              \
			  sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

TEST(every_kind_of_key_comes_back_as_it_was)
{
	ROUND_TRIP("k int64", "0", "-1", "9223372036854775807", "-9223372036854775808");
	ROUND_TRIP("k timestamp", "0", "-1", "1700000000000000");
	ROUND_TRIP("k float64", "0.5", "-1048576.25", "inf");
	ROUND_TRIP("k bool", "true", "false", "true");
	ROUND_TRIP("k string", "", "a", "exactly 12 b", "thirteen byte", "a text of some length");
	ROUND_TRIP("k int64?", "5", "~", "0");
	ROUND_TRIP("k string?", "~", "", "x", "a text of some length", "~");
	ROUND_TRIP("a string, b int64?, c bool, d string?, e float64", "x|1|true|y|0.5",
		   "|~|false|~|2", "a text of some length|-7|true|another text of some length|3");
}

TEST(no_fields_is_a_key_of_no_bytes)
{
	struct world w;
	struct keyed_entry x = {(const uint8_t *)"", 0, NULL};
	struct column *none[1] = {NULL};
	world_open(&w, "");
	EXPECT_OK(keys_decode(&w.spec, &x, 1, w.pool, none, &w.e), &w.e);
	EXPECT(!none[0]);
	world_close(&w);
}

TEST(zero_and_nan_are_canonical)
{
	struct world w;
	struct keyed_entry x[3];
	struct column *c[1];
	world_open(&w, "k float64");
	struct batch *b = rows_batch(w.pool, &w.s, "-0", "nan", "-nan");
	entries_of(&w, b, x);
	EXPECT_OK(keys_decode(&w.spec, x, 3, w.pool, c, &w.e), &w.e);
	EXPECT(c[0]->i64[0] == 0 && c[0]->i64[1] == 0x7FF8000000000000 && c[0]->i64[1] == c[0]->i64[2]);
	column_drop(c[0]);
	batch_drop(&b);
	world_close(&w);
}

TEST(bytes_that_no_key_has_are_corrupt)
{
	struct world w;
	struct keyed_entry x[1];
	struct column *c[2];
	uint8_t key[64];
	world_open(&w, "a string, b int64?");
	struct batch *b = rows_batch(w.pool, &w.s, "abc|5");
	entries_of(&w, b, x);
	EXPECT(x->key_len == 5 + 3 + 9);
	memcpy(key, x->key, x->key_len);
	uint32_t len = x->key_len;
	x->key = key;
	for (x->key_len = 0; x->key_len < len; x->key_len++)
		EXPECT(keys_decode(&w.spec, x, 1, w.pool, c, NULL) == E_CORRUPT);
	x->key_len = len + 1; /* one byte more */
	EXPECT(keys_decode(&w.spec, x, 1, w.pool, c, NULL) == E_CORRUPT);
	x->key_len = len;
	key[0] = 2; /* no tag */
	EXPECT(keys_decode(&w.spec, x, 1, w.pool, c, NULL) == E_CORRUPT);
	key[0] = 0; /* a null where none may be */
	EXPECT(keys_decode(&w.spec, x, 1, w.pool, c, NULL) == E_CORRUPT);
	key[0] = 1;
	memset(key + 1, 0xFF, 4); /* a length beyond the end */
	EXPECT(keys_decode(&w.spec, x, 1, w.pool, c, NULL) == E_CORRUPT);
	EXPECT(!c[0] && !c[1]);
	batch_drop(&b);
	world_close(&w);
}

TEST(inv31_no_memory_is_an_error_and_leaks_nothing)
{
	for (uint64_t fail = 1; fail < 10; fail++) {
		struct world w;
		struct keyed_entry x[2];
		struct column *c[2];
		world_open(&w, "a string, b int64?");
		struct batch *b = rows_batch(w.pool, &w.s, "a text of some length|5", "|~");
		entries_of(&w, b, x);
		w.mem.fail_at = atomic_load(&w.mem.calls) + fail;
		enum rc rc = keys_decode(&w.spec, x, 2, w.pool, c, NULL);
		EXPECT(rc == E_NO_MEMORY || fail > 3);
		if (rc == OK) {
			column_drop(c[0]);
			column_drop(c[1]);
		}
		w.mem.fail_at = 0;
		batch_drop(&b);
		world_close(&w);
	}
}

TEST(as_many_long_keys_as_one_text_holds_and_at_least_one)
{
	struct keyed_entry x[4] = {{NULL, 200 << 10, NULL}, {NULL, 56 << 10, NULL}, {NULL, 1, NULL},
				   {NULL, 1, NULL}};
	EXPECT(keys_decodable(x, 4) == 2);
	EXPECT(keys_decodable(x + 1, 3) == 3);
	x[0].key_len = TEXT_BYTES + 1;
	EXPECT(keys_decodable(x, 4) == 1);
	EXPECT(keys_decodable(x, 1) == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(every_kind_of_key_comes_back_as_it_was),
		T(no_fields_is_a_key_of_no_bytes),
		T(zero_and_nan_are_canonical),
		T(bytes_that_no_key_has_are_corrupt),
		T(inv31_no_memory_is_an_error_and_leaks_nothing),
		T(as_many_long_keys_as_one_text_holds_and_at_least_one),
	};
	return RUN(tests);
}
