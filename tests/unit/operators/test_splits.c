/* test_splits.c - the cut is frozen, and no assignment loses or doubles a byte. */
#include "operators/splits.h"
#include "base/rng.h"
#include "tests/lib/test.h"

static struct mem mem;
static struct err e;

TEST(a_file_is_cut_into_megabytes_at_most_max_parallelism)
{
	const uint64_t mib = 1 << 20;
	const struct {
		uint64_t bound;
		uint32_t max, want;
	} cases[] = {{1, 128, 1},           {mib - 1, 128, 1},   {mib, 128, 1},  {2 * mib - 1, 128, 1},
		     {2 * mib, 128, 2},     {9 * mib, 128, 9},   {1ull << 40, 128, 128},
		     {9 * mib, 4, 4},       {9 * mib, 1, 1}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		EXPECT(split_count(cases[i].bound, cases[i].max) == cases[i].want);
	}
	/* golden: states depend on these */
	EXPECT(split_start(10 * mib + 7, 10, 0) == 0);
	EXPECT(split_start(10 * mib + 7, 10, 3) == 3145730);
	EXPECT(split_start(10 * mib + 7, 10, 10) == 10 * mib + 7);
	EXPECT(split_start(UINT64_MAX, 128, 127) == UINT64_MAX / 128 * 127 + 126);
}

TEST(every_byte_lies_in_the_split_that_split_at_names)
{
	for (uint64_t bound = 1; bound < 300; bound++)
		for (uint32_t n = 1; n <= 9; n++) {
			for (uint64_t x = 0; x < bound; x++) {
				uint32_t k = split_at(bound, n, x);
				EXPECT(k < n);
				EXPECT(split_start(bound, n, k) <= x && x < split_start(bound, n, k + 1));
			}
		}
}

static void random_splits(struct splits *s, struct rng *r)
{
	splits_init(s, &mem, 16);
	EXPECT_OK(splits_set_pattern(s, "in", &e), &e);
	uint32_t n = 1 + (uint32_t)rng_below(r, 6);
	for (uint32_t i = 0; i < n; i++) {
		char path[32];
		uint32_t f;
		snprintf(path, sizeof path, "in/file%u", i * 7 % 11);
		EXPECT_OK(splits_add_file(s, path, 1 + rng_below(r, 20 << 20), &f, &e), &e);
		struct split_run run = {.file = f, .end = s->file[f].splits};
		if (rng_below(r, 2)) {
			run.first = (uint32_t)rng_below(r, run.end);
			uint64_t a = split_start(s->file[f].bound, s->file[f].splits, run.first);
			uint64_t b = split_start(s->file[f].bound, s->file[f].splits, run.first + 1);
			if (b - a > 1)
				run.next = a + 1 + rng_below(r, b - a - 1);
			run.tail = run.next ? rng_next(r) : 0;
			s->file[f].has_head = true;
			s->file[f].head = rng_next(r);
		}
		EXPECT_OK(splits_add_run(s, &run, &e), &e);
	}
	EXPECT_OK(splits_settle(s, &e), &e);
}

static bool same(const struct splits *a, const struct splits *b)
{
	if (a->n_runs != b->n_runs || a->n_files != b->n_files || strcmp(a->pattern, b->pattern))
		return false;
	for (uint32_t i = 0; i < a->n_files; i++)
		if (strcmp(a->file[i].path, b->file[i].path) || a->file[i].bound != b->file[i].bound ||
		    a->file[i].has_head != b->file[i].has_head || a->file[i].head != b->file[i].head)
			return false;
	for (uint32_t i = 0; i < a->n_runs; i++)
		if (memcmp(&a->run[i], &b->run[i], sizeof a->run[i]))
			return false;
	return true;
}

/* Dealt out to any number of subtasks and put together again, it is what it was. */
TEST(inv21_rescale_moves_splits_and_changes_none)
{
	struct rng r;
	rng_seed(&r, 7);
	for (int round = 0; round < 300; round++) {
		struct splits all, back, share;
		random_splits(&all, &r);
		splits_init(&back, &mem, 16);
		splits_init(&share, &mem, 16);
		uint32_t n = 1 + (uint32_t)rng_below(&r, 9), got = 0;
		for (uint32_t i = 0; i < n; i++) {
			struct bytes state;
			bytes_init(&state, &mem);
			EXPECT_OK(splits_assign(&all, i, n, &share, &e), &e);
			got += share.n_runs > 0;
			splits_encode(&share, 0, &state);
			EXPECT_OK(splits_decode(&back, state.data, state.len, &e), &e);
			EXPECT(back.sharers >= 1 && back.sharers <= n);
			bytes_close(&state);
			splits_close(&share);
		}
		EXPECT(got == back.sharers);
		EXPECT_OK(splits_settle(&back, &e), &e);
		if (!same(&all, &back))
			fail_msg("seed 7, round %d: something moved", round);
		splits_close(&all);
		splits_close(&back);
	}
	EXPECT(mem.used_bytes == 0);
}

TEST(a_state_of_version_1_is_read_and_counts_from_what_is_left)
{
	struct rng r;
	struct splits all, back;
	struct bytes state;
	rng_seed(&r, 8);
	random_splits(&all, &r);
	all.total = splits_left(&all) + 1000;
	bytes_init(&state, &mem);
	splits_encode(&all, 0, &state);
	splits_init(&back, &mem, 16);
	EXPECT_OK(splits_decode(&back, state.data, state.len, &e), &e);
	EXPECT(same(&all, &back) && back.total == all.total);
	splits_close(&back);
	memmove(state.data + 12, state.data + 20, state.len - 20); /* it had no total */
	state.data[0] = 1;
	splits_init(&back, &mem, 16);
	EXPECT_OK(splits_decode(&back, state.data, state.len - 8, &e), &e);
	EXPECT(same(&all, &back) && back.total == splits_left(&all));
	splits_close(&back);
	bytes_close(&state);
	splits_close(&all);
	EXPECT(mem.used_bytes == 0);
}

TEST(shares_differ_by_less_than_two_splits)
{
	struct splits all, share;
	splits_init(&all, &mem, 128);
	splits_init(&share, &mem, 128);
	uint32_t f;
	EXPECT_OK(splits_add_file(&all, "big", 400ull << 20, &f, &e), &e);
	struct split_run run = {.file = f, .end = all.file[f].splits};
	EXPECT_OK(splits_add_run(&all, &run, &e), &e);
	for (uint32_t i = 0; i < 3; i++) {
		EXPECT_OK(splits_assign(&all, i, 3, &share, &e), &e);
		uint64_t left = splits_left(&share), fair = splits_left(&all) / 3;
		EXPECT(left + (8 << 20) > fair && left < fair + (8 << 20));
		EXPECT(share.n_runs == 1);
		splits_close(&share);
	}
	splits_close(&all);
}

TEST(a_torn_or_foreign_state_is_refused_and_nothing_leaks)
{
	struct rng r;
	rng_seed(&r, 9);
	struct splits all, back;
	random_splits(&all, &r);
	struct bytes state;
	bytes_init(&state, &mem);
	splits_encode(&all, 0, &state);
	for (size_t len = 0; len < state.len; len++) {
		splits_init(&back, &mem, 16);
		err_clear(&e);
		EXPECT(splits_decode(&back, state.data, len, &e) != OK);
		splits_close(&back);
	}
	for (size_t i = 0; i < state.len * 8; i++) { /* any flipped bit: an error or another list */
		state.data[i / 8] ^= (uint8_t)(1 << i % 8);
		splits_init(&back, &mem, 16);
		err_clear(&e);
		if (splits_decode(&back, state.data, state.len, &e) == OK &&
		    splits_settle(&back, &e) == OK)
			EXPECT(!same(&all, &back) || i / 8 >= 8);
		splits_close(&back);
		state.data[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	err_clear(&e);
	splits_init(&back, &mem, 32);
	EXPECT(splits_decode(&back, state.data, state.len, &e) == E_REFUSED);
	EXPECT(strstr(e.text, "max_parallelism was 16"));
	splits_close(&back);
	err_clear(&e);
	bytes_close(&state);
	splits_close(&all);
	EXPECT(mem.used_bytes == 0);
}

TEST(two_states_with_the_same_split_are_corrupt)
{
	struct splits s;
	splits_init(&s, &mem, 16);
	uint32_t f;
	for (int i = 0; i < 2; i++) {
		EXPECT_OK(splits_add_file(&s, "a", 4 << 20, &f, &e), &e);
		struct split_run run = {.file = f, .first = (uint32_t)i, .end = 3};
		EXPECT_OK(splits_add_run(&s, &run, &e), &e);
	}
	EXPECT(splits_settle(&s, &e) == E_CORRUPT);
	err_clear(&e);
	splits_close(&s);
	EXPECT(mem.used_bytes == 0);
}

int main(void)
{
	mem_init(&mem, 0);
	const struct CMUnitTest tests[] = {
		T(a_file_is_cut_into_megabytes_at_most_max_parallelism),
		T(every_byte_lies_in_the_split_that_split_at_names),
		T(inv21_rescale_moves_splits_and_changes_none),
		T(a_state_of_version_1_is_read_and_counts_from_what_is_left),
		T(shares_differ_by_less_than_two_splits),
		T(a_torn_or_foreign_state_is_refused_and_nothing_leaks),
		T(two_states_with_the_same_split_are_corrupt),
	};
	return RUN(tests);
}
