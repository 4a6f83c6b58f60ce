/* job_export.c - savepoints of a running job: checkpoints with a name, exported one after the other
 * once their output is committed, and who waits for that.
 *
 *   published (pinned) -> committed: named ─> owed ─> export ─> unpinned, the asker is answered
 *                                              ^        | the attempt ends: dropped, begun anew
 *                                              +────────+
 *
 * Between the end of the last attempt and STOPPED or FINISHED the job is EXPORTING. What is owed
 * when the process dies is owed by the next: its checkpoint is the newest or pinned, and has a
 * name. */
#include "jobs/job_in.h"

#include "jobs/attempt_in.h"
#include "jobs/export.h"

#include <inttypes.h>

struct owed_export {
	struct owed_export *next;
	struct manifest m;
};

/* ---- who waits ---- */

static void answer_export(struct job *j, uint64_t id, const struct err *why)
{
	for (uint32_t i = 0; i < j->n_asked; i++) {
		struct job_asked *a = &j->asked[i];
		if (!a->taken || a->record.id != id)
			continue;
		struct checkpoint_record r = a->record;
		job_answer_one(j, a->request, why ? NULL : &r, NULL, why);
		return;
	}
}

/* ---- what is owed ---- */

static RC owe(struct job *j, const struct manifest *m, struct err *e)
{
	struct owed_export **at = &j->owed, *o = mem_get(j->mem, sizeof *o);
	if (!o)
		return ERR(e, E_NO_MEMORY, "no memory for savepoint '%s'", m->name);
	if (manifest_clone(&o->m, m, j->mem, e) != OK) {
		mem_put(j->mem, o);
		return e->code;
	}
	while (*at) {
		if ((*at)->m.slot == m->slot) { /* settled once more, after a restart */
			manifest_close(&o->m);
			mem_put(j->mem, o);
			return OK;
		}
		at = &(*at)->next;
	}
	*at = o;
	return OK;
}

static void forget_first(struct job *j)
{
	struct owed_export *o = j->owed;
	j->owed = o->next;
	manifest_close(&o->m);
	mem_put(j->mem, o);
}

/* The checkpoint stands and stays pinned: only its files are made later. */
static void give_up_first(struct job *j, const struct err *why)
{
	struct err e = {0};
	ERR(&e, why->code,
	    "savepoint '%s' is checkpoint %" PRIu64 ", which is kept, but its files could "
	    "not be made; the next start tries again: %s",
	    j->owed->m.name, j->owed->m.id, why->text);
	if (j->o.log)
		log_line(j->o.log, LOG_WARN, "%s", e.text);
	j->savepoint_error = e;
	answer_export(j, j->owed->m.id, &e);
	forget_first(j);
}

/* ---- one after the other ---- */

static bool may_export(const struct job *j)
{
	return j->state == JOB_EXPORTING ||
	       (j->state == JOB_RUNNING && j->attempt && !attempt_is_closing(j->attempt) &&
		!attempt_is_over(j->attempt));
}

static RC begin_first(struct job *j, struct err *e)
{
	const struct plan *p = j->o.plan;
	const struct manifest *m = &j->owed->m;
	struct export_options o = {.env = j->o.env, .io = j->io, .store = j->store, .dir = j->o.dir,
				   /* A start on a final checkpoint has none; it would be the next. */
				   .epoch = j->start.epoch ? j->start.epoch : store_slot(j->store) + 1,
				   .number = j->exports++,
				   .reply = &j->control, .kind = JOB_EXPORTED};
	if (m->job_hash == p->job_hash)
		o.job_text = bytes_text((struct bytes *)&p->text);
	if (export_open(&j->export, &o, m, e) != OK)
		return e->code;
	export_submit(j->export);
	return OK;
}

void job_export_next(struct job *j)
{
	while (!j->export && j->owed && may_export(j)) {
		struct err e = {0};
		if (begin_first(j, &e) != OK)
			give_up_first(j, &e);
	}
}

void job_exported(struct job *j, struct mail *m)
{
	struct export_job *x = export_of_letter(m);
	CHECK(x == j->export && j->owed);
	struct err e = x->publish.error;
	enum rc rc = x->publish.rc;
	export_close(x);
	j->export = NULL;
	if (rc == OK) {
		j->exported++;
		answer_export(j, j->owed->m.id, NULL);
		forget_first(j);
	} else if (rc != E_STOPPED) { /* that: begun anew with the next attempt */
		give_up_first(j, &e);
	}
	job_export_next(j);
}

void job_export_drop(struct job *j)
{
	if (j->export)
		export_drop(j->export);
}

void job_heard_named(void *arg, const struct manifest *m)
{
	struct job *j = arg;
	struct err e = {0};
	if (owe(j, m, &e) == OK) {
		job_export_next(j);
		return;
	}
	j->savepoint_error = e;
	answer_export(j, m->id, &e);
}

/* ---- what a process before left ---- */

RC job_owe_export(struct job *j, const struct manifest *m, struct err *e)
{
	bool there = true;
	if (!m->name)
		return OK;
	if (savepoint_is_there(j->o.env->fs, j->mem, j->o.dir, m->name, &there, e) != OK)
		return e->code;
	if (!there)
		return owe(j, m, e);
	answer_export(j, m->id, NULL);
	return OK;
}

RC job_owe_exports(struct job *j, struct err *e)
{
	const struct manifest *c = j->start.chosen;
	enum rc rc = c ? job_owe_export(j, c, e) : OK;
	for (uint32_t i = 0; c && i < c->n_pinned && rc == OK; i++) {
		struct manifest m;
		struct err why = {0};
		/* A pinned one that cannot be read is no reason not to run. */
		if (slots_read(slots_in(j->o.env->fs, j->o.dir), j->mem, c->pinned[i], &m, &why) != OK)
			continue;
		rc = job_owe_export(j, &m, e);
		manifest_close(&m);
	}
	/* Owned: pinned until they are made. */
	for (struct owed_export *o = j->owed; o && rc == OK && j->start.epoch; o = o->next) {
		struct err ignored = {0};
		(void)!store_exporting(j->store, o->m.slot, true, &ignored);
	}
	return rc;
}

/* A finished job runs nothing: done here, before anybody else could see it. */
void job_export_now(struct job *j)
{
	job_move(j, JOB_EXPORTING);
	job_export_next(j);
	while (j->export) {
		struct mail *m;
		while (!(m = mailbox_take_all(&j->control)))
			(void)(ioqueue_step(j->io, LANE_BYTES) | ioqueue_step(j->io, LANE_DURABILITY));
		job_exported(j, m);
	}
}

void job_export_close(struct job *j)
{
	export_close(j->export);
	while (j->owed)
		forget_first(j);
}
