/* torture.h - inside `weir torture`, shared by its files only:
 *   torture.c          the verb: reads the job, calls the others, says the verdict
 *   torture_job.h      may it be tortured, by what is its output judged (pure)
 *   torture_strike.h   where the next start is struck (pure)
 *   torture_start.c    one process from its start to its end, struck or not
 *   torture_life.c     one life: starts until the job has finished, then the comparison
 *   torture_child.h    how a process dies at an operation
 *   torture_compare.h  is it the same output
 *   torture_say.c      what people and programs read of it
 * Threads: control thread. */
#pragma once
#include "cli/cli.h"
#include "cli/demo_child.h"
#include "cli/torture_child.h"
#include "cli/torture_job.h"
#include "cli/torture_strike.h"

#define TORTURE_PATH 1024      /* of the scratch folder, and some more below it */
#define TORTURE_CHECKSUM 20

struct torture_totals {
	uint64_t kills, faults, starts, lives, checkpoints, rescales;
};

/* A sink, and what the undisturbed run put there. */
struct torture_right {
	struct torture_output output; /* but of a blackhole_sink */
	char checksum[TORTURE_CHECKSUM];
	struct torture_comparison last; /* with the newest life that was compared */
};

struct torture {
	struct cli *cli;
	const struct args *args;
	struct job_text text;
	struct torture_job job;
	char path[TORTURE_PATH];      /* of the job file */
	char scratch[TORTURE_PATH];
	uint64_t seed, wanted;        /* wanted: kills and faults */
	const char *sets[ARGS_MAX];   /* the user's, and behind them our own */
	size_t n_sets;
	char *own[SPEC_STAGES_MAX + 1]; /* our own texts among them */
	size_t n_own;
	struct strike_facts facts;
	struct torture_right *right;  /* job.n_sinks */
	struct torture_totals done;
	uint64_t interval_us;         /* between checkpoints, as it is set here; 0: as the job says */
	unsigned rates;               /* sources that were slowed down */
};

enum torture_end { TORTURE_RAN, TORTURE_STRUCK, TORTURE_TROUBLE };

/* One process: what it is told, and what became of it. */
struct torture_start {
	const char *folder;        /* of the life */
	unsigned number;           /* in this life, from 1 */
	unsigned parallelism;
	struct strike strike;
	/* afterwards */
	enum torture_end end;
	bool finished;             /* the job has; STRUCK or not */
	bool before;               /* and had before this start: its report is of nothing */
	uint64_t checkpoints, took_us, ops[FS_OPS];
	char path[256];            /* what the fault struck; "" */
	char trouble[1400];        /* with TROUBLE: why */
};

/* One life of the job, from nothing to its end. */
struct torture_life {
	const char *name;          /* of its folder */
	uint64_t seed, strikes;    /* at most so many; 0: undisturbed */
	unsigned parallelism;      /* 0: another one at each start */
	/* afterwards */
	struct torture_totals done;
	bool finished, unreported;
	bool right;                /* finished, and its output is that of the undisturbed run */
	char last[STRIKE_TEXT + 300]; /* what struck it last */
	char trouble[1400];        /* why it is not right, where no comparison says so */
	uint64_t took_us, ops[FS_OPS]; /* of its last start */
};

/* torture_start.c: errors are torture's own (no memory, no process), never the job's. */
RC torture_start_run(struct torture *t, struct torture_start *s, struct err *e);
/* The folder of a sink's output in a life's; to has TORTURE_PATH bytes. */
RC torture_sink_path(const struct torture_stage *sink, const char *folder, char *to, struct err *e);

/* torture_life.c: runs one; with `compares` its output is compared with t->right, else it becomes
 * that. Its folder stays. */
RC torture_life_run(struct torture *t, struct torture_life *l, bool compares, struct err *e);
RC torture_life_path(const struct torture *t, const char *life, char *to, struct err *e);

/* torture_report.c: what an undisturbed run's report says. */
/* Sets rates at which each source without one takes want_us. */
RC torture_report_rates(struct torture *t, const char *path, uint64_t want_us, struct err *e);
RC torture_report_checksum(struct torture *t, const char *path, const char *sink,
			   char to[TORTURE_CHECKSUM], struct err *e);
/* One more --set of our own. */
RC torture_set(struct torture *t, struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* torture_say.c */
void torture_say_begin(const struct torture *t);
void torture_say_life(const struct torture *t, const struct torture_life *l);
void torture_say_verdict(const struct torture *t, const struct torture_life *l, bool json);
