/* pace.c - see pace.h. */
#include "jobs/pace.h"

#include <math.h>

/* All by feel: what an eye can follow, and what a number must have seen before it is worth
 * showing. */
#define SMOOTH_US 1.5e6       /* rates and shares */
#define SMOOTH_WORK_US 8e6    /* progress: batches of very unequal work must not shake the ETA */
#define YOUNG_US 10000000     /* a process no older than this is counted from its beginning */
#define ETA_AFTER_US 2000000
#define ETA_MAX_US 3.6e11     /* 100 hours */
#define AT_ITS_LIMIT 0.8
#define HELD 0.5

void pace_init(struct pace *p, struct mem *mem)
{
	*p = (struct pace){.mem = mem, .done = -1};
}

void pace_close(struct pace *p)
{
	if (p->mem)
		mem_put(p->mem, p->stage);
	*p = (struct pace){.done = -1};
}

/* ---- smoothing ---- */

/* How much the newest interval counts: all of it at first, then less the shorter it is. */
static double weight_of(double dt_us, double seen_us, double smooth_us)
{
	double w = -expm1(-dt_us / smooth_us);
	return seen_us > 0 && dt_us / seen_us > w ? dt_us / seen_us : w;
}

static void smooth(double *value, double now, double weight)
{
	*value += (now - *value) * weight;
}

static double share(uint64_t part_us, double dt_us)
{
	double s = (double)part_us / dt_us;
	return s > 1 ? 1 : s;
}

/* A counter that went back began anew. */
static uint64_t grown(uint64_t now, uint64_t was)
{
	return now >= was ? now - was : now;
}

/* ---- one stage ---- */

static void stage_rates(struct pace_stage *s, const struct facts_stage *f, double dt_us, double w)
{
	uint64_t busy_us = grown(f->busy_us, s->was.busy_us) / f->parallelism;
	uint64_t busiest_us = grown(f->busy_us_max, s->was.busy_us_max);
	/* The busiest of all time need not be that of this interval; the mean is a lower bound too. */
	double busy = share(busiest_us > busy_us ? busiest_us : busy_us, dt_us);
	smooth(&s->in, (double)grown(f->records_in, s->was.in) * 1e6 / dt_us, w);
	smooth(&s->out, (double)grown(f->records_out, s->was.out) * 1e6 / dt_us, w);
	smooth(&s->busy, busy, w);
	smooth(&s->held, share(grown(f->backpressured_us, s->was.held_us) / f->parallelism, dt_us), w);
}

static void stage_remember(struct pace_stage *s, const struct facts_stage *f)
{
	s->was.in = f->records_in;
	s->was.out = f->records_out;
	s->was.busy_us = f->busy_us;
	s->was.busy_us_max = f->busy_us_max;
	s->was.held_us = f->backpressured_us;
	s->was.work = f->work_done;
}

/* ---- progress ---- */

/* A restart goes back and then jumps to where it goes on: none of it is progress. */
static bool work_jumped(const struct pace *p, const struct facts *f)
{
	for (uint32_t i = 0; i < f->n_stages; i++) {
		const struct facts_stage *s = &f->stage[i];
		uint64_t was = p->stage[i].was.work;
		if (s->role == OP_SOURCE && (s->work_done < was || (!was && s->work_done && f->restored)))
			return true;
	}
	return p->attempt != f->attempt;
}

static void progress_rates(struct pace *p, const struct facts *f, double dt_us)
{
	if (work_jumped(p, f)) {
		p->worked_us = 0;
		return;
	}
	p->worked_us += (uint64_t)dt_us;
	double w = weight_of(dt_us, (double)p->worked_us, SMOOTH_WORK_US);
	for (uint32_t i = 0; i < f->n_stages; i++) {
		uint64_t work = f->stage[i].work_done - p->stage[i].was.work;
		if (f->stage[i].role == OP_SOURCE)
			smooth(&p->stage[i].work, (double)work * 1e6 / dt_us, w);
	}
}

static bool is_running(const struct facts *f)
{
	return !strcmp(f->state, "RUNNING");
}

/* The job is done when its last source is. */
static void progress_look(struct pace *p, const struct facts *f)
{
	double done = 2, eta_us = 0;
	p->done = -1;
	p->eta_us = 0;
	for (uint32_t i = 0; i < f->n_stages; i++) {
		const struct facts_stage *s = &f->stage[i];
		if (s->role != OP_SOURCE)
			continue;
		if (!s->work_total)
			return;
		double total = (double)s->work_total, at = (double)s->work_done;
		double left_us = at < total ? (total - at) / p->stage[i].work * 1e6 : 0;
		if (at / total < done)
			done = at / total;
		if (!(left_us < eta_us)) /* also where it is not finite */
			eta_us = left_us;
	}
	if (!f->bounded || done > 1.5)
		return;
	/* The facts of a process that ended may be from just before. */
	p->done = done < 1 && strcmp(f->state, "FINISHED") ? done : 1;
	if (is_running(f) && p->worked_us >= ETA_AFTER_US && p->done < 1 && eta_us < ETA_MAX_US)
		p->eta_us = (uint64_t)eta_us + 1;
}

/* ---- what holds it up ---- */

static bool is_read(const struct facts_stage *s)
{
	return s->work_total && s->work_done >= s->work_total;
}

/* The first stage that reads stage i, or n_stages. */
static uint32_t next_after(const struct facts *f, uint32_t i)
{
	for (uint32_t k = i + 1; k < f->n_stages; k++)
		for (uint32_t n = 0; n < f->stage[k].n_inputs && n < FACTS_INPUTS_MAX; n++)
			if (f->stage[k].input[n] == i)
				return k;
	return f->n_stages;
}

/* A sink for which the stage before it waits though it is not busy: it waits for what it writes
 * to. n_stages: none. */
static uint32_t waiting_sink(const struct pace *p, const struct facts *f)
{
	for (uint32_t i = 0; i < f->n_stages; i++) {
		uint32_t k = p->stage[i].held >= HELD ? next_after(f, i) : f->n_stages;
		if (k < f->n_stages && f->stage[k].role == OP_SINK)
			return k;
	}
	return f->n_stages;
}

static void busiest_look(struct pace *p, const struct facts *f)
{
	p->slowest = 0;
	p->second = f->n_stages;
	for (uint32_t i = 1; i < f->n_stages; i++)
		if (p->stage[i].busy > p->stage[p->slowest].busy)
			p->slowest = i;
	for (uint32_t i = 0; i < f->n_stages; i++)
		if (i != p->slowest && p->stage[i].busy >= AT_ITS_LIMIT &&
		    (p->second == f->n_stages || p->stage[i].busy > p->stage[p->second].busy))
			p->second = i;
}

static void limit_look(struct pace *p, const struct facts *f)
{
	double incoming = 0;
	bool came = false;
	uint32_t paced = f->n_stages, second = f->n_stages, unread = 0, unpaced = 0;
	p->limit = PACE_UNKNOWN;
	if (!p->known || !f->n_stages || !is_running(f))
		return;
	busiest_look(p, f);
	for (uint32_t i = 0; i < f->n_stages; i++) {
		const struct facts_stage *s = &f->stage[i];
		if (s->role != OP_SOURCE)
			continue;
		incoming += p->stage[i].out;
		came = came || s->records_out;
		unread += !is_read(s);
		unpaced += !is_read(s) && !s->paced;
		if (!is_read(s) && s->paced) {
			second = paced < f->n_stages ? i : second;
			paced = paced < f->n_stages ? paced : i;
		}
	}
	uint32_t sink = waiting_sink(p, f);
	p->limit = PACE_NONE;
	if (p->stage[p->slowest].busy >= AT_ITS_LIMIT) {
		p->limit = PACE_STAGE;
	} else if (!unread) {
		p->limit = PACE_ENDING;
	} else if (sink < f->n_stages) {
		p->limit = PACE_SINK;
		p->slowest = sink;
	} else if (incoming < 0.05) {
		p->limit = came ? PACE_INPUT : PACE_UNKNOWN;
	} else if (!unpaced) {
		p->limit = PACE_RATE;
		p->slowest = paced;
		p->second = second;
	}
}

/* ---- all of it ---- */

/* Another process, or another graph: what was seen counts no more. */
static RC begin_anew(struct pace *p, const struct facts *f, struct err *e)
{
	struct mem *mem = p->mem;
	pace_close(p);
	pace_init(p, mem);
	p->stage = mem_get(mem, (f->n_stages + 1) * sizeof *p->stage);
	if (!p->stage)
		return ERR(e, E_NO_MEMORY, "no memory for the rates of %u stages", f->n_stages);
	p->n_stages = f->n_stages;
	p->pid = f->pid;
	p->attempt = f->attempt;
	p->now_us = f->now_us;
	/* A process that just began has counted from nothing. */
	if (f->now_us > f->started_us && f->now_us - f->started_us <= YOUNG_US) {
		p->now_us = f->started_us;
		return OK;
	}
	for (uint32_t i = 0; i < f->n_stages; i++)
		stage_remember(&p->stage[i], &f->stage[i]);
	return OK;
}

RC pace_update(struct pace *p, const struct facts *f, struct err *e)
{
	if ((!p->stage || p->pid != f->pid || p->n_stages != f->n_stages || f->now_us < p->now_us) &&
	    begin_anew(p, f, e) != OK)
		return e->code;
	double dt_us = (double)(f->now_us - p->now_us);
	if (dt_us > 0) {
		p->seen_us += (uint64_t)dt_us;
		double w = weight_of(dt_us, (double)p->seen_us, SMOOTH_US);
		progress_rates(p, f, dt_us);
		for (uint32_t i = 0; i < f->n_stages; i++) {
			stage_rates(&p->stage[i], &f->stage[i], dt_us, w);
			stage_remember(&p->stage[i], &f->stage[i]);
		}
		p->known = true;
		p->now_us = f->now_us;
		p->attempt = f->attempt;
	}
	progress_look(p, f);
	limit_look(p, f);
	return OK;
}
