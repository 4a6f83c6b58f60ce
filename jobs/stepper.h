/* stepper.h - a job on one thread, one event at a time, forwards and back: the step mode.
 * Why: how a barrier makes a consistent cut is best seen happening. It is the third driver of what
 * jobs/drive.c drives, with a virtual clock and a disk in memory: nothing of it leaves the process.
 *
 *   events:   a task took a batch | a barrier came | a slice of state was handed over
 *             | a lane wrote | the coordinator decided | a killed process began anew
 *   back:     all is played again from the start, which comes out the same: the scheduler's choices
 *             are the seed's, what the user did stands in a list
 *
 * Input files are copied into that disk first. Threads: one. */
#pragma once
#include "base/env.h"
#include "jobs/plan.h"
#include "jobs/job.h"

#define STEP_EVENTS_MAX 100000          /* what `back` may have to play again; by feel */
#define STEP_INPUT_MAX (16u << 20)      /* bytes of input files, copied into memory */
#define STEP_TASKS_MAX 64               /* what fits on a screen several times over */
#define STEP_US 1000                    /* an event takes so long on its clock: small batches of
					 * paced sources, checkpoints some hundred events apart */
#define STEP_TEXT 512

/* What happened. */
struct step_event {
	uint64_t n;         /* counts from 1 */
	uint64_t at_us;     /* since the start, on its own clock */
	char who[80];       /* "count/0", "bytes lane", "coordinator", "you" */
	char what[STEP_TEXT];
	bool barrier;       /* a barrier was sent, came, or was passed on; a cut was decided */
};

struct stepper;
/* plan: without chaining (each task its own thread), at most STEP_TASKS_MAX tasks, every source's
 * files readable in fs now; borrowed. A limit of mem holds of the job's own memory too.
 * E_INVALID: too much input or too many tasks. */
RC stepper_open(struct stepper **s, const struct plan *plan, struct fs *fs, uint64_t seed,
		struct mem *mem, struct err *e);
void stepper_close(struct stepper *s); /* legal on NULL */

/* The next event. False: the job is over (e->what says how), or STEP_EVENTS_MAX are. */
bool stepper_next(struct stepper *s, struct step_event *e);
/* Asks for a checkpoint now; the coordinator's next event begins it. */
void stepper_checkpoint(struct stepper *s);
/* kill -9: the process is gone, its disk stays. The next event is the new start. */
void stepper_kill(struct stepper *s);
/* So that event n was the last; n 0: nothing happened yet. What the user did after it is forgotten.
 * *e is that event (n > 0). E_CORRUPT: it came out differently, which is a bug of weir's. */
RC stepper_back(struct stepper *s, uint64_t n, struct step_event *e, struct err *why);

/* ---- what there is to see ---- */
uint64_t stepper_events(const struct stepper *s);
uint64_t stepper_now_us(const struct stepper *s);
const struct plan *stepper_plan(const struct stepper *s);
struct attempt *stepper_attempt(const struct stepper *s);   /* NULL: none runs */
struct job *stepper_job(const struct stepper *s);           /* NULL: no process */
struct fs *stepper_disk(const struct stepper *s);
uint64_t stepper_published(const struct stepper *s);        /* id; 0: none yet */
/* The checkpoint on its way that is oldest, or 0; of it, whether task i acknowledged. */
uint64_t stepper_pending(const struct stepper *s);
bool stepper_has_part(const struct stepper *s, uint64_t id, uint32_t task);
/* Who pushes into a task's input: the number of that task, or UINT32_MAX. */
uint32_t stepper_pusher(const struct stepper *s, const struct channel *ch);
/* "count/0" */
void stepper_task_name(const struct stepper *s, uint32_t task, char *to, size_t room);
/* What print_sink wrote since the start, newest last. Borrowed. */
const char *stepper_printed(const struct stepper *s, size_t *len);
