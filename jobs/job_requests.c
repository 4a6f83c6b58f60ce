/* job_requests.c - what is asked for by somebody: each request that was accepted is answered
 * exactly once, by the attempt that took it, by the export of its savepoint or, when the attempt is
 * gone without a word, by the job. See job.h. */
#include "jobs/job_in.h"

#include "jobs/export.h"

/* A look at one folder, which a person's request may cost. */
static RC name_is_free(const struct job *j, const char *name, struct err *e)
{
	bool there = false;
	if (!name[0])
		return OK;
	if (ask_name_check(name, e) != OK ||
	    savepoint_is_there(j->o.env->fs, j->mem, j->o.dir, name, &there, e) != OK)
		return e->code;
	for (uint32_t i = 0; i < j->n_asked; i++)
		there |= !strcmp(j->asked[i].name, name);
	return there ? ERR(e, E_EXISTS,
			   "there is a savepoint '%s' already: take another name, or remove "
			   "'%s/" SAVEPOINTS "/%s'",
			   name, j->o.dir, name)
		     : OK;
}

RC job_may_ask(const struct job *j, const struct job_ask *a, struct err *e)
{
	bool savepoint = a->kind == ASK_SAVEPOINT || (a->kind == ASK_STOP && a->savepoint);
	if (a->kind == ASK_STOP && !a->drain && !savepoint)
		return OK;
	if (j->state != JOB_RUNNING)
		return ERR(e, E_REFUSED, "no checkpoint can be taken now: the job is %s",
			   job_state_name(j->state));
	if (a->kind != ASK_STOP && j->n_asked == JOB_REQUESTS_MAX)
		return ERR(e, E_LIMIT, "%u checkpoints were asked for and are not taken yet", j->n_asked);
	return savepoint ? name_is_free(j, a->name, e) : OK;
}

RC job_ask(struct job *j, const struct job_ask *a, struct err *e)
{
	if (job_may_ask(j, a, e) != OK)
		return e->code;
	if (a->kind == ASK_STOP) {
		j->stop_how = *a;
		job_stop(j);
		return OK;
	}
	if (attempt_ask(j->attempt, a, job_now_us(j), e) != OK)
		return e->code;
	struct job_asked *asked = &j->asked[j->n_asked++];
	*asked = (struct job_asked){.request = a->request, .savepoint = a->kind == ASK_SAVEPOINT};
	memcpy(asked->name, a->name, sizeof asked->name);
	return OK;
}

static struct job_asked *asked_of(struct job *j, uint64_t request)
{
	uint32_t i = 0;
	while (i < j->n_asked && j->asked[i].request != request)
		i++;
	CHECK(i < j->n_asked);
	return &j->asked[i];
}

void job_answer_one(struct job *j, uint64_t request, const struct checkpoint_record *r,
		    const char *found, const struct err *why)
{
	uint32_t i = (uint32_t)(asked_of(j, request) - j->asked);
	j->n_asked--;
	memmove(&j->asked[i], &j->asked[i + 1], (j->n_asked - i) * sizeof *j->asked);
	if (j->o.answered)
		j->o.answered(j->o.listen.arg, request, r, found, why);
}

void job_heard_answer(void *arg, uint64_t request, const struct checkpoint_record *r,
		      const char *found, const struct err *why)
{
	struct job *j = arg;
	struct job_asked *a = asked_of(j, request);
	if (!r || !a->savepoint) {
		job_answer_one(j, request, r, found, why);
		return;
	}
	a->taken = true; /* when its export is durable (job_export.c) */
	a->record = *r;
}

/* Savepoints that are taken are exported all the same, by the next attempt or before the end. */
void job_answer_all(struct job *j, const struct err *why)
{
	struct err e = {0};
	bool goes_on = j->state == JOB_WAITING || j->state == JOB_OWNED || j->state == JOB_EXPORTING;
	if (why->code != OK)
		ERR(&e, E_REFUSED, "the attempt ended before the checkpoint was known to be complete: %s",
		    why->text);
	else
		ERR(&e, E_REFUSED, "the attempt ended before the checkpoint was taken");
	for (uint32_t i = j->n_asked; i-- > 0;)
		if (!goes_on || !j->asked[i].taken)
			job_answer_one(j, j->asked[i].request, NULL, NULL, &e);
}

const struct restart_state *job_restarts(const struct job *j)
{
	return &j->restarts;
}
