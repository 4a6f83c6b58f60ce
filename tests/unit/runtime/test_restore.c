/* test_restore.c - a checkpoint's runs into tables, also into more or fewer of them. */
#include "tests/unit/runtime/bridge.h"

TEST(inv30_restored_state_is_that_of_the_checkpoint_through_any_sequence_of_rescales)
{
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct bridge b;
		bridge_open(&b, seed, seed % 2 ? KEY_BYTES : KEY_FIX8, 1200);
		tables_open(&b, 1 + (uint32_t)rng_below(&b.r, SUBTASKS_MAX));
		change_some(&b, 300, false);
		checkpoint(&b, 0, true, NULL);
		for (int i = 0; i < 12; i++) {
			change_some(&b, 80, true);
			checkpoint(&b, b.id, rng_below(&b.r, 10) == 0, NULL);
			if (rng_below(&b.r, 3) == 0)
				restore_into(&b, 1 + (uint32_t)rng_below(&b.r, SUBTASKS_MAX));
		}
		restore_into(&b, 1 + (uint32_t)rng_below(&b.r, SUBTASKS_MAX));
		bridge_close(&b);
	}
}

TEST(the_first_checkpoint_after_a_restore_writes_only_what_changed_even_rescaled)
{
	struct bridge b;
	struct taking g;
	bridge_open(&b, 2, KEY_FIX8, 4000);
	tables_open(&b, 1);
	for (int i = 0; i < 10; i++)
		change_some(&b, 500, false);
	checkpoint(&b, 0, true, NULL);
	restore_into(&b, 3);
	change_some(&b, 5, false);
	take_begin(&b, &g, b.newest.id, false);
	uint64_t rows = 0;
	while (take_step(&b, &g))
		;
	for (uint32_t i = 0; i < b.n; i++) {
		EXPECT(!g.snap[i]->full);
		for (uint32_t r = 0; r < g.snap[i]->n_runs; r++)
			rows += g.snap[i]->run[r].ref.rows;
	}
	EXPECT(rows > 0 && rows <= 15);
	take_finish(&b, &g, NULL);
	restore_into(&b, 2);
	bridge_close(&b);
}

TEST(inv33_a_flipped_bit_in_the_part_is_found_before_the_table_is_believed)
{
	struct bridge b;
	struct part_file file;
	uint32_t found = 0;
	bridge_open(&b, 3, KEY_BYTES, 800);
	tables_open(&b, 2);
	change_some(&b, 400, false);
	checkpoint(&b, 0, true, &file);
	char path[256];
	snprintf(path, sizeof path, PARTS "/%s", file.name);
	for (uint64_t i = 0; i < 300; i++) {
		uint64_t bit = rng_below(&b.r, file.length * 8);
		EXPECT_OK(fs_sim_flip(b.disk, path, bit, &b.e), &b.e);
		tables_close(&b);
		tables_open(&b, 1);
		struct restored out;
		enum rc rc = restore_keyed(1, b.fs, &b.mem, PARTS, &b.newest,
					   &b.newest.op[0].keyed[0], &b.m.shape, 0, UINT64_MAX, 0,
					   b.t[0].k, &out, &b.e);
		if (rc == OK) /* a byte that belongs to no section: the file's end */
			EXPECT(!model_differs(&b.m, b.published, b.t[0].k, 0, UINT64_MAX));
		else
			EXPECT(rc == E_CORRUPT && strstr(b.e.text, file.name));
		found += rc != OK;
		err_clear(&b.e);
		EXPECT_OK(fs_sim_flip(b.disk, path, bit, &b.e), &b.e);
	}
	EXPECT(found > 250);
	restore_into(&b, 2);
	bridge_close(&b);
}

static void faults_while_restoring(enum key_form form, uint32_t stretches, uint64_t expected)
{
	struct bridge b;
	bridge_open(&b, 4, form, 600);
	tables_open(&b, 2);
	change_some(&b, 300, false);
	checkpoint(&b, 0, true, NULL);
	change_some(&b, 30, true);
	checkpoint(&b, b.id, false, NULL);
	tables_close(&b);
	for (int io = 0; io < 2; io++)
		for (uint64_t n = 1;; n++) {
			size_t before = b.mem.used_bytes;
			struct restored out;
			tables_open(&b, 1);
			uint64_t faults = fs_sim_faults(b.disk);
			b.mem.fail_at = io ? 0 : b.mem.calls + n;
			fs_sim_fault_at(b.disk, io ? fs_sim_count(b.disk) + n : 0, E_IO, false);
			enum rc rc = restore_stretches(stretches, false, b.fs, &b.mem, PARTS, &b.newest,
						       &b.newest.op[0].keyed[0], &b.m.shape, 0,
						       UINT64_MAX, expected, b.t[0].k, &out, &b.e);
			bool hit = io ? fs_sim_faults(b.disk) > faults : b.mem.calls >= b.mem.fail_at;
			b.mem.fail_at = 0;
			fs_sim_fault_at(b.disk, 0, OK, false);
			if (rc == OK)
				EXPECT(!model_differs(&b.m, b.published, b.t[0].k, 0, UINT64_MAX));
			else
				EXPECT(rc == (io ? E_IO : E_NO_MEMORY));
			err_clear(&b.e);
			tables_close(&b);
			EXPECT(b.mem.used_bytes == before);
			if (!hit)
				break;
		}
	bridge_close(&b);
}

/* By stretches also where the table is far too small for them: rows are late, and it grows. */
TEST(inv31_inv32_faults_while_restoring_are_errors_and_leak_nothing)
{
	faults_while_restoring(KEY_BYTES, 1, 0);
	faults_while_restoring(KEY_FIX8, 3, 300);
	faults_while_restoring(KEY_FIX8, 16, 1);
}

TEST(subtasks_that_are_restored_side_by_side_share_the_cores)
{
	const uint64_t many = 1u << 30;
	for (uint32_t cores = 1; cores <= 64; cores++)
		for (uint32_t beside = 1; beside <= 64; beside++) {
			uint32_t width = restore_width(many, beside, cores);
			EXPECT(width >= 1 && width <= 16);
			EXPECT(width == 1 || width * beside <= cores);
			EXPECT(restore_width(1000, beside, cores) == 1);
		}
	EXPECT(restore_width(many, 1, 2) == 2 && restore_width(many, 2, 4) == 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv30_restored_state_is_that_of_the_checkpoint_through_any_sequence_of_rescales),
		T(the_first_checkpoint_after_a_restore_writes_only_what_changed_even_rescaled),
		T(inv33_a_flipped_bit_in_the_part_is_found_before_the_table_is_believed),
		T(inv31_inv32_faults_while_restoring_are_errors_and_leak_nothing),
		T(subtasks_that_are_restored_side_by_side_share_the_cores),
	};
	return RUN(tests);
}
