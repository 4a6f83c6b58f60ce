/* test_pace.c - what two facts say of a job's pace. */
#include "jobs/pace.h"

#include "tests/lib/test.h"

#include <math.h>

#define S 1000000u

static struct mem mem;
static struct facts f;
static struct facts_stage stage[4];
static struct pace p;
static struct err e;

/* lines -> words -> out, a process that began at 100 s. */
static void begin(uint64_t at_us)
{
	memset(stage, 0, sizeof stage);
	f = (struct facts){.mem = &mem, .state = "RUNNING", .attempt = 1, .pid = 7, .bounded = true,
			   .started_us = 100 * S, .now_us = at_us, .stage = stage, .n_stages = 3};
	for (uint32_t i = 0; i < 3; i++) {
		stage[i] = (struct facts_stage){.role = i, .parallelism = 1, .n_inputs = i > 0,
						.input = {i ? i - 1 : 0}};
		snprintf(stage[i].id, sizeof stage[i].id, "s%u", i);
	}
	pace_init(&p, &mem);
}

static void end(void)
{
	pace_close(&p);
	EXPECT(mem.used_bytes == 0);
}

/* A step of dt in which each stage was busy for its share and so many records went through. */
static void step(uint64_t dt_us, uint64_t records, double busy0, double busy1, double busy2)
{
	double busy[] = {busy0, busy1, busy2};
	f.now_us += dt_us;
	for (uint32_t i = 0; i < 3; i++) {
		stage[i].records_in += i ? records : 0;
		stage[i].records_out += i < 2 ? records : 0;
		stage[i].busy_us += (uint64_t)(busy[i] * (double)dt_us);
		stage[i].busy_us_max = stage[i].busy_us / stage[i].parallelism;
	}
	EXPECT_OK(pace_update(&p, &f, &e), &e);
}

static bool near(double a, double b)
{
	return fabs(a - b) <= fabs(b) / 1000;
}

TEST(rates_of_a_young_process_are_counted_from_its_beginning)
{
	begin(100 * S);
	step(2 * S, 1000, 0.1, 0.5, 0.2);
	EXPECT(p.known && near(p.stage[0].out, 500) && near(p.stage[2].in, 500));
	EXPECT(near(p.stage[1].busy, 0.5));
	end();
}

TEST(a_process_met_late_has_no_rates_before_the_second_facts)
{
	begin(5000 * S);
	stage[0].records_out = 1000000000;
	EXPECT_OK(pace_update(&p, &f, &e), &e);
	EXPECT(!p.known && p.limit == PACE_UNKNOWN);
	step(S, 300, 0, 0, 0);
	EXPECT(p.known && near(p.stage[0].out, 300));
	end();
}

TEST(rates_follow_a_change_within_some_seconds_and_not_at_once)
{
	begin(100 * S);
	for (int i = 0; i < 20; i++)
		step(S / 4, 250, 0, 0, 0);
	EXPECT(near(p.stage[0].out, 1000));
	step(S / 4, 2500, 0, 0, 0);
	EXPECT(p.stage[0].out > 1500 && p.stage[0].out < 5000);
	for (int i = 0; i < 60; i++)
		step(S / 4, 2500, 0, 0, 0);
	EXPECT(near(p.stage[0].out, 10000));
	end();
}

TEST(another_process_begins_anew)
{
	begin(100 * S);
	step(5 * S, 1000000, 1, 1, 1);
	f.pid = 8;
	f.started_us = 200 * S;
	f.now_us = 200 * S;
	for (int i = 0; i < 3; i++)
		stage[i].records_in = stage[i].records_out = stage[i].busy_us = stage[i].busy_us_max = 0;
	step(S, 10, 0, 0, 0);
	EXPECT(near(p.stage[0].out, 10) && p.stage[1].busy < 0.01);
	end();
}

TEST(the_busiest_subtask_counts_where_there_are_several)
{
	begin(100 * S);
	stage[1].parallelism = 4;
	f.now_us += S;
	stage[1].busy_us = S;
	stage[1].busy_us_max = 9 * S / 10;
	stage[0].records_out = 5;
	EXPECT_OK(pace_update(&p, &f, &e), &e);
	EXPECT(near(p.stage[1].busy, 0.9) && p.limit == PACE_STAGE && p.slowest == 1);
	end();
}

TEST(what_holds_it_up_is_named)
{
	begin(100 * S);
	step(S, 1000, 0.3, 0.97, 0.2);
	EXPECT(p.limit == PACE_STAGE && p.slowest == 1 && p.second == f.n_stages);
	end();

	begin(100 * S);
	step(S, 1000, 0.3, 0.97, 0.9);
	EXPECT(p.limit == PACE_STAGE && p.slowest == 1 && p.second == 2);
	end();

	begin(100 * S);
	step(S, 1000, 0.3, 0.5, 0.4);
	EXPECT(p.limit == PACE_NONE && p.slowest == 1);
	end();

	begin(100 * S);
	stage[0].paced = true;
	step(S, 1000, 0.01, 0.02, 0.01);
	EXPECT(p.limit == PACE_RATE && p.slowest == 0 && p.second == f.n_stages);
	end();

	/* A rate that it cannot keep is not what holds it up. */
	begin(100 * S);
	stage[0].paced = true;
	step(S, 1000, 0.01, 0.99, 0.01);
	EXPECT(p.limit == PACE_STAGE && p.slowest == 1);
	end();

	begin(100 * S);
	step(S, 0, 0, 0, 0);
	EXPECT(p.limit == PACE_UNKNOWN);
	step(S, 100, 0, 0, 0);
	step(60 * S, 0, 0, 0, 0);
	EXPECT(p.limit == PACE_INPUT);
	end();

	begin(100 * S);
	stage[0].work_done = stage[0].work_total = 10;
	step(S, 100, 0, 0.1, 0);
	EXPECT(p.limit == PACE_ENDING);
	end();

	/* The stage before the sink waits for room, and the sink is not busy. */
	begin(100 * S);
	stage[1].backpressured_us = 9 * S / 10;
	step(S, 100, 0.1, 0.1, 0.2);
	EXPECT(p.limit == PACE_SINK && p.slowest == 2);
	end();

	begin(100 * S);
	snprintf(f.state, sizeof f.state, "WAITING");
	step(S, 1000, 0.3, 0.97, 0.2);
	EXPECT(p.limit == PACE_UNKNOWN);
	end();
}

TEST(the_time_left_is_told_once_it_means_something)
{
	begin(100 * S);
	stage[0].work_total = 1000;
	for (int i = 1; i <= 8; i++) {
		stage[0].work_done += 10;
		step(S / 4, 100, 0, 0, 0);
		EXPECT(near(p.done, 0.01 * i));
		EXPECT((p.eta_us != 0) == (i == 8));
	}
	EXPECT(near((double)p.eta_us, 23e6)); /* 920 left at 40 a second */
	snprintf(f.state, sizeof f.state, "STOPPED");
	step(S / 4, 0, 0, 0, 0);
	EXPECT(p.eta_us == 0 && near(p.done, 0.08));
	snprintf(f.state, sizeof f.state, "FINISHED");
	EXPECT_OK(pace_update(&p, &f, &e), &e);
	EXPECT(near(p.done, 1));
	end();
}

TEST(no_share_is_told_of_what_has_no_end_or_is_not_known)
{
	begin(100 * S);
	step(3 * S, 100, 0, 0, 0);
	EXPECT(p.done < 0 && p.eta_us == 0);
	stage[0].work_total = 10;
	f.bounded = false;
	step(3 * S, 100, 0, 0, 0);
	EXPECT(p.done < 0);
	end();
}

TEST(the_source_with_the_longest_way_to_go_counts)
{
	begin(100 * S);
	f.n_stages = 4;
	stage[3] = (struct facts_stage){.id = "slow", .role = OP_SOURCE, .parallelism = 1,
					.work_total = 1000};
	stage[0].work_total = 100;
	for (int i = 0; i < 10; i++) {
		stage[0].work_done += 10;
		stage[3].work_done += 10;
		step(S, 10, 0, 0, 0);
	}
	EXPECT(near(p.done, 0.1) && near((double)p.eta_us, 90e6));
	end();
}

TEST(a_stall_has_no_end_and_a_restart_is_no_progress)
{
	begin(100 * S);
	f.restored = true;
	stage[0].work_total = 1000000000;
	step(S / 4, 0, 0, 0, 0);
	stage[0].work_done = 900000000; /* where it goes on */
	step(S / 4, 100, 0, 0, 0);
	EXPECT(near(p.done, 0.9) && p.eta_us == 0);
	for (int i = 0; i < 10; i++)
		step(S, 0, 0, 0, 0);
	EXPECT(p.eta_us == 0);
	for (int i = 0; i < 60; i++) {
		stage[0].work_done += 1000000;
		step(S, 100, 0, 0, 0);
	}
	EXPECT(p.eta_us > 39 * S && p.eta_us < 42 * S);
	/* Back to an older checkpoint, in another attempt. */
	f.attempt = 2;
	stage[0].work_done = 500000000;
	step(S, 0, 0, 0, 0);
	EXPECT(near(p.done, 0.5) && p.eta_us == 0);
	end();
}

TEST(a_lack_of_memory_is_told)
{
	begin(100 * S);
	mem.fail_at = mem.calls + 1;
	EXPECT(pace_update(&p, &f, &e) == E_NO_MEMORY);
	mem.fail_at = 0;
	err_clear(&e);
	step(S, 100, 0, 0, 0);
	EXPECT(p.known);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(rates_of_a_young_process_are_counted_from_its_beginning),
		T(a_process_met_late_has_no_rates_before_the_second_facts),
		T(rates_follow_a_change_within_some_seconds_and_not_at_once),
		T(another_process_begins_anew),
		T(the_busiest_subtask_counts_where_there_are_several),
		T(what_holds_it_up_is_named),
		T(the_time_left_is_told_once_it_means_something),
		T(no_share_is_told_of_what_has_no_end_or_is_not_known),
		T(the_source_with_the_longest_way_to_go_counts),
		T(a_stall_has_no_end_and_a_restart_is_no_progress),
		T(a_lack_of_memory_is_told),
	};
	mem_init(&mem, 0);
	return RUN(tests);
}
