/* screen.c - what prose and JSON have in common. See screen.h. */
#include "cli/screen.h"

#include <unistd.h>

#define TICK_REDRAWN_US 250000
#define TICK_TERMINAL_US 1000000
#define TICK_US 5000000

/* What print_sink writes to the same terminal would be drawn over. */
static bool is_shared(const struct plan *plan)
{
	for (uint32_t i = 0; i < plan->n_stages; i++)
		if (!strcmp(plan->stage[i].ops->name, "print_sink"))
			return isatty(STDOUT_FILENO) == 1;
	return false;
}

RC screen_open(struct screen *s, struct cli *c, bool json, struct log *log, const struct plan *plan,
	       const char *dir, struct err *e)
{
	*s = (struct screen){.ops = json ? &screen_json : &screen_text, .cli = c, .log = log,
			     .plan = plan, .dir = dir, .err = c->err};
	s->opened_wall_us = clock_wall_us(c->env->clock);
	if (json)
		return OK;
	struct board_options o = {.paint = &s->err, .clock = c->env->clock, .mem = c->env->mem,
				  .shared = is_shared(plan)};
	if (board_open(&s->board, &o, e) != OK)
		return e->code;
	c->err = *board_paint(s->board);
	if (log->to == s->err.to)
		log->to = c->err.to;
	return OK;
}

void screen_leave(struct screen *s)
{
	if (!s->board)
		return;
	if (s->log->to == s->cli->err.to)
		s->log->to = s->err.to;
	s->cli->err = s->err;
	board_close(s->board);
	s->board = NULL;
}

void screen_close(struct screen *s)
{
	screen_leave(s);
	*s = (struct screen){0};
}

uint64_t screen_tick_us(const struct screen *s)
{
	if (s->board && board_redraws(s->board))
		return TICK_REDRAWN_US;
	return s->err.terminal ? TICK_TERMINAL_US : TICK_US;
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
