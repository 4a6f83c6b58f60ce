/* job_requests.c - what is asked for by somebody: each request that was accepted is answered
 * exactly once, by the attempt that took it or, when that is gone without a word, by the job. See
 * job.h. */
#include "jobs/job_in.h"

/* What this version can be asked for by name, and does not do yet. */
static const char *later(const struct job_ask *a)
{
	if (a->drain)
		return "a drain";
	if (a->savepoint || a->kind == ASK_SAVEPOINT)
		return "a savepoint";
	return a->kind == ASK_CHECKPOINT || a->kind == ASK_STOP ? NULL : ask_kind_name(a->kind);
}

RC job_may_ask(const struct job *j, const struct job_ask *a, struct err *e)
{
	if (later(a))
		return ERR(e, E_REFUSED, "%s comes with a later version", later(a));
	if (a->kind == ASK_STOP)
		return OK;
	if (j->state != JOB_RUNNING)
		return ERR(e, E_REFUSED, "no checkpoint can be taken now: the job is %s",
			   job_state_name(j->state));
	if (j->n_asked == JOB_REQUESTS_MAX)
		return ERR(e, E_LIMIT, "%u checkpoints were asked for and are not taken yet", j->n_asked);
	return OK;
}

RC job_ask(struct job *j, const struct job_ask *a, struct err *e)
{
	if (job_may_ask(j, a, e) != OK)
		return e->code;
	if (a->kind == ASK_STOP) {
		job_stop(j);
		return OK;
	}
	if (attempt_ask(j->attempt, a, job_now_us(j), e) != OK)
		return e->code;
	j->asked[j->n_asked++] = a->request;
	return OK;
}

void job_heard_answer(void *arg, uint64_t request, const struct checkpoint_record *r,
		      const struct err *why)
{
	struct job *j = arg;
	uint32_t i = 0;
	while (i < j->n_asked && j->asked[i] != request)
		i++;
	CHECK(i < j->n_asked);
	j->n_asked--;
	memmove(&j->asked[i], &j->asked[i + 1], (j->n_asked - i) * sizeof *j->asked);
	if (j->o.answered)
		j->o.answered(j->o.listen.arg, request, r, why);
}

void job_answer_all(struct job *j, const struct err *why)
{
	struct err e = {0};
	if (why->code != OK)
		ERR(&e, E_REFUSED, "the attempt ended before the checkpoint was known to be complete: %s",
		    why->text);
	else
		ERR(&e, E_REFUSED, "the attempt ended before the checkpoint was taken");
	while (j->n_asked)
		job_heard_answer(j, j->asked[0], NULL, &e);
}

const struct restart_state *job_restarts(const struct job *j)
{
	return &j->restarts;
}
