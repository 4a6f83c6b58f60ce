/* api.h - the routes of docs/REST.md: a request as a call, and answers in one shape. Both hosts use
 * it: the server of many jobs and the one job of `weir run`.
 * Pure but for the answers. Threads: the loop's. */
#pragma once
#include "base/json.h"
#include "jobs/ask.h"
#include "server/entry.h"
#include "server/http.h"

enum api_what {
	API_ABOUT,       /* GET /v1 */
	API_LIST,        /* GET /v1/jobs */
	API_SUBMIT,      /* POST /v1/jobs */
	API_SHOW,        /* GET /v1/jobs/{job} */
	API_CHECKPOINTS, /* GET /v1/jobs/{job}/checkpoints */
	API_LOG,         /* GET /v1/jobs/{job}/log */
	API_EVENTS,      /* GET /v1/jobs/{job}/events */
	API_ACT,         /* POST /v1/jobs/{job}/{kind} */
	API_ACTION,      /* GET /v1/actions/{action} */
};

enum action_kind {
	/* the job's process answers */
	ACTION_CHECKPOINT,
	ACTION_SAVEPOINT,
	ACTION_PIN,
	ACTION_UNPIN,
	ACTION_GC,
	/* its life does */
	ACTION_STOP,
	ACTION_CANCEL,
	ACTION_RESTART,
	ACTION_RESCALE,
	ACTION_REMOVE,
	ACTION_SUBMIT, /* never asked for by name: a submit that replaces what runs */
};
const char *action_kind_name(enum action_kind k); /* "checkpoint" */
static inline bool action_is_ask(enum action_kind k)
{
	return k < ACTION_STOP;
}

#define API_TAIL_MAX 1000000 /* lines */

struct api_call {
	enum api_what what;
	char job[ENTRY_NAME_MAX + 1];
	enum action_kind kind;
	uint64_t action;
	bool stream;              /* an action whose events are wanted */
	/* query; strings borrowed from the request */
	const char *file;
	const char *restore;      /* of a submit, or NULL; rewind and claim are of it */
	bool rewind, claim;
	struct job_ask ask;       /* of an ask, and of a stop; without its request */
	bool replace, follow;
	bool with_savepoints;     /* of a cancel and a removal: they may go with the directory */
	unsigned parallelism, tail;
	const char *set[ENTRY_SETS_MAX];
	unsigned n_sets;
};

/* False: there is no such path, method or parameter, and r was answered. */
bool api_take(struct api_call *c, struct http_request *r);

void api_answer(struct http_request *r, unsigned status, struct bytes *json);
/* {"code", "message", "at": null}. */
void api_error(struct bytes *to, const struct err *e);
/* That, under the status that REST.md gives the code. */
void api_fail(struct http_request *r, const struct err *e);
void api_fail_with(struct http_request *r, unsigned status, const struct err *e);
unsigned api_status(enum rc code);
