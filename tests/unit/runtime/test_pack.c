/* test_pack.c - tables into part files, chunk by chunk, while the tables change. */
#include "runtime/pack_in.h"
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
	EXPECT_OK(part_reader_open(&part, storage_dir(b.fs, PARTS, NULL), &b.mem, &f.file, &b.e), &b.e);
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

/* ---- two at once ---- */

#define CHUNKS_MAX 64

/* A snapshot that is encoded, and whose chunks have not reached the lane. */
struct encoded {
	struct taking g;
	uint64_t id;
	struct chunk *chunk[CHUNKS_MAX];
	uint32_t n;
};

static void encode(struct bridge *b, struct encoded *x, uint64_t base)
{
	enum keyed_slice at = KEYED_MORE;
	x->n = 0;
	take_begin(b, &x->g, base, false);
	x->id = b->id;
	while (at != KEYED_DONE) {
		SAY(b, keyed_slice(b->t[0].k, 1000, &at, &b->e) == OK && at != KEYED_NO_ROOM);
		while ((x->chunk[x->n] = keyed_take(b->t[0].k)))
			SAY(b, ++x->n < CHUNKS_MAX);
	}
	x->g.encoding[0] = false;
}

static void send_chunks(struct bridge *b, struct encoded *x)
{
	for (uint32_t i = 0; i < x->n; i++)
		SAY(b, pack_submit(x->g.pack[0], x->chunk[i], &b->e) == OK);
	pack_end(x->g.pack[0], &b->mb, PACKED);
	while (take_step(b, &x->g))
		;
	run_lanes(b);
}

static void abandon(struct bridge *b, uint64_t id)
{
	struct pack_finish f;
	pack_abandon_init(&f, b->packing, id, &b->mb, FINISHED);
	ioqueue_submit(b->io, &f.job);
	SAY(b, wait_for(b)->kind == FINISHED && f.job.rc == OK);
}

static void finish(struct bridge *b, struct encoded *x)
{
	uint64_t newest = b->id;
	b->id = x->id;
	take_finish(b, &x->g, NULL);
	b->id = newest;
}

static void two_open(struct bridge *b, uint64_t seed)
{
	bridge_open(b, seed, KEY_FIX8, 400);
	tables_open(b, 1);
	change_some(b, 100, false);
	checkpoint(b, 0, true, NULL);
	change_some(b, 50, false);
}

TEST(inv9_giving_up_a_newer_one_takes_nothing_from_an_older_one)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct bridge b;
		struct encoded seven, eight;
		two_open(&b, seed);
		uint64_t base = b.id;
		encode(&b, &seven, base);
		change_some(&b, 50, false);
		encode(&b, &eight, base);
		abandon(&b, eight.id);
		send_chunks(&b, &seven);
		EXPECT(seven.g.rc == OK && seven.g.snap[0]->n_runs > 0);
		finish(&b, &seven);
		send_chunks(&b, &eight); /* its task hears of it late */
		EXPECT(!b.packing->builds && eight.g.snap[0]->n_runs == 0);
		take_drop(&b, &eight.g);
		restore_into(&b, 2);
		bridge_close(&b);
	}
}

TEST(inv9_publishing_a_newer_one_does_not_keep_what_still_comes_for_an_older_one)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct bridge b;
		struct encoded seven, eight;
		two_open(&b, seed);
		uint64_t base = b.id;
		encode(&b, &seven, base);
		change_some(&b, 50, false);
		encode(&b, &eight, base);
		send_chunks(&b, &eight);
		finish(&b, &eight); /* its changes are all since the base: 7 is not missed */
		abandon(&b, seven.id);
		send_chunks(&b, &seven);
		EXPECT(!b.packing->builds && seven.g.snap[0]->n_runs == 0);
		take_drop(&b, &seven.g);
		restore_into(&b, 2);
		bridge_close(&b);
	}
}

TEST(inv4_two_in_writing_do_not_mix)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct bridge b;
		struct encoded seven, eight;
		two_open(&b, seed);
		uint64_t base = b.id;
		encode(&b, &seven, base);
		change_some(&b, 50, true);
		encode(&b, &eight, base);
		bool eight_first = seed % 2;
		send_chunks(&b, eight_first ? &eight : &seven);
		send_chunks(&b, eight_first ? &seven : &eight);
		finish(&b, &seven);
		finish(&b, &eight);
		EXPECT(!b.packing->builds);
		restore_into(&b, 2);
		bridge_close(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv4_a_part_holds_the_state_at_the_barrier_whatever_changed_between_slices),
		T(nothing_changed_makes_no_file),
		T(every_subtask_and_blob_of_a_checkpoint_stands_in_one_file),
		T(an_abandoned_part_names_its_file_and_later_chunks_are_given_back),
		T(inv9_giving_up_a_newer_one_takes_nothing_from_an_older_one),
		T(inv9_publishing_a_newer_one_does_not_keep_what_still_comes_for_an_older_one),
		T(inv4_two_in_writing_do_not_mix),
		T(inv32_a_write_that_fails_declines_the_checkpoint_and_the_next_one_has_it_all),
	};
	return RUN(tests);
}
