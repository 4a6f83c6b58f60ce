/* demo_child.h - the processes the demo and torture start and kill: a worker, whose events
 * are read, and the two of the demo's control experiment. None outlives its parent, whose death
 * kills them too. */
#pragma once
#include "base/bytes.h"
#include "cli/demo_lossy.h"

#include <sys/types.h>

struct demo_child {
	struct mem *mem;
	pid_t pid;        /* 0: none */
	int events;       /* the pipe of its standard error, -1: none */
	struct bytes line; /* what was read of the next event */
	int status;       /* of waitpid, once it has ended */
	/* What its events said (the worker only). */
	uint64_t counted;     /* records the stage 'count' took in this process */
	uint64_t checkpoint;  /* the newest completed one */
	uint64_t checkpoints; /* how many completed in this process */
	uint64_t counted_then; /* `counted` when that was heard of */
	uint64_t checkpoint_us; /* and the monotonic time; 0: none yet in this process */
	bool periodic;        /* one of this process was a periodic one */
	bool recovered;
	bool finished_before; /* it had nothing to do */
	char recovery[2048];  /* the recovery report */
	char trouble[1024];   /* the newest error it told */
	char page[128];       /* of a server: where its page is; "": not told yet */
};

void demo_child_init(struct demo_child *c, struct mem *mem);
/* Kills it if it lives. Legal on the empty value. */
void demo_child_close(struct demo_child *c);

/* This very binary: argv ends with NULL. events: its standard error is a pipe that demo_child_read
 * reads. out_path: standard output is appended to that file; NULL: thrown away. */
RC demo_child_weir(struct demo_child *c, char *const argv[], bool events, const char *out_path,
		   struct err *e);
RC demo_child_lossy(struct demo_child *c, const struct demo_text *t, struct env *env,
		    const char *position_path, const char *counts_path, double seconds, struct err *e);

/* Waits up to timeout_ms for events and takes them in. False: the pipe is at its end. */
bool demo_child_read(struct demo_child *c, struct clock *clock, int timeout_ms);
bool demo_child_lives(struct demo_child *c);
void demo_child_kill(struct demo_child *c); /* SIGKILL, and waits */
/* Until it has ended by itself. */
void demo_child_wait(struct demo_child *c);
/* Reads what it said before it died. */
void demo_child_drain(struct demo_child *c, struct clock *clock);
