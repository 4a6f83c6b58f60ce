/* job.c - a job's attempts and the moves between its states. See job.h. */
#include "jobs/job_in.h"

#include "jobs/attempt_in.h"
#include "jobs/evolve.h"

#include <inttypes.h>

#define TO(s) (1u << (s))
static const unsigned job_may[] = {
	[JOB_NEW] = TO(JOB_OWNED) | TO(JOB_EXPORTING) | TO(JOB_FINISHED),
	[JOB_OWNED] = TO(JOB_RUNNING) | TO(JOB_WAITING) | TO(JOB_FAILED) | TO(JOB_HALTED) |
		      TO(JOB_STOPPED),
	[JOB_EXPORTING] = TO(JOB_FINISHED) | TO(JOB_STOPPED),
	[JOB_RUNNING] = TO(JOB_EXPORTING) | TO(JOB_FINISHED) | TO(JOB_STOPPED) |
			TO(JOB_WAITING) | TO(JOB_FAILED) | TO(JOB_HALTED),
	/* To itself: what the next attempt needs could not be read, so it waits once more. */
	[JOB_WAITING] = TO(JOB_OWNED) | TO(JOB_WAITING) | TO(JOB_STOPPED) | TO(JOB_FAILED) |
			TO(JOB_FINISHED),
	[JOB_FINISHED] = 0, [JOB_STOPPED] = 0, [JOB_FAILED] = 0, [JOB_HALTED] = 0,
};

void job_move(struct job *j, enum job_state to)
{
	CHECK(job_may[j->state] & TO(to));
	j->state = to;
}

const char *job_state_name(enum job_state s)
{
	static const char *const names[] = {"NEW",       "OWNED",    "RUNNING", "WAITING",
					    "EXPORTING", "FINISHED", "STOPPED", "FAILED",
					    "HALTED"};
	return names[s];
}

/* ---- what is heard ---- */

void job_heard_checkpoint(void *arg, const struct checkpoint_record *r)
{
	struct job *j = arg;
	if (r->completed)
		j->completed++;
	else
		j->failed++;
	if (j->n_records == JOB_HISTORY_MAX) {
		/* Half at a time, so that this is rare. */
		j->n_records /= 2;
		memmove(j->record, j->record + JOB_HISTORY_MAX - j->n_records,
			j->n_records * sizeof *j->record);
	}
	j->record[j->n_records++] = *r;
	if (j->o.listen.checkpoint)
		j->o.listen.checkpoint(j->o.listen.arg, r);
	if (j->hearer.checkpoint)
		j->hearer.checkpoint(j->hearer.arg, r);
}

void job_heard_committed(void *arg, uint64_t checkpoint)
{
	struct job *j = arg;
	if (j->hearer.committed)
		j->hearer.committed(j->hearer.arg, checkpoint);
}

void job_heard_print(void *arg, struct print_letter *l)
{
	struct job *j = arg;
	if (j->print) {
		j->print(j->print_arg, l);
		return;
	}
	l->mail.kind = l->reply_kind;
	mailbox_put(l->reply, &l->mail);
}

void job_tell_to(struct job *j, const struct job_hearer *h)
{
	j->hearer = h ? *h : (struct job_hearer){0};
}

void job_print_to(struct job *j, void (*print)(void *arg, struct print_letter *l), void *arg)
{
	j->print = print;
	j->print_arg = arg;
}

/* ---- attempts ---- */

static const struct manifest *newest_of(const struct job *j)
{
	return j->has_newest ? &j->newest : j->start.chosen;
}

static const struct manifest *restore_from(const struct job *j)
{
	return j->has_kept ? &j->kept : newest_of(j);
}

RC job_begin_attempt(struct job *j, struct err *e)
{
	CHECK(j->state == JOB_OWNED && !j->attempt);
	j->attempt_number++;
	j->is_whole = false;
	j->restarts.running_since_us = job_now_us(j);
	struct attempt_config c = {
		.env = j->o.env, .log = j->o.log, .plan = j->o.plan, .store = j->store,
		.history = j->history, .spans = j->spans, .ledger = j->ledger,
		.parts_dir = j->parts_dir, .uuid = j->start.uuid,
		.lineage = j->start.lineage, .attempt = j->attempt_number, .epoch = j->start.epoch,
		.progress = j->o.progress, .next_id = j->next_id, .from = restore_from(j),
		.begun = &j->begun, .io = j->io, .control = &j->control,
		.restore = j->recovery.mode,
		.listen = {.checkpoint = job_heard_checkpoint, .committed = job_heard_committed,
			   .print = job_heard_print, .answered = job_heard_answer,
			   .named = job_heard_named,
			   .loaded = job_heard_loaded, .arg = j}};
	j->recovery.keys = j->recovery.rows_read = j->recovery.bytes_read = 0;
	j->recovery.full_runs = j->recovery.delta_runs = 0;
	j->recovery.estimate_us = restore_way_estimate_us(j->o.plan, restore_from(j));
	j->recovery.tables_us = job_now_us(j);
	return attempt_open(&j->attempt, &c, e);
}

/* Subtasks restore side by side; sums do not mind the order. */
static void add_restored(struct job *j, const struct restored *r)
{
	__atomic_fetch_add(&j->recovery.keys, r->keys, __ATOMIC_RELAXED);
	__atomic_fetch_add(&j->recovery.rows_read, r->rows_read, __ATOMIC_RELAXED);
	__atomic_fetch_add(&j->recovery.bytes_read, r->bytes_read, __ATOMIC_RELAXED);
	__atomic_fetch_add(&j->recovery.full_runs, r->full_runs, __ATOMIC_RELAXED);
	__atomic_fetch_add(&j->recovery.delta_runs, r->delta_runs, __ATOMIC_RELAXED);
}

RC job_restore_task(struct job *j, uint32_t task, struct err *e)
{
	struct restored r;
	enum rc rc = attempt_restore_task(j->attempt, task, &r, e);
	add_restored(j, &r);
	return rc;
}

/* The last confirmation of a restore (COORDINATOR 25): what was sealed and verified is also all
 * there is. */
static RC job_confirm_restore(const struct job *j, struct err *e)
{
	const struct manifest *m = restore_from(j);
	uint64_t keys = __atomic_load_n(&j->recovery.keys, __ATOMIC_RELAXED);
	if (!m || m->figures.keys == keys || m->figures.keys == EVOLVE_KEYS_UNKNOWN)
		return OK;
	return ERR(e, E_CORRUPT, "checkpoint %" PRIu64 " was taken of %" PRIu64 " keys, its runs hold "
		   "%" PRIu64 ": it does not say what the state was", m->id, m->figures.keys, keys);
}

RC job_heard_loaded(void *arg, const struct restored *all, struct err *e)
{
	struct job *j = arg;
	add_restored(j, all);
	if (job_confirm_restore(j, e) != OK)
		return e->code;
	j->is_whole = true;
	if (j->o.log)
		log_line(j->o.log, LOG_INFO,
			 "all state of checkpoint %" PRIu64 " is there and verified, %" PRIu64
			 " keys, %.0f ms after the restore began (at once it takes about %.0f); "
			 "checkpoints may begin",
			 restore_from(j)->id, all->keys,
			 (double)(job_now_us(j) - j->tables_began_us) / 1e3,
			 (double)j->recovery.estimate_us / 1e3);
	return OK;
}

RC job_start_attempt(struct job *j, struct err *e)
{
	j->tables_began_us = j->recovery.tables_us;
	j->recovery.tables_us = job_now_us(j) - j->recovery.tables_us;
	if (j->recovery.mode != RESTORE_LAZY && job_confirm_restore(j, e) != OK)
		return e->code;
	progress_begin(j->o.progress, j->o.plan, restore_from(j), j->start.lineage);
	if (attempt_start(j->attempt, job_now_us(j), e) != OK)
		return e->code;
	job_move(j, JOB_RUNNING);
	if (j->stop_asked)
		attempt_stop(j->attempt, &j->stop_how, job_now_us(j));
	job_export_next(j);
	return OK;
}

static void fail_finally(struct job *j, const struct err *e, enum job_state to)
{
	j->error = j->failure = *e;
	job_move(j, to);
	job_answer_all(j, e);
}

/* Whoever ran out of memory does not know whether the machine or the job's budget was short. */
static void name_the_limit(const struct job *j, struct err *e)
{
	char limit[UNIT_TEXT];
	size_t len = strlen(e->text);
	if (e->code != E_NO_MEMORY || !j->mem->limit_bytes || strstr(e->text, "limits.memory"))
		return;
	snprintf(e->text + len, sizeof e->text - len, " (limits.memory is %s)",
		 size_text(j->mem->limit_bytes, limit));
}

/* Read lazily, a damaged block is met when going back was not thought of any more. */
static void name_the_cure(const struct job *j, struct err *e)
{
	size_t len = strlen(e->text);
	if (e->code != E_CORRUPT || j->recovery.mode != RESTORE_LAZY || j->is_whole)
		return;
	snprintf(e->text + len, sizeof e->text - len, ". Nothing was committed since this start. "
		 "'--set checkpoint.restore=eager' reads everything first, and goes back where that is "
		 "safe; else 'weir fsck --repair %s'", j->o.dir);
}

static void decide_restart(struct job *j, const struct err *why)
{
	struct err named = *why, *e = &named;
	name_the_limit(j, e);
	name_the_cure(j, e);
	struct restart_policy p = spec_restart_policy(j->o.plan->spec);
	p.attempts = j->o.restart_attempts;
	struct restart_decision d;
	restart_decide(&p, &j->restarts, job_now_us(j), e, rng_next(j->o.env->rng), &d);
	if (j->stop_asked)
		d = (struct restart_decision){.error = *e};
	if (j->o.failed)
		j->o.failed(j->o.listen.arg, e, &d);
	j->recovery.began_us = job_now_us(j);
	if (!d.restart) {
		fail_finally(j, &d.error, JOB_FAILED);
		return;
	}
	j->failure = *e;
	j->wait_until_us = job_now_us(j) + d.after_us;
	job_move(j, JOB_WAITING);
}

void job_attempt_broken(struct job *j, const struct err *e)
{
	/* Nothing ran: no thread, no letter but those the attempt itself put into task mailboxes. */
	attempt_close(j->attempt);
	j->attempt = NULL;
	lookups_attempt_over(j);
	decide_restart(j, e);
}

struct attempt *job_attempt(struct job *j)
{
	return j->attempt;
}

struct ioqueue *job_ioqueue(struct job *j)
{
	return j->io;
}

void job_step(struct job *j, uint64_t *wake_at_us)
{
	CHECK(j->attempt || j->state == JOB_EXPORTING);
	for (struct mail *m = mailbox_take_all(&j->control), *next; m; m = next) {
		next = m->next;
		if (m->kind == JOB_EXPORTED)
			job_exported(j, m);
		else
			attempt_letter(j->attempt, m, job_now_us(j));
	}
	*wake_at_us = UINT64_MAX;
	if (j->attempt)
		attempt_step(j->attempt, job_now_us(j), wake_at_us);
	else if (!j->export)
		job_move(j, j->after_export);
	if (j->attempt && attempt_is_closing(j->attempt))
		job_export_drop(j);
	lookups_step(j, wake_at_us);
}

bool job_attempt_is_over(const struct job *j)
{
	return j->attempt && attempt_is_over(j->attempt);
}

static void keep_totals(struct job *j)
{
	for (uint32_t i = 0; i < j->o.plan->n_tasks; i++) {
		struct job_task_totals t;
		job_task_totals(j, i, &t);
		struct keyed *k = task_keyed(attempt_task(j->attempt, i));
		t.state_checksum = k ? keyed_checksum(k) : 0;
		t.keys = k ? keyed_count(k) : 0;
		t.state_bytes = k ? keyed_live_bytes(k) : 0;
		j->totals[i] = t;
	}
	j->first_record_us = attempt_first_record_us(j->attempt);
}

/* The queue is drained: every publish outcome is known (inv 8). What the directory says now is what
 * the next attempt starts from. */
static RC choose_again(struct job *j, struct err *e)
{
	struct manifest m;
	if (store_newest(j->store, &m, e) != OK)
		return e->code;
	if (j->has_newest)
		manifest_close(&j->newest);
	j->newest = m;
	j->has_newest = m.id != 0;
	const struct manifest *from = newest_of(j);
	if (job_check(j, from, e) != OK)
		return e->code;
	job_recovery_of(j, from);
	j->recovery.intents_committed = j->recovery.intents_done = j->recovery.intents_taken = 0;
	if (!from)
		return OK;
	/* It may have been published, and committed only now. */
	return job_settle(j, from, e) == OK ? job_owe_export(j, from, e) : e->code;
}

/* Whoever asked for a savepoint has it when the job is over. */
static void ended_in_order(struct job *j, enum job_state as)
{
	j->after_export = as;
	if (j->owed)
		job_move(j, JOB_EXPORTING);
	job_export_next(j);
	if (!j->export)
		job_move(j, as);
}

struct err job_savepoint_error(const struct job *j)
{
	struct err e = j->savepoint_error;
	if (e.code == OK && j->stop_how.savepoint && !j->exported)
		ERR(&e, E_REFUSED, "no savepoint was taken: the job was not running any more");
	return e;
}

void job_end_attempt(struct job *j)
{
	CHECK(job_attempt_is_over(j));
	enum attempt_end end = attempt_end_of(j->attempt);
	struct err error = *attempt_error(j->attempt);
	keep_totals(j);
	j->next_id = attempt_next_id(j->attempt);
	attempt_close(j->attempt);
	j->attempt = NULL;
	lookups_attempt_over(j);
	switch (end) {
	case ATTEMPT_FINISHED:
		ended_in_order(j, JOB_FINISHED);
		break;
	case ATTEMPT_STOPPED:
		ended_in_order(j, JOB_STOPPED);
		break;
	case ATTEMPT_HALTED:
		fail_finally(j, &error, JOB_HALTED);
		break;
	default:
		decide_restart(j, &error);
	}
	job_answer_all(j, &error);
}

uint64_t job_wait_until(const struct job *j)
{
	return j->wait_until_us;
}

void job_wait_over(struct job *j)
{
	struct err e = {0};
	CHECK(j->state == JOB_WAITING);
	if (choose_again(j, &e) == OK) /* a final checkpoint lacked only its commits: settled */
		job_move(j, j->has_newest && j->newest.final ? JOB_FINISHED : JOB_OWNED);
	else
		decide_restart(j, &e);
	if (j->state == JOB_FINISHED)
		job_answer_all(j, &e);
}

void job_stop(struct job *j)
{
	j->stop_asked = true;
	if (j->attempt)
		attempt_stop(j->attempt, &j->stop_how, job_now_us(j));
	if (j->attempt || (j->state != JOB_WAITING && j->state != JOB_OWNED))
		return;
	job_move(j, JOB_STOPPED);
	job_answer_all(j, &(struct err){0}); /* savepoints whose export waited for an attempt */
}
