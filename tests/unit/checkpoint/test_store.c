/* test_store.c - a job's directory: starting, publishing, keeping. */
#include "life.h"

#include <stdlib.h>
#include <unistd.h>

TEST(a_new_directory_begins_with_a_fence)
{
	struct disk d;
	disk_open(&d);
	struct owner o;
	EXPECT_OK(owner_begin(&o, d.fs, &d.mem, false, &d.e), &d.e);
	EXPECT(!o.start.existed && !o.start.chosen && o.start.epoch == 1 && o.start.next_id == 1);
	EXPECT(o.start.lineage == 0xfeed0001 && !strcmp(o.start.uuid, TEST_UUID));
	EXPECT(!o.start.job_before && !o.start.previous_pid);
	owner_close(&o);
	struct manifest m;
	EXPECT_OK(slots_read(slots_in(d.fs, DIR), &d.mem, 1, &m, &d.e), &d.e);
	EXPECT(m.slot_kind == SLOT_FENCE && m.parent == SLOT_NONE && m.n_retained == 0);
	manifest_close(&m);
	disk_close(&d);
}

TEST(a_refused_start_has_changed_nothing)
{
	struct disk d;
	disk_open(&d);
	live_once(&d, 2);
	struct store *s;
	struct store_start start;
	struct slot_list before, after;
	EXPECT_OK(slots_list(slots_in(d.fs, DIR), &d.mem, &before, &d.e), &d.e);
	EXPECT_OK(look_at(&d, false, &s, &start, &d.e), &d.e);
	EXPECT(start.chosen && start.chosen->id == 2 && start.verified.files == 2);
	EXPECT(start.previous_pid == 4211 && start.previous_seen_us > 0);
	EXPECT(start.job_before_len == 2 && !memcmp(start.job_before, "{}", 2));
	store_close(s);
	EXPECT_OK(slots_list(slots_in(d.fs, DIR), &d.mem, &after, &d.e), &d.e);
	EXPECT(before.n == after.n);
	slot_list_close(&before);
	slot_list_close(&after);
	disk_close(&d);
}

TEST(inv10_ids_and_epochs_rise_through_lives)
{
	struct disk d;
	disk_open(&d);
	uint64_t epoch = 0;
	for (int life = 0; life < 5; life++) {
		struct owner o;
		EXPECT_OK(owner_begin(&o, d.fs, &d.mem, false, &d.e), &d.e);
		EXPECT(o.start.epoch > epoch && o.start.next_id == d.w.acked + 1);
		EXPECT(o.last.id == d.w.acked);
		epoch = o.start.epoch;
		EXPECT_OK(live(&o, &d.w, 3, &d.e), &d.e);
		owner_close(&o);
		expect_sound(d.fs, &d.mem, &d.w);
		expect_no_orphans(d.fs, &d.mem);
	}
	EXPECT(d.w.acked == 15);
	disk_close(&d);
}

TEST(inv14_a_long_life_leaves_only_what_is_named)
{
	struct disk d;
	disk_open(&d);
	live_once(&d, 12);
	expect_no_orphans(d.fs, &d.mem);
	struct fs_names names;
	EXPECT_OK(fs_list(d.fs, DIR "/parts", &names, &d.e), &d.e);
	EXPECT(names.n == CHAIN + 2); /* the newest's chain, and two older ones' */
	fs_names_close(&names);
	disk_close(&d);
}

TEST(inv12_what_is_retained_stays_so_through_starts)
{
	struct disk d;
	disk_open(&d);
	live_once(&d, 1);
	live_once(&d, 0); /* a fence alone */
	live_once(&d, 1);
	live_once(&d, 1);
	struct slot_entries l;
	uint64_t id = 3;
	EXPECT_OK(slots_read_all(slots_in(d.fs, DIR), &d.mem, &l, &d.e), &d.e);
	for (size_t i = 0; i < l.n; i++)
		if (l.entry[i].m.slot_kind == SLOT_CHECKPOINT)
			EXPECT(l.entry[i].live && l.entry[i].m.id == id--);
	EXPECT(id == 0 && l.n == 7);
	slot_entries_close(&l);
	disk_close(&d);
}

TEST(retain_1_keeps_one)
{
	struct disk d;
	struct owner o = {0};
	struct store_options so = store_options_of(DIR);
	disk_open(&d);
	so.retain = 1;
	o.at = place_of(d.fs);
	o.mem = &d.mem;
	manifest_init(&o.last, &d.mem);
	EXPECT_OK(store_open(&o.s, d.fs, &d.mem, &so, &o.start, &d.e), &d.e);
	EXPECT_OK(store_own(o.s, &o.start, &d.e), &d.e);
	o.next_id = 1;
	EXPECT_OK(live(&o, &d.w, 4, &d.e), &d.e);
	EXPECT(d.w.acked == 4 && o.last.n_retained == 0 && o.last.parent == 4);
	owner_close(&o);
	struct slot_list l;
	EXPECT_OK(slots_list(slots_in(d.fs, DIR), &d.mem, &l, &d.e), &d.e);
	EXPECT(l.n == 2 && l.slot[0] == 1 && l.slot[1] == 5);
	slot_list_close(&l);
	expect_sound(d.fs, &d.mem, &d.w);
	expect_no_orphans(d.fs, &d.mem);
	disk_close(&d);
}

TEST(a_listing_says_which_checkpoints_are_intact)
{
	struct disk d;
	disk_open(&d);
	live_once(&d, 3);
	struct slot_entries l;
	struct storage parts = parts_in(d.fs, DIR);
	char path[LAYOUT_PATH_MAX];
	struct verify_result r;
	EXPECT_OK(slots_read_all(slots_in(d.fs, DIR), &d.mem, &l, &d.e), &d.e);
	EXPECT(l.n == 4 && l.entry[0].m.id == 3 && l.entry[3].m.slot_kind == SLOT_FENCE);
	layout_path(path, DIR, LAYOUT_PARTS, l.entry[1].m.file[1].name); /* of 2; so 3 has it too */
	EXPECT_OK(fs_sim_flip(d.sim, path, 999, &d.e), &d.e);
	enum verify_verdict want[] = {VERIFY_CORRUPT, VERIFY_CORRUPT, VERIFY_INTACT};
	for (int i = 0; i < 3; i++) {
		EXPECT_OK(verify_manifest(parts, &d.mem, &l.entry[i].m, VERIFY_HASHES, &r, &d.e), &d.e);
		EXPECT(r.verdict == want[i]);
		EXPECT_OK(verify_manifest(parts, &d.mem, &l.entry[i].m, VERIFY_LENGTHS, &r, &d.e), &d.e);
		EXPECT(r.verdict == VERIFY_INTACT);
	}
	EXPECT_OK(fs_sim_flip(d.sim, path, 999, &d.e), &d.e);
	struct verify_memo memo = {0};
	uint64_t files = 0, bytes = 0;
	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; i < 3; i++) {
			EXPECT_OK(verify_manifest_once(parts, &d.mem, &l.entry[i].m, VERIFY_HASHES, &memo, &r,
						       &d.e), &d.e);
			EXPECT(r.verdict == VERIFY_INTACT && r.files == l.entry[i].m.n_files);
			bytes += r.bytes;
		}
	for (uint32_t i = 0; i < l.entry[0].m.n_files; i++) /* 3 names all there are */
		files += l.entry[0].m.file[i].length;
	EXPECT(bytes == files && memo.n == 3); /* each was read once */
	verify_memo_close(&memo, &d.mem);
	slot_entries_close(&l);
	/* A manifest that cannot be read is listed with its error. */
	EXPECT_OK(fs_sim_flip(d.sim, DIR "/manifest/00000000000000000002", 999, &d.e), &d.e);
	EXPECT_OK(slots_read_all(slots_in(d.fs, DIR), &d.mem, &l, &d.e), &d.e);
	EXPECT(l.n == 4 && l.entry[2].rc == E_CORRUPT && strstr(l.entry[2].err.text, "00002"));
	EXPECT(l.entry[2].live && l.entry[0].live && !l.entry[3].live);
	slot_entries_close(&l);
	disk_close(&d);
}

TEST(inv31_publish_survives_any_failing_allocation)
{
	struct disk d;
	disk_open(&d);
	struct owner o;
	struct manifest m;
	bool failed = true;
	EXPECT_OK(owner_begin(&o, d.fs, &d.mem, false, &d.e), &d.e);
	make_checkpoint(&m, &d.mem, 1, NULL, NULL, 0);
	m.op[1].n_keyed = 0;
	for (uint64_t at = 1; failed; at++) {
		struct err e = {OK};
		d.mem.fail_at = d.mem.calls + at;
		enum rc rc = store_publish(o.s, &m, &e);
		failed = rc != OK;
		EXPECT(rc == OK || rc == E_NO_MEMORY);
		EXPECT(store_slot(o.s) == (failed ? 1 : 2));
	}
	d.mem.fail_at = 0;
	manifest_close(&m);
	owner_close(&o);
	disk_close(&d);
}

TEST(inv10_an_id_in_a_name_is_not_used_again)
{
	struct disk d;
	disk_open(&d);
	live_once(&d, 1);
	EXPECT_OK(fs_write_new(d.fs, DIR "/parts/feed0001-1-1-00000000000000000041.part", "x", 1, &d.e),
		  &d.e);
	struct owner o;
	EXPECT_OK(owner_begin(&o, d.fs, &d.mem, false, &d.e), &d.e);
	EXPECT(o.next_id == 42);
	EXPECT_OK(live(&o, &d.w, 1, &d.e), &d.e);
	owner_close(&o);
	expect_no_orphans(d.fs, &d.mem); /* inv 14: and the orphan is gone */
	disk_close(&d);
}

TEST(inv13_fences_stay_while_checkpoints_retire)
{
	struct disk d;
	disk_open(&d);
	for (int life = 0; life < 3; life++)
		live_once(&d, 5);
	struct slot_entries l;
	EXPECT_OK(slots_read_all(slots_in(d.fs, DIR), &d.mem, &l, &d.e), &d.e);
	size_t fences = 0, checkpoints = 0;
	for (size_t i = 0; i < l.n; i++) {
		fences += l.entry[i].m.slot_kind == SLOT_FENCE;
		checkpoints += l.entry[i].m.slot_kind == SLOT_CHECKPOINT;
		EXPECT(l.entry[i].live == (l.entry[i].m.slot_kind == SLOT_CHECKPOINT));
	}
	EXPECT(fences == 3 && checkpoints == 3);
	slot_entries_close(&l);
	disk_close(&d);
}

TEST(inv25_a_second_process_is_refused_and_told_who_has_it)
{
	struct disk d;
	disk_open(&d);
	struct owner o;
	EXPECT_OK(owner_begin(&o, d.fs, &d.mem, false, &d.e), &d.e);
	struct store *s;
	struct store_start start;
	struct err e = {OK};
	EXPECT(look_at(&d, false, &s, &start, &e) == E_REFUSED);
	EXPECT(strstr(e.text, "4211") && strstr(e.text, "since") && strstr(e.text, DIR));
	EXPECT(!s && err_exit_code(E_REFUSED) == 5);
	owner_close(&o);
	EXPECT_OK(look_at(&d, false, &s, &start, &d.e), &d.e);
	store_close(s);
	disk_close(&d);
}

TEST(a_finished_job_is_said_to_be_finished_and_no_fence_is_linked)
{
	struct disk d;
	disk_open(&d);
	struct owner o;
	EXPECT_OK(owner_begin(&o, d.fs, &d.mem, false, &d.e), &d.e);
	EXPECT_OK(live(&o, &d.w, 1, &d.e), &d.e);
	struct manifest m;
	make_checkpoint(&m, &d.mem, o.next_id, NULL, NULL, 0);
	m.final = true;
	m.kind = CHECKPOINT_FINAL;
	EXPECT_OK(manifest_carry_run(&m, &m.op[1].keyed[0], &o.last, &o.last.op[1].keyed[0].run[0],
				     &d.e), &d.e);
	EXPECT_OK(store_publish(o.s, &m, &d.e), &d.e);
	manifest_close(&m);
	owner_close(&o);
	struct store *s;
	struct store_start start;
	EXPECT_OK(look_at(&d, false, &s, &start, &d.e), &d.e);
	EXPECT(start.final && start.chosen->id == 2 && start.chosen->n_intents == 1);
	store_close(s);
	EXPECT_OK(look_at(&d, true, &s, &start, &d.e), &d.e); /* unless it begins anew */
	EXPECT(!start.final && !start.chosen && start.below_id == 2);
	store_close(s);
	disk_close(&d);
}

TEST(fresh_begins_a_lineage_and_the_old_state_goes_only_after_a_checkpoint)
{
	struct disk d;
	disk_open(&d);
	live_once(&d, 3);
	struct owner o;
	EXPECT_OK(owner_begin(&o, d.fs, &d.mem, true, &d.e), &d.e);
	EXPECT(!o.start.chosen && o.start.existed && o.start.below_id == 3 && o.start.next_id == 4);
	EXPECT(o.start.lineage == 0xfeed0002 && !strcmp(o.start.uuid, TEST_UUID) && o.last.id == 0);
	EXPECT_OK(owner_sweep(&o, &d.e), &d.e); /* nothing published: nothing goes */
	owner_close(&o);
	struct slot_entries l;
	EXPECT_OK(slots_read_all(slots_in(d.fs, DIR), &d.mem, &l, &d.e), &d.e);
	for (size_t i = 0; i < l.n; i++) {
		struct verify_result r;
		EXPECT_OK(verify_manifest(parts_in(d.fs, DIR), &d.mem, &l.entry[i].m, VERIFY_HASHES, &r,
					  &d.e), &d.e);
		EXPECT(r.verdict == VERIFY_INTACT);
	}
	EXPECT(l.n == 5);
	slot_entries_close(&l);
	/* The next start, without --fresh, goes on with the new lineage. */
	EXPECT_OK(owner_begin(&o, d.fs, &d.mem, false, &d.e), &d.e);
	EXPECT(!o.start.chosen && o.start.lineage == 0xfeed0002 && o.start.below_id == 3);
	EXPECT_OK(live(&o, &d.w, 1, &d.e), &d.e);
	EXPECT(o.last.parent == SLOT_NONE && o.last.n_retained == 0);
	owner_close(&o);
	expect_sound(d.fs, &d.mem, &d.w);
	expect_no_orphans(d.fs, &d.mem);
	disk_close(&d);
}

TEST(a_changed_job_file_is_kept_beside_the_one_before)
{
	struct disk d;
	disk_open(&d);
	live_once(&d, 1);
	struct store_options so = store_options_of(DIR);
	so.job_text = "{\"name\":\"new\"}";
	so.job_len = strlen(so.job_text);
	struct store *s;
	struct store_start start;
	EXPECT_OK(store_open(&s, d.fs, &d.mem, &so, &start, &d.e), &d.e);
	EXPECT(start.job_before_len == 2);
	EXPECT_OK(store_own(s, &start, &d.e), &d.e);
	store_close(s);
	EXPECT_OK(look_at(&d, false, &s, &start, &d.e), &d.e);
	EXPECT(start.job_before_len == so.job_len);
	EXPECT(!memcmp(start.job_before, so.job_text, so.job_len));
	store_close(s);
	disk_close(&d);
}

TEST(inv31_any_failing_allocation_leaves_a_sound_directory)
{
	struct disk d;
	disk_open(&d);
	live_once(&d, 2);
	struct rng r;
	rng_seed(&r, 31);
	for (uint64_t at = 1;; at += at < 40 ? 1 : 1 + rng_below(&r, 9)) {
		struct owner o;
		struct err e = {OK};
		d.mem.fail_at = d.mem.calls + at;
		enum rc rc = owner_begin(&o, d.fs, &d.mem, false, &e);
		bool beginning = d.mem.calls >= d.mem.fail_at;
		EXPECT(rc == OK || rc == E_NO_MEMORY);
		/* A manifest's maker is not under test here: only publish and sweep. */
		uint64_t fail_at = d.mem.fail_at;
		d.mem.fail_at = 0;
		if (rc == OK && !beginning) {
			EXPECT_OK(owner_checkpoint(&o, &d.w, &d.e), &d.e);
			d.mem.fail_at = d.mem.calls + 1 + rng_below(&r, 60);
			rc = owner_sweep(&o, &e);
			EXPECT(rc == OK || rc == E_NO_MEMORY);
			d.mem.fail_at = 0;
			EXPECT_OK(owner_sweep(&o, &d.e), &d.e);
		}
		owner_close(&o);
		expect_sound(d.fs, &d.mem, &d.w);
		if (d.mem.calls < fail_at || !beginning)
			break;
	}
	expect_no_orphans(d.fs, &d.mem);
	disk_close(&d);
}

TEST(the_same_life_on_a_real_disk)
{
	struct mem mem;
	struct err e = {OK};
	struct fs_real real;
	struct witness w = {0};
	char dir[64] = "/tmp/weir-test-XXXXXX", cmd[128];
	mem_init(&mem, 0);
	fs_real_init(&real, &mem);
	EXPECT(mkdtemp(dir) && !chdir(dir));
	for (int life = 0; life < 2; life++) {
		struct owner o;
		EXPECT_OK(owner_begin(&o, &real.fs, &mem, false, &e), &e);
		EXPECT(o.last.id == w.acked);
		EXPECT_OK(live(&o, &w, 5, &e), &e);
		owner_close(&o);
	}
	EXPECT(w.acked == 10);
	expect_sound(&real.fs, &mem, &w);
	expect_no_orphans(&real.fs, &mem);
	EXPECT(!chdir("/tmp"));
	snprintf(cmd, sizeof cmd, "rm -r %s", dir);
	EXPECT(!system(cmd));
	EXPECT(mem.used_bytes == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_new_directory_begins_with_a_fence),
		T(a_refused_start_has_changed_nothing),
		T(inv10_ids_and_epochs_rise_through_lives),
		T(inv14_a_long_life_leaves_only_what_is_named),
		T(inv12_what_is_retained_stays_so_through_starts),
		T(retain_1_keeps_one),
		T(a_listing_says_which_checkpoints_are_intact),
		T(inv31_publish_survives_any_failing_allocation),
		T(inv10_an_id_in_a_name_is_not_used_again),
		T(inv13_fences_stay_while_checkpoints_retire),
		T(inv25_a_second_process_is_refused_and_told_who_has_it),
		T(a_finished_job_is_said_to_be_finished_and_no_fence_is_linked),
		T(fresh_begins_a_lineage_and_the_old_state_goes_only_after_a_checkpoint),
		T(a_changed_job_file_is_kept_beside_the_one_before),
		T(inv31_any_failing_allocation_leaves_a_sound_directory),
		T(the_same_life_on_a_real_disk),
	};
	return RUN(tests);
}
