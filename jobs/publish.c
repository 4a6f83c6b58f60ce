/* publish.c - the control thread's jobs for the durability lane: seal and publish, commit, sweep,
 * discard (durable_job.h); lines of history are publish_history.c's. */
#include "jobs/durable_job.h"
#include "jobs/leftovers.h"

#include "base/planted.h"

#include <stdio.h>

void published_use(struct published *p)
{
	p->users++;
}

void published_drop(struct published *p)
{
	if (!p || --p->users)
		return;
	struct mem *mem = p->m.mem;
	manifest_close(&p->m);
	mem_put(mem, p);
}

struct durable_job *durable_job(struct attempt *a, enum io_class class, int kind,
				bool (*step)(struct io_job *, struct fs *))
{
	struct durable_job *d = mem_get(a->mem, sizeof *d);
	if (!d)
		return NULL;
	d->a = a;
	d->job.class = class;
	d->job.step = step;
	d->job.reply = a->c.control;
	d->job.mail.kind = kind;
	return d;
}

void durable_submit(struct durable_job *d)
{
	d->a->jobs_out++;
	ioqueue_submit(d->a->c.io, &d->job);
}

/* ---- publish ---- */

static bool publish_step(struct io_job *job, struct fs *fs)
{
	struct durable_job *d = CONTAINER_OF(job, struct durable_job, job);
	if (d->part && !d->begun) {
		d->begun = true;
		job->rc = part_share_seal(d->part, &job->error);
		d->sealed_us = clock_mono_us(d->a->c.env->clock);
		return job->rc != OK;
	}
	struct manifest *m = &d->manifest->m;
	if (d->law) { /* before the link: what is published was noted; the other way is harmless */
		job->rc = ledger_append(d->a->c.ledger, m, d->base ? &d->base->m : NULL,
					d->law, &job->error);
		mem_put(d->a->mem, d->law);
		d->law = NULL;
		return job->rc != OK;
	}
	struct err ignored = {0}; /* retention keeps it for a while without a pin */
	for (uint32_t i = 0; i < m->n_intents && PLANTED(commit_before_publish); i++) {
		struct intent in = intent_of(m, i);
		enum intent_outcome out;
		(void)!intent_settle(fs, &in, &out, &ignored);
	}
	job->rc = store_publish(d->a->c.store, m, &job->error);
	if (job->rc == OK && m->name)
		(void)!store_exporting(d->a->c.store, m->slot, true, &ignored);
	d->room_bytes = fs_room(fs, d->a->c.parts_dir);
	return true;
}

/* What holds between the records of each operator, for the ledger. */
static bool publish_audits(struct attempt *a, struct durable_job *d)
{
	static const char *const names[] = {[OP_LAW_SAME] = "same", [OP_LAW_AT_MOST] = "at_most",
					    [OP_LAW_ENDS] = "ends", [OP_LAW_SINK] = "sink"};
	const struct plan *p = a->c.plan;
	d->law = mem_get(a->mem, p->n_stages * sizeof *d->law);
	for (uint32_t i = 0; d->law && i < p->n_stages; i++)
		if (p->stage[i].ops->law)
			d->law[i] = names[p->stage[i].ops->law(p->stage[i].p.conf)];
	d->base = a->base;
	if (d->base)
		published_use(d->base);
	return d->law != NULL;
}

enum rc publish_submit(struct attempt *a, struct pending *p, struct err *e)
{
	struct durable_job *d = durable_job(a, IO_PUBLISH, JOB_PUBLISHED, publish_step);
	if (d && a->c.ledger && !publish_audits(a, d)) {
		published_drop(d->base);
		mem_put(a->mem, d);
		d = NULL;
	}
	if (!d)
		return ERR(e, E_NO_MEMORY, "no memory to publish checkpoint %llu",
			   (unsigned long long)p->id);
	d->id = p->id;
	d->manifest = p->made;
	published_use(p->made);
	d->part = p->part.part;
	p->part.part = NULL;
	p->publishing = true;
	durable_submit(d);
	return OK;
}

/* ---- commit ---- */

static bool commit_step(struct io_job *job, struct fs *fs)
{
	struct durable_job *d = CONTAINER_OF(job, struct durable_job, job);
	const struct manifest *m = &d->manifest->m;
	if (d->at == m->n_intents)
		return true;
	struct intent in = intent_of(m, d->at);
	bool done;
	job->rc = intent_step(fs, &in, &d->work, &done, &job->error);
	if (job->rc == OK && !done)
		return false;
	d->work = (struct intent_work){0};
	d->at++;
	if (job->rc != OK)
		err_in(&job->error, "stage '%s': commit of checkpoint %llu", in.sink,
		       (unsigned long long)m->id);
	return job->rc != OK || d->at == m->n_intents;
}

enum rc commit_submit(struct attempt *a, struct err *e)
{
	struct durable_job *d = durable_job(a, IO_PUBLISH, JOB_COMMITTED, commit_step);
	if (!d)
		return ERR(e, E_NO_MEMORY, "no memory to commit a checkpoint");
	d->id = a->base->m.id;
	d->manifest = a->base;
	published_use(a->base);
	durable_submit(d);
	return OK;
}

/* ---- sweep ---- */

void orphans_tell(const struct attempt *a, struct fs *fs, struct sweep_ear ear)
{
	const struct bytes *orphans = &a->c.begun->orphans;
	for (size_t at = 0; !a->orphans_gone && at < orphans->len;) {
		const char *path = (const char *)orphans->data + at;
		struct fs_stat st;
		struct err ignored = {0};
		at += strlen(path) + 1;
		if (fs_stat(fs, path, &st, &ignored) == OK)
			ear.hear(ear.arg, path, st.size_bytes, LEFTOVER_WHY);
	}
}

/* One prepared file that nothing names; false: there are no more. */
static bool orphan_step(struct durable_job *d, struct fs *fs)
{
	const struct bytes *orphans = &d->a->c.begun->orphans;
	if (d->a->orphans_gone || d->at >= orphans->len)
		return false;
	const char *path = (const char *)orphans->data + d->at;
	d->at += (uint32_t)strlen(path) + 1;
	struct fs_stat st = {0};
	d->job.rc = fs_stat(fs, path, &st, &d->job.error);
	if (d->job.rc == OK)
		d->job.rc = fs_unlink(fs, path, &d->job.error);
	if (d->job.rc == OK) {
		d->job.bytes += st.size_bytes;
		if (d->ask.request)
			gone_hear(&d->gone, path, st.size_bytes, LEFTOVER_WHY);
	}
	if (d->job.rc == E_NOT_FOUND) {
		err_clear(&d->job.error);
		d->job.rc = OK;
	}
	return true;
}

/* The store's own first: it looks who owns the directory before anything goes (inv 27). Then, once,
 * orphans of sinks: only where this sweep did look, which it does not before the first checkpoint.
 * Every fault is reported and ends this sweep. So does a piece of a large file: the next one begins
 * with what was retired meanwhile, so that nothing small waits for what takes seconds. */
bool sweep_step(struct io_job *job, struct fs *fs)
{
	struct durable_job *d = CONTAINER_OF(job, struct durable_job, job);
	struct store *s = d->a->c.store;
	uint64_t freed = store_freed(s);
	if (d->swept)
		return !store_sweep_listed(s) || !orphan_step(d, fs) || job->rc != OK;
	if (!d->begun) {
		job->rc = store_sweep_begin(s, d->a->c.attempt, &job->error);
		if (d->ask.request)
			store_sweep_tells(s, (struct sweep_ear){gone_hear, &d->gone});
	} else {
		job->rc = store_sweep_step(s, &d->swept, &job->error);
	}
	freed = store_freed(s) - freed;
	job->bytes += freed;
	d->begun = true;
	d->more = freed && !d->swept && !d->ask.request && store_sweep_is_long(s);
	return d->more || job->rc != OK;
}

void sweep_submit(struct attempt *a)
{
	a->unswept = a->sweeping;
	if (a->sweeping) {
		a->sweep_again = true;
		return;
	}
	struct durable_job *d = durable_job(a, IO_UNLINK, JOB_SWEPT, sweep_step);
	a->backlog.covered = a->backlog.made;
	if (!d) {
		a->backlog.gone = a->backlog.made;
		return; /* the next checkpoint's sweep does it */
	}
	a->sweeping = true;
	durable_submit(d);
}

/* ---- discard ---- */

static bool discard_step(struct io_job *job, struct fs *fs)
{
	(void)fs;
	struct durable_job *d = CONTAINER_OF(job, struct durable_job, job);
	job->rc = store_discard(d->a->c.store, d->part_name, &job->error);
	return true;
}

void discard_submit(struct attempt *a, const char *part_name)
{
	struct durable_job *d;
	a->unswept |= part_name[0] != '\0';
	if (!part_name[0] || !(d = durable_job(a, IO_SYNC, JOB_NOTED, discard_step)))
		return;
	snprintf(d->part_name, sizeof d->part_name, "%s", part_name);
	durable_submit(d);
}

void discard_unnamed(struct attempt *a, const char *part_name)
{
	const struct manifest *m = &a->base->m;
	for (uint32_t i = 0; i < m->n_files; i++)
		if (!strcmp(m->file[i].name, part_name))
			return;
	discard_submit(a, part_name);
}

/* ---- letters ---- */

void publish_outcome(struct attempt *a, struct mail *m, struct publish_outcome *o)
{
	struct durable_job *d = CONTAINER_OF(CONTAINER_OF(m, struct io_job, mail), struct durable_job,
					     job);
	*o = (struct publish_outcome){.id = d->id, .sealed_us = d->sealed_us, .rc = d->job.rc,
				      .room_bytes = d->room_bytes, .more = d->more, .freed_bytes = d->job.bytes,
				      .error = d->job.error};
	intent_work_close(a->c.env->fs, &d->work); /* a queue that was halted left it in the middle */
	part_share_drop(d->part);
	published_drop(d->manifest);
	published_drop(d->base);
	mem_put(a->mem, d->law);
	mem_put(a->mem, d->line);
	gone_close(&d->gone);
	mem_put(a->mem, d);
	a->jobs_out--;
}
