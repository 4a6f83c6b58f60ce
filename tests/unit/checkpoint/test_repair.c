/* test_repair.c - `weir fsck --repair` sets aside and never deletes; killed at any operation and
 * begun again it ends the same; what it went back behind is a rewind for the next start. */
#include "life.h"

#include "checkpoint/repair.h"

#include <stdlib.h>

#define SLOT(n) DIR "/manifest/0000000000000000000" #n

static RC repair_with(struct disk *d, const uint64_t *bad, uint32_t n, struct repair_did *did,
		      struct err *e)
{
	struct store *s;
	struct store_start ignored;
	struct store_options so = {.dir = DIR, .repairs = true, .falls_back = true, .retain = 1,
				   .new_uuid = TEST_UUID, .pid = 1, .verify = VERIFY_LENGTHS};
	struct repair_asked a = {.slot = bad, .n = n};
	err_clear(e);
	*did = (struct repair_did){0};
	if (store_open(&s, d->fs, &d->mem, &so, &ignored, e) != OK)
		return e->code;
	enum rc rc = store_repair(s, &a, did, e);
	store_close(s);
	return rc;
}

static RC repair(struct disk *d, struct repair_did *did, struct err *e)
{
	return repair_with(d, NULL, 0, did, e);
}

static bool is_there(struct disk *d, const char *path)
{
	struct fs_stat st;
	return fs_stat(d->fs, path, &st, NULL) == OK;
}

static void flip(struct disk *d, const char *path)
{
	EXPECT_OK(fs_sim_flip(d->sim, path, 999, &d->e), &d->e);
}

/* A part that a dead owner had begun, and a manifest on its way. */
static void leave_orphans(struct disk *d, uint64_t epoch)
{
	struct part_name n = {.lineage = 0xfeed0001, .epoch = epoch, .attempt = 1,
			      .checkpoint_id = 77};
	char name[LAYOUT_NAME_MAX + 1], path[LAYOUT_PATH_MAX];
	layout_part(name, &n);
	layout_path(path, DIR, LAYOUT_PARTS, name);
	EXPECT_OK(fs_write_new(d->fs, path, "orphan", 6, &d->e), &d->e);
	layout_temporary(name, epoch, 99);
	layout_path(path, DIR, LAYOUT_MANIFEST, name);
	EXPECT_OK(fs_write_new(d->fs, path, "on its way", 10, &d->e), &d->e);
	EXPECT_OK(fs_sync_dir(d->fs, DIR "/parts", &d->e), &d->e);
	EXPECT_OK(fs_sync_dir(d->fs, DIR "/manifest", &d->e), &d->e);
}

/* How many files lie below lost/. */
static size_t lost(struct disk *d)
{
	struct fs_names epochs, files;
	struct err e = {OK};
	size_t n = 0;
	if (fs_list(d->fs, DIR "/lost", &epochs, &e) != OK)
		return 0;
	for (size_t i = 0; i < epochs.n; i++) {
		char path[256];
		snprintf(path, sizeof path, DIR "/lost/%s", epochs.name[i]);
		EXPECT_OK(fs_list(d->fs, path, &files, &e), &e);
		n += files.n;
		fs_names_close(&files);
	}
	fs_names_close(&epochs);
	return n;
}

static size_t slots(struct disk *d)
{
	struct slot_list l;
	EXPECT_OK(slots_list(slots_in(d->fs, DIR), &d->mem, &l, &d->e), &d->e);
	size_t n = l.n;
	slot_list_close(&l);
	return n;
}

/* A start that commits what sinks prepare: what it says of the directory. */
static RC start(struct disk *d, struct store_start *out, struct err *e)
{
	struct store *s;
	struct store_options so = store_options_of(DIR);
	so.falls_back = true;
	err_clear(e);
	enum rc rc = store_open(&s, d->fs, &d->mem, &so, out, e);
	if (rc == OK) {
		out->chosen = NULL; /* goes with the store */
		store_close(s);
	}
	return rc;
}

TEST(inv16_a_manifest_that_cannot_be_read_is_quarantined_and_going_on_is_a_rewind)
{
	struct disk d;
	struct repair_did did;
	struct store_start st;
	disk_open(&d);
	live_once(&d, 3); /* slots 1: fence, 2 to 4 */
	flip(&d, SLOT(4));
	EXPECT(start(&d, &st, &d.e) == E_CORRUPT);
	EXPECT_OK(repair(&d, &did, &d.e), &d.e);
	EXPECT(did.fence == 5 && did.chosen == 2 && did.goes_back && did.quarantined == 1);
	EXPECT(is_there(&d, SLOT(4)) && did.moved == 1 && lost(&d) == 1); /* only slot 4 names it */
	EXPECT_OK(start(&d, &st, &d.e), &d.e);
	EXPECT(st.rewinds && st.repaired && !st.fell_back && st.next_id == 4); /* inv 10 */
	/* The start that plans its moves makes it history; then it goes on as ever. */
	struct owner o;
	EXPECT_OK(owner_begin(&o, d.fs, &d.mem, false, &d.e), &d.e);
	EXPECT(o.start.chosen->id == 2 && o.start.rewinds);
	EXPECT_OK(live(&o, &d.w, 3, &d.e), &d.e);
	EXPECT(is_there(&d, SLOT(4)) && o.last.n_quarantined == 1 && o.last.quarantined[0] == 4);
	owner_close(&o);
	EXPECT_OK(start(&d, &st, &d.e), &d.e);
	EXPECT(!st.rewinds && !st.repaired);
	EXPECT(lost(&d) == 1); /* no sweep takes it */
	disk_close(&d);
}

TEST(a_repair_with_nothing_to_do_changes_nothing)
{
	struct disk d;
	struct repair_did did;
	disk_open(&d);
	live_once(&d, 3);
	for (int broken = 0; broken < 2; broken++) {
		size_t n = slots(&d), l = lost(&d);
		EXPECT_OK(repair(&d, &did, &d.e), &d.e);
		EXPECT(!did.fence && !did.moved && !did.quarantined && slots(&d) == n && lost(&d) == l);
		flip(&d, SLOT(4));
		EXPECT_OK(repair(&d, &did, &d.e), &d.e);
		EXPECT((did.fence != 0) == !broken);
	}
	disk_close(&d);
}

TEST(what_no_manifest_names_is_moved_and_a_start_goes_on_as_before)
{
	struct disk d;
	struct repair_did did;
	struct store_start st;
	disk_open(&d);
	live_once(&d, 3);
	leave_orphans(&d, 1);
	leave_orphans(&d, 9); /* of an owner that no fence stands for yet: not ours to judge */
	EXPECT_OK(repair(&d, &did, &d.e), &d.e);
	EXPECT(did.fence == 5 && did.moved == 2 && !did.goes_back && !did.quarantined);
	EXPECT(lost(&d) == 2 && did.chosen == 3);
	EXPECT_OK(start(&d, &st, &d.e), &d.e);
	EXPECT(!st.rewinds && !st.fell_back && st.next_id == 78);
	disk_close(&d);
}

/* Slots that are not the newest, or not checkpoints: nothing is given up. */
TEST(older_slots_that_are_bad_or_gone_are_listed_no_more)
{
	struct disk d;
	struct repair_did did;
	struct store *s;
	struct store_start st;
	const uint64_t bad[] = {3};
	disk_open(&d);
	live_once(&d, 3);
	EXPECT_OK(fs_unlink(d.fs, SLOT(2), &d.e), &d.e);
	flip(&d, SLOT(1));
	EXPECT_OK(repair_with(&d, bad, 1, &did, &d.e), &d.e);
	EXPECT(did.fence == 5 && did.quarantined == 3 && !did.goes_back && did.chosen == 3);
	EXPECT_OK(look_at(&d, false, &s, &st, &d.e), &d.e);
	EXPECT(st.chosen->id == 3 && !st.rewinds);
	store_close(s);
	EXPECT_OK(repair_with(&d, bad, 1, &did, &d.e), &d.e);
	EXPECT(!did.fence);
	disk_close(&d);
}

TEST(a_checkpoint_with_faults_is_gone_back_behind_to_one_without)
{
	struct disk d;
	struct repair_did did;
	struct store_start st;
	const uint64_t bad[] = {3, 4};
	disk_open(&d);
	live_once(&d, 3);
	EXPECT_OK(repair_with(&d, bad, 2, &did, &d.e), &d.e);
	EXPECT(did.chosen == 1 && did.goes_back && did.quarantined == 2);
	/* Repaired again, before any run: still a rewind, and further back there is nothing. */
	leave_orphans(&d, 1);
	EXPECT_OK(repair_with(&d, bad, 2, &did, &d.e), &d.e);
	EXPECT(did.fence && did.goes_back && did.moved == 2);
	EXPECT_OK(start(&d, &st, &d.e), &d.e);
	EXPECT(st.repaired && st.n_passed == 2); /* both can be read: what they prepared is known */
	const uint64_t all[] = {2, 3, 4};
	size_t n = slots(&d);
	EXPECT(repair_with(&d, all, 3, &did, &d.e) == E_CORRUPT && !did.fence && slots(&d) == n);
	EXPECT(strstr(d.e.text, "no older checkpoint"));
	disk_close(&d);
}

TEST(inv25_a_live_owner_is_not_repaired)
{
	struct disk d;
	struct owner o;
	struct repair_did did;
	disk_open(&d);
	EXPECT_OK(owner_begin(&o, d.fs, &d.mem, false, &d.e), &d.e);
	EXPECT(repair(&d, &did, &d.e) == E_REFUSED && strstr(d.e.text, "in use by process"));
	owner_close(&o);
	disk_close(&d);
}

/* The newest unreadable, so the part that only it names is nobody's, as two more are. */
static void break_it(struct disk *d)
{
	disk_open(d);
	live_once(d, 4);
	flip(d, SLOT(5));
	leave_orphans(d, 1);
}

static void expect_repaired(struct disk *d, const char *how, uint64_t n)
{
	struct repair_did did;
	struct store_start st;
	enum rc rc = repair(d, &did, &d->e);
	if (rc != OK)
		fail_msg("%s %llu: %s", how, (unsigned long long)n, d->e.text);
	/* Perhaps also a fence on its way, of the one that was stopped. */
	size_t n_lost = lost(d);
	if (did.chosen != 3 || n_lost < 3 || n_lost > 4 || !is_there(d, SLOT(5)))
		fail_msg("%s %llu: from %llu, %zu files lost", how, (unsigned long long)n,
			 (unsigned long long)did.chosen, n_lost);
	EXPECT_OK(start(d, &st, &d->e), &d->e);
	EXPECT(st.repaired && st.next_id == 78);
	EXPECT_OK(repair(d, &did, &d->e), &d->e);
	EXPECT(!did.fence);
	struct owner o;
	EXPECT_OK(owner_begin(&o, d->fs, &d->mem, false, &d->e), &d->e);
	EXPECT(o.start.chosen->id == 3);
	owner_close(&o);
}

TEST(inv28_killed_at_any_operation_a_repair_begun_again_ends_the_same)
{
	uint64_t points = 0, done = 0;
	for (uint64_t n = 1; !done; n++) {
		for (int cut = 0; cut < 2; cut++) {
			struct disk d;
			struct repair_did did;
			struct rng r;
			break_it(&d);
			uint64_t at = fs_sim_count(d.sim) + n;
			fs_sim_crash_at(d.sim, at);
			done = repair(&d, &did, &d.e) != E_CRASHED;
			points += !done && fs_sim_was_change(d.sim, at);
			rng_seed(&r, n);
			if (cut)
				fs_sim_crash(d.sim, &r);
			else
				fs_sim_kill(d.sim);
			expect_repaired(&d, "crash at", n);
			disk_close(&d);
		}
	}
	printf("%llu crash points\n", (unsigned long long)points);
	EXPECT(points > 20);
}

TEST(inv31_inv32_a_fault_at_any_point_leaves_it_repaired_or_to_be_repaired)
{
	for (int io = 0; io < 2; io++)
		for (uint64_t n = 1, hit = 1; hit; n++) {
			struct disk d;
			struct repair_did did;
			break_it(&d);
			uint64_t faults = fs_sim_faults(d.sim);
			d.mem.fail_at = io ? 0 : d.mem.calls + n;
			fs_sim_fault_at(d.sim, io ? fs_sim_count(d.sim) + n : 0, E_IO, false);
			enum rc rc = repair(&d, &did, &d.e);
			hit = io ? fs_sim_faults(d.sim) > faults : d.mem.calls >= d.mem.fail_at;
			d.mem.fail_at = 0;
			fs_sim_fault_at(d.sim, 0, OK, false);
			if (rc != OK && rc != E_NO_MEMORY && rc != E_IO && rc != E_UNKNOWN_OUTCOME)
				fail_msg("%llu: %s", (unsigned long long)n, d.e.text);
			expect_repaired(&d, io ? "fault at" : "no memory at", n);
			disk_close(&d);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv16_a_manifest_that_cannot_be_read_is_quarantined_and_going_on_is_a_rewind),
		T(a_repair_with_nothing_to_do_changes_nothing),
		T(what_no_manifest_names_is_moved_and_a_start_goes_on_as_before),
		T(older_slots_that_are_bad_or_gone_are_listed_no_more),
		T(a_checkpoint_with_faults_is_gone_back_behind_to_one_without),
		T(inv25_a_live_owner_is_not_repaired),
		T(inv28_killed_at_any_operation_a_repair_begun_again_ends_the_same),
		T(inv31_inv32_a_fault_at_any_point_leaves_it_repaired_or_to_be_repaired),
	};
	return RUN(tests);
}
