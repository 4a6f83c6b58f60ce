/* test_restore_wide.c - chains of very many old subtasks, side by side in one manifest, come into
 * one table: what is open at a time is one chain's, not all of them. */
#include "tests/unit/runtime/bridge.h"

/* As after rescales from and to high parallelisms: every run of the chain in so many pieces. */
static void cut_runs(struct bridge *b, uint32_t pieces)
{
	struct manifest_keyed *k = &b->newest.op[0].keyed[0];
	uint32_t n = k->n_runs;
	struct manifest_run *was = calloc(n, sizeof *was);
	memcpy(was, k->run, n * sizeof *was);
	k->n_runs = 0;
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t p = 0; p < pieces; p++) {
			struct manifest_run *r = manifest_add_run(&b->newest, k);
			SAY(b, r != NULL);
			*r = was[i];
			uint64_t step = (was[i].hash_last - was[i].hash_first) / pieces;
			r->hash_first = was[i].hash_first + p * step;
			if (p + 1 < pieces)
				r->hash_last = r->hash_first + step - 1;
		}
	free(was);
}

TEST(inv30_chains_of_any_number_of_old_subtasks_restore_into_one)
{
	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct bridge b;
		bridge_open(&b, seed, seed % 2 ? KEY_BYTES : KEY_FIX8, 1500);
		tables_open(&b, SUBTASKS_MAX);
		change_some(&b, 300, false);
		checkpoint(&b, 0, true, NULL);
		for (int i = 0; i < 3; i++) {
			change_some(&b, 80, true);
			checkpoint(&b, b.id, false, NULL);
		}
		cut_runs(&b, 197);
		EXPECT(b.newest.op[0].keyed[0].n_runs > 4 * MERGE_INPUTS);
		restore_into(&b, 1);
		change_some(&b, 80, true);
		checkpoint(&b, b.id, false, NULL);
		restore_into(&b, 3);
		bridge_close(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv30_chains_of_any_number_of_old_subtasks_restore_into_one),
	};
	return RUN(tests);
}
