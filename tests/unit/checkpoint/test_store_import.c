/* test_store_import.c - another directory's state was begun to be taken over here, and that was not
 * finished: what may be started from then, and what of the directory's own is left. So too where a
 * line was begun anew. */
#include "life.h"

#define OTHER_UUID "99999999-89ab-4cde-8f01-23456789abcd"
#define PIECE "out/part-"
#define ASIDE "out/.superseded/5/part-"
enum { OWN_LINEAGE = 0xfeed0001, THERE = 0xbeef0003, BEGUN = 0xfeed0002 };

static const struct manifest_move two_moves[] = {{PIECE "1", ASIDE "1"}, {PIECE "2", ASIDE "2"}};

/* A checkpoint of that job, in another directory. */
static struct manifest_origin there(const char *uuid, uint64_t slot)
{
	struct manifest_origin o = {.lineage = THERE, .id = slot - 1, .slot = slot};
	memcpy(o.uuid, uuid, UUID_TEXT);
	return o;
}

static struct store_options asking(enum store_want_by by, uint64_t id,
				   const struct manifest_origin *from)
{
	struct store_options so = store_options_of(DIR);
	so.falls_back = so.imports = true;
	so.want = (struct store_want){.by = by, .id = id, .origin = from};
	so.new_lineage = BEGUN;
	return so;
}

static enum rc open_at(struct disk *d, const struct store_options *so, struct store **s,
		       struct store_start *start, struct err *e)
{
	err_clear(e);
	return store_open(s, d->fs, &d->mem, so, start, e);
}

/* Killed after its fence, and after so many of its moves. */
static void begin_import(struct disk *d, const struct manifest_origin *from, bool fresh,
			 uint32_t n_moves, int made)
{
	struct store *s;
	struct store_start start;
	struct store_options so = asking(WANT_IMPORT, 0, from);
	struct manifest_move move[ARRAY_LEN(two_moves)];
	struct manifest_todo t = {.kind = TODO_IMPORT, .source = "far", .slot = from->slot,
				  .lineage = from->lineage, .move = move, .n = n_moves};
	memcpy(move, two_moves, sizeof move);
	memcpy(t.uuid, from->uuid, UUID_TEXT);
	so.fresh = fresh;
	EXPECT_OK(open_at(d, &so, &s, &start, &d->e), &d->e);
	EXPECT(start.imports && !start.todo && !start.chosen);
	EXPECT_OK(store_plan_import(s, &t, &from->lineage, 1, &d->e), &d->e);
	EXPECT_OK(store_own(s, &start, &d->e), &d->e);
	for (bool done = false; made-- > 0;)
		EXPECT_OK(store_todo_step(s, &done, &d->e), &d->e);
	store_close(s);
}

static void put(struct disk *d, const char *path)
{
	EXPECT_OK(fs_mkdir_all(d->fs, "out", &d->e), &d->e);
	EXPECT_OK(fs_write_new(d->fs, path, "x", 1, &d->e), &d->e);
	EXPECT_OK(fs_sync_dir(d->fs, "out", &d->e), &d->e);
}

static void open_begun(struct disk *d, const char *uuid, uint32_t n_moves, int made)
{
	struct manifest_origin from = there(uuid, 7);
	disk_open(d);
	live_once(d, 3);
	put(d, PIECE "1");
	put(d, PIECE "2");
	begin_import(d, &from, strcmp(uuid, TEST_UUID) != 0, n_moves, made);
}

static void expect_refused(struct disk *d, const struct store_options *so, const char *says)
{
	struct store *s;
	struct store_start start;
	struct err e = {OK};
	EXPECT(open_at(d, so, &s, &start, &e) == E_REFUSED);
	if (!strstr(e.text, says))
		fail_msg("'%s' is not in: %s", says, e.text);
}

TEST(an_import_that_cannot_be_finished_is_given_up_for_the_newest_of_our_own)
{
	struct disk d;
	struct owner o = {0};
	struct store_options so = asking(WANT_ID, 3, NULL);
	open_begun(&d, TEST_UUID, 0, 0);
	o.at = place_of(d.fs);
	o.mem = &d.mem;
	manifest_init(&o.last, &d.mem);
	EXPECT_OK(open_at(&d, &so, &o.s, &o.start, &d.e), &d.e);
	EXPECT(o.start.chosen && o.start.chosen->id == 3 && !o.start.imports && !o.start.todo);
	/* As before the import: there is nothing to go back over. */
	EXPECT(!o.start.rewinds && !o.start.fell_back && !o.start.n_passed);
	EXPECT(o.start.lineage == OWN_LINEAGE && o.start.next_id == 4 && !o.start.n_accepts);
	EXPECT_OK(store_plan_moves(o.s, NULL, 0, &d.e), &d.e);
	EXPECT_OK(store_own(o.s, &o.start, &d.e), &d.e);
	EXPECT(store_top(o.s)->todo.kind == TODO_NONE && store_top(o.s)->n_retained == 3);
	EXPECT_OK(store_newest(o.s, &o.last, &d.e), &d.e);
	o.next_id = o.start.next_id;
	EXPECT_OK(live(&o, &d.w, 2, &d.e), &d.e); /* with files of before the import */
	EXPECT(o.last.id == 5 && o.last.lineage == OWN_LINEAGE);
	owner_close(&o);
	expect_sound(d.fs, &d.mem, &d.w);
	expect_no_orphans(d.fs, &d.mem);
	disk_close(&d);
}

TEST(or_for_an_older_one_which_is_a_rewind)
{
	struct disk d;
	struct store *s;
	struct store_start start;
	struct store_options so = asking(WANT_ID, 2, NULL);
	open_begun(&d, TEST_UUID, 0, 0);
	EXPECT_OK(open_at(&d, &so, &s, &start, &d.e), &d.e);
	EXPECT(start.chosen->id == 2 && start.rewinds && !start.todo && start.n_passed == 1);
	EXPECT(start.passed[0]->id == 3 && start.lineage == OWN_LINEAGE);
	EXPECT_OK(store_plan_moves(s, two_moves, 2, &d.e), &d.e);
	EXPECT_OK(store_own(s, &start, &d.e), &d.e);
	EXPECT(store_top(s)->todo.kind == TODO_REWIND && store_top(s)->todo.n == 2);
	store_close(s);
	so = asking(WANT_ID, 9, NULL);
	EXPECT(open_at(&d, &so, &s, &start, &d.e) == E_NOT_FOUND && strstr(d.e.text, "kept: 3, 2"));
	disk_close(&d);
}

/* It was being gone on without: what it prepared is unknown, so it is gone back behind. */
TEST(inv16_below_a_newest_that_could_not_be_read_it_is_a_rewind_too)
{
	struct disk d;
	struct store *s;
	struct store_start start;
	struct manifest_origin from = there(TEST_UUID, 7);
	struct store_options so = asking(WANT_ID, 2, NULL);
	disk_open(&d);
	live_once(&d, 3);
	EXPECT_OK(fs_sim_flip(d.sim, DIR "/manifest/00000000000000000004", 999, &d.e), &d.e);
	begin_import(&d, &from, false, 0, 0);
	EXPECT_OK(open_at(&d, &so, &s, &start, &d.e), &d.e);
	EXPECT(start.chosen->id == 2 && start.rewinds);
	store_close(s);
	disk_close(&d);
}

TEST(a_job_that_had_finished_before_the_import_has_finished_still)
{
	struct disk d;
	struct owner o;
	struct store *s;
	struct store_start start;
	struct manifest m;
	struct manifest_origin from = there(TEST_UUID, 7);
	struct store_options so = asking(WANT_ID, 2, NULL);
	disk_open(&d);
	EXPECT_OK(owner_begin(&o, d.fs, &d.mem, false, &d.e), &d.e);
	EXPECT_OK(live(&o, &d.w, 1, &d.e), &d.e);
	make_checkpoint(&m, &d.mem, 2, NULL, NULL, 0);
	m.final = true;
	m.kind = CHECKPOINT_FINAL;
	EXPECT_OK(store_publish(o.s, &m, &d.e), &d.e);
	manifest_close(&m);
	owner_close(&o);
	begin_import(&d, &from, false, 0, 0);
	EXPECT_OK(open_at(&d, &so, &s, &start, &d.e), &d.e);
	EXPECT(start.final && start.chosen->id == 2 && !start.rewinds);
	store_close(s);
	disk_close(&d);
}

/* Owns and makes all steps of what the look says is to be brought back. False: crashed. */
static bool bring_back(struct disk *d, struct store *s, struct store_start *start)
{
	bool done = false;
	err_clear(&d->e);
	enum rc rc = store_own(s, start, &d->e);
	while (rc == OK && !done)
		rc = store_todo_step(s, &done, &d->e);
	if (rc != OK && !fs_sim_crashed(d->sim))
		fail_msg("%s", d->e.text);
	return rc == OK;
}

static bool is_put(struct disk *d, const char *path)
{
	struct fs_stat st;
	return fs_stat(d->fs, path, &st, NULL) == OK;
}

/* Its own checkpoints counted on that output: with the source lost they go on with it again. A
 * crash anywhere on the way back, by kill or power cut; the next start asks for what the first one
 * asked for, or, once its fence stands, for nothing. */
static void expect_brought_back(const struct store_options *asked, int made, uint64_t n)
{
	struct disk d;
	struct store *s;
	struct store_start start;
	struct store_options so = *asked;
	struct rng r;
	bool more = true;
	open_begun(&d, TEST_UUID, 2, made);
	EXPECT_OK(open_at(&d, &so, &s, &start, &d.e), &d.e);
	EXPECT(start.undoes && start.chosen->id == 3 && start.lineage == OWN_LINEAGE);
	EXPECT(!start.imports && !start.rewinds && !start.fell_back && !start.final);
	fs_sim_crash_at(d.sim, fs_sim_count(d.sim) + n);
	more = !bring_back(&d, s, &start);
	store_close(s);
	rng_seed(&r, n);
	if (n % 2)
		fs_sim_crash(d.sim, &r);
	else
		fs_sim_kill(d.sim);
	/* Nobody but a run may go on while it is half done. */
	struct store_options idle = asking(WANT_NEWEST, 0, NULL);
	idle.imports = false;
	if (more && open_at(&d, &idle, &s, &start, &d.e) == OK) {
		EXPECT(is_put(&d, PIECE "1") && is_put(&d, PIECE "2"));
		store_close(s);
	}
	struct store_options plain = asking(WANT_NEWEST, 0, NULL);
	EXPECT_OK(open_at(&d, &plain, &s, &start, &d.e), &d.e);
	if (start.imports) { /* nothing has happened yet */
		store_close(s);
		EXPECT_OK(open_at(&d, &so, &s, &start, &d.e), &d.e);
		EXPECT(start.undoes);
	}
	if (start.undoes) {
		EXPECT(bring_back(&d, s, &start));
		store_close(s);
		EXPECT_OK(open_at(&d, &plain, &s, &start, &d.e), &d.e);
	}
	EXPECT(!start.undoes && start.chosen->id == 3 && start.lineage == OWN_LINEAGE && !start.todo);
	EXPECT(is_put(&d, PIECE "1") && is_put(&d, PIECE "2"));
	EXPECT(!is_put(&d, ASIDE "1") && !is_put(&d, ASIDE "2"));
	EXPECT_OK(store_plan_moves(s, NULL, 0, &d.e), &d.e);
	EXPECT_OK(store_own(s, &start, &d.e), &d.e);
	EXPECT(store_top(s)->todo.kind == TODO_NONE && store_top(s)->n_retained == 3);
	store_close(s);
	/* And what was asked for is not asked to undo anything any more. */
	enum rc rc = open_at(&d, &so, &s, &start, &d.e);
	EXPECT(rc == OK ? !start.undoes : so.want.by == WANT_IMPORT && rc == E_REFUSED);
	if (rc == OK)
		store_close(s);
	disk_close(&d);
}

TEST(inv12_what_was_moved_aside_for_an_import_comes_back_before_anything_else_goes_on)
{
	struct manifest_origin other = there(TEST_UUID, 9);
	struct store_options so[] = {asking(WANT_ID, 3, NULL), asking(WANT_ID, 2, NULL),
				     asking(WANT_IMPORT, 0, &other), asking(WANT_NEWEST, 0, NULL)};
	so[2].new_lineage = so[3].new_lineage = BEGUN + 1;
	so[3].fresh = true;
	for (size_t i = 0; i < ARRAY_LEN(so); i++)
		for (int made = 0; made < 3; made++)
			for (uint64_t n = 1; n < 40; n++) /* a way back has fewer operations */
				expect_brought_back(&so[i], made, n);
}

TEST(what_is_not_kept_gives_up_no_import)
{
	struct disk d;
	struct store *s;
	struct store_start start;
	open_begun(&d, TEST_UUID, 2, 1);
	struct store_options so = asking(WANT_ID, 9, NULL);
	EXPECT(open_at(&d, &so, &s, &start, &d.e) == E_NOT_FOUND && strstr(d.e.text, "kept: 3, 2"));
	so = asking(WANT_NEWEST, 0, NULL);
	EXPECT_OK(open_at(&d, &so, &s, &start, &d.e), &d.e);
	EXPECT(start.imports && start.todo && start.todo->n == 2);
	store_close(s);
	/* The same, wherever it is now, goes on with the moves. */
	struct manifest_origin same = there(TEST_UUID, 7);
	so = asking(WANT_IMPORT, 0, &same);
	so.new_lineage = BEGUN + 1;
	EXPECT_OK(open_at(&d, &so, &s, &start, &d.e), &d.e);
	EXPECT(start.imports && start.todo && start.todo->n == 2 && start.lineage == BEGUN);
	EXPECT(!strcmp(start.todo->move[1].to, ASIDE "2"));
	store_close(s);
	disk_close(&d);
}

/* Nothing here could go on with the output that is aside, and nothing but that import knows it. */
TEST(where_nothing_of_our_own_is_kept_another_import_does_not_take_its_place)
{
	struct disk d;
	struct store *s;
	struct store_start start;
	struct manifest_origin from = there(TEST_UUID, 7), other = there(TEST_UUID, 9);
	disk_open(&d);
	put(&d, PIECE "1");
	put(&d, PIECE "2");
	begin_import(&d, &from, false, 2, 1);
	struct store_options so = asking(WANT_IMPORT, 0, &other);
	expect_refused(&d, &so, "comes first");
	expect_refused(&d, &so, PIECE "1");
	so.fresh = true;
	expect_refused(&d, &so, "comes first");
	/* From nothing it may, and says what stays where it is. */
	so = asking(WANT_NEWEST, 0, NULL);
	so.fresh = true;
	EXPECT_OK(open_at(&d, &so, &s, &start, &d.e), &d.e);
	EXPECT(!start.undoes && !start.chosen && start.left && start.left->n == 2);
	store_close(s);
	disk_close(&d);
}

TEST(without_moves_another_checkpoint_of_the_job_may_take_its_place)
{
	struct disk d;
	struct store *s;
	struct store_start start;
	struct manifest_origin other = there(TEST_UUID, 9);
	struct store_options so = asking(WANT_IMPORT, 0, &other);
	open_begun(&d, TEST_UUID, 0, 0);
	so.new_lineage = BEGUN + 1;
	EXPECT_OK(open_at(&d, &so, &s, &start, &d.e), &d.e);
	EXPECT(start.imports && !start.todo && start.n_passed == 3 && start.lineage == BEGUN + 1);
	store_close(s);
	disk_close(&d);
}

/* The fence has no parent; the checkpoints it lists are the directory's own all the same. */
TEST(another_jobs_state_needs_fresh_as_long_as_our_own_is_kept)
{
	struct disk d;
	struct store *s;
	struct store_start start;
	struct manifest_origin foreign = there(OTHER_UUID, 7);
	struct store_options so = asking(WANT_IMPORT, 0, &foreign);
	open_begun(&d, TEST_UUID, 0, 0);
	expect_refused(&d, &so, "state of its own (checkpoint 3)");
	so.fresh = true;
	EXPECT_OK(open_at(&d, &so, &s, &start, &d.e), &d.e);
	EXPECT(start.imports);
	store_close(s);
	disk_close(&d);
	/* Begun with it, it is repeated without. */
	open_begun(&d, OTHER_UUID, 0, 0);
	so.fresh = false;
	EXPECT_OK(open_at(&d, &so, &s, &start, &d.e), &d.e);
	EXPECT(start.imports && start.todo);
	store_close(s);
	disk_close(&d);
}

TEST(what_cannot_be_done_beside_it_is_told_without_giving_up_what_is_kept)
{
	struct disk d;
	struct err e = {OK};
	struct store *s;
	struct store_start start;
	struct store_options so = asking(WANT_NEWEST, 0, NULL);
	so.imports = false; /* a pin, a gc */
	open_begun(&d, TEST_UUID, 0, 0);
	expect_refused(&d, &so, "--restore 3 (kept: 3, 2, 1)");
	EXPECT(open_at(&d, &so, &s, &start, &e) == E_REFUSED && !strstr(e.text, "--fresh"));
	disk_close(&d);
	struct manifest_origin from = there(TEST_UUID, 7);
	disk_open(&d); /* where nothing is kept, there is nothing to lose */
	begin_import(&d, &from, false, 0, 0);
	expect_refused(&d, &so, "--fresh");
	disk_close(&d);
}

/* Killed before its first checkpoint, a start with fresh has given nothing up. */
TEST(a_line_that_has_no_checkpoint_yet_is_left_for_one_that_is_kept)
{
	struct disk d;
	struct store *s;
	struct store_start start;
	struct owner o;
	struct store_options so = asking(WANT_ID, 3, NULL);
	disk_open(&d);
	live_once(&d, 3);
	EXPECT_OK(owner_begin(&o, d.fs, &d.mem, true, &d.e), &d.e);
	EXPECT(o.start.lineage != OWN_LINEAGE && !o.start.chosen);
	owner_close(&o);
	EXPECT_OK(open_at(&d, &so, &s, &start, &d.e), &d.e);
	EXPECT(start.chosen->id == 3 && start.lineage == OWN_LINEAGE);
	EXPECT_OK(store_plan_moves(s, NULL, 0, &d.e), &d.e);
	EXPECT_OK(store_own(s, &start, &d.e), &d.e);
	store_close(s);
	EXPECT_OK(owner_begin(&o, d.fs, &d.mem, false, &d.e), &d.e);
	EXPECT_OK(owner_checkpoint(&o, &d.w, &d.e), &d.e); /* with files of before */
	EXPECT(o.last.id == 4 && o.last.lineage == OWN_LINEAGE);
	owner_close(&o);
	expect_sound(d.fs, &d.mem, &d.w);
	disk_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_import_that_cannot_be_finished_is_given_up_for_the_newest_of_our_own),
		T(or_for_an_older_one_which_is_a_rewind),
		T(inv16_below_a_newest_that_could_not_be_read_it_is_a_rewind_too),
		T(a_job_that_had_finished_before_the_import_has_finished_still),
		T(inv12_what_was_moved_aside_for_an_import_comes_back_before_anything_else_goes_on),
		T(what_is_not_kept_gives_up_no_import),
		T(where_nothing_of_our_own_is_kept_another_import_does_not_take_its_place),
		T(without_moves_another_checkpoint_of_the_job_may_take_its_place),
		T(another_jobs_state_needs_fresh_as_long_as_our_own_is_kept),
		T(what_cannot_be_done_beside_it_is_told_without_giving_up_what_is_kept),
		T(a_line_that_has_no_checkpoint_yet_is_left_for_one_that_is_kept),
	};
	return RUN(tests);
}
