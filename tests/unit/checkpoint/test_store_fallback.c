/* test_store_fallback.c - a newest checkpoint that cannot be restored (inv 16), one that is asked
 * for by id or name, pins, and what a sweep would remove. */
#include "life.h"

#include <stdlib.h>

#define PIECE "out/.weir-pending/u/p"
#define ASIDE "out/.superseded/9/p"

static enum rc open_at(struct disk *d, const struct store_options *so, struct store **s,
		       struct store_start *start, struct err *e)
{
	err_clear(e);
	return store_open(s, d->fs, &d->mem, so, start, e);
}

static struct store_options falling(void)
{
	struct store_options so = store_options_of(DIR);
	so.falls_back = true;
	return so;
}

/* The file only checkpoint 3 names, of a life of three. */
static void damage_newest(struct disk *d, char path[LAYOUT_PATH_MAX])
{
	struct store *s;
	struct store_start start;
	EXPECT_OK(look_at(d, false, &s, &start, &d->e), &d->e);
	layout_path(path, DIR, LAYOUT_PARTS, start.chosen->file[start.chosen->n_files - 1].name);
	store_close(s);
	EXPECT_OK(fs_sim_flip(d->sim, path, 999, &d->e), &d->e);
}

static void put(struct disk *d, const char *path)
{
	char folder[256];
	fs_dirname(path, folder, sizeof folder);
	EXPECT_OK(fs_mkdir_all(d->fs, folder, &d->e), &d->e);
	EXPECT_OK(fs_write_new(d->fs, path, "x", 1, &d->e), &d->e);
}

static bool is_there(struct disk *d, const char *path)
{
	struct fs_stat st;
	return fs_stat(d->fs, path, &st, NULL) == OK;
}

static const struct manifest_move two_moves[] = {{PIECE "1", ASIDE "1"}, {PIECE "2", ASIDE "2"}};

static void pieces(struct disk *d)
{
	put(d, PIECE "1");
	put(d, PIECE "2");
}

static enum rc fulfil(struct store *s, struct err *e)
{
	bool done = false;
	enum rc rc = OK;
	err_clear(e);
	while (rc == OK && !done)
		rc = store_todo_step(s, &done, e);
	return rc;
}

TEST(inv16_a_newest_that_is_damaged_gives_way_to_its_parent_and_stays_as_evidence)
{
	struct disk d;
	struct store *s;
	struct store_start start;
	struct store_options so = falling();
	char path[LAYOUT_PATH_MAX];
	disk_open(&d);
	live_once(&d, 3);
	damage_newest(&d, path);
	pieces(&d);
	EXPECT_OK(open_at(&d, &so, &s, &start, &d.e), &d.e);
	EXPECT(start.fell_back && start.chosen->id == 2 && start.bad_id == 3 && start.bad_slot == 4);
	EXPECT(strstr(start.bad_why, "is not what was written") && start.n_passed == 1);
	EXPECT(start.passed[0]->id == 3 && start.next_id == 4 && !start.rewinds && !start.todo);
	EXPECT_OK(store_plan_moves(s, two_moves, 2, &d.e), &d.e);
	EXPECT_OK(store_own(s, &start, &d.e), &d.e);
	EXPECT(is_there(&d, PIECE "1") && !is_there(&d, ASIDE "1"));
	EXPECT_OK(fulfil(s, &d.e), &d.e);
	EXPECT(!is_there(&d, PIECE "1") && is_there(&d, ASIDE "1") && is_there(&d, ASIDE "2"));
	store_close(s);
	/* Before any checkpoint: the next start finds the promise, done, and goes on from the
	 * parent. */
	struct owner o;
	EXPECT_OK(owner_begin(&o, d.fs, &d.mem, false, &d.e), &d.e);
	EXPECT(o.start.chosen->id == 2 && o.start.todo && o.start.todo->kind == TODO_FALLBACK);
	EXPECT_OK(fulfil(o.s, &d.e), &d.e);
	d.w.acked = 2;
	EXPECT_OK(live(&o, &d.w, 5, &d.e), &d.e);
	EXPECT(o.last.n_quarantined == 1 && o.last.quarantined[0] == 4 && o.last.id == 8);
	EXPECT(is_there(&d, path) && is_there(&d, DIR "/manifest/00000000000000000004"));
	owner_close(&o);
	EXPECT_OK(open_at(&d, &so, &s, &start, &d.e), &d.e);
	EXPECT(start.chosen->id == 8 && !start.fell_back && !start.todo);
	store_close(s);
	disk_close(&d);
}

TEST(inv16_without_an_older_checkpoint_or_a_caller_that_moves_it_is_refused)
{
	struct disk d;
	struct store *s;
	struct store_start start;
	struct store_options so = falling();
	char path[LAYOUT_PATH_MAX];
	disk_open(&d);
	live_once(&d, 1);
	damage_newest(&d, path);
	EXPECT(open_at(&d, &so, &s, &start, &d.e) == E_CORRUPT && strstr(d.e.text, "no older"));
	disk_close(&d);
	disk_open(&d);
	live_once(&d, 3);
	damage_newest(&d, path);
	EXPECT(look_at(&d, false, &s, &start, &d.e) == E_CORRUPT);
	disk_close(&d);
}

TEST(inv16_an_unreadable_manifest_is_passed_only_where_nothing_commits)
{
	struct disk d;
	struct store *s;
	struct store_start start;
	struct store_options so = falling();
	const char *path = DIR "/manifest/00000000000000000004";
	disk_open(&d);
	live_once(&d, 3);
	EXPECT_OK(fs_sim_flip(d.sim, path, 999, &d.e), &d.e);
	EXPECT(open_at(&d, &so, &s, &start, &d.e) == E_CORRUPT && strstr(d.e.text, "cannot be read"));
	so.commits = false;
	EXPECT_OK(open_at(&d, &so, &s, &start, &d.e), &d.e);
	EXPECT(start.fell_back && start.chosen->id == 2 && start.bad_slot == 4 && !start.bad_id);
	EXPECT_OK(store_plan_moves(s, NULL, 0, &d.e), &d.e);
	EXPECT_OK(store_own(s, &start, &d.e), &d.e);
	EXPECT_OK(fulfil(s, &d.e), &d.e);
	store_close(s);
	/* The fence above it makes it history. */
	struct owner o;
	EXPECT_OK(owner_begin(&o, d.fs, &d.mem, false, &d.e), &d.e);
	EXPECT(o.start.chosen->id == 2 && !o.start.fell_back);
	d.w.acked = 3;
	EXPECT_OK(live(&o, &d.w, 3, &d.e), &d.e);
	EXPECT(o.last.n_quarantined == 1 && is_there(&d, path));
	owner_close(&o);
	disk_close(&d);
}

/* F5b: the dead process had just committed the second piece. */
TEST(inv16_a_piece_that_is_gone_is_exit_6_and_the_others_go_back)
{
	struct disk d;
	struct store *s;
	struct store_start start;
	struct store_options so = falling();
	char path[LAYOUT_PATH_MAX];
	struct err e = {OK};
	disk_open(&d);
	live_once(&d, 3);
	damage_newest(&d, path);
	pieces(&d);
	EXPECT_OK(open_at(&d, &so, &s, &start, &d.e), &d.e);
	EXPECT_OK(store_plan_moves(s, two_moves, 2, &d.e), &d.e);
	EXPECT_OK(store_own(s, &start, &d.e), &d.e);
	EXPECT_OK(fs_unlink(d.fs, PIECE "2", &d.e), &d.e);
	EXPECT(fulfil(s, &e) == E_CORRUPT && strstr(e.text, PIECE "2"));
	EXPECT(is_there(&d, PIECE "1") && !is_there(&d, ASIDE "1"));
	store_close(s);
	/* F5c: again and again, without another fence. */
	for (int i = 0; i < 3; i++) {
		struct slot_list l;
		EXPECT(open_at(&d, &so, &s, &start, &e) == E_CORRUPT && strstr(e.text, PIECE "2"));
		EXPECT_OK(slots_list(slots_in(d.fs, DIR), &d.mem, &l, &d.e), &d.e);
		EXPECT(l.n == 5 && is_there(&d, PIECE "1") && !is_there(&d, ASIDE "1"));
		slot_list_close(&l);
	}
	/* Mended, it goes on from the newest, which is quarantined no more. */
	EXPECT_OK(fs_sim_flip(d.sim, path, 999, &d.e), &d.e);
	EXPECT_OK(open_at(&d, &so, &s, &start, &e), &e);
	EXPECT(start.chosen->id == 3 && !start.fell_back && !start.todo);
	EXPECT_OK(store_plan_moves(s, NULL, 0, &d.e), &d.e);
	EXPECT_OK(store_own(s, &start, &e), &e);
	EXPECT_OK(fulfil(s, &e), &e);
	EXPECT(is_there(&d, PIECE "1"));
	store_close(s);
	struct manifest m;
	EXPECT_OK(slots_read(slots_in(d.fs, DIR), &d.mem, 6, &m, &d.e), &d.e);
	EXPECT(m.parent == 4 && m.n_quarantined == 0 && m.todo.kind == TODO_NONE);
	EXPECT(slots_has(m.retained, m.n_retained, 4));
	manifest_close(&m);
	disk_close(&d);
}

TEST(inv16_a_piece_that_was_gone_before_changes_nothing)
{
	struct disk d;
	struct store *s;
	struct store_start start;
	struct store_options so = falling();
	char path[LAYOUT_PATH_MAX];
	struct err e = {OK};
	disk_open(&d);
	live_once(&d, 3);
	damage_newest(&d, path);
	put(&d, PIECE "1");
	EXPECT_OK(open_at(&d, &so, &s, &start, &d.e), &d.e);
	EXPECT(store_plan_moves(s, two_moves, 2, &e) == E_CORRUPT && strstr(e.text, PIECE "2"));
	store_close(s);
	EXPECT(is_there(&d, PIECE "1") && !is_there(&d, DIR "/manifest/00000000000000000005"));
	disk_close(&d);
}

/* Killed between the two moves: whoever starts next makes the second. */
TEST(inv16_moves_are_finished_by_the_next_owner)
{
	for (int power_cut = 0; power_cut < 2; power_cut++) {
		struct disk d;
		struct store *s;
		struct store_start start;
		struct store_options so = falling();
		struct rng r;
		bool done;
		char path[LAYOUT_PATH_MAX];
		disk_open(&d);
		rng_seed(&r, 5);
		live_once(&d, 3);
		damage_newest(&d, path);
		pieces(&d);
		EXPECT_OK(fs_sync_dir(d.fs, "out/.weir-pending/u", &d.e), &d.e);
		EXPECT_OK(open_at(&d, &so, &s, &start, &d.e), &d.e);
		EXPECT_OK(store_plan_moves(s, two_moves, 2, &d.e), &d.e);
		EXPECT_OK(store_own(s, &start, &d.e), &d.e);
		EXPECT_OK(store_todo_step(s, &done, &d.e), &d.e);
		EXPECT(!done && is_there(&d, ASIDE "1") && is_there(&d, PIECE "2"));
		fs_sim_crash_at(d.sim, fs_sim_count(d.sim) + 1);
		struct err e = {OK};
		EXPECT(store_todo_step(s, &done, &e) == E_CRASHED);
		store_close(s);
		if (power_cut)
			fs_sim_crash(d.sim, &r);
		else
			fs_sim_kill(d.sim);
		EXPECT_OK(open_at(&d, &so, &s, &start, &d.e), &d.e);
		EXPECT(start.chosen->id == 2 && start.todo->n == 2 && !start.fell_back);
		EXPECT_OK(store_plan_moves(s, NULL, 0, &d.e), &d.e);
		EXPECT_OK(store_own(s, &start, &d.e), &d.e);
		EXPECT_OK(fulfil(s, &d.e), &d.e);
		EXPECT(is_there(&d, ASIDE "1") && is_there(&d, ASIDE "2") && !is_there(&d, PIECE "2"));
		store_close(s);
		disk_close(&d);
	}
}

TEST(an_older_checkpoint_is_found_by_id_and_what_is_above_it_is_told)
{
	struct disk d;
	struct store *s;
	struct store_start start;
	struct store_options so = falling();
	struct err e = {OK};
	disk_open(&d);
	live_once(&d, 5);
	so.want = (struct store_want){.by = WANT_ID, .id = 4};
	EXPECT_OK(open_at(&d, &so, &s, &start, &e), &e);
	EXPECT(start.rewinds && !start.fell_back && start.chosen->id == 4 && start.next_id == 6);
	EXPECT(start.n_passed == 1 && start.passed[0]->id == 5);
	pieces(&d);
	EXPECT_OK(store_plan_moves(s, two_moves, 2, &e), &e);
	EXPECT_OK(store_own(s, &start, &e), &e);
	EXPECT_OK(fs_unlink(d.fs, PIECE "2", &d.e), &d.e); /* a consumer took it: no matter */
	EXPECT_OK(fulfil(s, &e), &e);
	EXPECT(is_there(&d, ASIDE "1"));
	store_close(s);
	so.want.id = 5; /* of a line that was left for good */
	EXPECT(open_at(&d, &so, &s, &start, &e) == E_REFUSED && strstr(e.text, "checkpoint 4"));
	so.want.id = 3; /* further back is no contradiction */
	EXPECT_OK(open_at(&d, &so, &s, &start, &e), &e);
	EXPECT(start.rewinds && start.chosen->id == 3);
	store_close(s);
	so.want.id = 1;
	EXPECT(open_at(&d, &so, &s, &start, &e) == E_NOT_FOUND && strstr(e.text, "kept: 5, 4, 3"));
	struct owner o;
	EXPECT_OK(owner_begin(&o, d.fs, &d.mem, false, &e), &e);
	EXPECT(o.start.chosen->id == 4);
	d.w.acked = 5;
	EXPECT_OK(live(&o, &d.w, 3, &e), &e);
	EXPECT(o.last.id == 8 && o.last.parent == o.last.slot - 1);
	owner_close(&o);
	expect_no_orphans(d.fs, &d.mem);
	so.want = (struct store_want){.by = WANT_ID, .id = 8}; /* the newest: nothing special */
	EXPECT_OK(open_at(&d, &so, &s, &start, &e), &e);
	EXPECT(!start.rewinds && start.chosen->id == 8);
	store_close(s);
	disk_close(&d);
}

struct told {
	size_t n;
	char path[64][128];
};

static void tell(void *arg, const char *path, uint64_t size_bytes, const char *why)
{
	struct told *t = arg;
	EXPECT(t->n < 64 && size_bytes && why[0]);
	snprintf(t->path[t->n++], sizeof t->path[0], "%s", path);
}

TEST(inv13_a_pin_outlives_retention_until_it_is_taken_back)
{
	struct disk d;
	struct owner o;
	disk_open(&d);
	EXPECT_OK(owner_begin(&o, d.fs, &d.mem, false, &d.e), &d.e);
	EXPECT_OK(live(&o, &d.w, 2, &d.e), &d.e);
	uint64_t slot = o.last.slot;
	struct err e = {OK};
	EXPECT(store_pin(o.s, 99, true, &e) == E_NOT_FOUND);
	EXPECT_OK(store_pin(o.s, slot, true, &d.e), &d.e);
	EXPECT_OK(live(&o, &d.w, 6, &d.e), &d.e);
	EXPECT(o.last.n_pinned == 1 && o.last.pinned[0] == slot && o.last.n_retained == 2);
	owner_close(&o);
	struct store *s;
	struct store_start start;
	struct store_options so = falling();
	so.want = (struct store_want){.by = WANT_ID, .id = 2}; /* it can be gone back to */
	EXPECT_OK(open_at(&d, &so, &s, &start, &d.e), &d.e);
	EXPECT(start.rewinds && start.chosen->slot == slot);
	store_close(s);
	EXPECT_OK(owner_begin(&o, d.fs, &d.mem, false, &d.e), &d.e);
	EXPECT_OK(store_pin(o.s, slot, false, &d.e), &d.e);
	EXPECT_OK(live(&o, &d.w, 1, &d.e), &d.e);
	EXPECT(o.last.n_pinned == 0);
	owner_close(&o);
	expect_no_orphans(d.fs, &d.mem);
	disk_close(&d);
}

TEST(inv13_what_is_being_exported_stays_as_if_pinned)
{
	struct disk d;
	struct owner o;
	disk_open(&d);
	EXPECT_OK(owner_begin(&o, d.fs, &d.mem, false, &d.e), &d.e);
	EXPECT_OK(live(&o, &d.w, 2, &d.e), &d.e);
	uint64_t slot = o.last.slot;
	EXPECT_OK(store_exporting(o.s, slot, true, &d.e), &d.e);
	EXPECT_OK(live(&o, &d.w, 4, &d.e), &d.e);
	EXPECT(o.last.n_pinned == 1 && o.last.pinned[0] == slot);
	EXPECT_OK(store_exporting(o.s, slot, false, &d.e), &d.e);
	EXPECT_OK(store_pin(o.s, slot, false, &d.e), &d.e);
	EXPECT_OK(live(&o, &d.w, 1, &d.e), &d.e);
	EXPECT(o.last.n_pinned == 0);
	owner_close(&o);
	expect_no_orphans(d.fs, &d.mem);
	disk_close(&d);
}

/* F13: what a pin on a finished directory does is a fence, and the job is finished still. */
TEST(inv20_a_fence_above_a_final_checkpoint_leaves_the_job_finished)
{
	struct disk d;
	struct owner o;
	struct store *s;
	struct store_start start;
	struct store_options so = store_options_of(DIR);
	disk_open(&d);
	EXPECT_OK(owner_begin(&o, d.fs, &d.mem, false, &d.e), &d.e);
	EXPECT_OK(live(&o, &d.w, 1, &d.e), &d.e);
	struct manifest m;
	make_checkpoint(&m, &d.mem, 2, NULL, NULL, 0);
	m.final = true;
	m.kind = CHECKPOINT_FINAL;
	EXPECT_OK(store_publish(o.s, &m, &d.e), &d.e);
	uint64_t slot = m.slot;
	manifest_close(&m);
	owner_close(&o);
	so.job_text = NULL;
	EXPECT_OK(open_at(&d, &so, &s, &start, &d.e), &d.e);
	EXPECT(start.final);
	EXPECT_OK(store_pin(s, slot, true, &d.e), &d.e);
	EXPECT_OK(store_own(s, &start, &d.e), &d.e);
	store_close(s);
	EXPECT_OK(look_at(&d, false, &s, &start, &d.e), &d.e);
	EXPECT(start.final && start.chosen->slot == slot);
	store_close(s);
	disk_close(&d);
}

TEST(inv14_gc_says_what_it_removes_and_removes_what_it_says)
{
	struct disk d;
	struct owner o;
	struct store *s;
	struct store_start start;
	struct told plan = {0}, again = {0};
	struct part_name n = {.lineage = 0xfeed0001, .epoch = 1, .attempt = 1, .checkpoint_id = 70};
	struct part_file file;
	struct section_ref ref[1];
	disk_open(&d);
	EXPECT_OK(owner_begin(&o, d.fs, &d.mem, false, &d.e), &d.e);
	for (int i = 0; i < 5; i++) /* and no sweep */
		EXPECT_OK(owner_checkpoint(&o, &d.w, &d.e), &d.e);
	EXPECT_OK(write_part(d.fs, &d.mem, DIR "/parts", &n, CODEC_LZ4, 1, 1, &file, ref, &d.e), &d.e);
	owner_close(&o);
	EXPECT_OK(look_at(&d, false, &s, &start, &d.e), &d.e);
	uint64_t count = fs_sim_count(d.sim);
	EXPECT_OK(store_gc_plan(s, 0, (struct sweep_ear){tell, &plan}, &d.e), &d.e);
	for (uint64_t i = count + 1; i <= fs_sim_count(d.sim); i++)
		EXPECT(!fs_sim_was_change(d.sim, i));
	EXPECT(plan.n == 3); /* two checkpoints' slots and the orphan: all files are still named */
	EXPECT_OK(store_own(s, &start, &d.e), &d.e);
	bool done = false;
	EXPECT_OK(store_gc_begin(s, &d.e), &d.e);
	while (!done)
		EXPECT_OK(store_sweep_step(s, &done, &d.e), &d.e);
	for (size_t i = 0; i < plan.n; i++) {
		char path[256];
		snprintf(path, sizeof path, DIR "/%s", plan.path[i]);
		EXPECT(!is_there(&d, path));
	}
	EXPECT_OK(store_gc_plan(s, 0, (struct sweep_ear){tell, &again}, &d.e), &d.e);
	EXPECT(again.n == 0);
	store_close(s);
	expect_sound(d.fs, &d.mem, &d.w);
	disk_close(&d);
}

/* A life that fell back behind checkpoint 3 and went on; path: what is damaged of it. */
static void fallen_and_gone_on(struct disk *d, char path[LAYOUT_PATH_MAX])
{
	struct store_options so = falling();
	struct store_start start;
	struct store *s;
	struct owner o;
	disk_open(d);
	live_once(d, 3);
	damage_newest(d, path);
	pieces(d);
	EXPECT_OK(open_at(d, &so, &s, &start, &d->e), &d->e);
	EXPECT_OK(store_plan_moves(s, two_moves, 2, &d->e), &d->e);
	EXPECT_OK(store_own(s, &start, &d->e), &d->e);
	EXPECT_OK(fulfil(s, &d->e), &d->e);
	store_close(s);
	EXPECT_OK(owner_begin(&o, d->fs, &d->mem, false, &d->e), &d->e);
	EXPECT_OK(fulfil(o.s, &d->e), &d->e);
	d->w.acked = 2;
	EXPECT_OK(live(&o, &d->w, 5, &d->e), &d->e);
	owner_close(&o);
}

static void gc(struct disk *d, bool drops, struct told *plan)
{
	struct store_options so = store_options_of(DIR);
	struct store_start start;
	struct store *s;
	bool done = false;
	so.drops_evidence = drops;
	EXPECT_OK(open_at(d, &so, &s, &start, &d->e), &d->e);
	EXPECT_OK(store_gc_plan(s, 0, (struct sweep_ear){tell, plan}, &d->e), &d->e);
	EXPECT_OK(store_own(s, &start, &d->e), &d->e);
	EXPECT_OK(store_gc_begin(s, &d->e), &d->e);
	while (!done)
		EXPECT_OK(store_sweep_step(s, &done, &d->e), &d->e);
	store_close(s);
}

#define SLOT_4 DIR "/manifest/00000000000000000004"

TEST(inv16_evidence_goes_when_asked_once_the_line_went_on)
{
	for (int drops = 0; drops < 2; drops++) {
		struct disk d;
		struct told plan = {0};
		char path[LAYOUT_PATH_MAX];
		fallen_and_gone_on(&d, path);
		gc(&d, drops, &plan);
		EXPECT(is_there(&d, path) == !drops && is_there(&d, SLOT_4) == !drops);
		EXPECT(plan.n == (drops ? 4u : 0u)); /* the slot, and three files that only it names */
		expect_sound(d.fs, &d.mem, &d.w);
		if (drops)
			expect_no_orphans(d.fs, &d.mem);
		disk_close(&d);
	}
}

TEST(inv16_evidence_that_cannot_be_read_stays_whoever_asks)
{
	struct disk d;
	struct told plan = {0};
	char path[LAYOUT_PATH_MAX];
	fallen_and_gone_on(&d, path);
	EXPECT_OK(fs_sim_flip(d.sim, SLOT_4, 999, &d.e), &d.e);
	gc(&d, true, &plan);
	EXPECT(is_there(&d, path) && is_there(&d, SLOT_4) && plan.n == 0);
	disk_close(&d);
}

/* Power cuts at each operation: the slot goes before its files, and the line is untouched. */
TEST(inv13_evidence_goes_in_an_order_that_may_stop_anywhere)
{
	for (uint64_t n = 1, more = 1; more; n++) {
		struct disk d;
		struct rng r;
		struct err e = {OK};
		struct store_options so = store_options_of(DIR);
		struct store_start start;
		struct store *s;
		struct told plan = {0};
		char path[LAYOUT_PATH_MAX];
		bool done = false;
		rng_seed(&r, n);
		fallen_and_gone_on(&d, path);
		so.drops_evidence = true;
		fs_sim_crash_at(d.sim, fs_sim_count(d.sim) + n);
		enum rc rc = open_at(&d, &so, &s, &start, &e);
		if (rc == OK && (rc = store_own(s, &start, &e)) == OK)
			rc = store_gc_begin(s, &e);
		while (rc == OK && !done)
			rc = store_sweep_step(s, &done, &e);
		store_close(s);
		more = fs_sim_crashed(d.sim);
		fs_sim_crash(d.sim, &r);
		EXPECT(!is_there(&d, SLOT_4) || is_there(&d, path));
		expect_sound(d.fs, &d.mem, &d.w);
		gc(&d, true, &plan);
		EXPECT(!is_there(&d, SLOT_4) && !is_there(&d, path));
		expect_no_orphans(d.fs, &d.mem);
		disk_close(&d);
	}
}

/* As fsck --repair leaves it: what it prepared may be committed, and only it says so. */
TEST(inv16_evidence_above_what_is_gone_on_from_stays)
{
	uint64_t bad[] = {4};
	struct manifest top = {.slot_kind = SLOT_FENCE, .slot = 5, .parent = 3, .quarantined = bad,
			       .n_quarantined = 1};
	EXPECT(retention_is_evidence(&top, true, 4) && !retention_is_evidence(&top, true, 3));
	top = (struct manifest){.slot_kind = SLOT_CHECKPOINT, .slot = 6, .parent = 3,
				.quarantined = bad, .n_quarantined = 1};
	EXPECT(!retention_is_evidence(&top, true, 4) && retention_is_evidence(&top, false, 4));
	top = (struct manifest){.slot_kind = SLOT_FENCE, .slot = 7, .parent = 6, .quarantined = bad,
				.n_quarantined = 1, .todo.kind = TODO_REWIND};
	EXPECT(retention_is_evidence(&top, true, 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv16_evidence_goes_when_asked_once_the_line_went_on),
		T(inv16_evidence_that_cannot_be_read_stays_whoever_asks),
		T(inv13_evidence_goes_in_an_order_that_may_stop_anywhere),
		T(inv16_evidence_above_what_is_gone_on_from_stays),
		T(inv16_a_newest_that_is_damaged_gives_way_to_its_parent_and_stays_as_evidence),
		T(inv16_without_an_older_checkpoint_or_a_caller_that_moves_it_is_refused),
		T(inv16_an_unreadable_manifest_is_passed_only_where_nothing_commits),
		T(inv16_a_piece_that_is_gone_is_exit_6_and_the_others_go_back),
		T(inv16_a_piece_that_was_gone_before_changes_nothing),
		T(inv16_moves_are_finished_by_the_next_owner),
		T(an_older_checkpoint_is_found_by_id_and_what_is_above_it_is_told),
		T(inv13_a_pin_outlives_retention_until_it_is_taken_back),
		T(inv13_what_is_being_exported_stays_as_if_pinned),
		T(inv20_a_fence_above_a_final_checkpoint_leaves_the_job_finished),
		T(inv14_gc_says_what_it_removes_and_removes_what_it_says),
	};
	return RUN(tests);
}
