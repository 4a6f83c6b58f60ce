/* test_pack.c - tables into part files, chunk by chunk, while the tables change. */
#include "tests/unit/runtime/bridge.h"

TEST(inv4_a_part_holds_the_state_at_the_barrier_whatever_changed_between_slices)
{
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct bridge b;
		bridge_open(&b, seed, seed % 2 ? KEY_FIX8 : KEY_BYTES, 1500);
		tables_open(&b, 1 + seed % SUBTASKS_MAX);
		change_some(&b, 400, false);
		checkpoint(&b, 0, true, NULL);
		for (int i = 0; i < 4; i++) {
			change_some(&b, 60, true);
			checkpoint(&b, b.id, rng_below(&b.r, 8) == 0, NULL);
		}
		restore_into(&b, b.n);
		bridge_close(&b);
	}
}

TEST(nothing_changed_makes_no_file)
{
	struct bridge b;
	struct part_file file;
	bridge_open(&b, 1, KEY_FIX8, 100);
	tables_open(&b, 2);
	struct taking g;
	take_begin(&b, &g, 0, true);
	while (take_step(&b, &g))
		;
	take_finish(&b, &g, &file);
	EXPECT(file.length == 0 && parts_on_disk(&b) == 0);
	change_some(&b, 40, false);
	checkpoint(&b, 0, true, &file);
	EXPECT(file.length > 0 && parts_on_disk(&b) == 1);
	/* What changed between the slices is in the next; after that nothing is. */
	for (int i = 0; i < 2; i++) {
		take_begin(&b, &g, b.id, false);
		while (take_step(&b, &g))
			;
		take_finish(&b, &g, &file);
	}
	EXPECT(file.length == 0);
	restore_into(&b, 1);
	bridge_close(&b);
}

TEST(every_subtask_and_blob_of_a_checkpoint_stands_in_one_file)
{
	struct bridge b;
	struct taking g;
	struct pack_blob blob = {.head = {.kind = SECTION_OPERATOR, .stage = "sum", .op_type = "t",
					  .state_version = 1, .codec = CODEC_LZ4}};
	bridge_open(&b, 3, KEY_FIX8, 2000);
	tables_open(&b, 4);
	change_some(&b, 500, false);
	take_begin(&b, &g, 0, true);
	while (take_step(&b, &g))
		;
	static uint8_t state[300000]; /* three blocks */
	for (size_t i = 0; i < sizeof state; i++)
		state[i] = (uint8_t)(i * i >> 7);
	blob.data = state;
	blob.len = sizeof state;
	struct pack_finish f;
	pack_finish_init(&f, b.packing, b.id, &b.mb, FINISHED);
	f.blob = &blob;
	f.n_blobs = 1;
	ioqueue_submit(b.io, &f.job);
	EXPECT(wait_for(&b)->kind == FINISHED && f.job.rc == OK);
	EXPECT_OK(part_share_seal(f.part, &b.e), &b.e);
	part_share_drop(f.part);
	EXPECT(parts_on_disk(&b) == 1);
	struct part_reader *part;
	struct section_reader *s;
	struct block_view v;
	size_t at = 0;
	EXPECT_OK(part_reader_open(&part, b.fs, &b.mem, PARTS, &f.file, &b.e), &b.e);
	EXPECT_OK(section_open(&s, part, &blob.ref, 0, UINT64_MAX, &b.e), &b.e);
	for (;;) {
		EXPECT_OK(section_next(s, &v, &b.e), &b.e);
		if (!v.raw)
			break;
		EXPECT(at + v.len <= sizeof state && !memcmp(v.raw, state + at, v.len));
		at += v.len;
	}
	EXPECT(at == sizeof state);
	section_close(s);
	part_reader_close(part);
	take_assemble(&b, &g, &f.file);
	take_drop(&b, &g);
	restore_into(&b, 2);
	bridge_close(&b);
}

static void run_lanes(struct bridge *b)
{
	while (ioqueue_step(b->io, LANE_BYTES) | ioqueue_step(b->io, LANE_DURABILITY))
		;
}

TEST(an_abandoned_part_names_its_file_and_later_chunks_are_given_back)
{
	struct bridge b;
	struct taking g;
	/* More than the writer buffers before there is a file at all. */
	bridge_open(&b, 5, KEY_BYTES, 60000);
	tables_open(&b, 1);
	for (int i = 0; i < 250; i++)
		change_some(&b, 500, false);
	checkpoint(&b, 0, true, NULL);
	uint64_t base = b.id;
	for (int i = 0; i < 10; i++)
		change_some(&b, 500, false);
	take_begin(&b, &g, 0, true);
	while (g.encoding[0] && take_step(&b, &g) && parts_on_disk(&b) < 2)
		;
	EXPECT(parts_on_disk(&b) == 2);
	struct pack_finish f;
	pack_abandon_init(&f, b.packing, b.id, &b.mb, FINISHED);
	ioqueue_submit(b.io, &f.job);
	run_lanes(&b);
	struct mail *m = mailbox_take_all(&b.mb);
	for (; m && m->kind != FINISHED; m = m->next)
		pack_done_close(CONTAINER_OF(m, struct pack_done, mail));
	EXPECT(m && f.job.rc == OK && f.file.name[0] && f.file.length == 0 && !f.part);
	/* The task hears of it later and goes on for a while. */
	while (take_step(&b, &g))
		;
	run_lanes(&b);
	take_drop(&b, &g);
	EXPECT(parts_on_disk(&b) == 2);
	/* Its changes are in the next one. */
	checkpoint(&b, base, false, NULL);
	restore_into(&b, 3);
	bridge_close(&b);
}

TEST(inv32_a_write_that_fails_declines_the_checkpoint_and_the_next_one_has_it_all)
{
	uint32_t failed = 0;
	for (uint64_t n = 1; n <= 12; n++) {
		struct bridge b;
		struct taking g;
		bridge_open(&b, 7, KEY_BYTES, 3000);
		tables_open(&b, 2);
		for (int i = 0; i < 6; i++)
			change_some(&b, 500, false);
		fs_sim_fault_at(b.disk, fs_sim_count(b.disk) + n, E_NO_SPACE, false);
		take_begin(&b, &g, 0, true);
		while (take_step(&b, &g))
			;
		struct pack_finish f;
		pack_finish_init(&f, b.packing, b.id, &b.mb, FINISHED);
		ioqueue_submit(b.io, &f.job);
		EXPECT(wait_for(&b)->kind == FINISHED);
		part_share_drop(f.part);
		bool hit = fs_sim_faults(b.disk) > 0;
		EXPECT(hit == (g.rc == E_NO_SPACE || f.job.rc == E_NO_SPACE));
		failed += hit;
		fs_sim_fault_at(b.disk, 0, OK, false);
		take_drop(&b, &g);
		checkpoint(&b, 0, false, NULL);
		restore_into(&b, 1);
		bridge_close(&b);
	}
	EXPECT(failed >= 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv4_a_part_holds_the_state_at_the_barrier_whatever_changed_between_slices),
		T(nothing_changed_makes_no_file),
		T(every_subtask_and_blob_of_a_checkpoint_stands_in_one_file),
		T(an_abandoned_part_names_its_file_and_later_chunks_are_given_back),
		T(inv32_a_write_that_fails_declines_the_checkpoint_and_the_next_one_has_it_all),
	};
	return RUN(tests);
}
