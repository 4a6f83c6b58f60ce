/* words.h - what server and job process say to each other: the bodies of wire.h's frames, written
 * and read in one place. JSON, because facts go on to clients as they are.
 * Pure. */
#pragma once
#include "base/json.h"
#include "jobs/allow.h"
#include "jobs/job.h"
#include "jobs/lookups.h"
#include "runtime/keys.h"
#include "server/entry.h"
#include "server/life.h"
#include "server/routes.h"
#include "server/wire.h"

/* WIRE_START */
struct word_start {
	struct entry entry;          /* with its description */
	char *dir;                   /* of the job */
	char *log;                   /* the process's standard output and error; it rotates the file */
	char *config_file, *config;  /* defaults, as text; NULL: none */
	struct allow allow;          /* what the job may touch */
	struct restart_state restarts;
	bool log_json;               /* the log has one JSON object a line */
	uint64_t lock_wait_us;       /* how long the process before may take to let go of dir */
};
void start_write(const struct word_start *s, struct bytes *to);
RC start_read(struct word_start *s, const char *body, size_t len, struct mem *mem, struct err *e);
void start_close(struct word_start *s, struct mem *mem); /* what start_read made */

/* WIRE_UP: the checkpoint it goes on from, 0: none */
void up_write(uint64_t checkpoint, struct bytes *to);
RC up_read(uint64_t *checkpoint, const char *body, size_t len, struct mem *mem, struct err *e);

/* WIRE_REQUEST, and the answer to all but a stop */
struct word_answer {
	uint64_t request, checkpoint;
	char *found;                 /* of a gc: what went, as jobs/gone.h says it; NULL: nothing */
	struct err error;            /* code OK: done */
};
void request_write(const struct job_ask *a, struct bytes *to);
RC request_read(struct job_ask *a, const char *body, size_t len, struct mem *mem, struct err *e);
void answer_write(const struct word_answer *a, struct bytes *to);
RC answer_read(struct word_answer *a, const char *body, size_t len, struct mem *mem, struct err *e);
void answer_close(struct word_answer *a, struct mem *mem); /* what answer_read made */

/* WIRE_WATCH, WIRE_TAIL */
void watch_write(bool on, struct bytes *to);
RC watch_read(bool *on, const char *body, size_t len, struct mem *mem, struct err *e);

/* WIRE_FAILED */
struct word_failed {
	struct err error;
	struct restart_state restarts;
	uint64_t after_us;
};
void failed_write(const struct word_failed *f, struct bytes *to);
RC failed_read(struct word_failed *f, const char *body, size_t len, struct mem *mem, struct err *e);

/* WIRE_ENDED */
struct word_ended {
	enum life_ended ended;
	bool unsaved_stop;
	int exit;                    /* what `weir run` would have exited with */
	struct err error;
};
void ended_write(const struct word_ended *w, struct bytes *to);
RC ended_read(struct word_ended *w, const char *body, size_t len, struct mem *mem, struct err *e);

/* WIRE_STEP. n: STEP_DO_OPEN: the seed; NEXT: how many; BACK: to which event. Its answer is a
 * WIRE_STEPPED, for the client as it is, or a WIRE_ANSWER with the error. */
struct word_step {
	enum step_do what;           /* but STEP_DO_END */
	uint64_t n;
};
void step_write(const struct word_step *s, struct bytes *to);
RC step_read(struct word_step *s, const char *body, size_t len, struct mem *mem, struct err *e);

/* WIRE_LOOKUP: a key as its texts, one a field or one for all; any bytes but NUL */
struct word_lookup {
	uint64_t request;
	char stage[ROUTE_STAGE_MAX + 1];
	const char *key[KEY_FIELDS_MAX];
	unsigned n_keys;
	struct bytes texts;          /* of lookup_read: what key borrows from */
};
void lookup_write(const struct word_lookup *l, struct bytes *to);
RC lookup_read(struct word_lookup *l, const char *body, size_t len, struct mem *mem, struct err *e);
void lookup_close(struct word_lookup *l); /* what lookup_read made */

/* WIRE_FOUND: job_found (jobs/lookups.h) */
struct word_found {
	uint64_t request;
	struct err error;            /* code OK: it is there */
	const char *row;             /* a JSON object; NULL with an error */
	uint32_t subtask;
	uint64_t records, barrier;
	int64_t wall_us;
	struct json_doc *doc;        /* of found_read: what row borrows from */
};
/* As a job says it; borrows from f. */
void found_take(struct word_found *w, const struct job_found *f);
void found_write(const struct word_found *f, struct bytes *to);
/* E_INVALID too where the row is no JSON object. */
RC found_read(struct word_found *f, const char *body, size_t len, struct mem *mem, struct err *e);
void found_close(struct word_found *f); /* what found_read made */

/* WIRE_RECORD is report_checkpoint's object, WIRE_FACTS facts_write's. WIRE_RECOVERY: */
struct word_recovery {
	const char *lines;          /* the recovery report as text; borrowed */
	int64_t wall_us;            /* when it was there again */
	uint32_t attempt;           /* of its process */
	uint64_t checkpoint;        /* that it went on from */
	int64_t checkpoint_wall_us;
	uint64_t recovery_us;       /* from the start, or the failure, to the first new record; 0: it
				     * ended without one */
	uint64_t gone_us;           /* from the last sign of life of the process before to this one's
				     * beginning; 0: not known, or the same process */
	uint64_t keys, bytes_read;
	bool knows_replays;         /* replays: records that were put out after the checkpoint, at */
	uint64_t replays;           /* least, and are put out again */
	bool fell_back, rewound;
};
/* Of a job that restored. */
void recovery_take(struct word_recovery *w, const struct job *j, struct clock *clock,
		   const char *lines);
void recovery_write(const struct word_recovery *w, struct bytes *to);
