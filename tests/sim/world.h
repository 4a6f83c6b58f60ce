/* world.h - a whole job on one thread: the simulator is the other driver of what jobs/drive.c
 * drives.
 *
 *   seed -> scheduler picks: a thread | a lane | the control thread   each step takes microseconds
 *           nobody has anything to do: the clock jumps to the next timer (none: a deadlock)
 *
 * Why: every interleaving, every crash and every fault can be played again from its seed (inv 38).
 * The disk is fs_sim; the clock is virtual; memory is counted, so that what a dropped job leaks is
 * seen. A crash drops the process: on a disk that answers nothing the attempt is failed and run to
 * its end, so that all its memory comes back; nothing it does then reaches the disk.
 * Threads: one. */
#pragma once
#include "base/env.h"
#include "base/fs_sim.h"
#include "jobs/job.h"

#define WORLD_DIR "state"     /* the job's directory, unless the world says another */
#define WORLD_OUT "out"       /* likewise its sink's folder */
#define WORLD_TASKS_MAX 64
#define WORLD_HOSTS 3         /* an owner, its successor and one more */
#define WORLD_ANSWERS_MAX 512 /* to requests for a checkpoint, by feel */
#define WORLD_STEPS_MAX 4000000 /* by feel: fifty times the longest run; more is a livelock */

/* What became of a checkpoint that was asked for. */
struct world_answer {
	uint64_t request, id;     /* id 0: refused, or done without a checkpoint */
	bool found;               /* a list came with it */
	enum co_kind kind;
	enum rc code;
	char why[200];
};

struct world_clock {
	struct clock clock;
	uint64_t now_us;
	int64_t wall_ahead_us;
};

/* What stands still while the world is elsewhere. */
struct world_process {
	struct diags ds;
	struct spec_type *types;
	struct spec *spec;
	struct plan *plan;
	struct job *job;
	bool closed[WORLD_TASKS_MAX];
	uint32_t weight[WORLD_TASKS_MAX + 3];
	uint32_t idle[WORLD_TASKS_MAX + 3];
	uint64_t wake[WORLD_TASKS_MAX + 3];
	uint32_t n_threads;
	bool began;
};

struct world;
/* Who has a hand in what happens between steps (post.h, schedule.h). Each may be NULL. */
struct world_hooks {
	/* n_threads: the control thread; UINT32_MAX: a lane. */
	void (*before_step)(struct world *w, uint32_t thread);
	/* Nobody has anything to do, before time passes; true: now somebody has. */
	bool (*nobody_moves)(struct world *w);
	/* Every task has closed, or the process is to be dropped: nothing may be held back. */
	void (*attempt_ends)(struct world *w);
	void (*process_ends)(struct world *w); /* its memory goes */
	void (*checkpoint)(struct world *w, const struct checkpoint_record *r);
};

struct world {
	uint64_t seed;
	const char *context;      /* what is being tried, for world_fail; NULL; borrowed */
	bool trace;               /* the disk's operations and the job's log go to stderr */
	struct mem mem;
	size_t disk_bytes;        /* of mem: the simulated disk's own */
	struct fs_sim *disk;
	struct fs *fs;
	struct rng rng, env_rng;
	struct world_clock clock;
	struct env env;
	struct log log;
	const char *job_text;     /* borrowed, as the next three */
	const char *job_file;     /* what paths in it are relative to; "job.json" */
	const char *dir, *out;    /* WORLD_DIR, WORLD_OUT */
	uint32_t host;
	struct world_process away[WORLD_HOSTS]; /* the other hosts' processes */
	/* the running process; job NULL: none; as in struct world_process */
	struct diags ds;
	struct spec_type *types;
	struct spec *spec;
	struct plan *plan;
	struct job *job;
	bool closed[WORLD_TASKS_MAX];
	uint32_t weight[WORLD_TASKS_MAX + 3];
	uint32_t idle[WORLD_TASKS_MAX + 3]; /* idle steps of each actor since anybody was busy */
	uint64_t wake[WORLD_TASKS_MAX + 3];
	struct restart_state restarts; /* what the next process's supervisor tells it */
	struct store_want want;   /* of the next processes: --restore, --rewind */
	bool rewind;
	struct job_import_want import; /* likewise: --restore PATH */
	uint64_t fail_allocation; /* of the next process, counted from the plan: that one fails */
	const struct world_hooks *hooks; /* NULL: none */
	void *hooks_arg;
	bool draws_chaining; /* each start draws whether neighbours share a thread; set by world_open */
	uint32_t n_threads; /* of the running attempt: as the plan places its tasks */
	bool began;               /* an attempt's threads "run" */
	void (*planned)(struct world *w); /* NULL, or may change the plan before the job is opened */
	/* what happened, over all processes */
	uint64_t steps, trace_hash, starts, completed, failed_attempts;
	uint64_t opened, went_on_from; /* jobs that came to be; the first's checkpoint, 0: none */
	const char *fell_back; /* NULL, or why a process did; until it is closed */
	uint64_t acked;  /* the newest checkpoint that anybody was told is complete */
	void (*tells)(void *arg, FILE *to); /* NULL, or says what was tried, when the test fails */
	void *tells_arg;
	uint64_t merges; /* files of merges that stood there when somebody looked */
	struct world_answer answer[WORLD_ANSWERS_MAX];
	uint32_t answers;
	struct err error;         /* why a start was refused, or the job failed */
};

void world_open(struct world *w, uint64_t seed, const char *job_text);
void world_close(struct world *w); /* checks that nothing leaked */

/* From now on the disk's operations and the job's log go to stderr; so they do from the beginning
 * in the world of the seed SIM_SEED. */
void world_trace(struct world *w);

/* A file of the outside world, durable at once. */
void world_file(struct world *w, const char *path, const char *text);

enum world_end {
	WORLD_RUNNING,
	WORLD_FINISHED,
	WORLD_STOPPED,
	WORLD_FAILED,  /* w->error; also a refused start */
	WORLD_HALTED,
	WORLD_CRASHED, /* the disk is down: world_crash comes next */
	WORLD_PAUSED,  /* after max_steps */
};

/* A process begins: parses, plans, opens the job. parallelism 0: as the job text says. */
enum world_end world_start(struct world *w, unsigned parallelism);
/* At most so many steps. */
enum world_end world_run(struct world *w, uint64_t max_steps);
/* Both: a process from its start to its end, whichever that is. */
enum world_end world_process(struct world *w, unsigned parallelism);
/* As SIGTERM does. */
void world_stop(struct world *w);
/* The process is gone, and the disk is what a power cut or a kill leaves of it. The power is the
 * disk's: a cut ends the processes of all hosts. */
void world_crash(struct world *w, bool power_cut);
/* From here on the world is at another host (0 at first), each with a process at most, all over
 * the one disk, without each other's locks. The process left stands still, in the middle of what it
 * did, until the world comes back. */
void world_host(struct world *w, uint32_t host);
/* The process ends in order, after a final state. */
void world_exit(struct world *w);

/* Fails the test with the seed in front. */
_Noreturn void world_fail(const struct world *w, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
#define WORLD_CHECK(w, cond)                                                                       \
	((cond) ? (void)0 : world_fail((w), "%s:%d: %s", __FILE__, __LINE__, #cond))
