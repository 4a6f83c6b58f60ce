/* live.h - who waits for a key of a running job's state as it is now, and what they get: what the
 * job's own process says (jobs/lookups.h) or, where that says nothing, the newest checkpoint, and
 * why.
 *
 *   live_answer ──ask──> job ──live_heard──> 200, "live": true | 404, no such key
 *        │ not now        │ gone, late, busy
 *        └────────────────┴──> reads.h: "live": false, "note"   with live=only: 409 or 503
 *
 * inv 1  each request is answered once, or its client has gone
 * inv 2  no job is waited for longer than LIVE_PATIENCE_US
 * An answer that nobody waits for, or waits for any more, is no fault: it is dropped.
 * Threads: the loop's. */
#pragma once
#include "server/reads.h"
#include "server/words.h"

#define LIVE_MAX 32u              /* that wait for one job; more are refused: by feel */
#define LIVE_A_SECOND 500u        /* of one job; so too. Each costs its process some 70 us, most
				   * of it wake-ups: a thirtieth of one processor */
#define LIVE_PATIENCE_US 1000000u /* twice a job's own: its process may be stuck as a whole */

struct live_config {
	struct loop *loop;
	struct env *env;
	struct reads *reads;
	/* Asks the job; its answer comes later, if at all. An error says why not now. */
	RC (*ask)(void *arg, const struct word_lookup *l, struct err *e);
	/* The job's directory; false: its path is too long. */
	bool (*dir)(void *arg, char *to, size_t size);
	void *arg;
};

struct live;
/* Whether the call asks for a key as it is now. */
bool live_is(const struct api_call *c);
/* Answers r, later. *l is NULL or what was made for an earlier one. */
void live_answer(struct live **l, const struct live_config *with, struct http_request *r,
		 const struct api_call *c);
/* The job has answered. l: NULL is legal, as below. */
void live_heard(struct live *l, const struct word_found *f);
/* It will not any more. */
void live_gone(struct live *l, const char *why);
/* Who still waits is told that the host stops. Before http_close. */
void live_close(struct live **l);
