/* top_jobs.c - see top_jobs.h. */
#include "cli/top_jobs.h"

#include "cli/job_view.h"

#include <stdlib.h>

void top_jobs_init(struct top_jobs *t, struct mem *mem)
{
	*t = (struct top_jobs){.mem = mem};
}

static void job_free(struct top_job *j, struct mem *mem)
{
	if (!j)
		return;
	if (j->has_facts)
		facts_close(&j->facts);
	pace_close(&j->pace);
	mem_put(mem, j);
}

static void list_free(struct top_job **list, size_t n, struct mem *mem)
{
	for (size_t i = 0; i < n; i++)
		job_free(list[i], mem);
	mem_put(mem, list);
}

void top_jobs_close(struct top_jobs *t)
{
	list_free(t->job, t->n, t->mem);
	*t = (struct top_jobs){0};
}

/* ---- order ---- */

static int by_number(double x, double y)
{
	return (x < y) - (x > y); /* the largest first */
}

static int compare(const void *x, const void *y, void *order)
{
	const struct top_job *a = *(struct top_job *const *)x, *b = *(struct top_job *const *)y;
	int by = 0;
	switch (*(enum top_order *)order) {
	case TOP_BY_RATE:
		by = by_number(a->in > a->out ? a->in : a->out, b->in > b->out ? b->in : b->out);
		break;
	case TOP_BY_BUSY:
		by = by_number(a->busy, b->busy);
		break;
	case TOP_BY_STATE:
		by = strcmp(a->state, b->state);
		break;
	default:
		break;
	}
	return by ? by : strcmp(a->name, b->name);
}

void top_jobs_sort(struct top_jobs *t, enum top_order order)
{
	t->order = order;
	if (t->n)
		qsort_r(t->job, t->n, sizeof *t->job, compare, &t->order);
}

size_t top_jobs_at(const struct top_jobs *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(t->job[i]->name, t->chosen))
			return i;
	return 0;
}

void top_jobs_move(struct top_jobs *t, long by)
{
	long at = (long)top_jobs_at(t) + by;
	if (!t->n)
		return;
	at = at < 0 ? 0 : at >= (long)t->n ? (long)t->n - 1 : at;
	snprintf(t->chosen, sizeof t->chosen, "%s", t->job[at]->name);
}

/* ---- a look ---- */

static void sums(struct top_job *j)
{
	j->in = j->out = j->busy = j->held = 0;
	for (uint32_t i = 0; j->has_facts && j->pace.known && i < j->facts.n_stages; i++) {
		const struct pace_stage *p = &j->pace.stage[i];
		if (j->facts.stage[i].role == OP_SOURCE)
			j->in += p->out;
		if (j->facts.stage[i].role == OP_SINK)
			j->out += p->in;
		j->busy = p->busy > j->busy ? p->busy : j->busy;
		j->held = p->held > j->held ? p->held : j->held;
	}
}

static void take_facts(struct top_job *j, const struct json *v, struct mem *mem)
{
	struct err ignored = {0}; /* what makes no sense is shown without */
	if (j->has_facts)
		facts_close(&j->facts);
	j->has_facts = v && facts_read(&j->facts, v, mem, &ignored) == OK &&
		       pace_update(&j->pace, &j->facts, &ignored) == OK;
}

/* What may go to a terminal as it is. */
static void put_text(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text);
	for (; *to; to++)
		if ((unsigned char)*to < 0x20 || *to == 0x7F)
			*to = '?';
}

static void take_job(struct top_job *j, const struct job_view *v, struct mem *mem)
{
	put_text(j->name, sizeof j->name, v->name);
	put_text(j->state, sizeof j->state, v->state);
	put_text(j->error, sizeof j->error, v->error);
	j->attempt = v->attempt;
	j->since_wall_us = v->since_wall_us;
	j->checkpoint = v->checkpoint;
	j->outlook = v->outlook;
	take_facts(j, v->facts, mem);
	sums(j);
}

/* The one of that name of the look before, taken out; else a new one. */
static struct top_job *job_for(struct top_jobs *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->job[i] && !strcmp(t->job[i]->name, name)) {
			struct top_job *j = t->job[i];
			t->job[i] = NULL;
			return j;
		}
	struct top_job *j = mem_get(t->mem, sizeof *j);
	if (j)
		pace_init(&j->pace, t->mem);
	return j;
}

RC top_jobs_take(struct top_jobs *t, const struct json *answer, struct err *e)
{
	bool is = answer && json_kind(answer) == JSON_OBJECT;
	const struct json *list = is ? json_get(answer, "jobs") : NULL;
	size_t n = !list ? 1 : json_kind(list) == JSON_ARRAY ? json_count(list) : 0, got = 0;
	enum rc rc = is ? OK : ERR(e, E_INVALID, "the server's answer is no list of jobs");
	struct top_job **job = rc == OK ? mem_get(t->mem, (n + 1) * sizeof *job) : NULL;
	if (rc == OK && !job)
		rc = ERR(e, E_NO_MEMORY, "no memory for %zu jobs", n);
	for (; rc == OK && got < n; got++) {
		struct job_view v;
		rc = job_view_read(&v, list ? json_item(list, got) : answer, e);
		if (rc == OK && !(job[got] = job_for(t, v.name)))
			rc = ERR(e, E_NO_MEMORY, "no memory for a job");
		if (rc != OK)
			break;
		take_job(job[got], &v, t->mem);
	}
	if (!job)
		return rc;
	list_free(t->job, t->n, t->mem);
	t->job = job;
	t->n = got;
	t->running = 0;
	for (size_t i = 0; i < got; i++)
		t->running += !strcmp(job[i]->state, "RUNNING");
	top_jobs_sort(t, t->order);
	return rc;
}
