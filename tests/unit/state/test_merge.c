/* test_merge.c - merging against the obvious: an array by key number, newest input wins. */
#include "model.h"

#define INPUTS 12
#define KEYS 3000

struct fact {
	int input; /* the newest that has it within its range, or -1 */
	enum row_op op;
	uint64_t value;
};

struct work {
	struct mem mem;
	struct err e;
	struct rng r;
	struct model m;
	uint16_t order[KEYS]; /* key numbers in run order */
	struct model_run run[INPUTS];
	uint32_t next[INPUTS];
	struct merge_input in[INPUTS];
	uint32_t n;
	struct fact fact[KEYS];
};

static const struct model *ordering;

static int compare(const void *x, const void *y)
{
	uint16_t a = *(const uint16_t *)x, b = *(const uint16_t *)y;
	const struct model *m = ordering;
	if (m->hash[a] != m->hash[b])
		return m->hash[a] < m->hash[b] ? -1 : 1;
	return key_compare(m->text + (size_t)a * m->key_len_max, m->len[a],
			   m->text + (size_t)b * m->key_len_max, m->len[b]);
}

static void run_take(struct model_run *run, const struct run_out *out)
{
	run->block = realloc(run->block, (run->blocks + 1) * sizeof *run->block);
	struct model_block *b = &run->block[run->blocks++];
	*b = (struct model_block){malloc(out->len), out->len, out->first_hash, out->last_hash};
	memcpy(b->bytes, out->bytes, out->len);
	run->rows += out->rows;
}

/* One input: some keys, sparse or dense, in runs and blocks of uneven sizes. */
static void input_make(struct work *w, uint32_t i)
{
	struct run_writer *wr;
	struct run_out out;
	uint32_t share = 1 + (uint32_t)rng_below(&w->r, 100);
	bool deletes = rng_below(&w->r, 2);
	EXPECT_OK(run_writer_open(&wr, &w->m.shape, &w->mem, &w->e), &w->e);
	for (uint32_t o = 0; o < KEYS; o++) {
		uint16_t k = w->order[o];
		if (rng_below(&w->r, 100) >= share)
			continue;
		uint64_t x = rng_next(&w->r), value[2] = {x, ~x};
		enum row_op op = deletes && rng_below(&w->r, 3) == 0 ? ROW_DELETE : ROW_PUT;
		if (run_add(wr, w->m.hash[k], op, w->m.text + (size_t)k * w->m.key_len_max,
			    w->m.len[k], value, &out) == RUN_BLOCK)
			run_take(&w->run[i], &out);
		/* Blocks end early now and then: a new run over the same writer. */
		if (rng_below(&w->r, 200) == 0 && run_finish(wr, &out) == RUN_BLOCK)
			run_take(&w->run[i], &out);
		if (w->m.hash[k] >= w->in[i].lo && w->m.hash[k] <= w->in[i].hi)
			w->fact[k] = (struct fact){(int)i, op, op == ROW_PUT ? value[0] : 0};
	}
	if (run_finish(wr, &out) == RUN_BLOCK)
		run_take(&w->run[i], &out);
	run_writer_close(wr);
}

static void work_open(struct work *w, uint64_t seed)
{
	memset(w, 0, sizeof *w);
	mem_init(&w->mem, 0);
	rng_seed(&w->r, seed);
	enum model_hash hash = rng_below(&w->r, 3) ? MODEL_FROZEN : MODEL_FEW;
	struct keyed_shape shape = model_shape(seed & 1 ? KEY_FIX8 : KEY_BYTES, seed & 4 ? 16 : 8,
					       hash);
	model_open(&w->m, shape, KEYS, 60, &w->r);
	for (uint32_t k = 0; k < KEYS; k++) {
		w->order[k] = (uint16_t)k;
		w->fact[k].input = -1;
	}
	ordering = &w->m;
	qsort(w->order, KEYS, sizeof w->order[0], compare);
	w->n = (uint32_t)rng_below(&w->r, INPUTS + 1);
	for (uint32_t i = 0; i < w->n; i++) {
		bool part = rng_below(&w->r, 2);
		w->in[i].lo = part ? rng_next(&w->r) : 0;
		w->in[i].hi = part ? rng_next(&w->r) : UINT64_MAX;
		if (rng_below(&w->r, 8) == 0 && w->in[i].lo > w->in[i].hi)
			continue; /* an empty range is legal */
		if (w->in[i].lo > w->in[i].hi) {
			uint64_t x = w->in[i].lo;
			w->in[i].lo = w->in[i].hi;
			w->in[i].hi = x;
		}
	}
	for (uint32_t i = 0; i < w->n; i++)
		input_make(w, i);
}

static void work_close(struct work *w)
{
	for (uint32_t i = 0; i < INPUTS; i++) {
		for (uint32_t b = 0; b < w->run[i].blocks; b++)
			free(w->run[i].block[b].bytes);
		free(w->run[i].block);
	}
	model_close(&w->m);
	EXPECT(atomic_load(&w->mem.used_bytes) == 0);
}

static void feed(struct work *w, struct merge *m, uint32_t i)
{
	if (w->next[i] == w->run[i].blocks) {
		merge_feed_end(m, i);
		return;
	}
	const struct model_block *b = &w->run[i].block[w->next[i]++];
	EXPECT_OK(merge_feed(m, i, b->bytes, b->len, &w->e), &w->e);
}

/* The next row yielded must be the next fact; *o walks the order. */
static void row_is_next(struct work *w, bool at_bottom, uint32_t *o, const struct run_block *b,
			uint32_t row)
{
	while (*o < KEYS && (w->fact[w->order[*o]].input < 0 ||
			     (at_bottom && w->fact[w->order[*o]].op == ROW_DELETE)))
		++*o;
	EXPECT(*o < KEYS);
	uint16_t k = w->order[(*o)++];
	uint32_t len;
	const uint8_t *key = run_key(b, row, &len);
	EXPECT(key_compare(key, len, w->m.text + (size_t)k * w->m.key_len_max, w->m.len[k]) == 0);
	EXPECT(b->op[row] == w->fact[k].op);
	uint32_t words = w->m.shape.value_bytes / 8;
	uint64_t value[2] = {w->fact[k].value, w->fact[k].op == ROW_PUT ? ~w->fact[k].value : 0};
	EXPECT(memcmp(b->value + (size_t)row * 8 * words, value, 8 * words) == 0);
}

static void nothing_is_left(struct work *w, bool at_bottom, uint32_t o)
{
	for (; o < KEYS; o++)
		EXPECT(w->fact[w->order[o]].input < 0 ||
		       (at_bottom && w->fact[w->order[o]].op == ROW_DELETE));
}

TEST(the_newest_row_of_each_key_comes_out_in_order)
{
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct work *w = malloc(sizeof *w);
		struct merge *m;
		struct merge_span span;
		enum merge_did did;
		uint32_t o = 0;
		uint64_t rows = 0;
		bool at_bottom = seed % 3;
		work_open(w, seed);
		EXPECT_OK(merge_open(&m, &w->m.shape, w->in, w->n, at_bottom, &w->mem, &w->e),
			  &w->e);
		while ((did = merge_rows(m, &span, &w->e)) != MERGE_END) {
			if (did == MERGE_WANT) {
				feed(w, m, span.input);
				continue;
			}
			EXPECT(did == MERGE_ROWS && span.from < span.to);
			for (uint32_t row = span.from; row < span.to; row++, rows++)
				row_is_next(w, at_bottom, &o, span.block, row);
		}
		nothing_is_left(w, at_bottom, o);
		EXPECT(rows == merge_rows_out(m) && merge_rows_in(m) >= rows);
		merge_close(m);
		work_close(w);
		free(w);
	}
}

TEST(the_merged_run_is_made_of_blocks_that_ascend)
{
	for (uint64_t seed = 101; seed <= 130; seed++) {
		struct work *w = malloc(sizeof *w);
		struct merge *m;
		struct merge_span span;
		struct run_block b;
		enum merge_did did;
		uint32_t o = 0;
		uint64_t last = 0;
		work_open(w, seed);
		EXPECT_OK(run_block_open(&b, &w->m.shape, &w->mem, &w->e), &w->e);
		EXPECT_OK(merge_open(&m, &w->m.shape, w->in, w->n, seed & 2, &w->mem, &w->e),
			  &w->e);
		while ((did = merge_step(m, &span, &w->e)) != MERGE_END) {
			if (did == MERGE_WANT) {
				feed(w, m, span.input);
				continue;
			}
			EXPECT(did == MERGE_BLOCK && span.out.first_hash >= last);
			EXPECT_OK(run_decode(&b, span.out.bytes, span.out.len, &w->e), &w->e);
			EXPECT(b.rows == span.out.rows && b.hash[0] == span.out.first_hash);
			last = span.out.last_hash;
			for (uint32_t row = 0; row < b.rows; row++)
				row_is_next(w, seed & 2, &o, &b, row);
		}
		nothing_is_left(w, seed & 2, o);
		EXPECT(merge_step(m, &span, &w->e) == MERGE_END);
		merge_close(m);
		run_block_close(&b);
		work_close(w);
		free(w);
	}
}

TEST(inv33_blocks_in_the_wrong_order_are_corrupt)
{
	struct work *w = malloc(sizeof *w);
	uint64_t seed = 500;
	do { /* a schedule whose first input has two blocks and the whole range */
		if (seed > 500)
			work_close(w);
		work_open(w, seed++);
	} while (!w->n || w->run[0].blocks < 2 || w->in[0].lo || w->in[0].hi != UINT64_MAX);
	for (int again = 0; again < 2; again++) {
		struct merge *m;
		struct merge_span span;
		const struct model_block *b = w->run[0].block;
		EXPECT_OK(merge_open(&m, &w->m.shape, w->in, 1, true, &w->mem, &w->e), &w->e);
		EXPECT_OK(merge_feed(m, 0, b[1].bytes, b[1].len, &w->e), &w->e);
		while (merge_rows(m, &span, &w->e) == MERGE_ROWS)
			;
		EXPECT(merge_feed(m, 0, b[!again].bytes, b[!again].len, &w->e) == E_CORRUPT);
		merge_close(m);
	}
	work_close(w);
	free(w);
}

TEST(a_restore_refuses_rows_of_another_subtask)
{
	struct mem mem;
	struct err e = {0};
	struct run_out out;
	struct run_writer *w;
	struct run_block b;
	struct keyed *k;
	struct keyed_shape shape = model_shape(KEY_FIX8, 8, MODEL_FROZEN);
	uint64_t key = 5, hash = hash_fold64(key), value = 1;
	mem_init(&mem, 0);
	EXPECT_OK(run_writer_open(&w, &shape, &mem, &e), &e);
	EXPECT_OK(run_block_open(&b, &shape, &mem, &e), &e);
	(void)run_add(w, hash, ROW_PUT, (uint8_t *)&key, 8, &value, &out);
	EXPECT(run_finish(w, &out) == RUN_BLOCK);
	EXPECT_OK(run_decode(&b, out.bytes, out.len, &e), &e);
	for (int above = 0; above < 2; above++) {
		struct keyed_config c = {shape, above ? hash + 1 : 0, above ? UINT64_MAX : hash - 1,
					 NULL, &mem};
		EXPECT_OK(keyed_open(&k, &c, &e), &e);
		EXPECT_OK(keyed_restore_begin(k, 10, &e), &e);
		EXPECT(keyed_restore_rows(k, &b, 0, 1, &e) == E_CORRUPT);
		EXPECT(keyed_count(k) == 0);
		keyed_close(k);
		err_clear(&e);
	}
	run_writer_close(w);
	run_block_close(&b);
	EXPECT(atomic_load(&mem.used_bytes) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_newest_row_of_each_key_comes_out_in_order),
		T(the_merged_run_is_made_of_blocks_that_ascend),
		T(inv33_blocks_in_the_wrong_order_are_corrupt),
		T(a_restore_refuses_rows_of_another_subtask),
	};
	return RUN(tests);
}
