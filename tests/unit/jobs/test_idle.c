/* test_idle.c - what is asked of a directory that nobody runs: a crash at each operation of it,
 * what it says, and what it leaves alone. */
#include "jobs/idle.h"

#include "tests/unit/checkpoint/life.h"

#include "base/rng.h"
#include "checkpoint/repair.h"
#include "jobs/job.h"

struct fix {
	struct disk d;
	struct rng rng;
	struct env env;
	uint64_t oldest; /* id of the oldest that is kept */
};

static void begin(struct fix *f)
{
	struct owner o;
	disk_open(&f->d);
	rng_seed(&f->rng, 11);
	f->env = (struct env){.fs = f->d.fs, .mem = &f->d.mem, .rng = &f->rng};
	EXPECT_OK(owner_begin(&o, f->d.fs, &f->d.mem, false, &f->d.e), &f->d.e);
	EXPECT_OK(live(&o, &f->d.w, 5, &f->d.e), &f->d.e);
	f->oldest = o.last.id - 2;
	owner_close(&o);
}

/* Whether the newest manifest pins the checkpoint of that id, which is there and intact. */
static bool is_pinned(struct fix *f, uint64_t id)
{
	struct slot_entries l;
	bool pinned = false;
	EXPECT_OK(slots_read_id(slots_in(f->d.fs, DIR), &f->d.mem, id, &l, &f->d.e), &f->d.e);
	if (l.n) {
		struct verify_result r;
		pinned = l.entry[0].pinned;
		EXPECT_OK(verify_manifest(parts_in(f->d.fs, DIR), &f->d.mem, &l.entry[0].m,
					  VERIFY_HASHES, &r, &f->d.e), &f->d.e);
		EXPECT(r.verdict == VERIFY_INTACT);
	}
	slot_entries_close(&l);
	return pinned;
}

/* The job goes on for n checkpoints, each with its sweep. */
static void go_on(struct fix *f, int n)
{
	struct owner o;
	EXPECT_OK(owner_begin(&o, f->d.fs, &f->d.mem, false, &f->d.e), &f->d.e);
	f->d.w.acked = o.last.id;
	f->d.w.maybe = 0;
	EXPECT_OK(live(&o, &f->d.w, n, &f->d.e), &f->d.e);
	owner_close(&o);
	expect_sound(f->d.fs, &f->d.mem, &f->d.w);
}

/* How many slots there are, fences too. */
static size_t slots(struct fix *f)
{
	struct slot_list l;
	EXPECT_OK(slots_list(slots_in(f->d.fs, DIR), &f->d.mem, &l, &f->d.e), &f->d.e);
	size_t n = l.n;
	slot_list_close(&l);
	return n;
}

static enum rc pin(struct fix *f, uint64_t id, bool on, bool *news, struct err *e)
{
	return idle_pin(&f->env, DIR, 77, id, on, news, e);
}

TEST(inv13_a_pin_is_durable_and_says_whether_it_is_new)
{
	struct fix f;
	bool news;
	struct err e = {0};
	begin(&f);
	EXPECT_OK(pin(&f, f.oldest, true, &news, &e), &e);
	EXPECT(news && is_pinned(&f, f.oldest));
	size_t before = slots(&f);
	EXPECT_OK(pin(&f, f.oldest, true, &news, &e), &e);
	EXPECT(!news && slots(&f) == before);
	go_on(&f, 6);
	EXPECT(is_pinned(&f, f.oldest));
	EXPECT(pin(&f, 999, true, &news, &e) == E_NOT_FOUND && strstr(e.text, "kept: "));
	err_clear(&e);
	EXPECT_OK(pin(&f, f.oldest, false, &news, &e), &e);
	EXPECT(news && !is_pinned(&f, f.oldest));
	go_on(&f, 1);
	struct slot_entries l;
	EXPECT_OK(slots_read_id(slots_in(f.d.fs, DIR), &f.d.mem, f.oldest, &l, &e), &e);
	EXPECT(l.n == 0);
	slot_entries_close(&l);
	expect_no_orphans(f.d.fs, &f.d.mem);
	disk_close(&f.d);
}

/* A pin, then an unpin: what was answered holds; what was not is as before or as asked. */
TEST(inv12_a_crash_at_any_operation_of_a_pin_loses_nothing_that_is_named)
{
	uint64_t crashes = 0;
	for (uint64_t n = 1, more = 1; more; n++) {
		for (uint64_t seed = 1; seed <= 3; seed++) {
			struct fix f;
			struct rng r;
			struct err e = {0};
			bool news;
			rng_seed(&r, n * 100 + seed);
			begin(&f);
			if (seed == 3)
				fs_sim_crash_after(f.d.sim, fs_sim_count(f.d.sim) + n);
			else
				fs_sim_crash_at(f.d.sim, fs_sim_count(f.d.sim) + n);
			bool pinned = pin(&f, f.oldest, true, &news, &e) == OK;
			bool unpinned = pinned && pin(&f, f.oldest, false, &news, &e) == OK;
			more = fs_sim_crashed(f.d.sim);
			crashes += more;
			fs_sim_crash(f.d.sim, &r);
			expect_sound(f.d.fs, &f.d.mem, &f.d.w);
			bool is = is_pinned(&f, f.oldest);
			EXPECT(!unpinned || !is);
			go_on(&f, 5);
			EXPECT(is_pinned(&f, f.oldest) == is);
			disk_close(&f.d);
		}
	}
	EXPECT(crashes > 60);
}

/* The first owner publishes and never sweeps, and leaves parts that nobody names. */
static void litter(struct fix *f)
{
	struct owner o;
	struct part_name n = {.lineage = 0xfeed0001, .attempt = 1, .checkpoint_id = 70};
	struct part_file file;
	struct section_ref ref[1];
	begin(f);
	EXPECT_OK(owner_begin(&o, f->d.fs, &f->d.mem, false, &f->d.e), &f->d.e);
	for (int i = 0; i < 4; i++)
		EXPECT_OK(owner_checkpoint(&o, &f->d.w, &f->d.e), &f->d.e);
	n.epoch = o.start.epoch;
	EXPECT_OK(write_part(f->d.fs, &f->d.mem, DIR "/parts", &n, CODEC_LZ4, 1, 2, &file, ref,
			     &f->d.e), &f->d.e);
	owner_close(&o);
}

static uint64_t collect(struct fix *f, bool dry_run, struct err *e)
{
	struct gone g;
	struct bytes text;
	gone_open(&g, &f->d.mem, 0);
	bytes_init(&text, &f->d.mem);
	enum rc rc = idle_gc(&f->env, DIR, 77, dry_run, &g, e);
	uint64_t files = g.files;
	gone_write(&g, dry_run, &text);
	EXPECT(strstr(bytes_text(&text), dry_run ? "\"dry_run\":true" : "\"dry_run\":false"));
	EXPECT(!files == !strstr(bytes_text(&text), "\"why\""));
	bytes_close(&text);
	gone_close(&g);
	return rc == OK ? files : UINT64_MAX;
}

TEST(inv14_a_dry_run_says_what_a_gc_removes_and_changes_nothing)
{
	struct fix f;
	struct err e = {0};
	litter(&f);
	uint64_t count = fs_sim_count(f.d.sim);
	uint64_t would = collect(&f, true, &e);
	EXPECT(would > 3 && would != UINT64_MAX);
	unsigned changes = 0;
	while (++count <= fs_sim_count(f.d.sim))
		changes += fs_sim_was_change(f.d.sim, count);
	EXPECT(changes <= 1); /* to take the lock counts as one */
	EXPECT(collect(&f, false, &e) == would);
	EXPECT(collect(&f, true, &e) == 0);
	size_t before = slots(&f);
	EXPECT(collect(&f, false, &e) == 0 && slots(&f) == before);
	expect_sound(f.d.fs, &f.d.mem, &f.d.w);
	go_on(&f, 1);
	expect_no_orphans(f.d.fs, &f.d.mem);
	disk_close(&f.d);
}

/* Parts are cut a hundred bytes at a time (checkpoint/job.h): the crash comes between two cuts. */
TEST(inv12_a_crash_at_any_operation_of_a_sweep_that_cuts_loses_nothing_that_is_named)
{
	uint64_t crashes = 0;
	for (uint64_t n = 1, more = 1; more; n++) {
		struct fix f;
		struct rng r;
		struct owner o;
		struct err e = {0};
		rng_seed(&r, n);
		litter(&f);
		EXPECT_OK(owner_begin(&o, f.d.fs, &f.d.mem, false, &e), &e);
		EXPECT_OK(owner_checkpoint(&o, &f.d.w, &e), &e);
		if (n % 2)
			fs_sim_crash_at(f.d.sim, fs_sim_count(f.d.sim) + n);
		else
			fs_sim_crash_after(f.d.sim, fs_sim_count(f.d.sim) + n);
		(void)!owner_sweep(&o, &e);
		more = fs_sim_crashed(f.d.sim);
		crashes += more;
		owner_close(&o);
		fs_sim_crash(f.d.sim, &r);
		expect_sound(f.d.fs, &f.d.mem, &f.d.w);
		go_on(&f, 1);
		expect_no_orphans(f.d.fs, &f.d.mem);
		disk_close(&f.d);
	}
	EXPECT(crashes > 100);
}

/* What another name shares is not cut: only this name goes. */
TEST(a_part_with_a_second_name_keeps_its_bytes_there)
{
	struct fix f;
	struct err e = {0};
	struct fs_names names;
	struct fs_stat before[64], after;
	char path[256], other[32];
	litter(&f);
	EXPECT_OK(fs_list(f.d.fs, DIR "/parts", &names, &e), &e);
	EXPECT(names.n > 3 && names.n < 64);
	for (size_t i = 0; i < names.n; i++) {
		snprintf(path, sizeof path, DIR "/parts/%s", names.name[i]);
		snprintf(other, sizeof other, "other-%zu", i);
		EXPECT_OK(fs_stat(f.d.fs, path, &before[i], &e), &e);
		EXPECT_OK(fs_link(f.d.fs, path, other, &e), &e);
	}
	EXPECT(collect(&f, false, &e) > 3);
	for (size_t i = 0; i < names.n; i++) {
		snprintf(other, sizeof other, "other-%zu", i);
		EXPECT_OK(fs_stat(f.d.fs, other, &after, &e), &e);
		EXPECT(after.size_bytes == before[i].size_bytes);
	}
	fs_names_close(&names);
	disk_close(&f.d);
}

/* After a repair the next start moves aside what was committed behind its checkpoint. A fence that
 * says nothing of that, made before, would let it be committed a second time. */
TEST(inv28_a_repaired_directory_is_left_to_the_jobs_next_start)
{
	struct fix f;
	struct slot_list l;
	struct store *s;
	struct store_start start;
	struct repair_did did = {0};
	struct repair_asked asked = {0};
	struct store_options so = {.dir = DIR, .repairs = true, .falls_back = true, .retain = 1,
				   .new_uuid = TEST_UUID, .pid = 1, .verify = VERIFY_LENGTHS};
	struct err e = {0};
	char name[LAYOUT_NAME_MAX + 1], path[LAYOUT_PATH_MAX];
	bool news;
	begin(&f);
	EXPECT_OK(slots_list(slots_in(f.d.fs, DIR), &f.d.mem, &l, &e), &e);
	layout_slot(name, l.slot[l.n - 1]);
	slot_list_close(&l);
	EXPECT(layout_path(path, DIR, LAYOUT_MANIFEST, name));
	EXPECT_OK(fs_sim_flip(f.d.sim, path, 999, &e), &e);
	EXPECT_OK(store_open(&s, f.d.fs, &f.d.mem, &so, &start, &e), &e);
	EXPECT_OK(store_repair(s, &asked, &did, &e), &e);
	store_close(s);
	EXPECT(did.fence && did.goes_back);
	size_t before = slots(&f);
	EXPECT(pin(&f, f.oldest, true, &news, &e) == E_REFUSED && strstr(e.text, "run the job first"));
	err_clear(&e);
	struct gone g;
	gone_open(&g, &f.d.mem, 100);
	EXPECT(idle_gc(&f.env, DIR, 77, false, &g, &e) == E_REFUSED);
	gone_close(&g);
	EXPECT(slots(&f) == before);
	disk_close(&f.d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv13_a_pin_is_durable_and_says_whether_it_is_new),
		T(inv12_a_crash_at_any_operation_of_a_pin_loses_nothing_that_is_named),
		T(inv14_a_dry_run_says_what_a_gc_removes_and_changes_nothing),
		T(inv12_a_crash_at_any_operation_of_a_sweep_that_cuts_loses_nothing_that_is_named),
		T(a_part_with_a_second_name_keeps_its_bytes_there),
		T(inv28_a_repaired_directory_is_left_to_the_jobs_next_start),
	};
	return RUN(tests);
}
