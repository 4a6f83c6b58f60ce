/* test_begin.c - whether a checkpoint's state can be a plan's, and who gets what of it: everything
 * that can refuse, before anything was changed. */
#include "jobs/begin.h"

#include "base/check.h"
#include "checkpoint/part.h"
#include "tests/unit/jobs/checkpoint_rig.h"

#include <stdlib.h>

static void refused(struct rig *r, const char *const *reasons, size_t n)
{
	EXPECT(begin_fits(r->plan, &r->m, &r->e) == E_REFUSED);
	EXPECT(strstr(r->e.text, "checkpoint 9"));
	for (size_t i = 0; i < n; i++)
		if (!strstr(r->e.text, reasons[i]))
			fail_msg("\"%s\" does not say \"%s\"", r->e.text, reasons[i]);
}

TEST(the_state_of_the_same_job_fits)
{
	struct rig r;
	open_rig(&r, "", LINES "," WORDS "," COUNT "," OUT);
	had(&r, "lines", "file_source", NULL, 0, true);
	had(&r, "words", "flat_map", NULL, 0, false);
	had(&r, "count", "keyed_sum", "word", T_STRING, false);
	EXPECT_OK(begin_fits(r.plan, &r.m, &r.e), &r.e);
	/* A stage without state may come, go and change. */
	had(&r, "gone", "filter", NULL, 0, false);
	EXPECT_OK(begin_fits(r.plan, &r.m, &r.e), &r.e);
	close_rig(&r);
}

TEST(inv2_state_without_a_stage_is_refused_by_name)
{
	struct rig r;
	open_rig(&r, "", LINES "," WORDS "," COUNT "," OUT);
	had(&r, "gone", "keyed_sum", "word", T_STRING, false);
	refused(&r, (const char *[]){"'gone'", "--fresh"}, 2);
	close_rig(&r);
}

TEST(all_reasons_stand_together)
{
	struct rig r;
	open_rig(&r, "", LINES "," WORDS "," COUNT "," OUT);
	had(&r, "lines", "generator_source", NULL, 0, true);
	had(&r, "words", "flat_map", "k", T_INT64, false);
	had(&r, "count", "keyed_sum", "line", T_STRING, false)->max_parallelism = 64;
	refused(&r, (const char *[]){"'lines' was a generator_source and is now a file_source",
				     "'words' has keyed state", "keyed by (line string), now by (word string)",
				     "max_parallelism was 64 and is now 128"}, 4);
	close_rig(&r);
}

TEST(inv39_state_of_a_later_version_is_refused_by_name)
{
	struct rig r;
	open_rig(&r, "", LINES "," WORDS "," COUNT "," OUT);
	had(&r, "count", "keyed_sum", "word", T_STRING, false)->state_version = 99;
	refused(&r, (const char *[]){"version 99"}, 1);
	close_rig(&r);
}

TEST(inv6_a_state_keeps_the_hash_it_began_with)
{
	struct rig r;
	open_rig(&r, "", LINES "," WORDS "," COUNT "," OUT);
	const struct plan_stage *st = &r.plan->stage[2];
	struct keyed_shape fresh = begin_shape(st, NULL), other = begin_shape(st, &r.m);
	EXPECT(shape_hash_id(&fresh) == HASH_STRING && shape_hash_id(&other) == HASH_STRING);
	struct manifest_op *op = had(&r, "count", "keyed_sum", "word", T_STRING, false);
	struct keyed_shape old = begin_shape(st, &r.m);
	EXPECT(shape_hash_id(&old) == HASH_XXH3_64 && old.form == KEY_BYTES);
	op->keyed[0].hash_id = HASH_STRING;
	EXPECT_OK(begin_fits(r.plan, &r.m, &r.e), &r.e);
	old = begin_shape(st, &r.m);
	EXPECT(shape_hash_id(&old) == HASH_STRING);
	op->keyed[0].hash_id = HASH_FOLD64;
	refused(&r, (const char *[]){"'count' has keys placed by hash 2"}, 1);
	close_rig(&r);
}

TEST(a_directory_of_a_job_of_another_name_is_refused_with_the_cure)
{
	static const char same[] = "{\"name\":\"j\",\"pipeline\":[]}", other[] = "{\"name\":\"k\"}";
	struct rig r;
	open_rig(&r, "", LINES "," WORDS "," COUNT "," OUT);
	EXPECT_OK(begin_same_job(r.plan, NULL, 0, "dir", &r.e), &r.e);
	EXPECT_OK(begin_same_job(r.plan, same, sizeof same - 1, "dir", &r.e), &r.e);
	EXPECT_OK(begin_same_job(r.plan, "{torn", 5, "dir", &r.e), &r.e);
	EXPECT(begin_same_job(r.plan, other, sizeof other - 1, "dir", &r.e) == E_REFUSED);
	EXPECT(strstr(r.e.text, "job 'k'") && strstr(r.e.text, "--set name=k"));
	close_rig(&r);
}

/* ---- who gets what ---- */

#define FILES 150 /* their names do not fit inline */

static void make_files(struct rig *r)
{
	EXPECT_OK(fs_mkdir_all(r->env.fs, "in", &r->e), &r->e);
	for (int i = 0; i < FILES; i++) {
		char path[64];
		snprintf(path, sizeof path, "in/a-file-with-a-long-name-%03d.txt", i);
		EXPECT_OK(fs_write_new(r->env.fs, path, "a b\nc\n", 6, &r->e), &r->e);
	}
	EXPECT_OK(fs_mkdir_all(r->env.fs, "parts", &r->e), &r->e);
}

static enum rc begin(struct rig *r, struct begun *b, bool restored)
{
	const struct manifest *m = restored ? &r->m : NULL;
	struct begin_line line = {.uuid = "the-uuid", .lineage = 1};
	return begin_stages(b, &r->env, r->plan, m, "parts", &line, &r->e);
}

/* The source's state as a section of a part file. */
static void section_in_a_part(struct rig *r, const struct bytes *state)
{
	struct part_writer *w;
	struct part_writer_options o = {.parts = storage_dir(r->env.fs, "parts", NULL),
					.codec = CODEC_LZ4,
					.name = {.lineage = 1, .attempt = 1, .epoch = 1,
						 .checkpoint_id = 9}};
	struct section head = {.stage = "lines", .op_type = "file_source", .kind = SECTION_SPLITS,
			       .state_version = 1, .codec = CODEC_LZ4};
	struct part_file file;
	EXPECT_OK(part_writer_open(&w, &r->mem, &o, &r->e), &r->e);
	struct manifest_op *op = had(r, "lines", "file_source", NULL, 0, true);
	/* Two blocks, to be put together again. */
	size_t half = state->len / 2;
	EXPECT_OK(part_append(w, 0, state->data, half, 1, 0, 0, &r->e), &r->e);
	EXPECT_OK(part_append(w, 0, state->data + half, state->len - half, 1, 1, 1, &r->e), &r->e);
	EXPECT_OK(part_end_section(w, 0, &head, &op->section[0].ref, &r->e), &r->e);
	EXPECT_OK(part_finish(w, &file, &r->e), &r->e);
	EXPECT_OK(part_seal(w, &r->e), &r->e);
	part_writer_close(w);
	op->section[0].ref.file = manifest_file(&r->m, &file);
	op->section[0].kind = SECTION_SPLITS;
}

TEST(inv7_a_state_that_stands_in_a_part_comes_back_as_it_was)
{
	struct rig r;
	struct begun fresh, again;
	open_rig(&r, "", LINES "," WORDS "," COUNT "," OUT);
	make_files(&r);
	EXPECT_OK(begin(&r, &fresh, false), &r.e);
	EXPECT(fresh.stage[0].n == 1 && fresh.stage[0].state[0].len > MANIFEST_INLINE_MAX);
	section_in_a_part(&r, &fresh.stage[0].state[0]);
	EXPECT_OK(begin(&r, &again, true), &r.e);
	const struct bytes *a = &fresh.stage[0].state[0], *b = &again.stage[0].state[0];
	EXPECT(a->len == b->len && !memcmp(a->data, b->data, a->len));
	EXPECT(again.orphans.len == 0);
	begun_close(&again);
	begun_close(&fresh);
	close_rig(&r);
}

TEST(each_subtask_of_each_stage_has_a_state_even_if_it_is_empty)
{
	struct rig r;
	struct begun b;
	open_rig(&r, "\"parallelism\":3,", LINES "," WORDS "," COUNT "," OUT);
	make_files(&r);
	EXPECT_OK(begin(&r, &b, false), &r.e);
	EXPECT(b.n == 4);
	for (uint32_t i = 0; i < b.n; i++)
		EXPECT(b.stage[i].n == 3 && b.stage[i].state);
	begun_close(&b);
	begun_close(&b); /* again is legal */
	close_rig(&r);
}

TEST(a_section_of_a_subtask_that_never_was_is_corrupt)
{
	struct rig r;
	struct begun b;
	open_rig(&r, "", LINES "," WORDS "," COUNT "," OUT);
	make_files(&r);
	had(&r, "lines", "file_source", NULL, 0, true)->section[0].subtask = 7;
	EXPECT(begin(&r, &b, true) == E_CORRUPT);
	EXPECT(strstr(r.e.text, "subtask 7 of 1"));
	begun_close(&b);
	close_rig(&r);
}

TEST(inv31_inv32_a_begin_that_fails_leaves_nothing_behind)
{
	for (int io = 0; io < 2; io++)
		for (uint64_t n = 1;; n += n < 60 ? 1 : 17) {
			struct rig r;
			struct begun fresh, b;
			open_rig(&r, "\"parallelism\":2,", LINES "," WORDS "," COUNT "," OUT);
			make_files(&r);
			r.plan->stage[0].parallelism = 1;
			EXPECT_OK(begin(&r, &fresh, false), &r.e);
			section_in_a_part(&r, &fresh.stage[0].state[0]);
			begun_close(&fresh);
			uint64_t faults = fs_sim_faults(r.disk);
			r.mem.fail_at = io ? 0 : r.mem.calls + n;
			fs_sim_fault_at(r.disk, io ? fs_sim_count(r.disk) + n : 0, E_IO, false);
			enum rc rc = begin(&r, &b, true);
			bool hit = io ? fs_sim_faults(r.disk) > faults : r.mem.calls >= r.mem.fail_at;
			r.mem.fail_at = 0;
			EXPECT(rc == OK || (hit && rc == (io ? E_IO : E_NO_MEMORY)));
			begun_close(&b);
			close_rig(&r);
			if (!hit)
				break;
		}
}

/* ---- what changed ---- */

TEST(a_changed_job_is_shown_line_by_line)
{
	static const char before[] = "{\n  \"a\": 1,\n  \"b\": 2\n}\n";
	static const char after[] = "{\n  \"a\": 3,\n  \"b\": 2\n}\n";
	struct mem mem;
	struct bytes to;
	mem_init(&mem, 0);
	bytes_init(&to, &mem);
	job_difference(before, sizeof before - 1, after, sizeof after - 1, &to);
	assert_string_equal(bytes_text(&to), "  -   \"a\": 1,\n  +   \"a\": 3,\n");
	bytes_clear(&to);
	job_difference(before, sizeof before - 1, before, sizeof before - 1, &to);
	EXPECT(to.len == 0);
	bytes_close(&to);
	EXPECT(mem.used_bytes == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_state_of_the_same_job_fits),
		T(inv2_state_without_a_stage_is_refused_by_name),
		T(all_reasons_stand_together),
		T(inv39_state_of_a_later_version_is_refused_by_name),
		T(inv6_a_state_keeps_the_hash_it_began_with),
		T(a_directory_of_a_job_of_another_name_is_refused_with_the_cure),
		T(inv7_a_state_that_stands_in_a_part_comes_back_as_it_was),
		T(each_subtask_of_each_stage_has_a_state_even_if_it_is_empty),
		T(a_section_of_a_subtask_that_never_was_is_corrupt),
		T(inv31_inv32_a_begin_that_fails_leaves_nothing_behind),
		T(a_changed_job_is_shown_line_by_line),
	};
	return RUN(tests);
}
