/* test_evolve.c - what becomes of each stage's state when the job was changed: one row a stage, and
 * what may be dropped is dropped by name only. */
#include "jobs/evolve.h"

#include "base/env.h"
#include "tests/unit/jobs/checkpoint_rig.h"

#include <stdlib.h>


static const struct evolve_row *row_of(const struct evolution *ev, const char *stage)
{
	for (uint32_t i = 0; i < ev->n; i++)
		if (!strcmp(ev->row[i].stage, stage))
			return &ev->row[i];
	fail_msg("there is no row of '%s'", stage);
	return NULL;
}

static void add_run(struct rig *r, struct manifest_op *op, uint64_t rows, uint64_t bytes)
{
	struct manifest_run *run = manifest_add_run(&r->m, &op->keyed[0]);
	run->ref = (struct section_ref){.file = 0, .rows = rows, .bytes = bytes, .offset = 700,
				       .length = 100};
	run->hash_last = UINT64_MAX;
}

static void open_words(struct rig *r)
{
	open_rig(r, "", LINES "," WORDS "," COUNT "," OUT);
	struct part_file f = {.length = 1000, .hash = 1, .epoch = 1};
	snprintf(f.name, sizeof f.name, "%s", "00000001-1-1-00000000000000000009.part");
	EXPECT(manifest_file(&r->m, &f) == 0);
	had(r, "lines", "file_source", NULL, 0, true)->section[0].ref.bytes = 30;
}

TEST(each_stage_has_one_row_with_what_there_is_of_it)
{
	struct rig r;
	struct evolution ev;
	open_words(&r);
	struct manifest_op *op = had(&r, "count", "keyed_sum", "word", T_STRING, false);
	add_run(&r, op, 100, 600);
	add_run(&r, op, 7, 50);
	r.m.figures.keys = 102;
	EXPECT_OK(evolve(&ev, r.plan, &r.m, NULL, 0, &r.mem, &r.e), &r.e);
	EXPECT(ev.n == 4 && ev.misfits == 0);
	const struct evolve_row *count = row_of(&ev, "count"), *lines = row_of(&ev, "lines");
	EXPECT(count->fate == STATE_RESTORED && count->keys_known && count->keys == 102);
	EXPECT(count->rows == 107 && count->bytes == 650 && count->files == 1);
	EXPECT(lines->fate == STATE_RESTORED && lines->bytes == 30 && lines->files == 0);
	EXPECT(row_of(&ev, "words")->fate == STATE_EMPTY && row_of(&ev, "out")->fate == STATE_EMPTY);
	EXPECT_OK(evolution_check(&ev, &r.m, &r.e), &r.e);
	evolution_close(&ev);
	close_rig(&r);
}

TEST(inv2_state_without_a_stage_is_dropped_by_name_only)
{
	struct rig r;
	struct evolution ev;
	static const char *const drop[] = {"gone"};
	open_words(&r);
	had(&r, "gone", "keyed_sum", "word", T_STRING, false);
	EXPECT_OK(evolve(&ev, r.plan, &r.m, NULL, 0, &r.mem, &r.e), &r.e);
	EXPECT(row_of(&ev, "gone")->fate == STATE_MISFIT && ev.misfits == 1);
	EXPECT(evolution_check(&ev, &r.m, &r.e) == E_REFUSED);
	EXPECT(strstr(r.e.text, "'gone'") && strstr(r.e.text, "--drop-state gone"));
	evolution_close(&ev);
	err_clear(&r.e);
	EXPECT_OK(evolve(&ev, r.plan, &r.m, drop, 1, &r.mem, &r.e), &r.e);
	EXPECT(row_of(&ev, "gone")->fate == STATE_DROPPED && !row_of(&ev, "gone")->is_in_job);
	EXPECT_OK(evolution_check(&ev, &r.m, &r.e), &r.e);
	evolution_close(&ev);
	close_rig(&r);
}

TEST(a_stage_of_another_type_or_key_begins_from_nothing_when_its_state_is_dropped)
{
	struct rig r;
	struct evolution ev;
	static const char *const drops[] = {"lines", "count"};
	open_rig(&r, "", LINES "," WORDS "," COUNT "," OUT);
	had(&r, "lines", "generator_source", NULL, 0, true);
	had(&r, "count", "keyed_sum", "line", T_STRING, false)->max_parallelism = 64;
	EXPECT_OK(evolve(&ev, r.plan, &r.m, drops, 1, &r.mem, &r.e), &r.e);
	EXPECT(row_of(&ev, "lines")->fate == STATE_DROPPED && row_of(&ev, "lines")->is_in_job);
	EXPECT(row_of(&ev, "count")->fate == STATE_MISFIT && ev.misfits == 1);
	EXPECT(strstr(row_of(&ev, "count")->why, "keyed by (line string)"));
	EXPECT(strstr(row_of(&ev, "count")->why, "max_parallelism was 64"));
	evolution_close(&ev);
	EXPECT_OK(evolve(&ev, r.plan, &r.m, drops, 2, &r.mem, &r.e), &r.e);
	EXPECT(!ev.misfits);
	evolution_close(&ev);
	close_rig(&r);
}

TEST(what_a_checkpoint_has_not_cannot_be_dropped)
{
	struct rig r;
	struct evolution ev;
	static const char *const nothing[] = {"words"}, *const unknown[] = {"cuont"};
	open_words(&r);
	had(&r, "words", "flat_map", NULL, 0, false);
	EXPECT(evolve(&ev, r.plan, &r.m, unknown, 1, &r.mem, &r.e) == E_INVALID);
	EXPECT(strstr(r.e.text, "'cuont'") && strstr(r.e.text, "'lines'") && !ev.row);
	err_clear(&r.e);
	EXPECT(evolve(&ev, r.plan, &r.m, nothing, 1, &r.mem, &r.e) == E_INVALID);
	close_rig(&r);
}

TEST(without_a_stage_the_rest_of_a_checkpoint_is_as_it_was)
{
	struct rig r;
	struct manifest kept;
	static const char *const drop[] = {"count"};
	open_words(&r);
	struct manifest_op *op = had(&r, "count", "keyed_sum", "word", T_STRING, false);
	add_run(&r, op, 100, 600);
	struct manifest_intent *in = manifest_add_intent(&r.m);
	*in = (struct manifest_intent){.sink = "out", .kind = "rename", .from = "a", .to = "b"};
	r.m.slot_kind = SLOT_CHECKPOINT;
	r.m.slot = 4;
	r.m.epoch = 1;
	r.m.attempt = 1;
	r.m.top_id = r.m.id;
	uuid_make(&r.rng, r.m.uuid);
	r.m.op[0].section[0].data = (const uint8_t *)"012345678901234567890123456789";
	r.m.op[1].keyed[0].name = "";
	r.m.op[0].section[0].name = "";
	r.m.op[0].section[0].kind = SECTION_SPLITS;
	EXPECT_OK(evolve_without(&kept, &r.m, drop, 1, &r.mem, &r.e), &r.e);
	EXPECT(kept.n_ops == 1 && !strcmp(kept.op[0].id, "lines") && kept.n_files == 0);
	EXPECT(kept.n_intents == 1 && kept.id == 9 && kept.slot == 4);
	EXPECT(kept.op[0].section[0].ref.bytes == 30);
	EXPECT(r.m.n_ops == 2 && r.m.n_files == 1); /* it is a copy */
	manifest_close(&kept);
	close_rig(&r);
}

TEST(inv31_comparing_survives_the_loss_of_any_allocation)
{
	struct rig r;
	struct evolution ev;
	open_words(&r);
	for (uint64_t n = 1;; n++) {
		err_clear(&r.e);
		r.mem.fail_at = r.mem.calls + n;
		enum rc rc = evolve(&ev, r.plan, &r.m, NULL, 0, &r.mem, &r.e);
		r.mem.fail_at = 0;
		evolution_close(&ev);
		if (rc == OK)
			break;
		EXPECT(rc == E_NO_MEMORY && n < 10);
	}
	close_rig(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_stage_has_one_row_with_what_there_is_of_it),
		T(inv2_state_without_a_stage_is_dropped_by_name_only),
		T(a_stage_of_another_type_or_key_begins_from_nothing_when_its_state_is_dropped),
		T(what_a_checkpoint_has_not_cannot_be_dropped),
		T(without_a_stage_the_rest_of_a_checkpoint_is_as_it_was),
		T(inv31_comparing_survives_the_loss_of_any_allocation),
	};
	return RUN(tests);
}
