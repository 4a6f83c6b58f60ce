/* routes.h - which paths there are, as one table: a new one is a row here, a case where it is
 * answered, and a line in docs/REST.md.
 * Why a table: what a path is, which method and parameters it takes, and what /openapi.json says of
 * it cannot differ.
 * Pure. */
#pragma once
#include "base/err.h"
#include "server/entry.h"

enum api_what {
	API_ABOUT,       /* GET /v1 */
	API_OPENAPI,     /* GET /openapi.json */
	API_METRICS,     /* GET /metrics */
	API_LIST,        /* GET /v1/jobs */
	API_SUBMIT,      /* POST /v1/jobs */
	API_SHOW,        /* GET /v1/jobs/{name} */
	API_CHECKPOINTS, /* GET /v1/jobs/{name}/checkpoints */
	API_CHECKPOINT,  /* GET /v1/jobs/{name}/checkpoints/{id} */
	API_SAVEPOINTS,  /* GET /v1/jobs/{name}/savepoints */
	API_RECOVERIES,  /* GET /v1/jobs/{name}/recoveries */
	API_PLAN,        /* GET /v1/jobs/{name}/plan */
	API_CONFIG,      /* GET /v1/jobs/{name}/config */
	API_STATE,       /* GET /v1/jobs/{name}/state/{stage} */
	API_TAIL,        /* GET /v1/jobs/{name}/tail/{stage} */
	API_LOG,         /* GET /v1/jobs/{name}/log */
	API_EVENTS,      /* GET /v1/jobs/{name}/events */
	API_ACT,         /* POST /v1/jobs/{name}/{kind} */
	API_ACTION,      /* GET /v1/actions/{id} */
	API_STEPS,       /* GET /v1/steps */
	API_STEP,        /* POST /v1/steps, and all of /v1/steps/{id} */
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
	ACTION_KILL,   /* SIGKILL of its process: what follows its restart policy says */
	ACTION_SUBMIT, /* never asked for by name: a submit that replaces what runs */
};

/* What is done in a step session. */
enum step_do {
	STEP_DO_OPEN,
	STEP_DO_LOOK,
	STEP_DO_NEXT,
	STEP_DO_BARRIER, /* on to the next event that has to do with one */
	STEP_DO_BACK,
	STEP_DO_KILL,
	STEP_DO_CHECKPOINT,
	STEP_DO_END, /* never asked of its process */
	STEP_DOS,
};

#define ROUTE_STAGE_MAX 64 /* SPEC_NAME_MAX */
#define ROUTE_FILE_MAX 64  /* of a file of the page: by feel */
#define ROUTE_ALLOW_MAX 40 /* "GET, HEAD, POST, DELETE" */

struct route {
	const char *method; /* GET serves HEAD too */
	const char *path;   /* {name}: of a job; {id}: a number; {stage}: of a stage; {file}: letters,
			     * digits, and one of -_. between them */
	const char *query;  /* the parameters it reads, each between blanks; " ": none */
	enum api_what what;
	enum action_kind kind; /* of API_ACT */
	enum step_do step;     /* of API_STEP */
	const char *says;   /* what it answers, a line */
};

/* What stood for the {} of a path. */
struct route_match {
	const struct route *route;
	char job[ENTRY_NAME_MAX + 1], stage[ROUTE_STAGE_MAX + 1], file[ROUTE_FILE_MAX + 1];
	uint64_t id;
	bool method_wrong; /* on E_USAGE: the path is there */
	char allow[ROUTE_ALLOW_MAX]; /* then: the methods that it has, as a header says them */
};

/* path: as it was sent, still escaped (no name needs it); one '/' behind a path without {} is
 * passed over. E_NOT_FOUND: no such path, or what stands in it can be no name; E_USAGE: not for
 * this method. */
RC route_find(struct route_match *m, const char *method, const char *path, struct err *e);
/* The i-th of the table; NULL at its end. */
const struct route *route_at(size_t i);
