/* restart.c - see restart.h. */
#include "jobs/restart.h"

#include <string.h>

#include "base/check.h"
#include "base/option.h"
#include "base/planted.h"

#define SECOND_US UINT64_C(1000000)

const struct restart_policy restart_default = {
	.strategy = RESTART_EXPONENTIAL,
	.attempts = 3,
	.initial_us = SECOND_US,
	.max_us = 60 * SECOND_US,
	.multiplier = 1.5,
	.reset_after_us = 3600 * SECOND_US,
};

static const char *const names[] = {
	[RESTART_NONE] = "none",
	[RESTART_FIXED_DELAY] = "fixed_delay",
	[RESTART_EXPONENTIAL] = "exponential",
	[RESTART_FAILURE_RATE] = "failure_rate",
};

const char *restart_strategy_name(enum restart_strategy s)
{
	CHECK((size_t)s < ARRAY_LEN(names));
	return names[s];
}

bool restart_strategy_parse(const char *name, enum restart_strategy *s)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcmp(names[i], name) == 0) {
			*s = (enum restart_strategy)i;
			return true;
		}
	}
	return false;
}

/* Whether trying again can help at all (DESIGN 2: the class is what the policy reads). */
static bool may_help(enum rc code)
{
	if (code == E_UNKNOWN_OUTCOME) /* a manifest may stand: only a new process can tell */
		return false;
	enum err_class class = err_class_of(code);
	return class == CLASS_TRANSIENT || class == CLASS_RESOURCE;
}

/* The delay of the restart after `restarts` others in a row, before jitter. */
static uint64_t next_delay(const struct restart_policy *p, const struct restart_state *s)
{
	if (s->restarts == 0)
		return 0;
	if (p->strategy != RESTART_EXPONENTIAL)
		return p->initial_us;
	uint64_t delay_us = p->initial_us;
	if (s->restarts > 1) {
		/* As a double it cannot overflow; the comparison also catches infinity. */
		double longer = (double)s->delay_us * (p->multiplier > 1 ? p->multiplier : 1);
		delay_us = longer < (double)p->max_us ? (uint64_t)longer : p->max_us;
	}
	return delay_us < p->max_us ? delay_us : p->max_us;
}

/* A tenth up or down, so that jobs that failed together do not come back together. */
static uint64_t with_jitter(uint64_t delay_us, uint64_t max_us, uint64_t random)
{
	double share = (double)(random >> 11) / (double)(UINT64_C(1) << 53); /* [0, 1) */
	double us = (double)delay_us * (0.9 + 0.2 * share);
	return us < (double)max_us ? (uint64_t)us : max_us;
}

/* failure_rate: counts the failure at now_us; whether with it there were more than `attempts`
 * within the interval. One that is a whole interval old is no longer within it. A time to come (the
 * clock began anew) counts as now. */
static bool is_too_many(const struct restart_policy *p, struct restart_state *s, uint64_t now_us)
{
	uint32_t most = p->attempts < RESTART_FAILURES_MAX ? p->attempts : RESTART_FAILURES_MAX;
	bool too_many = most == 0;
	if (most && s->n_failed >= most) {
		uint64_t then_us = s->failed_us[(s->n_failed - most) % RESTART_FAILURES_MAX];
		too_many = (now_us > then_us ? now_us - then_us : 0) < p->reset_after_us;
	}
	s->failed_us[s->n_failed % RESTART_FAILURES_MAX] = now_us;
	if (++s->n_failed == 2 * RESTART_FAILURES_MAX)
		s->n_failed = RESTART_FAILURES_MAX; /* the same place in the ring, and as full */
	return too_many;
}

/* Whether the policy has had enough; says so in *error. */
static bool gives_up(const struct restart_policy *p, struct restart_state *s, uint64_t now_us,
		     struct err *error)
{
	if (p->strategy == RESTART_FAILURE_RATE) {
		if (!is_too_many(p, s, now_us))
			return false;
		char within[UNIT_TEXT];
		if (p->attempts)
			(void)err_in(error, "gave up: more than %u failure%s within %s", p->attempts,
				     p->attempts == 1 ? "" : "s",
				     duration_text(p->reset_after_us, within));
		return true;
	}
	if (p->attempts == RESTART_UNLIMITED || s->restarts < p->attempts)
		return false;
	if (s->restarts)
		(void)err_in(error, "gave up after %u restart%s", s->restarts,
			     s->restarts == 1 ? "" : "s");
	return true;
}

void restart_decide(const struct restart_policy *p, struct restart_state *s, uint64_t now_us,
		    const struct err *error, uint64_t random, struct restart_decision *d)
{
	CHECK(error->code != OK);
	memset(d, 0, sizeof *d);
	if (!may_help(error->code) || p->strategy == RESTART_NONE) {
		d->error = *error;
		return;
	}
	uint64_t ran_us = now_us > s->running_since_us ? now_us - s->running_since_us : 0;
	if ((p->reset_after_us && ran_us >= p->reset_after_us) || PLANTED(restarts_counted_anew))
		s->restarts = 0; /* what failure_rate counts goes by itself */
	struct err final = *error;
	if (gives_up(p, s, now_us, &final)) {
		d->error = final;
		return;
	}
	s->delay_us = next_delay(p, s);
	d->restart = true;
	d->after_us = s->delay_us;
	if (p->strategy == RESTART_EXPONENTIAL)
		d->after_us = with_jitter(s->delay_us, p->max_us, random);
	if (s->restarts < RESTART_UNLIMITED - 1)
		s->restarts++;
	s->running_since_us = d->after_us < UINT64_MAX - now_us ? now_us + d->after_us : UINT64_MAX;
}
