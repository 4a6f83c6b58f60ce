/* test_merger.c - which runs are merged, and that a merged chain is the same state in fewer
 * runs. */
#include "tests/unit/runtime/bridge.h"

TEST(merge_choose_takes_the_runs_that_save_most_for_what_they_cost)
{
	static const struct {
		uint64_t rows[12];
		uint32_t n;
		bool chosen;
		uint32_t first, count;
	} cases[] = {
		{{0}, 0, false, 0, 0},
		{{5}, 1, false, 0, 0},
		{{1000, 10, 10, 10, 10, 10}, 6, false, 0, 0},            /* few enough */
		{{1000, 10, 10, 10, 10, 10, 10}, 7, true, 1, 6},         /* the large one stays */
		{{10, 10, 10, 10, 10, 10, 10}, 7, true, 0, 7},
		{{100000, 20, 10, 10, 10, 10, 10}, 7, true, 1, 6},
		{{100000, 1000, 10, 10, 10, 10, 10}, 7, true, 2, 5},
		{{640, 320, 160, 80, 40, 20, 10}, 7, true, 2, 5},
		{{640000, 80000, 10000, 1000, 250, 60, 10}, 7, true, 4, 3},
		{{64000000, 8000000, 1000000, 100000, 10000, 1000, 10}, 7, true, 5, 2},
		{{800, 700, 600, 500, 400, 300, 200, 1}, 8, true, 0, 8},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint32_t first = 99, count = 99;
		struct merge_weight run[12] = {{0}};
		for (uint32_t k = 0; k < cases[i].n; k++)
			run[k].rows = cases[i].rows[k];
		bool chosen = merge_choose(run, cases[i].n, &first, &count);
		if (chosen != cases[i].chosen ||
		    (chosen && (first != cases[i].first || count != cases[i].count)))
			fail_msg("case %zu: %d, runs %u + %u", i, chosen, first, count);
	}
}

TEST(merge_choose_takes_an_old_run_in_when_sparing_it_has_cost_more)
{
	struct merge_weight run[7] = {{80000, 0}, {40000, 0}, {20000, 0}, {20000, 0},
				      {20000, 0}, {100, 1},   {10, 0}};
	uint32_t first, count;
	EXPECT(merge_choose(run, 7, &first, &count) && first == 5); /* 110, not 180,110 / 216 */
	run[4].age = 20110 / 110 - 1;
	EXPECT(merge_choose(run, 7, &first, &count) && first == 5);
	run[4].age = 20110 / 110 + 1;
	EXPECT(merge_choose(run, 7, &first, &count) && first == 4);
}

TEST(merge_choose_saves_two_runs_where_a_checkpoint_brought_two)
{
	struct merge_weight run[8] = {{64000000, 0}, {8000000, 0}, {1000000, 0}, {100000, 0},
				      {10000, 0},    {1000, 0},    {10, 0},      {1, 0}};
	uint32_t first, count;
	EXPECT(merge_choose(run, 8, &first, &count) && first == 5 && count == 3);
}

/* A chain in numbers: rows that nothing above repeats, and rows of `hot` keys: a merge counts each
 * of those once, as good as it can be known by number. */
struct toy {
	uint64_t plain[64], hot[64], born[64];
	uint64_t hot_keys, now, written, added;
	uint32_t n, longest;
};

static uint64_t toy_rows(const struct toy *y, uint32_t i)
{
	return y->plain[i] + (y->hot[i] < y->hot_keys ? y->hot[i] : y->hot_keys);
}

static void toy_add(struct toy *y, uint64_t plain, uint64_t hot)
{
	EXPECT(y->n < 64);
	y->plain[y->n] = plain;
	y->hot[y->n] = hot;
	y->born[y->n++] = y->now;
	y->added += plain + hot;
	if (y->n > y->longest)
		y->longest = y->n;
}

/* What follows a checkpoint. */
static void toy_merge(struct toy *y)
{
	struct merge_weight run[64];
	uint32_t first, count;
	for (uint32_t i = 0; i < y->n; i++)
		run[i] = (struct merge_weight){.rows = toy_rows(y, i), .age = y->now - y->born[i]};
	y->now++;
	if (!merge_choose(run, y->n, &first, &count))
		return;
	EXPECT(count >= 2 && first + count == y->n);
	for (uint32_t i = first + 1; i < y->n; i++) {
		y->plain[first] += y->plain[i];
		y->hot[first] += y->hot[i];
	}
	y->born[first] = y->now - 1;
	y->n = first + 1;
	y->written += toy_rows(y, first);
}

TEST(merge_choose_always_names_neighbours_up_to_the_newest_and_keeps_the_chain_short)
{
	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct toy y = {0};
		struct rng r;
		rng_seed(&r, seed);
		for (int i = 0; i < 1000; i++) {
			toy_add(&y, 1 + rng_below(&r, seed % 3 ? 100 : 100000), 0);
			toy_merge(&y);
		}
		EXPECT(y.longest <= CHAIN_RUNS_MAX);
		EXPECT(y.written < 10 * y.added);
	}
}

TEST(each_row_is_rewritten_about_as_often_as_the_logarithm_of_the_checkpoints_says)
{
	for (int large = 0; large < 2; large++) { /* a large state below, or none */
		struct toy y = {0};
		if (large)
			toy_add(&y, 10000000, 0);
		y.added = 0;
		uint64_t log2 = 0;
		for (uint64_t i = 1; i <= 100000; i++) {
			toy_add(&y, 1000, 0);
			toy_merge(&y);
			log2 += (i & (i - 1)) == 0;
			if (4 * y.written > 5 * log2 * y.added)
				fail_msg("%llu checkpoints: %llu rows written for %llu",
					 (unsigned long long)i, (unsigned long long)y.written,
					 (unsigned long long)y.added);
		}
		EXPECT(y.longest <= CHAIN_RUNS_MAX);
	}
}

/* The chain of bench/rows_latency.py, and steeper ones, as left by a run before. One checkpoint may
 * bring two runs: what was saved while the freeze was encoded is one of its own. */
TEST(hot_keys_above_large_runs_are_not_rewritten_with_each_checkpoint)
{
	static const uint64_t below[][6] = {
		{1250000, 1250000, 1250000, 1250000, 1250000, 1250000},
		{4710736, 1834411, 1832097, 1832876, 62631, 827241},
		{64000000, 32000000, 16000000, 8000000, 4000000, 2000000},
		{256000000, 64000000, 16000000, 4000000, 1000000, 250000},
		{0, 0, 0, 0, 0, 10000000},
	};
	for (size_t k = 0; k < ARRAY_LEN(below); k++)
		for (int runs = 1; runs <= 2; runs++) {
			struct toy y = {.hot_keys = 100000};
			for (int i = 0; i < 6; i++)
				if (below[k][i])
					toy_add(&y, below[k][i], 0);
			y.added = 0;
			for (int i = 0; i < 5000; i++) {
				if (runs == 2)
					toy_add(&y, 0, 10);
				toy_add(&y, 0, 9500);
				toy_merge(&y);
			}
			EXPECT(y.longest <= CHAIN_RUNS_MAX);
			if (y.written > 6 * y.added)
				fail_msg("chain %zu, %d runs a checkpoint: %llu rows written for %llu", k, runs,
					 (unsigned long long)y.written, (unsigned long long)y.added);
		}
}

/* Merges some runs of one subtask's range of the newest manifest; the result takes their place. */
static bool merge_some(struct bridge *b, uint32_t subtask)
{
	const struct manifest_keyed *k = &b->newest.op[0].keyed[0];
	uint64_t lo = b->t[subtask].lo, hi = b->t[subtask].hi;
	const struct manifest_run *run[64], *chosen[64];
	uint32_t n = 0, first, count;
	for (uint32_t i = 0; i < k->n_runs; i++)
		if (k->run[i].hash_first >= lo && k->run[i].hash_last <= hi)
			run[n++] = &k->run[i];
	if (n < 2)
		return false;
	first = (uint32_t)rng_below(&b->r, n - 1);
	count = 2 + (uint32_t)rng_below(&b->r, n - first - 1);
	for (uint32_t i = 0; i < count; i++)
		chosen[i] = run[first + i];
	struct merger_options o = {
		.fs = b->fs, .mem = &b->mem, .parts_dir = PARTS, .stage = "count",
		.name = {.lineage = 1, .attempt = b->attempt, .epoch = 2, .checkpoint_id = b->newest.id,
			 .merge = (uint32_t)++b->merges},
		.head = section_of(b, subtask), .shape = b->m.shape, .hash_first = lo, .hash_last = hi,
		.at_bottom = first == 0};
	struct merger *g;
	SAY(b, merger_open(&g, &o, &b->newest, chosen, count, &b->mb, MERGED, &b->e) == OK);
	merger_submit(g, b->io);
	SAY(b, wait_for(b)->kind == MERGED);
	b->e = g->seal.error;
	SAY(b, g->seal.rc == OK);
	SAY(b, g->delta == (first != 0));
	struct manifest to;
	manifest_init(&to, &b->mem);
	to.id = b->newest.id;
	struct manifest_keyed *tk =
		manifest_add_keyed(&to, manifest_add_op(&to, "count", "keyed_sum", b->n));
	for (uint32_t i = 0; i < k->n_runs; i++) {
		if (&k->run[i] == chosen[count - 1] && g->file.length) {
			struct manifest_run *x = manifest_add_run(&to, tk);
			*x = (struct manifest_run){.ref = g->ref, .hash_first = lo, .hash_last = hi,
						   .delta = g->delta};
			x->ref.file = manifest_file(&to, &g->file);
		}
		bool merged = false;
		for (uint32_t c = 0; c < count; c++)
			merged |= &k->run[i] == chosen[c];
		if (!merged)
			SAY(b, manifest_carry_run(&to, tk, &b->newest, &k->run[i], &b->e) == OK);
	}
	merger_close(g);
	manifest_close(&b->newest);
	b->newest = to;
	return true;
}

TEST(inv7_a_merged_chain_restores_to_the_same_state)
{
	uint64_t merges = 0;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct bridge b;
		bridge_open(&b, seed, seed % 2 ? KEY_FIX8 : KEY_BYTES, 1000);
		tables_open(&b, 1 + (uint32_t)rng_below(&b.r, SUBTASKS_MAX));
		change_some(&b, 300, false);
		checkpoint(&b, 0, true, NULL);
		for (int i = 0; i < 14; i++) {
			change_some(&b, 60, true);
			checkpoint(&b, b.id, false, NULL);
			if (rng_below(&b.r, 2))
				merges += merge_some(&b, (uint32_t)rng_below(&b.r, b.n));
			if (rng_below(&b.r, 5) == 0)
				restore_into(&b, 1 + (uint32_t)rng_below(&b.r, SUBTASKS_MAX));
		}
		restore_into(&b, 1 + (uint32_t)rng_below(&b.r, SUBTASKS_MAX));
		bridge_close(&b);
	}
	EXPECT(merges > 100);
}

/* Deletes all keys of the only table. */
static void delete_all(struct bridge *b)
{
	for (uint32_t k = 0; k < b->m.keys; k++) {
		uint16_t sel = (uint16_t)k;
		struct key_rows rows = model_rows(&b->m, &sel, 1);
		SAY(b, keyed_delete(b->t[0].k, &rows, NULL, &b->e) == OK);
		b->m.entry[k] = (struct model_entry){0};
	}
}

TEST(deletions_go_when_nothing_lies_below_and_a_chain_of_nothing_is_no_file)
{
	struct bridge b;
	struct taking g;
	bridge_open(&b, 9, KEY_FIX8, 200);
	tables_open(&b, 1);
	change_some(&b, 150, false);
	take_begin(&b, &g, 0, true);
	while (take_step(&b, &g))
		;
	take_finish(&b, &g, NULL);
	uint64_t base = b.id;
	delete_all(&b);
	take_begin(&b, &g, base, false);
	while (take_step(&b, &g))
		;
	take_finish(&b, &g, NULL);
	const struct manifest_keyed *k = &b.newest.op[0].keyed[0];
	if (k->n_runs == 2) { /* else everything was written, which is nothing */
		uint32_t files = parts_on_disk(&b);
		EXPECT(merge_some(&b, 0));
		EXPECT(b.newest.op[0].keyed[0].n_runs == 0);
		EXPECT(parts_on_disk(&b) == files);
	}
	restore_into(&b, 2);
	EXPECT(keyed_count(b.t[0].k) + keyed_count(b.t[1].k) == 0);
	bridge_close(&b);
}

TEST(inv31_inv32_a_merge_that_fails_says_so_and_leaks_nothing)
{
	struct bridge b;
	bridge_open(&b, 11, KEY_BYTES, 500);
	tables_open(&b, 1);
	change_some(&b, 300, false);
	checkpoint(&b, 0, true, NULL);
	for (int i = 0; i < 3; i++) {
		change_some(&b, 20, true);
		checkpoint(&b, b.id, false, NULL);
	}
	const struct manifest_keyed *k = &b.newest.op[0].keyed[0];
	const struct manifest_run *run[64];
	EXPECT(k->n_runs >= 2);
	for (uint32_t i = 0; i < k->n_runs; i++)
		run[i] = &k->run[i];
	for (int io = 0; io < 2; io++)
		for (uint64_t n = 1;; n++) {
			size_t before = b.mem.used_bytes;
			uint64_t faults = fs_sim_faults(b.disk);
			struct merger_options o = {
				.fs = b.fs, .mem = &b.mem, .parts_dir = PARTS, .stage = "count",
				.name = {.lineage = 1, .attempt = 9, .epoch = 2, .checkpoint_id = b.id,
					 .merge = (uint32_t)++b.merges},
				.head = section_of(&b, 0), .shape = b.m.shape, .hash_last = UINT64_MAX,
				.at_bottom = true};
			struct merger *g;
			b.mem.fail_at = io ? 0 : b.mem.calls + n;
			fs_sim_fault_at(b.disk, io ? fs_sim_count(b.disk) + n : 0, E_IO, false);
			enum rc rc = merger_open(&g, &o, &b.newest, run, k->n_runs, &b.mb, MERGED, &b.e);
			if (rc == OK) {
				merger_submit(g, b.io);
				EXPECT(wait_for(&b)->kind == MERGED);
				rc = g->seal.rc;
			}
			bool hit = io ? fs_sim_faults(b.disk) > faults : b.mem.calls >= b.mem.fail_at;
			b.mem.fail_at = 0;
			EXPECT(rc == OK || rc == (io ? E_IO : E_NO_MEMORY));
			EXPECT(rc == OK || hit);
			merger_close(g);
			fs_sim_fault_at(b.disk, 0, OK, false);
			err_clear(&b.e);
			EXPECT(b.mem.used_bytes == before);
			if (!hit)
				break;
		}
	bridge_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(merge_choose_takes_the_runs_that_save_most_for_what_they_cost),
		T(merge_choose_takes_an_old_run_in_when_sparing_it_has_cost_more),
		T(merge_choose_saves_two_runs_where_a_checkpoint_brought_two),
		T(merge_choose_always_names_neighbours_up_to_the_newest_and_keeps_the_chain_short),
		T(each_row_is_rewritten_about_as_often_as_the_logarithm_of_the_checkpoints_says),
		T(hot_keys_above_large_runs_are_not_rewritten_with_each_checkpoint),
		T(inv7_a_merged_chain_restores_to_the_same_state),
		T(deletions_go_when_nothing_lies_below_and_a_chain_of_nothing_is_no_file),
		T(inv31_inv32_a_merge_that_fails_says_so_and_leaks_nothing),
	};
	return RUN(tests);
}
