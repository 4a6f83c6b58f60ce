/* test_store_crash.c - every operation as a crash and as a fault: what is found afterwards is old
 * or new, whole, and never a mixture; and what is left over is cleared. Each over both storages:
 * files, where an operation is one of the file system's, and objects in memory. */
#include "life.h"

static void open_on(struct disk *d, int objects)
{
	if (objects)
		disk_open_objects(d);
	else
		disk_open(d);
}

/* A life of a few checkpoints, until it ends or the disk stops it. */
static enum rc life(struct disk *d, int checkpoints, struct err *e)
{
	struct owner o;
	enum rc rc = owner_begin_at(&o, disk_place(d), &d->mem, false, e);
	if (rc == OK) {
		/* A fence stands above it: a lost answer has become a known one. */
		EXPECT(o.last.id == d->w.acked || (o.last.id > d->w.acked && o.last.id == d->w.maybe));
		d->w.acked = o.last.id;
		d->w.maybe = 0;
		rc = live(&o, &d->w, checkpoints, e);
	}
	owner_close(&o);
	return rc;
}

/* After whatever happened: sound; and one good life later without leftovers. */
static void expect_recovery(struct disk *d)
{
	struct err e = {OK};
	expect_sound_at(disk_place(d), &d->mem, &d->w);
	struct owner o;
	EXPECT_OK(owner_begin_at(&o, disk_place(d), &d->mem, false, &e), &e);
	d->w.acked = o.last.id;
	d->w.maybe = 0;
	EXPECT(o.next_id > o.last.id);
	EXPECT_OK(owner_checkpoint(&o, &d->w, &e), &e);
	EXPECT_OK(owner_sweep(&o, &e), &e);
	owner_close(&o);
	expect_sound_at(disk_place(d), &d->mem, &d->w);
	expect_no_orphans_at(disk_place(d), &d->mem);
}

/* Power cut at each operation of a second life, each with several choices of what survives. */
static void crash_in_second_life(int objects)
{
	uint64_t crashes = 0;
	for (uint64_t n = 1, more = 1; more; n++) {
		for (uint64_t seed = 1; seed <= 3; seed++) {
			struct disk d;
			struct rng r;
			struct err e = {OK};
			rng_seed(&r, n * 100 + seed);
			open_on(&d, objects);
			EXPECT_OK(life(&d, 2, &d.e), &d.e);
			disk_crash_in(&d, n, seed == 3);
			(void)!life(&d, 3, &e);
			more = disk_crashed(&d);
			crashes += more;
			disk_crash(&d, &r);
			expect_recovery(&d);
			disk_close(&d);
		}
	}
	EXPECT(crashes > 100);
}

TEST(inv28_a_crash_at_any_operation_leaves_old_or_new)
{
	for (int objects = 0; objects < 2; objects++)
		crash_in_second_life(objects);
}

/* Killed within a publish, then the power is cut within the next start: what that start believed
 * and fenced must not be lost below its fence (inv 1: the top is made durable first). */
static void lose_the_top(int objects)
{
	for (uint64_t n = 1, more = 1; more; n++) {
		for (uint64_t k = 1, more_k = 1; more_k; k++) {
			struct disk d;
			struct owner o;
			struct rng r;
			struct err e = {OK};
			rng_seed(&r, n * 1000 + k);
			open_on(&d, objects);
			EXPECT_OK(owner_begin_at(&o, disk_place(&d), &d.mem, false, &d.e), &d.e);
			EXPECT_OK(owner_checkpoint(&o, &d.w, &d.e), &d.e);
			disk_crash_in(&d, n, false);
			(void)!owner_checkpoint(&o, &d.w, &e);
			more = disk_crashed(&d);
			owner_close(&o);
			disk_kill(&d);
			disk_crash_in(&d, k, false);
			(void)!life(&d, 0, &e);
			more_k = disk_crashed(&d);
			disk_crash(&d, &r);
			expect_sound_at(disk_place(&d), &d.mem, &d.w);
			disk_close(&d);
		}
	}
}

TEST(inv1_a_start_makes_the_top_durable_before_its_fence)
{
	for (int objects = 0; objects < 2; objects++)
		lose_the_top(objects);
}

/* Also a first life, in a directory that is not there. */
static void crash_in_first_life(int objects)
{
	for (uint64_t n = 1, more = 1; more; n++) {
		struct disk d;
		struct rng r;
		struct err e = {OK};
		rng_seed(&r, n);
		open_on(&d, objects);
		disk_crash_in(&d, n, false);
		(void)!life(&d, 2, &e);
		more = disk_crashed(&d);
		disk_crash(&d, &r);
		expect_recovery(&d);
		disk_close(&d);
	}
}

TEST(inv28_a_crash_at_any_operation_of_the_first_life)
{
	for (int objects = 0; objects < 2; objects++)
		crash_in_first_life(objects);
}

/* Crashes in the recovery from crashes, at random places, power cuts and kills mixed. */
static void crash_in_recoveries(int objects)
{
	uint64_t seed = 7, published = 0; /* the rounds that fail print what they found */
	for (int round = 0; round < 80; round++) {
		struct disk d;
		struct rng r;
		rng_seed(&r, seed + (uint64_t)round);
		open_on(&d, objects);
		for (int crash = 0; crash < 4; crash++) {
			struct err e = {OK};
			disk_crash_in(&d, 1 + rng_below(&r, objects ? 60 : 120), false);
			(void)!life(&d, 4, &e);
			if (rng_below(&r, 2))
				disk_crash(&d, &r);
			else
				disk_kill(&d);
			expect_sound_at(disk_place(&d), &d.mem, &d.w);
		}
		published += d.w.acked;
		expect_recovery(&d);
		disk_close(&d);
	}
	EXPECT(published > 80);
}

TEST(inv28_crashes_within_recoveries)
{
	for (int objects = 0; objects < 2; objects++)
		crash_in_recoveries(objects);
}

/* STYLE 13: the n-th file operation fails, until none does; its effect nothing, or done and the
 * answer lost. A job goes on after what it can survive. */
static void fault_each(enum rc code, bool after, int objects)
{
	uint64_t hits = 0;
	for (uint64_t n = 1, more = 1; more; n++) {
		struct disk d;
		struct err e = {OK};
		open_on(&d, objects);
		EXPECT_OK(life(&d, 2, &d.e), &d.e);
		uint64_t at = disk_count(&d) + n;
		disk_fault_in(&d, n, code, after);
		enum rc rc = life(&d, 3, &e);
		EXPECT(rc == OK || rc == code || rc == E_UNKNOWN_OUTCOME || rc == E_EXISTS);
		more = disk_count(&d) >= at;
		hits += objects ? more : fs_sim_faults(d.sim);
		disk_kill(&d);
		expect_recovery(&d);
		disk_close(&d);
	}
	EXPECT(hits > 20);
}

TEST(inv32_publish_own_and_sweep_survive_any_single_fault)
{
	for (int objects = 0; objects < 2; objects++) {
		fault_each(E_IO, false, objects);
		fault_each(E_NO_SPACE, false, objects);
	}
}

TEST(inv19_a_lost_answer_is_read_and_not_believed)
{
	fault_each(E_IO, true, false);
	fault_each(E_IO, true, true);
}

/* From the n-th operation on nothing works, then the machine dies: a full or a dying disk. */
TEST(inv32_persistent_faults_then_a_power_cut)
{
	static const enum rc codes[] = {E_NO_SPACE, E_IO};
	for (size_t c = 0; c < ARRAY_LEN(codes); c++)
		for (uint64_t n = 1, more = 1; more; n++) {
			struct disk d;
			struct rng r;
			struct err e = {OK};
			rng_seed(&r, n);
			disk_open(&d);
			EXPECT_OK(life(&d, 2, &d.e), &d.e);
			uint64_t at = fs_sim_count(d.sim) + n;
			fs_sim_fault_at(d.sim, at, codes[c], true);
			(void)!life(&d, 3, &e);
			more = fs_sim_count(d.sim) >= at;
			disk_crash(&d, &r);
			expect_recovery(&d);
			disk_close(&d);
		}
}

/* A failing fsync of the folder after the link: nothing more is done, not even removed. */
static void stop_at_unknown(int objects)
{
	uint64_t unknown = 0;
	for (uint64_t n = 1; n < 60; n++) {
		struct disk d;
		struct owner o;
		struct err e = {OK};
		open_on(&d, objects);
		EXPECT_OK(owner_begin_at(&o, disk_place(&d), &d.mem, false, &d.e), &d.e);
		EXPECT_OK(live(&o, &d.w, 2, &d.e), &d.e);
		disk_fault_in(&d, n, E_IO, objects);
		if (owner_checkpoint(&o, &d.w, &e) == E_UNKNOWN_OUTCOME) {
			uint64_t count = disk_count(&d);
			struct manifest m;
			bool done;
			unknown++;
			make_checkpoint(&m, &d.mem, 99, NULL, NULL, 0);
			EXPECT(store_publish(o.s, &m, NULL) == E_UNKNOWN_OUTCOME);
			EXPECT(store_sweep_begin(o.s, 1, NULL) == E_UNKNOWN_OUTCOME);
			EXPECT(store_sweep_step(o.s, &done, NULL) == E_UNKNOWN_OUTCOME);
			manifest_close(&m);
			EXPECT(store_newest(o.s, &m, NULL) == E_UNKNOWN_OUTCOME);
			EXPECT(disk_count(&d) == count);
		}
		owner_close(&o);
		disk_kill(&d);
		disk_close(&d);
	}
	EXPECT(unknown >= 1); /* the folder's fsync; or looking at the slot */
}

TEST(inv1_an_unknown_outcome_stops_everything)
{
	for (int objects = 0; objects < 2; objects++)
		stop_at_unknown(objects);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv28_a_crash_at_any_operation_leaves_old_or_new),
		T(inv1_a_start_makes_the_top_durable_before_its_fence),
		T(inv28_a_crash_at_any_operation_of_the_first_life),
		T(inv28_crashes_within_recoveries),
		T(inv32_publish_own_and_sweep_survive_any_single_fault),
		T(inv19_a_lost_answer_is_read_and_not_believed),
		T(inv32_persistent_faults_then_a_power_cut),
		T(inv1_an_unknown_outcome_stops_everything),
	};
	return RUN(tests);
}
