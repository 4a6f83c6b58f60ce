/* test_outlet.c - who gets which rows: each once, by the group of its key, in order, without a copy
 * where that is worth it. */
#include "runtime/outlet.h"

#include "base/hash.h"
#include "base/rng.h"
#include "tests/unit/runtime/batches.h"

#include <stdlib.h>

#define TO_MAX 8
#define GROUPS 128

struct fix {
	struct mem mem;
	struct pool *pool;
	struct channel *ch[TO_MAX];
	struct edge edge[2];
	struct key_spec key;
	struct outlet o;
	struct err e;
};

/* An outlet of one edge to n channels, keyed by the int64 column 0. */
static void open_fix(struct fix *f, enum edge_kind kind, uint32_t n)
{
	memset(f, 0, sizeof *f);
	mem_init(&f->mem, 0);
	EXPECT_OK(pool_open(&f->pool, &f->mem, &f->e), &f->e);
	for (uint32_t i = 0; i < TO_MAX; i++) {
		f->ch[i] = mem_get_aligned(&f->mem, 64, sizeof(struct channel));
		channel_init(f->ch[i], CHANNEL_SLOTS, UINT32_MAX, NULL, NULL);
	}
	f->key = (struct key_spec){.form = KEY_FIX8, .n = 1, .type = {T_INT64}};
	f->edge[0] = (struct edge){.kind = kind, .n = n, .to = f->ch, .key = &f->key,
				   .max_parallelism = GROUPS};
	EXPECT_OK(outlet_open(&f->o, f->edge, 1, f->pool, &f->mem, &f->e), &f->e);
}

static void close_fix(struct fix *f)
{
	outlet_close(&f->o);
	for (uint32_t i = 0; i < TO_MAX; i++) {
		channel_close(f->ch[i]);
		mem_put(&f->mem, f->ch[i]);
	}
	pool_close(f->pool);
	EXPECT(f->mem.used_bytes == 0);
}

static void send(struct fix *f, struct batch *b)
{
	uint32_t bad;
	EXPECT(outlet_has_room(&f->o));
	EXPECT_OK(outlet_send(&f->o, &b, &bad, &f->e), &f->e);
	EXPECT(b == NULL);
}

static struct batch *pop(struct fix *f, uint32_t i)
{
	struct item it;
	if (!channel_try_pop(f->ch[i], &it))
		return NULL;
	EXPECT(it.kind == ITEM_BATCH);
	return it.batch;
}

TEST(inv30_a_hash_exchange_gives_each_row_once_to_the_owner_of_its_group_in_order)
{
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct fix f;
		struct rng r;
		rng_seed(&r, seed);
		uint32_t n_to = 1 + (uint32_t)rng_below(&r, TO_MAX);
		uint32_t n = 1 + (uint32_t)rng_below(&r, BATCH_ROWS);
		int64_t key[BATCH_ROWS], number[BATCH_ROWS];
		uint64_t seen[BATCH_ROWS] = {0};
		open_fix(&f, EDGE_HASH, n_to);
		for (uint32_t i = 0; i < n; i++) {
			key[i] = (int64_t)rng_below(&r, 50);
			number[i] = i;
		}
		struct batch *b = batch_of(f.pool, ints(f.pool, key, n), ints(f.pool, number, n));
		uint32_t count = n;
		if (rng_below(&r, 2)) { /* a filter stood before it */
			b->selected = true;
			for (uint32_t i = 0; i < n; i++)
				if (rng_below(&r, 3))
					b->sel[b->n_sel++] = (uint16_t)i;
			count = b->n_sel;
		}
		send(&f, b);
		uint32_t got = 0;
		for (uint32_t c = 0; c < n_to; c++) {
			struct batch *x = pop(&f, c);
			int64_t before = -1;
			for (uint32_t i = 0; x && i < batch_count(x); i++, got++) {
				uint32_t row = row_of(x, i);
				int64_t k = x->col[0]->i64[row], at = x->col[1]->i64[row];
				uint64_t hash = hash_fold64((uint64_t)k);
				uint64_t group = (hash >> 32) * GROUPS >> 32;
				EXPECT(group * n_to / GROUPS == c);
				EXPECT((uint64_t)x->hash->i64[row] == hash);
				EXPECT(key[at] == k && !seen[at]);
				EXPECT(at > before);
				seen[at] = 1;
				before = at;
			}
			batch_drop(&x);
			EXPECT(pop(&f, c) == NULL);
		}
		if (got != count)
			fail_msg("seed %u: %u of %u rows arrived", (unsigned)seed, got, count);
		EXPECT(f.o.records == count);
		close_fix(&f);
	}
}

TEST(columns_are_shared_where_seven_eighths_of_the_rows_are_wanted)
{
	struct fix f;
	int64_t key[64];
	open_fix(&f, EDGE_HASH, 2);
	/* Keys whose groups belong to subtask 0 and 1. */
	int64_t of[2] = {-1, -1};
	for (int64_t k = 0; of[0] < 0 || of[1] < 0; k++)
		of[group_owner(hash_group(hash_fold64((uint64_t)k), GROUPS), 2, GROUPS)] = k;
	for (int i = 0; i < 64; i++)
		key[i] = of[i < 8];
	struct batch *b = int_batch(f.pool, key, 64);
	struct column *c = column_share(b->col[0]);
	send(&f, b);
	struct batch *x = pop(&f, 0), *y = pop(&f, 1);
	EXPECT(x->col[0] == c && x->selected && x->n_sel == 56);
	EXPECT(!y->selected && y->rows == 8 && y->col[0] != c && y->col[0]->i64[7] == of[1]);
	EXPECT((uint64_t)y->hash->i64[7] == hash_fold64((uint64_t)of[1]));
	batch_drop(&x);
	batch_drop(&y);
	for (int i = 0; i < 64; i++)
		key[i] = of[i < 9];
	send(&f, int_batch(f.pool, key, 64));
	x = pop(&f, 0);
	y = pop(&f, 1);
	EXPECT(!x->selected && x->rows == 55 && x->col[0]->i64[54] == of[0]);
	EXPECT((uint64_t)x->hash->i64[0] == hash_fold64((uint64_t)of[0]));
	EXPECT(!y->selected && y->rows == 9 && y->col[0]->i64[8] == of[1]);
	batch_drop(&x);
	batch_drop(&y);
	column_drop(c);
	close_fix(&f);
}

TEST(when_all_rows_go_to_one_subtask_the_others_hear_nothing)
{
	struct fix f;
	int64_t key[10] = {0};
	open_fix(&f, EDGE_HASH, 3);
	send(&f, int_batch(f.pool, key, 10));
	uint32_t owner = group_owner(hash_group(hash_fold64(0), GROUPS), 3, GROUPS);
	for (uint32_t i = 0; i < 3; i++) {
		struct batch *x = pop(&f, i);
		EXPECT((x != NULL) == (i == owner));
		EXPECT(!x || (!x->selected && x->rows == 10));
		batch_drop(&x);
	}
	close_fix(&f);
}

TEST(rebalance_takes_turns_and_broadcast_gives_to_all)
{
	struct fix f;
	open_fix(&f, EDGE_REBALANCE, 3);
	for (int64_t i = 0; i < 6; i++)
		send(&f, one_int(f.pool, i));
	for (uint32_t c = 0; c < 3; c++)
		for (int64_t i = c; i < 6; i += 3) {
			struct batch *x = pop(&f, c);
			EXPECT(x && x->col[0]->i64[0] == i);
			batch_drop(&x);
		}
	close_fix(&f);
	open_fix(&f, EDGE_BROADCAST, 3);
	send(&f, one_int(f.pool, 7));
	for (uint32_t c = 0; c < 3; c++) {
		struct batch *x = pop(&f, c);
		EXPECT(x && x->col[0]->i64[0] == 7);
		batch_drop(&x);
	}
	close_fix(&f);
}

TEST(two_readers_each_get_everything_each_by_its_own_key)
{
	struct fix f;
	struct key_spec second = {.form = KEY_FIX8, .n = 1, .field = {1}, .type = {T_INT64}};
	open_fix(&f, EDGE_HASH, 2);
	outlet_close(&f.o);
	f.edge[1] = f.edge[0];
	f.edge[1].to = f.ch + 2;
	f.edge[1].key = &second;
	EXPECT_OK(outlet_open(&f.o, f.edge, 2, f.pool, &f.mem, &f.e), &f.e);
	int64_t a[100], b[100];
	for (int i = 0; i < 100; i++) {
		a[i] = i;
		b[i] = 1000 - 7 * i;
	}
	send(&f, batch_of(f.pool, ints(f.pool, a, 100), ints(f.pool, b, 100)));
	EXPECT(f.o.records == 100); /* counted once, however many read it */
	for (uint32_t reader = 0; reader < 2; reader++) {
		uint32_t got = 0;
		for (uint32_t c = 0; c < 2; c++) {
			struct batch *x = pop(&f, 2 * reader + c);
			for (uint32_t i = 0; x && i < batch_count(x); i++, got++) {
				uint64_t h = hash_fold64((uint64_t)x->col[reader]->i64[row_of(x, i)]);
				EXPECT(group_owner(hash_group(h, GROUPS), 2, GROUPS) == c);
				EXPECT((uint64_t)x->hash->i64[row_of(x, i)] == h);
			}
			batch_drop(&x);
		}
		EXPECT(got == 100);
	}
	close_fix(&f);
}

TEST(there_is_room_only_when_every_channel_has_some)
{
	struct fix f;
	open_fix(&f, EDGE_HASH, 2);
	struct item mark = {.kind = ITEM_BARRIER, .barrier.id = 1};
	for (int i = 0; i < CHANNEL_SLOTS; i++) {
		EXPECT(outlet_has_room(&f.o));
		struct item copy = mark;
		EXPECT(channel_try_push(f.ch[1], &copy));
	}
	EXPECT(!outlet_has_room(&f.o));
	struct item it;
	EXPECT(channel_try_pop(f.ch[1], &it));
	EXPECT(outlet_has_room(&f.o));
	close_fix(&f);
}

TEST(marks_go_to_every_channel_and_an_empty_batch_to_none)
{
	struct fix f;
	open_fix(&f, EDGE_HASH, 3);
	struct batch *b = one_int(f.pool, 1);
	b->selected = true;
	send(&f, b);
	struct item mark = {.kind = ITEM_BARRIER, .barrier = {.id = 9, .base_id = 8}};
	outlet_mark(&f.o, &mark);
	for (uint32_t i = 0; i < 3; i++) {
		struct item it;
		EXPECT(channel_try_pop(f.ch[i], &it));
		EXPECT(it.kind == ITEM_BARRIER && it.barrier.id == 9 && it.barrier.base_id == 8);
	}
	EXPECT(f.o.records == 0);
	close_fix(&f);
}

TEST(a_key_too_long_is_told_with_its_row_and_nothing_is_sent)
{
	struct fix f;
	struct key_spec key = {.form = KEY_BYTES, .n = 1, .type = {T_STRING}};
	uint32_t bad = 99;
	open_fix(&f, EDGE_HASH, 2);
	f.edge[0].key = &key;
	char *word = malloc(KEY_BYTES_MAX + 2);
	memset(word, 'x', KEY_BYTES_MAX + 1);
	word[KEY_BYTES_MAX + 1] = '\0';
	struct batch *b = batch_of(f.pool, strings(f.pool, (const char *[]){"fine", word}, 2), NULL);
	EXPECT(outlet_send(&f.o, &b, &bad, &f.e) == E_RECORD);
	EXPECT(bad == 1 && b != NULL);
	EXPECT(pop(&f, 0) == NULL && pop(&f, 1) == NULL);
	batch_drop(&b);
	free(word);
	close_fix(&f);
}

TEST(an_edge_that_clips_sends_a_key_too_long_as_it_is_under_the_hash_of_its_beginning)
{
	struct fix f;
	struct key_spec key = {.form = KEY_BYTES, .n = 1, .type = {T_STRING}};
	uint32_t bad = 99;
	open_fix(&f, EDGE_HASH, 1);
	f.edge[0].key = &key;
	f.edge[0].clips = true;
	char *word = malloc(KEY_BYTES_MAX + 2);
	memset(word, 'x', KEY_BYTES_MAX + 1);
	word[KEY_BYTES_MAX + 1] = '\0';
	const char *const fine = "fine";
	struct batch *b = batch_of(f.pool, strings(f.pool, (const char *[]){fine, word}, 2), NULL);
	EXPECT_OK(outlet_send(&f.o, &b, &bad, &f.e), &f.e);
	struct batch *got = pop(&f, 0);
	EXPECT(got && got->rows == 2 && got->col[0]->str[1].len == KEY_BYTES_MAX + 1);
	const struct keyed_shape shape = {.form = KEY_BYTES};
	EXPECT((uint64_t)got->hash->i64[0] == shape_hash(&shape, (const uint8_t *)fine, 4));
	EXPECT((uint64_t)got->hash->i64[1] ==
	       shape_hash(&shape, (const uint8_t *)word, KEY_BYTES_MAX));
	batch_drop(&got);
	free(word);
	close_fix(&f);
}

TEST(inv31_sending_without_memory_fails_and_leaks_nothing)
{
	for (uint64_t n = 1;; n++) {
		struct fix f;
		int64_t key[64];
		uint32_t bad;
		open_fix(&f, EDGE_HASH, 4);
		for (int i = 0; i < 64; i++)
			key[i] = i * i;
		struct batch *b = int_batch(f.pool, key, 64);
		f.mem.fail_at = f.mem.calls + n;
		enum rc rc = outlet_send(&f.o, &b, &bad, &f.e);
		bool through = f.mem.calls < f.mem.fail_at;
		EXPECT(rc == (through ? OK : E_NO_MEMORY));
		batch_drop(&b);
		close_fix(&f);
		if (through)
			break;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv30_a_hash_exchange_gives_each_row_once_to_the_owner_of_its_group_in_order),
		T(columns_are_shared_where_seven_eighths_of_the_rows_are_wanted),
		T(when_all_rows_go_to_one_subtask_the_others_hear_nothing),
		T(rebalance_takes_turns_and_broadcast_gives_to_all),
		T(two_readers_each_get_everything_each_by_its_own_key),
		T(there_is_room_only_when_every_channel_has_some),
		T(marks_go_to_every_channel_and_an_empty_batch_to_none),
		T(a_key_too_long_is_told_with_its_row_and_nothing_is_sent),
		T(an_edge_that_clips_sends_a_key_too_long_as_it_is_under_the_hash_of_its_beginning),
		T(inv31_sending_without_memory_fails_and_leaks_nothing),
	};
	return RUN(tests);
}
