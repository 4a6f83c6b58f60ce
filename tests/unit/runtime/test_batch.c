/* test_batch.c - sharing, selecting, compacting, and where rows came from. */
#include "tests/unit/runtime/batches.h"

struct fix {
	struct mem mem;
	struct pool *pool;
	struct err e;
};

static void open_fix(struct fix *f)
{
	memset(f, 0, sizeof *f);
	mem_init(&f->mem, 0);
	EXPECT_OK(pool_open(&f->pool, &f->mem, &f->e), &f->e);
}

static void close_fix(struct fix *f)
{
	pool_close(f->pool);
	EXPECT(f->mem.used_bytes == 0);
}

static void select_rows(struct batch *b, const uint16_t *rows, uint32_t n)
{
	b->selected = true;
	b->n_sel = n;
	memcpy(b->sel, rows, n * sizeof *rows);
}

static struct batch *mixed(struct fix *f)
{
	static const char *const words[] = {"short", NULL, "much longer than twelve", ""};
	static const int64_t numbers[] = {10, 11, 12, 13};
	struct batch *b = batch_of(f->pool, strings(f->pool, words, 4), ints(f->pool, numbers, 4));
	struct column *bits = pool_column(f->pool, T_BOOL);
	bits->rows = 4;
	bits->bits[0] = 0xA; /* rows 1 and 3 */
	b->col[b->n_cols++] = bits;
	b->origin = (struct origin){.name = "words.txt", .first = 100, .end = 200};
	int64_t at[] = {100, 130, 150, 190};
	b->origin.at = ints(f->pool, at, 4);
	return b;
}

TEST(a_shared_batch_has_the_same_columns_and_a_selection_of_its_own)
{
	struct fix f;
	open_fix(&f);
	struct batch *b = mixed(&f);
	select_rows(b, (uint16_t[]){1, 3}, 2);
	struct batch *x = batch_share(f.pool, b);
	EXPECT(x->n_cols == 3 && x->rows == 4 && batch_count(x) == 2);
	for (uint32_t i = 0; i < 3; i++)
		EXPECT(x->col[i] == b->col[i] && x->col[i]->refs == 2);
	EXPECT(x->origin.at == b->origin.at);
	select_rows(x, (uint16_t[]){0}, 1);
	EXPECT(batch_count(b) == 2 && b->sel[0] == 1 && b->sel[1] == 3);
	batch_drop(&b);
	EXPECT(x->col[1]->i64[3] == 13);
	batch_drop(&x);
	close_fix(&f);
}

TEST(compacting_keeps_values_nulls_texts_and_places_of_the_chosen_rows)
{
	struct fix f;
	open_fix(&f);
	struct batch *b = mixed(&f);
	uint64_t hashes[] = {1, 2, 3, 4};
	b->hash = ints(f.pool, (int64_t *)hashes, 4);
	select_rows(b, (uint16_t[]){1, 2}, 2);
	EXPECT_OK(batch_compact(b, f.pool, &f.e), &f.e);
	EXPECT(!b->selected && b->rows == 2 && batch_count(b) == 2);
	const struct column *s = b->col[0];
	EXPECT(s->rows == 2 && column_is_null(s, 0) && !column_is_null(s, 1));
	EXPECT(s->str[1].len == 23);
	EXPECT(!memcmp(column_str(s, &s->str[1]), "much longer than twelve", 23));
	EXPECT(b->col[1]->i64[0] == 11 && b->col[1]->i64[1] == 12);
	EXPECT(bit_get(b->col[2]->bits, 0) && !bit_get(b->col[2]->bits, 1));
	EXPECT(b->hash->i64[0] == 2 && b->hash->i64[1] == 3);
	EXPECT(b->origin.at->rows == 2 && b->origin.at->i64[1] == 150);
	batch_drop(&b);
	close_fix(&f);
}

TEST(compacting_a_shared_batch_leaves_the_other_as_it_was)
{
	struct fix f;
	open_fix(&f);
	struct batch *b = mixed(&f), *x = batch_share(f.pool, b);
	select_rows(x, (uint16_t[]){3}, 1);
	EXPECT_OK(batch_compact(x, f.pool, &f.e), &f.e);
	EXPECT(x->rows == 1 && x->col[1]->i64[0] == 13);
	EXPECT(b->rows == 4 && b->col[1]->i64[0] == 10 && !b->selected);
	batch_drop(&x);
	batch_drop(&b);
	close_fix(&f);
}

TEST(inv31_compacting_without_memory_fails_and_leaks_nothing)
{
	for (uint64_t n = 1;; n++) {
		struct fix f;
		open_fix(&f);
		struct batch *b = mixed(&f);
		select_rows(b, (uint16_t[]){0, 2}, 2);
		f.mem.fail_at = f.mem.calls + n;
		enum rc rc = batch_compact(b, f.pool, &f.e);
		bool through = f.mem.calls < f.mem.fail_at;
		EXPECT(rc == (through ? OK : E_NO_MEMORY));
		batch_drop(&b);
		close_fix(&f);
		if (through)
			break;
	}
}

TEST(consecutive_places_need_no_column_until_rows_are_chosen)
{
	for (uint32_t n = 0;; n++) {
		struct fix f;
		struct err e = {0};
		char text[128];
		open_fix(&f);
		struct batch *b = mixed(&f);
		column_drop(b->origin.at);
		b->origin = (struct origin){.name = "generator 'x'", .unit = "row", .first = 500,
					    .end = 504, .consecutive = true};
		batch_origin_text(b, 3, text, sizeof text);
		EXPECT(!strcmp(text, "generator 'x', row 503"));
		select_rows(b, (uint16_t[]){1, 3}, 2);
		struct batch *x = batch_share(f.pool, b);
		batch_origin_text(x, 1, text, sizeof text); /* a row's number is that of the columns */
		EXPECT(!strcmp(text, "generator 'x', row 501"));
		batch_drop(&x);
		uint64_t limit = f.mem.limit_bytes;
		f.mem.limit_bytes = n < 5 ? f.mem.used_bytes + n * 9000 : limit;
		enum rc rc = batch_compact(b, f.pool, &e);
		f.mem.limit_bytes = limit;
		EXPECT(rc == OK || rc == E_NO_MEMORY);
		if (rc == OK) {
			EXPECT(!b->origin.consecutive);
			batch_origin_text(b, 1, text, sizeof text);
			EXPECT(!strcmp(text, "generator 'x', row 503"));
			batch_origin_text(b, 0, text, sizeof text);
			EXPECT(!strcmp(text, "generator 'x', row 501"));
		}
		batch_drop(&b);
		close_fix(&f);
		if (rc == OK)
			break;
	}
}

TEST(an_error_of_a_record_can_name_its_place)
{
	struct fix f;
	char text[128];
	open_fix(&f);
	struct batch *b = mixed(&f);
	batch_origin_text(b, 2, text, sizeof text);
	EXPECT(!strcmp(text, "words.txt, byte 150"));
	column_drop(b->origin.at);
	b->origin.at = NULL;
	batch_origin_text(b, 2, text, sizeof text);
	EXPECT(!strcmp(text, "words.txt, between byte 100 and byte 200"));
	b->origin = (struct origin){.name = "generator 'x'", .unit = "row", .first = 7, .end = 8};
	batch_origin_text(b, 0, text, sizeof text);
	EXPECT(!strcmp(text, "generator 'x', row 7"));
	b->origin = (struct origin){0};
	batch_origin_text(b, 0, text, sizeof text);
	EXPECT(!strcmp(text, "an unknown place"));
	batch_drop(&b);
	close_fix(&f);
}

TEST(a_long_record_weighs_what_it_is)
{
	struct fix f;
	open_fix(&f);
	struct batch *b = mixed(&f);
	size_t small = batch_bytes(b);
	struct text *t = pool_text(f.pool, 3 << 20);
	column_text_add(b->col[0], t);
	text_drop(t);
	EXPECT(batch_bytes(b) >= small + (3u << 20));
	batch_drop(&b);
	close_fix(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_shared_batch_has_the_same_columns_and_a_selection_of_its_own),
		T(compacting_keeps_values_nulls_texts_and_places_of_the_chosen_rows),
		T(compacting_a_shared_batch_leaves_the_other_as_it_was),
		T(inv31_compacting_without_memory_fails_and_leaks_nothing),
		T(consecutive_places_need_no_column_until_rows_are_chosen),
		T(an_error_of_a_record_can_name_its_place),
		T(a_long_record_weighs_what_it_is),
	};
	return RUN(tests);
}
