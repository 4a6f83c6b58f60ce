/* step_view.h - how everything stands after an event of the step mode, as plain data: the one
 * source of what the terminal prints (cli/step_text.c) and what the page draws.
 * Why plain data: a process of its own steps, and who shows it knows nothing of tasks and channels.
 * Pure over stepper.h. Threads: the stepper's. */
#pragma once
#include "base/json.h"
#include "jobs/stepper.h"
#include "runtime/task_look.h"

#define STEP_ITEMS_SHOWN 8u /* of a channel: by feel */
#define STEP_NOBODY UINT32_MAX

enum step_process {
	STEP_KILLED,  /* there is none: its disk stays, the next event is the new start */
	STEP_WITHOUT, /* it is there, and its tasks do not run yet or any more */
	STEP_RUNS,
};

/* One thing that stands in a channel. */
struct step_item {
	enum item_kind kind;
	uint32_t rows; /* of a batch */
	uint64_t id;   /* of a barrier, or of one that was given up */
};

/* A channel, as an input of the task that reads it. */
struct step_lane {
	uint32_t from, to;  /* tasks; from: STEP_NOBODY */
	bool held, ended;
	uint32_t n_items;   /* all; the first ones stand below: the oldest is the next to be taken */
	struct step_item item[STEP_ITEMS_SHOWN];
};

enum step_part { STEP_PART_NONE, STEP_PART_TAKING, STEP_PART_THERE };

struct step_task {
	char name[80];        /* "count/0" */
	uint32_t stage, subtask;
	uint64_t in, out;     /* records, of this process */
	uint32_t first_lane, n_lanes;
	struct task_look look;
	char missing[200];    /* aligning: those whose barrier is not there, "slow/0 and slow/1" */
	enum step_part part;  /* its part of the pending checkpoint */
};

struct step_view {
	struct mem *mem;
	const struct plan *plan; /* borrowed */
	enum step_process process;
	const char *state;       /* of the job, "RUNNING"; NULL: killed */
	uint64_t events, at_us;
	uint64_t pending;        /* the oldest checkpoint on its way; 0: none */
	uint64_t published;      /* the newest one; 0: none */
	struct step_task *task;  /* STEP_RUNS: n_tasks of them, the stages' one after the other */
	struct step_lane *lane;  /* the inputs of task 0, then those of task 1, ... */
	uint32_t n_tasks, n_lanes;
};

/* E_NO_MEMORY: *v is empty. s is borrowed for the call only, its plan until step_view_close. */
RC step_view_open(struct step_view *v, const struct stepper *s, struct mem *mem, struct err *e);
void step_view_close(struct step_view *v); /* legal on the empty value */
/* Why nothing is taken from a held lane, in words. */
void step_lane_why(const struct step_view *v, const struct step_lane *l, char *to, size_t room);
/* Its members (docs/REST.md), into an object that is open. */
void step_view_write(const struct step_view *v, struct json_out *o);
