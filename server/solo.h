/* solo.h - the one job of `weir run` behind the protocol of a server (docs/REST.md), on a socket in
 * its directory: show, events, plan, what its directory tells (reads.h), and what a job itself is
 * asked (jobs/ask.h); whatever needs a server is refused and says so.
 * Threads: the loop's. */
#pragma once
#include "base/env.h"
#include "base/json.h"
#include "jobs/job.h"
#include "jobs/loop.h"
#include "jobs/outlook.h"
#include "server/words.h"

#define SOLO_SOCKET "weir.sock"

struct solo_config {
	struct loop *loop;
	struct env *env;
	const char *dir, *name, *version;
	const char *file;                     /* absolute path of the job file, or NULL */
	const struct plan *plan;
	/* The job as it is now. */
	const char *(*state)(void *arg);      /* as REST.md names states */
	uint32_t (*attempt)(void *arg);
	/* The caller closes *f. False: none now. */
	bool (*facts)(void *arg, struct facts *f, struct outlook *look);
	RC (*ask)(void *arg, const struct job_ask *a, struct err *e);
	/* A key of its state is wanted: solo_found, later. */
	RC (*look_up)(void *arg, const struct word_lookup *l, struct err *e);
	void *arg;
};

struct solo;
/* The caller owns dir. Errors are no reason not to run the job: tell them and go on without. */
RC solo_open(struct solo **s, const struct solo_config *c, struct err *e);
/* What happened, to whom it concerns. */
void solo_changed(struct solo *s);            /* state, or a second has passed */
void solo_failed(struct solo *s, const struct err *e);
void solo_record(struct solo *s, const struct checkpoint_record *r);
void solo_recovered(struct solo *s, const struct word_recovery *w);
void solo_answered(struct solo *s, uint64_t request, const struct checkpoint_record *r,
		   const char *found, const struct err *why);
void solo_found(struct solo *s, const struct word_found *f);
/* The job is over: those who asked for a stop are told (error code OK: done), and what was said is
 * sent, for half a second at most. */
void solo_ended(struct solo *s, int exit, const struct err *error);
void solo_close(struct solo *s); /* legal on NULL */
