/* job_process.h - the inside of a job's process under `weir serve`: shared by job_process.c (from
 * its start to its end) and job_talk.c (what passes over its wire, either way) only. */
#pragma once
#include "cli/log_stream.h"
#include "cli/restore_arg.h"
#include "cli/screen.h"
#include "cli/served.h"
#include "jobs/outlook.h"
#include "server/tail.h"

struct process {
	struct cli *cli;
	struct mem *mem;
	struct loop *loop;
	struct wire *wire;
	struct loop_timer *tick, *back, *tail_look;
	struct word_start start;
	struct progress *progress; /* the server's memory; NULL: none */
	struct restore_arg restore;
	bool started;
	struct served_text text;
	struct log log;
	struct log_stream lines;    /* of a log in JSON: what is written for people */
	struct waker waker;
	struct screen screen;
	bool screen_is_open;
	struct job *job;
	struct drive *drive;
	struct pace pace;           /* of the facts that were said */
	uint64_t said_us;           /* when a checkpoint was last told of */
	uint64_t said_id;           /* the newest completed one that was */
	struct tail tail;           /* of print_sinks, while somebody reads it */
	bool watched, tailed, stop_asked;
	struct err stop_error;      /* why a stop is only a plain one */
};

/* ---- job_talk.c ---- */
/* What the job tells: the hooks of job_options and drive_options; arg is the process. */
void talk_checkpoint(void *arg, const struct checkpoint_record *r);
void talk_failed(void *arg, const struct err *e, const struct restart_decision *d);
void talk_answered(void *arg, uint64_t request, const struct checkpoint_record *r,
		   const char *found, const struct err *why);
void talk_began(void *arg);
void talk_status(void *arg);
void talk_printed(void *arg);
void talk_text(void *arg, const struct print_letter *l);
/* Of p->tail_look: the newest lines, to who reads them. */
void talk_tail(void *arg);
/* Of p->tick: facts for who watches; of p->back: whether the next attempt runs. */
void talk_tick(void *arg);
void talk_back(void *arg);
/* Begins or ends p->tick and p->tail_look, as p->watched and p->tailed say. */
void talk_watch(struct process *p);
/* What the server tells, and that it is gone: of the wire. */
void talk_frame(void *arg, enum wire_kind kind, const char *body, size_t len);
void talk_closed(void *arg);
/* It owns the directory and runs. */
void talk_up(struct process *p);
/* The last word, waited for. */
void talk_ended(struct process *p, const struct word_ended *w);
