/* test_merge_order.c - the order of several arrays against the plainest sort there is. */
#include "state/merge_order.h"

#include "base/rng.h"
#include "tests/lib/test.h"

#include <inttypes.h>
#include <stdlib.h>

struct item {
	uint64_t hash;
	uint32_t ref;
};

static int compare(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->ref < y->ref ? -1 : x->ref > y->ref;
}

static int compare_hashes(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

/* Inputs of any sizes, none of them included; hashes from few to all different. */
static void check(uint64_t seed, struct merge_order *o, uint64_t *room, struct item *want)
{
	struct rng r;
	uint32_t n[ORDER_INPUTS], rows = 0;
	const uint64_t *hash[ORDER_INPUTS], *got;
	const uint32_t *refs;
	rng_seed(&r, seed);
	uint32_t inputs = 1 + (uint32_t)rng_below(&r, ORDER_INPUTS);
	uint64_t mask = UINT64_MAX >> rng_below(&r, 64);
	for (uint32_t i = 0; i < inputs; i++) {
		uint32_t most = rng_below(&r, 4) ? (ORDER_ROWS - rows) / 3 : ORDER_ROWS - rows;
		n[i] = (uint32_t)rng_below(&r, rng_below(&r, 3) ? most + 1 : 3 < most ? 3 : most + 1);
		for (uint32_t k = 0; k < n[i]; k++)
			room[rows + k] = rng_next(&r) & mask;
		qsort(room + rows, n[i], sizeof *room, compare_hashes);
		for (uint32_t k = 0; k < n[i]; k++)
			want[rows + k] = (struct item){room[rows + k], ORDER_REF(i, k)};
		hash[i] = room + rows;
		rows += n[i];
	}
	qsort(want, rows, sizeof *want, compare);
	merge_order(o, hash, n, inputs, &got, &refs);
	for (uint32_t k = 0; k < rows; k++)
		if (got[k] != want[k].hash || refs[k] != want[k].ref)
			fail_msg("seed %" PRIu64 ": row %u of %u is %" PRIx64 " of %x, not %" PRIx64 " of %x",
				 seed, k, rows, got[k], refs[k], want[k].hash, want[k].ref);
}

TEST(rows_ascend_and_of_equal_hashes_the_lower_input_comes_first)
{
	struct merge_order *o = malloc(sizeof *o);
	uint64_t *room = malloc(ORDER_ROWS * sizeof *room);
	struct item *want = malloc(ORDER_ROWS * sizeof *want);
	for (uint64_t seed = 1; seed <= 2000; seed++)
		check(seed, o, room, want);
	free(want);
	free(room);
	free(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(rows_ascend_and_of_equal_hashes_the_lower_input_comes_first),
	};
	return RUN(tests);
}
