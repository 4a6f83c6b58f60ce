/* api.h - the routes of docs/REST.md: a request as a call, and answers in one shape. Both hosts use
 * it: the server of many jobs and the one job of `weir run`.
 * Which paths there are: routes.h. Pure but for the answers. Threads: the loop's. */
#pragma once
#include "base/json.h"
#include "jobs/ask.h"
#include "server/entry.h"
#include "server/http.h"
#include "server/routes.h"

const char *action_kind_name(enum action_kind k); /* "checkpoint" */
static inline bool action_is_ask(enum action_kind k)
{
	return k < ACTION_STOP;
}

#define API_TAIL_MAX 1000000 /* lines */
#define API_STEP_MAX 10000   /* events at a time: a second or so */
#define API_KEYS_MAX 16      /* KEY_FIELDS_MAX */
#define API_ROWS_MAX 1000

enum api_live { LIVE_IF_IT_CAN, LIVE_ONLY, LIVE_NO };

struct api_call {
	const struct route *route;
	enum api_what what;       /* the route's */
	char job[ENTRY_NAME_MAX + 1];
	enum action_kind kind;    /* the route's */
	uint64_t id;              /* of a path that has one */
	char stage[ROUTE_STAGE_MAX + 1], file_name[ROUTE_FILE_MAX + 1];
	bool stream;              /* an action whose events are wanted */
	/* query; strings borrowed from the request */
	const char *file;
	const char *restore;      /* of a submit, or NULL; rewind and claim are of it */
	bool rewind, claim;
	struct job_ask ask;       /* of an ask, and of a stop; without its request */
	bool replace, follow;
	bool facts;               /* of the list: with the facts of those that run */
	bool with_savepoints;     /* of a cancel and a removal: they may go with the directory */
	unsigned parallelism, tail;
	uint64_t step_n;          /* of a step session: how many events, to which one, or the seed */
	const char *set[ENTRY_SETS_MAX];
	unsigned n_sets;
	const char *key[API_KEYS_MAX]; /* of a look at the state: one a field, or one for all */
	unsigned n_keys, limit;
	const char *at;           /* a checkpoint's id or a savepoint's name; NULL: as it is now */
	enum api_live live;       /* of such a look at one key, whom to ask */
};

/* False: there is no such path, method or parameter, and r was answered. */
bool api_take(struct api_call *c, struct http_request *r);

void api_answer(struct http_request *r, unsigned status, struct bytes *json);
/* GET /openapi.json; version: weir's. */
void api_describe(struct http_request *r, const char *version);
/* {"code", "message", "at": null}. */
void api_error(struct bytes *to, const struct err *e);
/* That, under the status that REST.md gives the code. */
void api_fail(struct http_request *r, const struct err *e);
void api_fail_with(struct http_request *r, unsigned status, const struct err *e);
unsigned api_status(enum rc code);
