/* job.c - see job.h. */
#include "jobs/job.h"

#include "base/check.h"

#include <inttypes.h>
#include <stdio.h>

struct job {
	struct job_options o;
	struct mem *mem;
	enum job_state state;
	struct store *store;
	struct store_start start;
	struct history *history;
	struct ioqueue *io;
	struct mailbox control;
	struct begun begun;
	struct manifest newest;      /* what the next attempt starts from, after the first one */
	bool has_newest;
	char parts_dir[LAYOUT_PATH_MAX];
	struct attempt *attempt;
	uint32_t attempt_number;
	uint64_t next_id;
	struct restart_state restarts;
	uint64_t wait_until_us;
	bool stop_asked;
	struct err error;
	struct job_recovery recovery;
	uint64_t first_record_us;    /* of the last attempt that is over */
	struct checkpoint_record *record;
	size_t n_records;
	uint64_t completed, failed;
	void (*print)(void *arg, struct print_letter *l);
	void *print_arg;
	struct job_task_totals *totals; /* of attempts that are over */
};

#define TO(s) (1u << (s))
static const unsigned job_may[] = {
	[JOB_NEW] = TO(JOB_OWNED) | TO(JOB_FINISHED),
	[JOB_OWNED] = TO(JOB_RUNNING) | TO(JOB_WAITING) | TO(JOB_FAILED) | TO(JOB_HALTED) |
		      TO(JOB_STOPPED),
	[JOB_RUNNING] = TO(JOB_FINISHED) | TO(JOB_STOPPED) | TO(JOB_WAITING) | TO(JOB_FAILED) |
			TO(JOB_HALTED),
	/* To itself: what the next attempt needs could not be read, so it waits once more. */
	[JOB_WAITING] = TO(JOB_OWNED) | TO(JOB_WAITING) | TO(JOB_STOPPED) | TO(JOB_FAILED),
	[JOB_FINISHED] = 0, [JOB_STOPPED] = 0, [JOB_FAILED] = 0, [JOB_HALTED] = 0,
};

static void job_move(struct job *j, enum job_state to)
{
	CHECK(job_may[j->state] & TO(to));
	j->state = to;
}

const char *job_state_name(enum job_state s)
{
	static const char *const names[] = {"NEW",      "OWNED",   "RUNNING", "WAITING",
					    "FINISHED", "STOPPED", "FAILED",  "HALTED"};
	return names[s];
}

static uint64_t now_us(const struct job *j)
{
	return clock_mono_us(j->o.env->clock);
}

/* ---- opening ---- */

static RC settle(struct job *j, const struct manifest *m, struct err *e)
{
	for (uint32_t i = 0; i < m->n_intents; i++) {
		const struct manifest_intent *x = &m->intent[i];
		struct intent in = {.kind = INTENT_RENAME, .from = (char *)x->from, .to = (char *)x->to,
				    .offset = x->offset, .length = x->length, .hash = x->hash};
		snprintf(in.sink, sizeof in.sink, "%s", x->sink);
		enum intent_outcome out;
		if (intent_settle(j->o.env->fs, &in, &out, e) != OK)
			return err_in(e, "stage '%s': commit of checkpoint %" PRIu64, in.sink, m->id);
		if (out == INTENT_COMMITTED)
			j->recovery.intents_committed++;
		else
			j->recovery.intents_done++;
	}
	return OK;
}

static uint32_t count_texts(const struct bytes *b)
{
	uint32_t n = 0;
	for (size_t i = 0; i < b->len; i++)
		n += b->data[i] == '\0';
	return n;
}

/* Everything that can refuse, before the fence: does the state fit, what do sources and sinks say. */
static RC check(struct job *j, const struct manifest *m, struct err *e)
{
	if (m && begin_fits(j->o.plan, m, e) != OK)
		return e->code;
	begun_close(&j->begun);
	if (begin_stages(&j->begun, j->o.env, j->o.plan, m, j->parts_dir, j->start.uuid, j->start.lineage,
			 e) != OK)
		return e->code;
	j->recovery.orphans = count_texts(&j->begun.orphans);
	return OK;
}

static void recovery_of(struct job *j, const struct manifest *m)
{
	struct job_recovery *r = &j->recovery;
	r->restored = m != NULL;
	r->previous_pid = j->start.previous_pid;
	r->last_sign_wall_us = j->start.previous_seen_us;
	r->below_slot = j->start.below_slot;
	r->below_id = j->start.below_id;
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
		if (check(j, j->start.chosen, e) != OK)
			return e->code;
		enum rc rc = store_own(j->store, &j->start, e);
		if (rc != E_EXISTS)
			return rc;
		/* The log moved between the look and the fence: look at what stands there now. */
		err_clear(e);
		if (j->start.final)
			return OK;
	}
}

static RC job_finished_before(struct job *j, struct err *e)
{
	recovery_of(j, j->start.chosen);
	if (begin_fits(j->o.plan, j->start.chosen, e) != OK || settle(j, j->start.chosen, e) != OK)
		return e->code;
	job_move(j, JOB_FINISHED);
	return OK;
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
	char uuid[UUID_TEXT];
	uuid_make(o->env->rng, uuid);
	struct store_options so = {
		.dir = o->dir, .fresh = o->fresh, .retain = o->plan->spec->checkpoint.retain,
		.job_text = (const char *)o->plan->text.data, .job_len = o->plan->text.len,
		.new_uuid = uuid, .new_lineage = (uint32_t)rng_next(o->env->rng), .pid = o->pid,
		.verify = VERIFY_HASHES};
	uint64_t before = now_us(j);
	if (store_open(&j->store, o->env->fs, j->mem, &so, &j->start, e) != OK)
		goto fail;
	j->recovery.find_us = now_us(j) - before;
	if (begin_same_job(o->plan, j->start.job_before, j->start.job_before_len, o->dir, e) != OK)
		goto fail;
	layout_path(j->parts_dir, o->dir, NULL, LAYOUT_PARTS);
	if (j->start.final) {
		if (job_finished_before(j, e) != OK)
			goto fail;
		return OK;
	}
	before = now_us(j);
	if (own(j, e) != OK)
		goto fail;
	if (j->start.final) {
		if (job_finished_before(j, e) != OK)
			goto fail;
		return OK;
	}
	recovery_of(j, j->start.chosen);
	if (j->start.chosen && settle(j, j->start.chosen, e) != OK)
		goto fail;
	j->recovery.verify_us = now_us(j) - before;
	j->next_id = j->start.next_id;
	struct err ignored = {0};
	if (history_open(&j->history, o->env->fs, j->mem, o->dir, &ignored) != OK)
		j->history = NULL;
	if (ioqueue_open(&j->io, o->env->fs, j->mem, e) != OK)
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
	ioqueue_close(j->io);
	history_close(j->history);
	begun_close(&j->begun);
	if (j->has_newest)
		manifest_close(&j->newest);
	store_close(j->store);
	mem_put(j->mem, j->record);
	mem_put(j->mem, j->totals);
	mem_put(j->mem, j);
}

/* ---- what is heard ---- */

static void on_checkpoint(void *arg, const struct checkpoint_record *r)
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
}

static void on_print(void *arg, struct print_letter *l)
{
	struct job *j = arg;
	if (j->print) {
		j->print(j->print_arg, l);
		return;
	}
	l->mail.kind = l->reply_kind;
	mailbox_put(l->reply, &l->mail);
}

void job_print_to(struct job *j, void (*print)(void *arg, struct print_letter *l), void *arg)
{
	j->print = print;
	j->print_arg = arg;
}

/* ---- attempts ---- */

static const struct manifest *restore_from(const struct job *j)
{
	return j->has_newest ? &j->newest : j->start.chosen;
}

RC job_begin_attempt(struct job *j, struct err *e)
{
	CHECK(j->state == JOB_OWNED && !j->attempt);
	j->attempt_number++;
	j->restarts.running_since_us = now_us(j);
	struct attempt_config c = {
		.env = j->o.env, .log = j->o.log, .plan = j->o.plan, .store = j->store,
		.history = j->history, .parts_dir = j->parts_dir, .uuid = j->start.uuid,
		.lineage = j->start.lineage, .attempt = j->attempt_number, .epoch = j->start.epoch,
		.next_id = j->next_id, .from = restore_from(j), .begun = &j->begun, .io = j->io,
		.control = &j->control,
		.listen = {.checkpoint = on_checkpoint, .print = on_print, .arg = j}};
	j->recovery.keys = j->recovery.rows_read = j->recovery.bytes_read = 0;
	j->recovery.full_runs = j->recovery.delta_runs = 0;
	j->recovery.tables_us = now_us(j);
	return attempt_open(&j->attempt, &c, e);
}

RC job_restore_task(struct job *j, uint32_t task, struct err *e)
{
	struct restored r;
	enum rc rc = attempt_restore_task(j->attempt, task, &r, e);
	/* Subtasks restore side by side; sums do not mind the order. */
	__atomic_fetch_add(&j->recovery.keys, r.keys, __ATOMIC_RELAXED);
	__atomic_fetch_add(&j->recovery.rows_read, r.rows_read, __ATOMIC_RELAXED);
	__atomic_fetch_add(&j->recovery.bytes_read, r.bytes_read, __ATOMIC_RELAXED);
	__atomic_fetch_add(&j->recovery.full_runs, r.full_runs, __ATOMIC_RELAXED);
	__atomic_fetch_add(&j->recovery.delta_runs, r.delta_runs, __ATOMIC_RELAXED);
	return rc;
}

RC job_start_attempt(struct job *j, struct err *e)
{
	j->recovery.tables_us = now_us(j) - j->recovery.tables_us;
	if (attempt_start(j->attempt, now_us(j), e) != OK)
		return e->code;
	job_move(j, JOB_RUNNING);
	if (j->stop_asked)
		attempt_stop(j->attempt, now_us(j));
	return OK;
}

static void fail_finally(struct job *j, const struct err *e, enum job_state to)
{
	j->error = *e;
	job_move(j, to);
}

static void decide_restart(struct job *j, const struct err *e)
{
	const struct spec *s = j->o.plan->spec;
	struct restart_policy p = {
		.strategy = s->restart.strategy == SPEC_RESTART_NONE ? RESTART_NONE
								      : RESTART_EXPONENTIAL,
		.attempts = j->o.restart_attempts, .initial_us = s->restart.initial_us,
		.max_us = s->restart.max_us, .multiplier = s->restart.multiplier,
		.reset_after_us = restart_default.reset_after_us};
	struct restart_decision d;
	restart_decide(&p, &j->restarts, now_us(j), e, rng_next(j->o.env->rng), &d);
	if (j->stop_asked)
		d = (struct restart_decision){.error = *e};
	if (j->o.failed)
		j->o.failed(j->o.listen.arg, e, &d);
	j->recovery.began_us = now_us(j);
	if (!d.restart) {
		fail_finally(j, &d.error, JOB_FAILED);
		return;
	}
	j->wait_until_us = now_us(j) + d.after_us;
	job_move(j, JOB_WAITING);
}

void job_attempt_broken(struct job *j, const struct err *e)
{
	/* Nothing ran: no thread, no letter but those the attempt itself put into task mailboxes. */
	attempt_close(j->attempt);
	j->attempt = NULL;
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
	CHECK(j->attempt);
	for (struct mail *m = mailbox_take_all(&j->control), *next; m; m = next) {
		next = m->next;
		attempt_letter(j->attempt, m, now_us(j));
	}
	attempt_step(j->attempt, now_us(j), wake_at_us);
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

/* The queue is drained: every publish outcome is known (inv 8). What the directory says now is what the
 * next attempt starts from. */
static RC choose_again(struct job *j, struct err *e)
{
	struct manifest m;
	if (store_newest(j->store, &m, e) != OK)
		return e->code;
	if (j->has_newest)
		manifest_close(&j->newest);
	j->newest = m;
	j->has_newest = m.id != 0;
	const struct manifest *from = restore_from(j);
	if (check(j, from, e) != OK)
		return e->code;
	recovery_of(j, from);
	j->recovery.intents_committed = j->recovery.intents_done = 0;
	return from ? settle(j, from, e) : OK;
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
	switch (end) {
	case ATTEMPT_FINISHED:
		job_move(j, JOB_FINISHED);
		return;
	case ATTEMPT_STOPPED:
		job_move(j, JOB_STOPPED);
		return;
	case ATTEMPT_HALTED:
		fail_finally(j, &error, JOB_HALTED);
		return;
	default:
		decide_restart(j, &error);
	}
}

uint64_t job_wait_until(const struct job *j)
{
	return j->wait_until_us;
}

void job_wait_over(struct job *j)
{
	struct err e = {0};
	CHECK(j->state == JOB_WAITING);
	if (choose_again(j, &e) == OK)
		job_move(j, JOB_OWNED);
	else
		decide_restart(j, &e);
}

void job_stop(struct job *j)
{
	j->stop_asked = true;
	if (j->attempt)
		attempt_stop(j->attempt, now_us(j));
	else if (j->state == JOB_WAITING || j->state == JOB_OWNED)
		job_move(j, JOB_STOPPED);
}

/* ---- facts ---- */

enum job_state job_state(const struct job *j)
{
	return j->state;
}

const struct err *job_error(const struct job *j)
{
	return &j->error;
}

const struct job_recovery *job_recovery(const struct job *j)
{
	return &j->recovery;
}

const struct begun *job_begun(const struct job *j)
{
	return &j->begun;
}

const struct plan *job_plan(const struct job *j)
{
	return j->o.plan;
}

const struct store_start *job_start(const struct job *j)
{
	return &j->start;
}

uint32_t job_attempt_number(const struct job *j)
{
	return j->attempt_number;
}

const char *job_dir(const struct job *j)
{
	return j->o.dir;
}

const struct checkpoint_record *job_history(const struct job *j, size_t *n)
{
	*n = j->n_records;
	return j->record;
}

uint64_t job_completed(const struct job *j)
{
	return j->completed;
}

uint64_t job_failed_checkpoints(const struct job *j)
{
	return j->failed;
}

uint64_t job_recovery_us(const struct job *j)
{
	uint64_t first = j->attempt ? attempt_first_record_us(j->attempt) : j->first_record_us;
	return first > j->recovery.began_us ? first - j->recovery.began_us : 0;
}

#define LOAD(x) atomic_load_explicit(&((struct task_stats *)s)->x, memory_order_relaxed)

void job_task_totals(const struct job *j, uint32_t task, struct job_task_totals *t)
{
	*t = j->totals[task];
	if (!j->attempt)
		return;
	const struct task_stats *s = task_stats(attempt_task(j->attempt, task));
	t->records_in += LOAD(records_in);
	t->records_out += LOAD(records_out);
	t->records_skipped += LOAD(records_skipped);
	t->busy_us += LOAD(busy_us);
	t->idle_us += LOAD(idle_us);
	t->backpressured_us += LOAD(backpressured_us);
	t->checksum = LOAD(checksum);
	t->keys = LOAD(keys);
	t->state_bytes = LOAD(state_bytes);
	if (LOAD(sync_us_max) > t->sync_us_max)
		t->sync_us_max = LOAD(sync_us_max);
	t->doing = LOAD(doing);
}
