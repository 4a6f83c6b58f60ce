/* job_facts.c - what others may know of a job: screen, report, tests. See job.h. */
#include "jobs/job_in.h"

enum job_state job_state(const struct job *j)
{
	return j->state;
}

const struct err *job_error(const struct job *j)
{
	return &j->error;
}

int job_exit_code(const struct job *j)
{
	if (j->state == JOB_FINISHED || j->state == JOB_STOPPED)
		return 0;
	/* Refused, fenced and corrupt have codes of their own; whatever else ended it, the job
	 * failed. */
	switch (j->error.code) {
	case E_REFUSED:
	case E_FENCED:
	case E_CORRUPT:
		return err_exit_code(j->error.code);
	default:
		return 1;
	}
}

const struct err *job_failure(const struct job *j)
{
	return &j->failure;
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

struct log *job_log(const struct job *j)
{
	return j->o.log;
}

struct fs *job_fs(const struct job *j)
{
	return j->o.env->fs;
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
	t->work_done = LOAD(work_done);
	t->work_total = LOAD(work_total);
	t->checksum = LOAD(checksum);
	t->keys = LOAD(keys);
	t->state_bytes = LOAD(state_bytes);
	if (LOAD(sync_us_max) > t->sync_us_max)
		t->sync_us_max = LOAD(sync_us_max);
	t->doing = LOAD(doing);
}

void job_edge_fill(const struct job *j, uint32_t edge, uint32_t *queued, uint32_t *room)
{
	*queued = *room = 0;
	if (j->attempt)
		attempt_edge_fill(j->attempt, edge, queued, room);
}
