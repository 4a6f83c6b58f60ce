/* stepper_in.h - the inside of the step mode: stepper.c (the world and its turns), stepper_say.c
 * (what an event was, by comparing what stood before and after it) only. */
#pragma once
#include "base/fs_sim.h"
#include "jobs/attempt_in.h"
#include "jobs/stepper.h"
#include "runtime/task_look.h"

/* Actors: tasks first, then these. */
enum { STEP_BYTES, STEP_DURABILITY, STEP_CONTROL, STEP_ACTORS_MORE };
#define STEP_ACTORS_MAX (STEP_TASKS_MAX + STEP_ACTORS_MORE)

struct step_file {
	char *path;
	uint8_t *data;
	size_t len;
};

enum step_wish { STEP_ASK_CHECKPOINT, STEP_ASK_KILL };
struct step_wished {
	uint64_t after; /* the event it came behind */
	enum step_wish wish;
};

struct step_clock {
	struct clock clock;
	uint64_t now_us;
};

struct stepper {
	struct mem *mem;       /* the caller's: files and wishes */
	const struct plan *plan;
	uint64_t seed;
	struct step_file *file;
	uint32_t n_files, files_cap;
	struct step_wished *wished;
	uint32_t n_wished, wished_cap;
	/* the world: made anew by each `back` */
	struct mem world_mem;
	struct fs_sim *disk;
	struct rng rng, env_rng;
	struct step_clock clock;
	struct env env;
	struct job *job;
	bool began;            /* tasks may be stepped */
	bool closed[STEP_TASKS_MAX];
	uint64_t wake[STEP_ACTORS_MAX];
	uint32_t idle[STEP_ACTORS_MAX];
	uint64_t starts, requests, events;
	uint64_t published;
	struct bytes printed;
	FILE *log;             /* the disk's operations and the job's log, of one event */
	char *log_text;
	size_t log_len;
	struct log log_to;
	bool over;
	char over_why[STEP_TEXT];
};

/* What stood where before an event. */
struct step_before {
	uint64_t triggered, completed, failed;
	uint64_t pending, acked; /* the oldest one on its way; a bit a task that acknowledged it */
	enum job_state state;
	uint64_t in, out;        /* of the task */
	struct task_look look;
	struct {
		uint32_t head;
		bool there;
		struct item item;
		uint32_t rows;
	} input[STEP_TASKS_MAX];
};

/* stepper_say.c */
void step_before(struct stepper *s, uint32_t actor, struct step_before *b);
/* False: nothing that is to be seen happened. */
bool step_after(struct stepper *s, uint32_t actor, const struct step_before *b,
		struct step_event *e);
