/* server_in.h - the inside of a server: shared by server/server.c (open, loop, end), managed.c (the
 * table of jobs), perform.c (a life's actions done), process.c (job processes), requests.c and
 * submit.c (what clients ask), show.c (how a job is shown) only. */
#pragma once
#include "base/check.h"
#include "jobs/allow.h"
#include "jobs/config.h"
#include "jobs/loop.h"
#include "jobs/outlook.h"
#include "server/actions.h"
#include "server/api.h"
#include "server/asker.h"
#include "server/clerk.h"
#include "server/feed.h"
#include "server/http.h"
#include "server/life.h"
#include "server/live.h"
#include "server/log_tail.h"
#include "server/reads.h"
#include "server/recoveries.h"
#include "server/server.h"
#include "server/steps.h"
#include "server/tailing.h"
#include "server/wire.h"
#include "server/words.h"

#define SERVER_PATH_MAX 4096
#define SERVER_FACTS_WAIT_US 500000 /* a `show` waits this long for fresh facts; by feel */
/* Facts that are this young are fresh, unless its process has said anything since: however often a
 * job is shown, its process is asked fifty times a second at most. No person can tell. */
#define SERVER_FACTS_FRESH_US 20000

struct managed {
	struct server *s;
	struct entry entry;        /* as saved, without its description */
	uint64_t version;          /* of it; 0: not saved yet */
	bool corrupt;              /* nothing but the name is known; entry.error says why */
	struct life *life;         /* NULL: final, and nothing was asked of it by this server */
	bool configured;           /* life knows what the description says */
	uint64_t stop_us;          /* limits.stop, as it says; 0: not known yet */
	struct loop_timer *timer;  /* of life_wake_at; opened when first needed */
	/* a change of the entry under way */
	struct entry *next;        /* what the next SAVE writes (submit, rescale); NULL: the same */
	uint64_t next_action;      /* who asked for it */
	struct life_do *save;      /* the SAVE under way; with a life only: it is large */
	int64_t save_wall_us;
	bool saving_next;          /* the SAVE under way writes it */
	struct asker *submitter;   /* waits for that SAVE */
	bool saving;               /* a SAVE is being written */
	/* what it was to go on from is done: that is written too, between SAVEs and SPAWNs */
	bool forgetting, forgets_later, save_waits, spawn_waits;
	bool performing;           /* managed_perform is on the stack: it goes on by itself */
	unsigned reading;          /* acts that wait for its description: it stays till then */
	bool dropping;             /* the entry is being removed */
	/* its process */
	struct life_do *spawn;     /* the SPAWN under way: the entry is being read; likewise */
	bool spawning, kill_spawn, stop_spawn;
	struct job_ask stop;       /* how the stop under way was asked for; request 0: there is none */
	struct loop_child *child;
	struct wire *wire;
	int progress;              /* a descriptor (jobs/progress.h); 0: none yet */
	bool up;
	int exit;                  /* what its last process said to exit with */
	uint64_t checkpoint;       /* the newest one heard of */
	char *facts;               /* the newest, as JSON; NULL: none of this process */
	uint64_t facts_us;         /* when they came; 0: its process has said something since */
	struct outlook *outlook;   /* what they mean; NULL likewise */
	struct asker *showers;     /* wait for facts */
	struct loop_timer *show_timer;
	bool in_round;             /* the round under way waits for its facts */
	struct feed feed;
	struct recoveries recoveries; /* that this server has heard of */
	struct tailing *tailings;  /* whose print_sinks somebody reads */
	struct live *live;         /* who waits for a key of its state; NULL: nobody ever did */
};

struct server {
	struct server_options o;
	struct env *env;
	struct mem *mem;
	struct loop *loop;
	struct catalogue *catalogue;
	struct clerk *clerk;
	struct http *http;
	struct door *door;         /* NULL: closed */
	struct log_tails tails;
	struct reads reads;
	char *config_text;         /* NULL: no configuration */
	size_t config_len;
	struct config *config;
	struct allow allow;        /* what jobs may touch: the options and the configuration */
	struct managed **job;      /* by name */
	size_t n_jobs, cap_jobs;
	struct actions actions;
	struct steps steps;
	uint64_t event_id;
	int64_t started_wall_us;
	struct loop_timer *beat, *limit;
	/* all running jobs are asked for their facts (round.c): who waits, for how many of them */
	struct asker *scrapers, *listers;
	size_t round_waits;
	struct loop_timer *round_timer;
	struct loop_signal *sigint, *sigterm;
	bool stopping, short_of_memory;
	uint64_t signalled_us;     /* the first of them */
	bool gave_up;              /* the limit passed: killed */
};

/* ---- server.c ---- */
/* Ends the loop when the server stops and no process is left. */
void server_maybe_over(struct server *s);

/* ---- managed.c ---- */
struct managed *server_find(const struct server *s, const char *name);
/* A job of this name, in its place; the name is not taken. NULL: no memory. */
struct managed *server_add(struct server *s, const char *name);
void server_take_out(struct managed *m); /* and frees it: nothing of it is under way */
void managed_free(struct managed *m);
enum life_state managed_state(const struct managed *m);
bool managed_has_process(const struct managed *m);
size_t server_running(const struct server *s);
/* A life for one that has none: on what is saved. */
RC managed_live(struct managed *m, struct err *e);
/* E_NOT_FOUND, with the name that is closest. */
RC server_no_job(const struct server *s, const char *name, struct err *e);

/* ---- perform.c ---- */
/* What m's life asks for is done, and its next wake-up is set. */
void managed_perform(struct managed *m);
/* Its process owns the directory: what was to be restored is, and is not asked for again. */
void managed_restored(struct managed *m);
/* An event for m's life, then managed_perform. What it refuses is *e's. */
RC managed_event(struct managed *m, const struct life_event *ev, struct err *e);
/* The same where nothing can be refused. */
void managed_heard(struct managed *m, const struct life_event *ev);

/* ---- process.c ---- */
/* Starts the process for the SPAWN in m->spawn with this entry; outcomes are told to m's life. */
void process_start(struct managed *m, const struct entry *en);
void process_tell_stop(struct managed *m);
void process_kill(struct managed *m);
void process_close(struct managed *m); /* of a server that ends at once */
/* Nothing of it will ever be put out again. */
void process_forget(struct managed *m);
/* Reads what a description says of a job's life, with the defaults. */
RC server_digest(struct server *s, const struct entry *en, struct life_config *c, struct err *e);
/* The sources of a job's text as job_text wants them; sets has room for ENTRY_SETS_MAX + 1. */
struct job_text;
struct job_text_source;
void server_text_source(const struct server *s, const struct entry *en, const char **sets,
			char parallelism[32], struct job_text_source *from);

/* ---- requests.c ---- */
void server_request(void *server, struct http_request *r);
/* Accepted: 202 and the action, or its stream. */
void server_accepted(struct managed *m, struct http_request *r, const struct api_call *c,
		     const struct action *a);

/* ---- described.c ---- */
/* API_PLAN, API_CONFIG. */
void server_describe(struct managed *m, struct http_request *r, enum api_what what);

/* ---- submit.c ---- */
/* As `weir validate` checks it. What *t holds is to be closed, whatever came; E_INVALID: its faults
 * stand in it (submit_faults answers with them), unless *e says something else. */
RC submit_check(struct server *s, const struct entry *en, struct job_text *t, struct err *e);
void submit_faults(struct server *s, struct http_request *r, struct job_text *t);
void server_submit(struct server *s, struct http_request *r, const struct api_call *c);
void server_rescale(struct managed *m, struct http_request *r, const struct api_call *c,
		    struct clerk_answer *read);
/* The SAVE that a submitter waited for has ended. */
void submit_saved(struct managed *m, const struct err *error);

/* ---- show.c ---- */
void managed_write(const struct managed *m, bool facts, struct json_out *o);
/* The `job` event, to all who watch. */
void managed_tell(struct managed *m);
void managed_tell_newest(struct managed *m);
int64_t managed_since(const struct managed *m); /* wall clock, when its state began */
/* facts: of those that run, as they are known. */
void server_list(struct server *s, struct http_request *r, bool facts);
void server_about(struct server *s, struct http_request *r);
void server_show(struct managed *m, struct http_request *r);
void managed_facts_came(struct managed *m); /* those who waited for them are answered */
/* What reads.h and live.h answer. */
void server_read(struct managed *m, struct http_request *r, const struct api_call *c);
void server_recoveries(struct managed *m, struct http_request *r);
/* The last failure, of the life if there is one; NULL or "": none. */
const char *managed_error(const struct managed *m);

/* ---- round.c ---- */
/* r is answered once every running job has told its facts: with metrics (list: scrapers), or with
 * the jobs and their facts (listers). */
void server_round(struct server *s, struct asker **list, struct http_request *r);
void round_heard(struct managed *m); /* its facts came, or will not */
void round_close(struct server *s);  /* who waits is answered */
