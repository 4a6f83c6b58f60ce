/* actions.h - what was asked and how it ended: the newest actions of a host, by number, and what is
 * said of them. The server of many jobs and the one job of `weir run` keep theirs the same way.
 * Owns nothing but its ring. Threads: the loop's. */
#pragma once
#include "server/api.h"
#include "server/feed.h"

#define ACTIONS_KEPT 1024 /* docs/REST.md */

/* One asked thing, as REST.md shows it. */
struct action {
	uint64_t id;              /* 0: none */
	char job[ENTRY_NAME_MAX + 1];
	enum action_kind kind;
	bool over;
	bool savepoint;           /* of a stop: it makes one first */
	struct err error;         /* of one that is over; code OK: done */
	uint64_t checkpoint;      /* 0: none */
	char *found;              /* of a gc: what went, as JSON (jobs/gone.h); owned; NULL: nothing */
};

struct actions {
	struct action *ring[ACTIONS_KEPT]; /* by number modulo its size; made when first needed */
	uint64_t last;
	struct mem *mem;
};

/* The next one, in the place of the oldest that is over: numbers of those under way are passed
 * over. (Are all under way, the oldest is forgotten.) NULL: no memory, E_NO_MEMORY. */
struct action *actions_new(struct actions *as, const char *job, enum action_kind kind,
			   struct err *e);
/* It was refused after all: as if it had never been. */
void actions_forget(struct actions *as, uint64_t id);
/* NULL: too old, or never was. */
struct action *actions_find(struct actions *as, uint64_t id);
/* The oldest of a job that is of this kind and not over; NULL: there is none. */
struct action *actions_open(struct actions *as, const char *job, enum action_kind kind);
unsigned actions_count_open(const struct actions *as, const char *job, enum action_kind kind);
/* Those that make a savepoint: asked for as such, or a stop with one. */
unsigned actions_count_savepoints(const struct actions *as, const char *job);
/* The same of all that the job's process answers (action_is_ask). */
struct action *actions_open_ask(struct actions *as, const char *job);
unsigned actions_count_asks(const struct actions *as, const char *job);
/* It has ended: who watches the job is told. found: JSON, or NULL; copied. */
void actions_over(struct actions *as, struct feed *f, uint64_t id, const struct err *error,
		  uint64_t checkpoint, const char *found);
/* The answer to who asked: 202 and the action, or the stream of the job's events until it is over
 * (then true: the stream begins with what the caller tells it now). */
bool actions_accept(struct actions *as, struct feed *f, struct http_request *r,
		    const struct api_call *c, const struct action *a);
/* GET /v1/actions/{id} */
void actions_answer(struct actions *as, struct http_request *r, uint64_t id);
void actions_close(struct actions *as);
