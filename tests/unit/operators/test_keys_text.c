/* test_keys_text.c - a key as somebody types it is the key that a record with these values has. */
#include "operators/keys_text.h"

#include "runtime/keys.h"
#include "runtime/pool.h"
#include "tests/lib/test.h"

struct rig {
	struct mem mem;
	struct schema key;
	struct bytes made;
	struct err e;
};

static void rig_open(struct rig *r)
{
	memset(r, 0, sizeof *r);
	mem_init(&r->mem, 0);
	bytes_init(&r->made, &r->mem);
}

static void rig_close(struct rig *r)
{
	bytes_close(&r->made);
	EXPECT(r->mem.used_bytes == 0);
}

static void field(struct rig *r, const char *name, enum type type, bool nullable)
{
	EXPECT_OK(schema_add(&r->key, name, type, nullable, &r->e), &r->e);
}

static enum rc make(struct rig *r, const char *text)
{
	bytes_clear(&r->made);
	err_clear(&r->e);
	return key_from_text(&r->key, text, &r->made, &r->e);
}

/* The canonical bytes of docs/FORMAT.md, written out. */
static void expect(struct rig *r, const char *text, const char *bytes, size_t len)
{
	EXPECT_OK(make(r, text), &r->e);
	if (r->made.len != len || memcmp(r->made.data, bytes, len))
		fail_msg("'%s' is another key", text);
}
#define SAYS(text, bytes) expect(&r, text, bytes, sizeof bytes - 1)

TEST(one_string_is_its_bytes_whatever_stands_in_it)
{
	struct rig r;
	rig_open(&r);
	field(&r, "word", T_STRING, false);
	SAYS("the", "the");
	SAYS("a,\"b\"", "a,\"b\"");
	EXPECT_OK(make(&r, ""), &r.e);
	EXPECT(r.made.len == 0);
	rig_close(&r);
}

TEST(one_number_is_its_eight_bytes)
{
	struct rig r;
	rig_open(&r);
	field(&r, "n", T_INT64, false);
	SAYS("-2", "\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF");
	SAYS("9223372036854775807", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F");
	EXPECT(make(&r, "12x") == E_USAGE && strstr(r.e.text, "'n'") && strstr(r.e.text, "-42"));
	EXPECT(make(&r, "9223372036854775808") == E_USAGE);
	EXPECT(make(&r, "1,2") == E_USAGE && strstr(r.e.text, "n int64"));
	EXPECT(make(&r, "") == E_USAGE);
	rig_close(&r);
	rig_open(&r);
	field(&r, "at", T_TIMESTAMP, false);
	SAYS("1970-01-01T00:00:01Z", "\x40\x42\x0F\0\0\0\0\0");
	EXPECT(make(&r, "yesterday") == E_USAGE && strstr(r.e.text, "2026-01-31"));
	rig_close(&r);
	rig_open(&r);
	field(&r, "x", T_FLOAT64, false);
	SAYS("1.5", "\0\0\0\0\0\0\xF8\x3F");
	SAYS("-0.0", "\0\0\0\0\0\0\0\0");
	SAYS("NaN", "\0\0\0\0\0\0\xF8\x7F");
	rig_close(&r);
	rig_open(&r);
	field(&r, "b", T_BOOL, false);
	SAYS("true", "\1\0\0\0\0\0\0\0");
	SAYS("false", "\0\0\0\0\0\0\0\0");
	rig_close(&r);
}

TEST(several_fields_are_written_as_in_a_line_of_csv)
{
	struct rig r;
	rig_open(&r);
	field(&r, "country", T_STRING, true);
	field(&r, "n", T_INT64, true);
	SAYS("de,1", "\1\2\0\0\0de\1\1\0\0\0\0\0\0\0");
	SAYS(",1", "\0\1\1\0\0\0\0\0\0\0");
	SAYS("\"\",", "\1\0\0\0\0\0");
	SAYS("\"a,\"\"b\"\"\",", "\1\5\0\0\0a,\"b\"\0");
	EXPECT(make(&r, "de") == E_USAGE && strstr(r.e.text, "1 field;"));
	EXPECT(make(&r, "de,1,2") == E_USAGE && strstr(r.e.text, "more fields"));
	EXPECT(make(&r, "\"de,1") == E_USAGE && strstr(r.e.text, "not closed"));
	EXPECT(make(&r, "\"de\"x,1") == E_USAGE);
	EXPECT(make(&r, "\"de\"\",1") == E_USAGE);
	rig_close(&r);
}

static enum rc make_of(struct rig *r, unsigned n, const char *first, const char *second)
{
	const char *const texts[] = {first, second, "more"};
	bytes_clear(&r->made);
	err_clear(&r->e);
	return key_from_texts(&r->key, texts, n, &r->made, &r->e);
}

TEST(a_text_for_each_field_is_the_same_key_without_quotes)
{
	struct rig r;
	rig_open(&r);
	field(&r, "country", T_STRING, true);
	field(&r, "n", T_INT64, true);
#define IS(first, second, bytes)                                                                   \
	do {                                                                                       \
		EXPECT_OK(make_of(&r, 2, first, second), &r.e);                                    \
		EXPECT(r.made.len == sizeof bytes - 1 && !memcmp(r.made.data, bytes, r.made.len)); \
	} while (0)
	IS("de", "1", "\1\2\0\0\0de\1\1\0\0\0\0\0\0\0");
	IS("a,\"b\"", "", "\1\5\0\0\0a,\"b\"\0");
	IS("", "", "\1\0\0\0\0\0"); /* the empty string, and null */
	EXPECT_OK(make_of(&r, 1, "de,1", NULL), &r.e); /* all in one */
	EXPECT(r.made.len == 16);
	EXPECT(make_of(&r, 2, "de", "one") == E_USAGE && strstr(r.e.text, "'n'"));
	EXPECT(make_of(&r, 3, "de", "1") == E_USAGE && strstr(r.e.text, "3 texts for a key of 2"));
	EXPECT(make_of(&r, 0, NULL, NULL) == E_USAGE);
	rig_close(&r);
	rig_open(&r);
	field(&r, "word", T_STRING, false);
	EXPECT_OK(make_of(&r, 1, "a,b", NULL), &r.e);
	EXPECT(r.made.len == 3 && !memcmp(r.made.data, "a,b", 3));
	EXPECT(make_of(&r, 2, "a", "b") == E_USAGE && strstr(r.e.text, "1 field:"));
	rig_close(&r);
}

TEST(a_null_needs_a_field_that_may_be_null)
{
	struct rig r;
	rig_open(&r);
	field(&r, "a", T_STRING, false);
	field(&r, "b", T_INT64, false);
	SAYS(",7", "\1\0\0\0\0\1\7\0\0\0\0\0\0\0");
	EXPECT(make(&r, "x,") == E_USAGE && strstr(r.e.text, "'b'"));
	rig_close(&r);
}

/* Not that of another key, and not a complaint about what was typed. */
TEST(a_key_survives_the_loss_of_one_allocation)
{
	struct rig r;
	static const char *const texts[] = {"some text of the first field", "7"};
	bool more = true;
	rig_open(&r);
	field(&r, "s", T_STRING, true);
	field(&r, "n", T_INT64, false);
	for (uint64_t n = 1; more; n++) {
		for (int as_line = 0; as_line < 2; as_line++) {
			bytes_close(&r.made);
			err_clear(&r.e);
			r.mem.fail_at = r.mem.calls + n;
			enum rc rc = as_line ? make(&r, "some text of the first field,7")
					     : key_from_texts(&r.key, texts, 2, &r.made, &r.e);
			more = r.mem.calls >= r.mem.fail_at;
			r.mem.fail_at = 0;
			EXPECT(rc == (more ? E_NO_MEMORY : OK));
		}
	}
	EXPECT(r.made.len == 1 + 4 + strlen(texts[0]) + 1 + 8);
	rig_close(&r);
}

TEST(a_sum_of_everything_has_an_empty_key)
{
	struct rig r;
	rig_open(&r);
	EXPECT_OK(make(&r, ""), &r.e);
	EXPECT(r.made.len == 0);
	EXPECT(make(&r, "x") == E_USAGE);
	rig_close(&r);
}

/* The other way to a key: a batch's columns, as records bring them. */
TEST(a_typed_key_is_the_key_of_a_record)
{
	struct rig r;
	struct pool *pool;
	struct keys keys;
	struct key_spec spec;
	uint32_t at[] = {0, 1}, bad;
	rig_open(&r);
	field(&r, "word", T_STRING, false);
	field(&r, "x", T_FLOAT64, true);
	EXPECT_OK(pool_open(&pool, &r.mem, &r.e), &r.e);
	keys_init(&keys, &r.mem);
	key_spec_set(&spec, &r.key, at, 2);
	struct batch *b = pool_batch(pool);
	b->col[0] = pool_column(pool, T_STRING);
	b->col[1] = pool_column(pool, T_FLOAT64);
	b->n_cols = 2;
	b->rows = b->col[0]->rows = b->col[1]->rows = 1;
	b->col[0]->str[0] = strview_of((const uint8_t *)"a,b", 0, 0, 3);
	b->col[1]->f64[0] = -2.25;
	EXPECT_OK(keys_of(&keys, &spec, b, &bad, &r.e), &r.e);
	EXPECT_OK(make(&r, "\"a,b\",-2.25"), &r.e);
	const struct key_view *v = &keys.view[0];
	EXPECT(v->len == r.made.len && v->len > KEY_INLINE_BYTES);
	EXPECT(!memcmp(keys.base[0] + v->ref.off, r.made.data, v->len));
	batch_drop(&b);
	keys_close(&keys);
	pool_close(pool);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_string_is_its_bytes_whatever_stands_in_it),
		T(one_number_is_its_eight_bytes),
		T(several_fields_are_written_as_in_a_line_of_csv),
		T(a_text_for_each_field_is_the_same_key_without_quotes),
		T(a_null_needs_a_field_that_may_be_null),
		T(a_key_survives_the_loss_of_one_allocation),
		T(a_sum_of_everything_has_an_empty_key),
		T(a_typed_key_is_the_key_of_a_record),
	};
	return RUN(tests);
}
