/* test_keys.c - canonical key bytes, spelled out byte by byte, and their hashes as they stand on
 * disks for ever (inv 6). */
#include "runtime/keys.h"

#include "base/hash.h"
#include "runtime/keys_decode.h"
#include "tests/unit/runtime/batches.h"

#include <math.h>
#include <stdlib.h>

struct fix {
	struct mem mem;
	struct pool *pool;
	struct keys keys;
	struct schema schema;
	struct err e;
};

static void open_fix(struct fix *f)
{
	memset(f, 0, sizeof *f);
	mem_init(&f->mem, 0);
	EXPECT_OK(pool_open(&f->pool, &f->mem, &f->e), &f->e);
	keys_init(&f->keys, &f->mem);
	EXPECT_OK(schema_add(&f->schema, "s", T_STRING, false, &f->e), &f->e);
	EXPECT_OK(schema_add(&f->schema, "sn", T_STRING, true, &f->e), &f->e);
	EXPECT_OK(schema_add(&f->schema, "i", T_INT64, false, &f->e), &f->e);
	EXPECT_OK(schema_add(&f->schema, "in", T_INT64, true, &f->e), &f->e);
	EXPECT_OK(schema_add(&f->schema, "d", T_FLOAT64, false, &f->e), &f->e);
	EXPECT_OK(schema_add(&f->schema, "b", T_BOOL, false, &f->e), &f->e);
}

enum { S, SN, I, IN, D, B };

static void close_fix(struct fix *f)
{
	keys_close(&f->keys);
	pool_close(f->pool);
	EXPECT(f->mem.used_bytes == 0);
}

/* A batch of one column per field of the fixture's schema, n rows. */
static struct batch *all_fields(struct fix *f, uint32_t n)
{
	static const char *const s[] = {"apple", "an apple and a pear", ""};
	static const char *const sn[] = {"x", NULL, ""};
	static const int64_t i[] = {1, -1, INT64_MIN}, in[] = {5, 0, 0};
	static const double d[] = {0.0, -0.0, 1.5};
	struct batch *b = batch_of(f->pool, strings(f->pool, s, n), strings(f->pool, sn, n));
	b->col[b->n_cols++] = ints(f->pool, i, n);
	struct column *c = b->col[b->n_cols++] = ints(f->pool, in, n);
	c->has_valid = true;
	memset(c->valid, 0xFF, sizeof c->valid);
	bit_clear(c->valid, 1);
	b->col[b->n_cols++] = doubles(f->pool, d, n);
	c = b->col[b->n_cols++] = pool_column(f->pool, T_BOOL);
	c->rows = n;
	c->bits[0] = 0x5;
	b->col[SN]->has_valid = true;
	return b;
}

/* The bytes of row's key as the state will see them. */
static size_t key_bytes(const struct keys *k, uint32_t row, uint8_t *to)
{
	if (k->fix8) {
		memcpy(to, &k->fix8[row], 8);
		return 8;
	}
	const struct key_view *v = &k->view[row];
	memcpy(to, v->len <= KEY_INLINE_BYTES ? (const void *)v->inl : k->base[v->ref.buf] + v->ref.off,
	       v->len);
	return v->len;
}

static void expect_key(struct fix *f, const struct key_spec *spec, struct batch *b, uint32_t row,
		       const void *bytes, size_t len)
{
	uint8_t got[256];
	uint32_t bad;
	EXPECT_OK(keys_of(&f->keys, spec, b, &bad, &f->e), &f->e);
	size_t n = key_bytes(&f->keys, row, got);
	if (n != len || memcmp(got, bytes, len)) {
		print_error("row %u:", row);
		for (size_t i = 0; i < n; i++)
			print_error(" %02x", got[i]);
		fail_msg("%s", " is not the key expected");
	}
}

#define KEY(f, spec, b, row, text) expect_key((f), (spec), (b), (row), text, sizeof text - 1)

TEST(inv6_one_field_that_is_no_string_and_never_null_is_its_eight_bytes)
{
	struct fix f;
	struct key_spec k;
	open_fix(&f);
	struct batch *b = all_fields(&f, 3);
	key_spec_set(&k, &f.schema, (uint32_t[]){I}, 1);
	EXPECT(k.form == KEY_FIX8);
	KEY(&f, &k, b, 0, "\1\0\0\0\0\0\0\0");
	KEY(&f, &k, b, 1, "\377\377\377\377\377\377\377\377");
	KEY(&f, &k, b, 2, "\0\0\0\0\0\0\0\200");
	key_spec_set(&k, &f.schema, (uint32_t[]){B}, 1);
	KEY(&f, &k, b, 0, "\1\0\0\0\0\0\0\0");
	KEY(&f, &k, b, 1, "\0\0\0\0\0\0\0\0");
	batch_drop(&b);
	close_fix(&f);
}

TEST(inv6_minus_zero_is_zero_and_there_is_one_nan)
{
	struct fix f;
	struct key_spec k;
	open_fix(&f);
	uint64_t odd = 0xFFF8000000000123u;
	double d[4] = {0.0, -0.0, NAN, 0};
	memcpy(&d[3], &odd, 8);
	struct batch *b = batch_of(f.pool, doubles(f.pool, d, 4), NULL);
	k = (struct key_spec){.form = KEY_FIX8, .n = 1, .type = {T_FLOAT64}};
	KEY(&f, &k, b, 0, "\0\0\0\0\0\0\0\0");
	KEY(&f, &k, b, 1, "\0\0\0\0\0\0\0\0");
	KEY(&f, &k, b, 2, "\0\0\0\0\0\0\370\177");
	KEY(&f, &k, b, 3, "\0\0\0\0\0\0\370\177");
	batch_drop(&b);
	close_fix(&f);
}

TEST(inv6_one_string_that_is_never_null_is_its_bytes)
{
	struct fix f;
	struct key_spec k;
	open_fix(&f);
	struct batch *b = all_fields(&f, 3);
	key_spec_set(&k, &f.schema, (uint32_t[]){S}, 1);
	EXPECT(k.form == KEY_BYTES);
	KEY(&f, &k, b, 0, "apple");
	KEY(&f, &k, b, 1, "an apple and a pear");
	KEY(&f, &k, b, 2, "");
	batch_drop(&b);
	close_fix(&f);
}

TEST(inv6_null_is_a_key_of_its_own_and_not_the_empty_string_or_zero)
{
	struct fix f;
	struct key_spec k;
	open_fix(&f);
	struct batch *b = all_fields(&f, 3);
	key_spec_set(&k, &f.schema, (uint32_t[]){SN}, 1);
	KEY(&f, &k, b, 0, "\1\1\0\0\0x");
	KEY(&f, &k, b, 1, "\0");
	KEY(&f, &k, b, 2, "\1\0\0\0\0");
	key_spec_set(&k, &f.schema, (uint32_t[]){IN}, 1);
	EXPECT(k.form == KEY_BYTES);
	KEY(&f, &k, b, 0, "\1\5\0\0\0\0\0\0\0");
	KEY(&f, &k, b, 1, "\0");
	KEY(&f, &k, b, 2, "\1\0\0\0\0\0\0\0\0");
	batch_drop(&b);
	close_fix(&f);
}

TEST(inv6_several_fields_stand_in_order_each_with_tag_and_length)
{
	struct fix f;
	struct key_spec k;
	open_fix(&f);
	struct batch *b = all_fields(&f, 3);
	key_spec_set(&k, &f.schema, (uint32_t[]){I, S, SN, D}, 4);
	KEY(&f, &k, b, 0, "\1\1\0\0\0\0\0\0\0" "\1\5\0\0\0apple" "\1\1\0\0\0x" "\1\0\0\0\0\0\0\0\0");
	KEY(&f, &k, b, 1, "\1\377\377\377\377\377\377\377\377" "\1\23\0\0\0an apple and a pear" "\0"
			  "\1\0\0\0\0\0\0\0\0");
	key_spec_set(&k, &f.schema, NULL, 0);
	KEY(&f, &k, b, 2, "");
	batch_drop(&b);
	close_fix(&f);
}

/* "a" + "bc" and "ab" + "c" would be one key without the lengths. */
TEST(inv6_neighbouring_strings_do_not_run_together)
{
	struct fix f;
	struct key_spec k = {.form = KEY_BYTES, .n = 2, .field = {0, 1}, .type = {T_STRING, T_STRING}};
	uint8_t one[64], two[64];
	uint32_t bad;
	open_fix(&f);
	struct batch *b = batch_of(f.pool, strings(f.pool, (const char *[]){"a", "ab"}, 2),
				   strings(f.pool, (const char *[]){"bc", "c"}, 2));
	EXPECT_OK(keys_of(&f.keys, &k, b, &bad, &f.e), &f.e);
	size_t n = key_bytes(&f.keys, 0, one), m = key_bytes(&f.keys, 1, two);
	EXPECT(n != m || memcmp(one, two, n));
	batch_drop(&b);
	close_fix(&f);
}

/* From the reference implementation of XXH3_64bits; hash_fold64 and hash_string computed by hand in
 * Python. */
TEST(inv6_hashes_are_what_stands_on_disks)
{
	struct fix f;
	struct key_spec k;
	uint32_t bad;
	open_fix(&f);
	struct batch *b = all_fields(&f, 3);
	key_spec_set(&k, &f.schema, (uint32_t[]){S}, 1);
	EXPECT_OK(keys_hash(&f.keys, &k, b, f.pool, &bad, &f.e), &f.e);
	const uint64_t *h = (const uint64_t *)b->hash->i64;
	EXPECT(h[2] == 0xE5E14DE8C57B9FD7u);
	column_drop(b->hash);
	b->hash = NULL;
	f.keys.hash_id = HASH_XXH3_64; /* as a state has it that was begun when there was no other */
	EXPECT_OK(keys_hash(&f.keys, &k, b, f.pool, &bad, &f.e), &f.e);
	h = (const uint64_t *)b->hash->i64;
	EXPECT(h[0] == 0x517A430DCF1F8A00u);
	EXPECT(h[1] == 0x28A04353D364E924u);
	EXPECT(h[2] == 0x2D06800538D394C2u); /* of nothing: published with xxHash */
	column_drop(b->hash);
	b->hash = NULL;
	key_spec_set(&k, &f.schema, (uint32_t[]){I}, 1);
	EXPECT_OK(keys_hash(&f.keys, &k, b, f.pool, &bad, &f.e), &f.e);
	h = (const uint64_t *)b->hash->i64;
	EXPECT(h[0] == 0x566E11DE02DD697Eu);
	EXPECT(h[1] == 0xF3FAC8147080B747u);
	batch_drop(&b);
	close_fix(&f);
}

TEST(a_hash_that_travels_with_the_batch_is_not_computed_again)
{
	struct fix f;
	struct key_spec k;
	uint32_t bad;
	open_fix(&f);
	struct batch *b = all_fields(&f, 3);
	key_spec_set(&k, &f.schema, (uint32_t[]){I}, 1);
	EXPECT_OK(keys_hash(&f.keys, &k, b, f.pool, &bad, &f.e), &f.e);
	struct column *h = b->hash;
	h->i64[0] = 42;
	EXPECT_OK(keys_hash(&f.keys, &k, b, f.pool, &bad, &f.e), &f.e);
	EXPECT(b->hash == h && h->i64[0] == 42);
	batch_drop(&b);
	close_fix(&f);
}

TEST(only_selected_rows_are_laid_out_under_their_own_numbers)
{
	struct fix f;
	struct key_spec k;
	open_fix(&f);
	struct batch *b = all_fields(&f, 3);
	b->selected = true;
	b->n_sel = 2;
	b->sel[0] = 0;
	b->sel[1] = 2;
	key_spec_set(&k, &f.schema, (uint32_t[]){SN, I}, 2);
	KEY(&f, &k, b, 0, "\1\1\0\0\0x" "\1\1\0\0\0\0\0\0\0");
	KEY(&f, &k, b, 2, "\1\0\0\0\0" "\1\0\0\0\0\0\0\0\200");
	batch_drop(&b);
	close_fix(&f);
}

/* An edge that clips leaves the error to its receiver, who must not have to look at every key of
 * every batch for that. */
TEST(hashes_say_whether_a_key_is_too_long)
{
	struct fix f;
	struct key_spec k;
	struct err e = {OK};
	uint32_t bad = 99;
	open_fix(&f);
	char *word = malloc(KEY_BYTES_MAX + 2);
	memset(word, 'x', KEY_BYTES_MAX + 1);
	word[KEY_BYTES_MAX + 1] = '\0';
	key_spec_set(&k, &f.schema, (uint32_t[]){S}, 1);
	for (uint32_t at = 0; at < 3; at++) {
		const char *words[] = {"a", "b", "c"};
		words[at] = word;
		struct batch *b = batch_of(f.pool, strings(f.pool, words, 3), NULL);
		f.keys.clips = true;
		EXPECT_OK(keys_hash(&f.keys, &k, b, f.pool, &bad, &e), &e);
		for (uint32_t i = 0; i < 3; i++)
			EXPECT(column_is_null(b->hash, i) == (i == at));
		EXPECT(b->hash->i64[at] == (int64_t)hash_string(word, KEY_BYTES_MAX));
		f.keys.clips = false;
		EXPECT(keys_of(&f.keys, &k, b, &bad, &e) == E_RECORD && bad == at);
		err_clear(&e);
		b->selected = true; /* without it */
		b->n_sel = 2;
		b->sel[0] = at == 0;
		b->sel[1] = at == 2 ? 1 : 2;
		EXPECT_OK(keys_of(&f.keys, &k, b, &bad, &e), &e);
		EXPECT((const void *)f.keys.view == b->col[0]->str);
		batch_drop(&b);
		b = batch_of(f.pool, strings(f.pool, (const char *[]){"a", "b"}, 2), NULL);
		EXPECT_OK(keys_hash(&f.keys, &k, b, f.pool, &bad, &e), &e);
		EXPECT(!b->hash->has_valid);
		batch_drop(&b);
	}
	free(word);
	close_fix(&f);
}

/* One row more or less, any of them, with and without a selection. */
TEST(a_key_over_the_limit_is_found_wherever_it_stands)
{
	struct fix f;
	struct key_spec k;
	uint32_t bad = 99;
	open_fix(&f);
	key_spec_set(&k, &f.schema, (uint32_t[]){S}, 1);
	const char *words[9] = {"a", "b", "c", "d", "e", "f", "g", "h", "i"};
	for (uint32_t n = 1; n <= 9; n++)
		for (uint32_t at = 0; at < n; at++) {
			struct batch *b = batch_of(f.pool, strings(f.pool, words, n), NULL);
			b->col[0]->str[at].len = KEY_BYTES_MAX + 1; /* nobody reads the text */
			EXPECT(keys_of(&f.keys, &k, b, &bad, &f.e) == E_RECORD && bad == at);
			err_clear(&f.e);
			b->selected = true;
			b->n_sel = 1;
			b->sel[0] = (uint16_t)at;
			EXPECT(keys_of(&f.keys, &k, b, &bad, &f.e) == E_RECORD && bad == at);
			err_clear(&f.e);
			b->n_sel = 0;
			EXPECT_OK(keys_of(&f.keys, &k, b, &bad, &f.e), &f.e);
			b->col[0]->str[at].len = 1;
			batch_drop(&b);
		}
	close_fix(&f);
}

TEST(a_key_over_the_limit_is_an_error_of_its_record)
{
	struct fix f;
	struct key_spec k;
	uint32_t bad = 99;
	open_fix(&f);
	char *word = malloc(KEY_BYTES_MAX + 2);
	memset(word, 'x', KEY_BYTES_MAX + 1);
	word[KEY_BYTES_MAX + 1] = '\0';
	struct batch *b = batch_of(f.pool, strings(f.pool, (const char *[]){"ok", word}, 2), NULL);
	key_spec_set(&k, &f.schema, (uint32_t[]){S}, 1);
	EXPECT(keys_of(&f.keys, &k, b, &bad, &f.e) == E_RECORD && bad == 1);
	err_clear(&f.e);
	b->col[0]->str[1].len = KEY_BYTES_MAX;
	EXPECT_OK(keys_of(&f.keys, &k, b, &bad, &f.e), &f.e);
	batch_drop(&b);
	free(word);
	close_fix(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv6_one_field_that_is_no_string_and_never_null_is_its_eight_bytes),
		T(inv6_minus_zero_is_zero_and_there_is_one_nan),
		T(inv6_one_string_that_is_never_null_is_its_bytes),
		T(inv6_null_is_a_key_of_its_own_and_not_the_empty_string_or_zero),
		T(inv6_several_fields_stand_in_order_each_with_tag_and_length),
		T(inv6_neighbouring_strings_do_not_run_together),
		T(inv6_hashes_are_what_stands_on_disks),
		T(a_hash_that_travels_with_the_batch_is_not_computed_again),
		T(only_selected_rows_are_laid_out_under_their_own_numbers),
		T(hashes_say_whether_a_key_is_too_long),
		T(a_key_over_the_limit_is_found_wherever_it_stands),
		T(a_key_over_the_limit_is_an_error_of_its_record),
	};
	return RUN(tests);
}
