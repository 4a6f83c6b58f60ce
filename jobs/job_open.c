/* job_open.c - how a job begins: look, check everything that can refuse, own, settle. See job.h. */
#include "base/hash.h"
#include "base/planted.h"
#include "jobs/checks.h"
#include "jobs/job_in.h"

#include <inttypes.h>
#include <stdio.h>

static uint32_t count_texts(const struct bytes *b)
{
	uint32_t n = 0;
	for (size_t i = 0; i < b->len; i++)
		n += b->data[i] == '\0';
	return n;
}

/* ---- how much is verified before the first record ---- */

/* What comes back lazily is read, and verified, while records flow. */
static enum verify_depth depth(void *arg, const struct manifest *m)
{
	const struct job *j = arg;
	char why[160];
	if (m->final || restore_way(j->o.plan, m, false, why) != RESTORE_LAZY)
		return VERIFY_HASHES;
	return VERIFY_LENGTHS;
}

/* Which way m comes back; where the look took it for lazy and it is not, it is verified now. */
static enum rc choose_way(struct job *j, const struct manifest *m, struct err *e)
{
	bool goes_back = !j->has_newest && (j->start.rewinds || j->start.fell_back);
	struct verify_result *r = &j->start.verified;
	j->recovery.mode = restore_way(j->o.plan, m, goes_back, j->recovery.why_so);
	if (!m || j->recovery.mode == RESTORE_LAZY || depth(j, m) == VERIFY_HASHES)
		return OK;
	if (verify_manifest(parts_in(j->o.env->fs, j->o.dir), j->mem, m, VERIFY_HASHES, r, e) != OK)
		return e->code;
	if (r->verdict == VERIFY_INTACT)
		return OK;
	return ERR(e, E_CORRUPT, "'%s/%s' is not what was written; checkpoint %" PRIu64 " needs it",
		   j->parts_dir, r->file, m->id);
}

/* Everything that can refuse, before the fence: does the state fit, what do sources and sinks
 * say. */
enum rc job_check(struct job *j, const struct manifest *m, struct err *e)
{
	for (uint32_t i = 0; m && j->o.plan->spec->checkpoint.audit && i < m->n_ops; i++)
		if (!m->op[i].counted)
			return ERR(e, E_REFUSED, "checkpoint.audit: the job went on from a version that "
				   "did not count its records: leave it out, or begin again with --fresh");
	if (job_keep(j, &m, e) != OK || choose_way(j, m, e) != OK ||
	    (m && (begin_fits(j->o.plan, m, e) != OK || checks_fit(j->o.plan->checks, m, e) != OK)))
		return e->code;
	struct begin_line line = {.uuid = j->start.uuid, .lineage = j->start.lineage,
				  .accepts = j->accepts, .n_accepts = j->n_accepts};
	if (!j->has_newest) { /* the first attempt's checkpoint was chosen: job_promise comes next */
		line.goes_back = j->start.rewinds || j->import;
		line.todo = j->start.todo;
	}
	const char *parts = j->import ? job_import_parts(j) : j->parts_dir;
	begun_close(&j->begun);
	if (begin_stages(&j->begun, j->o.env, j->o.plan, m, parts, &line, e) != OK)
		return e->code;
	j->recovery.orphans = count_texts(&j->begun.orphans);
	return OK;
}

void job_recovery_of(struct job *j, const struct manifest *m)
{
	struct job_recovery *r = &j->recovery;
	r->restored = m != NULL;
	r->previous_pid = j->start.previous_pid;
	r->last_sign_wall_us = j->start.previous_seen_us;
	r->below_slot = j->start.below_slot;
	r->below_id = j->start.below_id;
	r->fell_back = j->start.fell_back;
	r->rewound = j->start.rewinds;
	r->bad_id = j->start.bad_id;
	memcpy(r->bad_why, j->start.bad_why, sizeof r->bad_why);
	r->knows_replays = m && progress_beyond(j->o.progress, m, &r->replays);
	if (!m)
		return;
	r->checkpoint = m->id;
	r->checkpoint_wall_us = m->wall_us;
	r->changed_plan = m->job_hash != j->o.plan->job_hash;
	r->sections = j->start.verified.sections;
	r->files = j->start.verified.files;
	r->bytes = j->start.verified.bytes;
}

static RC own(struct job *j, struct err *e)
{
	for (;;) {
		if (job_import_check(j, e) != OK)
			return e->code;
		const struct manifest *m = j->import ? job_import_manifest(j) : j->start.chosen;
		if (job_check(j, m, e) != OK || job_promise(j, e) != OK)
			return e->code;
		enum rc rc = store_own(j->store, &j->start, e);
		if (rc == OK)
			return job_fulfil(j, e) == OK ? job_import_do(j, e) : e->code;
		if (rc != E_EXISTS)
			return rc;
		/* The log moved between the look and the fence: look at what stands there now. */
		err_clear(e);
		if (j->start.final)
			return OK;
	}
}

/* Of a large file that goes: no piece takes much of a budget's second. 0: there is no budget. */
static uint32_t cut_bytes(uint64_t sweep_bytes)
{
	return (uint32_t)(sweep_bytes / 8 < SWEEP_CUT_BYTES ? sweep_bytes / 8 : SWEEP_CUT_BYTES);
}

static bool job_commits(const struct plan *p)
{
	bool commits = false;
	for (uint32_t i = 0; i < p->n_stages; i++)
		commits |= p->stage[i].p.commits;
	return commits;
}

static RC job_finished_before(struct job *j, struct err *e)
{
	const struct manifest *m = j->start.chosen;
	job_recovery_of(j, m);
	if (job_keep(j, &m, e) != OK || begin_fits(j->o.plan, m, e) != OK ||
	    store_make_durable(j->store, e) != OK || job_settle(j, j->start.chosen, e) != OK ||
	    job_owe_exports(j, e) != OK)
		return e->code;
	if (j->owed) {
		if (ioqueue_open(&j->io, j->o.env->fs, j->mem, e) != OK)
			return e->code;
		job_export_now(j);
	}
	job_move(j, JOB_FINISHED);
	return OK;
}

/* A start writes job.json behind its fence, and its first checkpoint is of that text: with a
 * checkpoint on top it is that one's, or was changed since and says nothing (inv 33). */
static bool text_is_damaged(const struct job *j)
{
	const struct manifest *m = j->start.chosen;
	return m && m->slot == store_slot(j->store) && j->start.job_before &&
	       checksum64(j->start.job_before, j->start.job_before_len) != m->job_hash;
}

RC job_open(struct job **out, const struct job_options *o, struct err *e)
{
	struct job *j = *out = mem_get_aligned(o->env->mem, 64, sizeof *j);
	if (!j)
		return ERR(e, E_NO_MEMORY, "no memory for a job");
	memset(j, 0, sizeof *j);
	j->o = *o;
	j->mem = o->env->mem;
	mailbox_init(&j->control, o->waker);
	j->totals = mem_get(j->mem, (o->plan->n_tasks + 1) * sizeof *j->totals);
	j->record = mem_get(j->mem, JOB_HISTORY_MAX * sizeof *j->record);
	if (!j->totals || !j->record) {
		ERR(e, E_NO_MEMORY, "no memory for a job");
		goto fail;
	}
	j->recovery.began_us = o->started_us;
	j->restarts = o->restarts;
	char uuid[UUID_TEXT];
	uuid_make(o->env->rng, uuid);
	struct store_options so = {
		.dir = o->dir, .fresh = o->fresh, .want = o->want, .falls_back = true,
		.commits = job_commits(o->plan), .retain = o->plan->spec->checkpoint.retain,
		.retain_age_us = o->plan->spec->checkpoint.retain_age_us,
		.job_text = (const char *)o->plan->text.data, .job_len = o->plan->text.len,
		.imports = true, .new_uuid = uuid,
		.cut_bytes = cut_bytes(o->plan->spec->limits.sweep_bytes),
		.new_lineage = (uint32_t)rng_next(o->env->rng), .pid = o->pid,
		.verify = VERIFY_HASHES, .depth = depth, .depth_arg = j};
	uint64_t before = job_now_us(j);
	if (job_look(j, &so, e) != OK)
		goto fail;
	j->recovery.find_us = job_now_us(j) - before;
	if (!text_is_damaged(j) && begin_same_job(o->plan, j->start.job_before,
						  j->start.job_before_len, o->dir, e) != OK)
		goto fail;
	layout_path(j->parts_dir, o->dir, NULL, LAYOUT_PARTS);
	if (j->start.final) {
		if (job_finished_before(j, e) != OK)
			goto fail;
		return OK;
	}
	before = job_now_us(j);
	if (own(j, e) != OK)
		goto fail;
	if (j->start.final) {
		if (job_finished_before(j, e) != OK)
			goto fail;
		return OK;
	}
	job_recovery_of(j, j->start.chosen);
	job_retire_left(j);
	if (j->start.chosen && !PLANTED(start_leaves_commits_open) &&
	    job_settle(j, j->start.chosen, e) != OK)
		goto fail;
	j->recovery.verify_us = job_now_us(j) - before;
	j->next_id = PLANTED(ids_begin_again_at_1) ? 1 : j->start.next_id;
	struct err ignored = {0};
	struct fs *fs = o->env->fs;
	if (history_open(&j->history, fs, j->mem, o->dir, HISTORY_NAME, &ignored) != OK ||
	    history_open(&j->spans, fs, j->mem, o->dir, SPANS_NAME, &ignored) != OK)
		err_clear(&ignored); /* nothing rests on them */
	if (o->plan->spec->checkpoint.audit &&
	    ledger_open(&j->ledger, fs, j->mem, o->dir, j->start.lineage, j->start.epoch, e) != OK)
		goto fail;
	if (ioqueue_open(&j->io, o->env->fs, j->mem, e) != OK)
		goto fail;
	ioqueue_limit(j->io, o->env->clock, o->plan->spec->limits.merge_bytes,
		      o->plan->spec->limits.sweep_bytes);
	if (job_owe_exports(j, e) != OK)
		goto fail;
	job_move(j, JOB_OWNED);
	return OK;
fail:
	job_close(j);
	*out = NULL;
	return e->code;
}

void job_close(struct job *j)
{
	if (!j)
		return;
	attempt_close(j->attempt);
	lookups_close(j);
	job_export_close(j);
	ioqueue_close(j->io);
	history_close(j->history);
	history_close(j->spans);
	ledger_close(j->ledger);
	begun_close(&j->begun);
	job_forget_kept(j);
	job_import_close(j);
	mem_put(j->mem, j->accepts);
	if (j->has_newest)
		manifest_close(&j->newest);
	store_close(j->store);
	mem_put(j->mem, j->record);
	mem_put(j->mem, j->totals);
	mem_put(j->mem, j);
}
