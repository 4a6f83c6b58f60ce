/* schedule.h - a job's whole life under one seed: a job of one of many shapes, which is killed, cut
 * from power, cancelled, stopped, asked for checkpoints and savepoints, paused and taken over,
 * started again at another parallelism, on a disk that fails now and then and under clocks that
 * jump, with letters that come late or twice. After each operation the rules hold (rules.h); its
 * output, whenever somebody looks, is what the input that was read makes (inv 29), and at the end
 * the oracle's (inv 28).
 * Everything is drawn from the seed, so a seed is a whole repetition (inv 38). */
#pragma once
#include "tests/sim/post.h"
#include "tests/sim/rules.h"
#include "tests/sim/scenario.h"

/* The order of the names in schedule_totals.c. */
enum happening {
	HAPPENS_KILL, HAPPENS_POWER_CUT, HAPPENS_CANCEL, HAPPENS_STOP, HAPPENS_CHECKPOINT,
	HAPPENS_SAVEPOINT, HAPPENS_STOP_WITH_SAVEPOINT, HAPPENS_PIN, HAPPENS_GC,
	HAPPENS_OTHER_CLOCK, HAPPENS_FREEZE, HAPPENS_DISK_ERROR, HAPPENS_LOST_ANSWER,
	HAPPENS_DISK_FULL, HAPPENS_SECOND_OWNER, HAPPENS_LOOK,
	HAPPENINGS,
};
const char *happening_name(enum happening h);

/* What happened, over all seeds that were given the same one. */
struct schedule_totals {
	uint64_t seeds, happened[HAPPENINGS];
	uint64_t starts, refused, attempts_failed, jobs_failed, halted, fenced, steps, checkpoints;
	uint64_t crashes_in_a_start, changes, commits, removals;
	uint64_t letters, late, twice, lost, old;
	uint64_t merges;        /* files of merges that stood there at the end */
	uint64_t counted_twice; /* at_least_once */
	uint64_t trace_hash;    /* of the last seed */
	uint64_t traces;        /* hash of all: the same seeds give the same again (inv 38) */
};

/* A job of one of many shapes. */
struct schedule_job {
	struct scenario s;
	bool exact, updates; /* exactly_once; each record makes a row, in rolling files */
	struct post_options letters;
};
void schedule_draw(struct schedule_job *j, struct rng *r);

/* Fails the test by world_fail, which says the options too. commit: what is tried, for that. */
void schedule_run(uint64_t seed, const char *commit, struct schedule_totals *t);
/* In some lines. */
void schedule_say(const struct schedule_totals *t);
/* Or they did hardly anything; of a hundred seeds and more. */
void schedule_expect_enough(const struct schedule_totals *t);
