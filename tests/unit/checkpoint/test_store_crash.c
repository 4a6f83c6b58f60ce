/* test_store_crash.c - every file operation as a crash and as a fault: what is found afterwards is
 * old or new, whole, and never a mixture; and what is left over is cleared. */
#include "life.h"

/* A life of a few checkpoints, until it ends or the disk stops it. */
static enum rc life(struct disk *d, int checkpoints, struct err *e)
{
	struct owner o;
	enum rc rc = owner_begin(&o, d->fs, &d->mem, false, e);
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
	expect_sound(d->fs, &d->mem, &d->w);
	struct owner o;
	EXPECT_OK(owner_begin(&o, d->fs, &d->mem, false, &e), &e);
	d->w.acked = o.last.id;
	d->w.maybe = 0;
	EXPECT(o.next_id > o.last.id);
	EXPECT_OK(owner_checkpoint(&o, &d->w, &e), &e);
	EXPECT_OK(owner_sweep(&o, &e), &e);
	owner_close(&o);
	expect_sound(d->fs, &d->mem, &d->w);
	expect_no_orphans(d->fs, &d->mem);
}

/* Power cut at each operation of a second life, each with several choices of what survives. */
TEST(inv28_a_crash_at_any_operation_leaves_old_or_new)
{
	uint64_t crashes = 0;
	for (uint64_t n = 1, more = 1; more; n++) {
		for (uint64_t seed = 1; seed <= 3; seed++) {
			struct disk d;
			struct rng r;
			struct err e = {OK};
			rng_seed(&r, n * 100 + seed);
			disk_open(&d);
			EXPECT_OK(life(&d, 2, &d.e), &d.e);
			if (seed == 3)
				fs_sim_crash_after(d.sim, fs_sim_count(d.sim) + n);
			else
				fs_sim_crash_at(d.sim, fs_sim_count(d.sim) + n);
			(void)!life(&d, 3, &e);
			more = fs_sim_crashed(d.sim);
			crashes += more;
			fs_sim_crash(d.sim, &r);
			expect_recovery(&d);
			disk_close(&d);
		}
	}
	EXPECT(crashes > 100);
}

/* Killed within a publish, then the power is cut within the next start: what that start believed
 * and fenced must not be lost below its fence (inv 1: the top is made durable first). */
TEST(inv1_a_start_makes_the_top_durable_before_its_fence)
{
	for (uint64_t n = 1, more = 1; more; n++) {
		for (uint64_t k = 1, more_k = 1; more_k; k++) {
			struct disk d;
			struct owner o;
			struct rng r;
			struct err e = {OK};
			rng_seed(&r, n * 1000 + k);
			disk_open(&d);
			EXPECT_OK(owner_begin(&o, d.fs, &d.mem, false, &d.e), &d.e);
			EXPECT_OK(owner_checkpoint(&o, &d.w, &d.e), &d.e);
			fs_sim_crash_at(d.sim, fs_sim_count(d.sim) + n);
			(void)!owner_checkpoint(&o, &d.w, &e);
			more = fs_sim_crashed(d.sim);
			owner_close(&o);
			fs_sim_kill(d.sim);
			fs_sim_crash_at(d.sim, fs_sim_count(d.sim) + k);
			(void)!life(&d, 0, &e);
			more_k = fs_sim_crashed(d.sim);
			fs_sim_crash(d.sim, &r);
			expect_sound(d.fs, &d.mem, &d.w);
			disk_close(&d);
		}
	}
}

/* Also a first life, in a directory that is not there. */
TEST(inv28_a_crash_at_any_operation_of_the_first_life)
{
	for (uint64_t n = 1, more = 1; more; n++) {
		struct disk d;
		struct rng r;
		struct err e = {OK};
		rng_seed(&r, n);
		disk_open(&d);
		fs_sim_crash_at(d.sim, n);
		(void)!life(&d, 2, &e);
		more = fs_sim_crashed(d.sim);
		fs_sim_crash(d.sim, &r);
		expect_recovery(&d);
		disk_close(&d);
	}
}

/* Crashes in the recovery from crashes, at random places, power cuts and kills mixed. */
TEST(inv28_crashes_within_recoveries)
{
	uint64_t seed = 7, published = 0; /* the rounds that fail print what they found */
	for (int round = 0; round < 80; round++) {
		struct disk d;
		struct rng r;
		rng_seed(&r, seed + (uint64_t)round);
		disk_open(&d);
		for (int crash = 0; crash < 4; crash++) {
			struct err e = {OK};
			fs_sim_crash_at(d.sim, fs_sim_count(d.sim) + 1 + rng_below(&r, 120));
			(void)!life(&d, 4, &e);
			if (rng_below(&r, 2))
				fs_sim_crash(d.sim, &r);
			else
				fs_sim_kill(d.sim);
			expect_sound(d.fs, &d.mem, &d.w);
		}
		published += d.w.acked;
		expect_recovery(&d);
		disk_close(&d);
	}
	EXPECT(published > 80);
}

/* STYLE 13: the n-th file operation fails, until none does; its effect nothing, or done and the
 * answer lost. A job goes on after what it can survive. */
static void fault_each(enum rc code, bool after)
{
	uint64_t hits = 0;
	for (uint64_t n = 1, more = 1; more; n++) {
		struct disk d;
		struct err e = {OK};
		disk_open(&d);
		EXPECT_OK(life(&d, 2, &d.e), &d.e);
		uint64_t at = fs_sim_count(d.sim) + n;
		if (after)
			fs_sim_fault_after(d.sim, at, code);
		else
			fs_sim_fault_at(d.sim, at, code, false);
		enum rc rc = life(&d, 3, &e);
		EXPECT(rc == OK || rc == code || rc == E_UNKNOWN_OUTCOME || rc == E_EXISTS);
		more = fs_sim_count(d.sim) >= at;
		hits += fs_sim_faults(d.sim);
		fs_sim_fault_at(d.sim, 0, OK, false);
		fs_sim_kill(d.sim);
		expect_recovery(&d);
		disk_close(&d);
	}
	EXPECT(hits > 20);
}

TEST(inv32_publish_own_and_sweep_survive_any_single_fault)
{
	fault_each(E_IO, false);
	fault_each(E_NO_SPACE, false);
}

TEST(inv19_a_lost_answer_is_read_and_not_believed)
{
	fault_each(E_IO, true);
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
			fs_sim_crash(d.sim, &r);
			expect_recovery(&d);
			disk_close(&d);
		}
}

/* A failing fsync of the folder after the link: nothing more is done, not even removed. */
TEST(inv1_an_unknown_outcome_stops_everything)
{
	uint64_t unknown = 0;
	for (uint64_t n = 1; n < 60; n++) {
		struct disk d;
		struct owner o;
		struct err e = {OK};
		disk_open(&d);
		EXPECT_OK(owner_begin(&o, d.fs, &d.mem, false, &d.e), &d.e);
		EXPECT_OK(live(&o, &d.w, 2, &d.e), &d.e);
		fs_sim_fault_at(d.sim, fs_sim_count(d.sim) + n, E_IO, false);
		if (owner_checkpoint(&o, &d.w, &e) == E_UNKNOWN_OUTCOME) {
			uint64_t count = fs_sim_count(d.sim);
			struct manifest m;
			bool done;
			unknown++;
			make_checkpoint(&m, &d.mem, 99, NULL, NULL, 0);
			EXPECT(store_publish(o.s, &m, NULL) == E_UNKNOWN_OUTCOME);
			EXPECT(store_sweep_begin(o.s, 1, NULL) == E_UNKNOWN_OUTCOME);
			EXPECT(store_sweep_step(o.s, &done, NULL) == E_UNKNOWN_OUTCOME);
			manifest_close(&m);
			EXPECT(store_newest(o.s, &m, NULL) == E_UNKNOWN_OUTCOME);
			EXPECT(fs_sim_count(d.sim) == count);
		}
		owner_close(&o);
		fs_sim_fault_at(d.sim, 0, OK, false);
		disk_close(&d);
	}
	EXPECT(unknown >= 1); /* the folder's fsync; or looking at the slot */
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
