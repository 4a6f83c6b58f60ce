/* screen.c - what prose and JSON have in common. See screen.h. */
#include "cli/screen.h"

RC screen_open(struct screen *s, struct cli *c, bool json, struct log *log, const struct plan *plan,
	       const char *dir, struct err *e)
{
	*s = (struct screen){.ops = json ? &screen_json : &screen_text, .cli = c, .log = log,
			     .plan = plan, .dir = dir};
	s->count = mem_get(c->env->mem, (plan->n_stages + 1) * sizeof *s->count);
	s->opened_wall_us = clock_wall_us(c->env->clock);
	return s->count ? OK : ERR(e, E_NO_MEMORY, "no memory for the screen");
}

void screen_close(struct screen *s)
{
	if (s->cli)
		mem_put(s->cli->env->mem, s->count);
	*s = (struct screen){0};
}

struct stage_count screen_count(const struct screen *s, uint32_t stage)
{
	struct stage_count n = {0};
	const struct plan_stage *st = &s->plan->stage[stage];
	for (uint32_t i = 0; i < st->parallelism; i++) {
		struct job_task_totals t;
		job_task_totals(s->job, st->first_task + i, &t);
		n.in += t.records_in;
		n.out += t.records_out;
		n.busy_us += t.busy_us;
	}
	return n;
}

uint64_t screen_keys(const struct screen *s, uint32_t stage)
{
	uint64_t keys = 0;
	const struct plan_stage *st = &s->plan->stage[stage];
	for (uint32_t i = 0; i < st->parallelism; i++) {
		struct job_task_totals t;
		job_task_totals(s->job, st->first_task + i, &t);
		keys += t.keys;
	}
	return keys;
}
