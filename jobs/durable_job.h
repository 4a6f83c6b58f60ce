/* durable_job.h - one job of the control thread for the durability lane: it owns what it needs
 * until its letter is back. For publish.c, publish_history.c and attempt_keep.c only. */
#pragma once
#include "jobs/attempt_in.h"
#include "jobs/gone.h"

struct durable_job {
	struct io_job job;
	struct attempt *a;
	uint64_t id;
	struct published *manifest; /* a reference */
	struct part_share *part;    /* to be sealed; NULL: no part */
	struct published *base;     /* publish, with an audit: what it goes on from; a reference */
	const char **law;           /* likewise: of each operator; owned */
	uint32_t at;                /* commit: next intent; sweep: next orphan */
	struct intent_work work;    /* commit: on that intent */
	bool begun, swept;
	bool more;                  /* sweep: large files are left, for the next one */
	char part_name[LAYOUT_NAME_MAX + 1];
	struct history *history;    /* what `line` goes to */
	char *line;
	size_t len;
	uint64_t sealed_us;         /* publish: when the part was durable */
	uint64_t room_bytes;        /* publish: fs_room, after it */
	struct job_ask ask;         /* of what was asked (attempt_keep.c); request 0: nothing was */
	bool news;                  /* pin: the newest manifest does not say so yet */
	struct gone gone;           /* gc: what went */
};

/* NULL: no memory. kind: the letter it comes back as. */
struct durable_job *durable_job(struct attempt *a, enum io_class class, int kind,
				bool (*step)(struct io_job *, struct fs *));
void durable_submit(struct durable_job *d);

/* publish.c: a sweep; tells d->gone if that was asked. */
bool sweep_step(struct io_job *job, struct fs *fs);
/* Prepared files that nothing names, and that no sweep has removed yet. */
void orphans_tell(const struct attempt *a, struct fs *fs, struct sweep_ear ear);
