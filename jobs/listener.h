/* listener.h - the programs that a job names to be told of its checkpoints: on_complete, on_abort,
 * on_restore (COORDINATOR 21).
 * Each is started with the facts as one JSON object on its standard input, which then ends; what it
 * prints goes where the log goes; it has no other descriptor of ours. Its environment is ours, and
 * the job's secrets (secrets.h). One runs at a time, off the
 * hot path: facts wait in a short queue, and one that does not end within limits.stop is killed.
 * That it fails, or cannot be started, is a warning and nothing else: a checkpoint is complete
 * whoever heard of it. Best effort: what waited when the process died is told to nobody.
 * Every function takes NULL: a job that names none. Threads: the loop's. */
#pragma once
#include "jobs/job.h"
#include "jobs/loop.h"

enum listen_kind { LISTEN_COMPLETE, LISTEN_ABORT, LISTEN_RESTORE, LISTEN_KINDS };

#define LISTENER_QUEUE 64   /* facts that wait; beyond that the oldest of its kind goes. By feel */
#define LISTENER_FACTS 4096 /* bytes of them: what every pipe takes at once, so nobody waits */

struct listener_options {
	struct loop *loop;
	const struct spec *spec; /* borrowed */
	const char *dir;         /* the job's, for the facts; borrowed */
	struct log *log;         /* may be NULL */
	struct mem *mem;
	struct fs *fs;           /* where the job's secrets are read */
	uint64_t limit_us;       /* of one run */
	void (*idle)(void *arg); /* nothing runs or waits any more */
	void *arg;
};

struct listener;
/* *l is NULL, and all is well, where the job names nobody. */
RC listener_open(struct listener **l, const struct listener_options *o, struct err *e);
/* One that runs is killed. */
void listener_close(struct listener *l);

/* A failed one is told at once; a completed one when it is committed. */
void listener_checkpoint(struct listener *l, const struct checkpoint_record *r);
/* What checkpoint `id`, and those before it, had prepared is committed. */
void listener_committed(struct listener *l, uint64_t id);
/* An attempt has begun from a checkpoint: all of it is confirmed. */
void listener_restored(struct listener *l, const struct job_recovery *r, uint32_t attempt);

bool listener_is_idle(const struct listener *l);
