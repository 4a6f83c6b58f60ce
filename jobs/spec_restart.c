/* spec_restart.c - the block `restart` of a job file: what follows a failed attempt. A key that the
 * strategy does not read is refused: it would be believed to do something. */
#include "jobs/spec_parts.h"

#include <stdio.h>

#define MINUTE UINT64_C(60000000)

static const struct opt_def restart_opts[] = {
	{"strategy", OPT_STRING, .one_of = "exponential fixed_delay failure_rate none",
	 .help = "when the next attempt begins, and whether; exponential"},
	{"attempts", OPT_INT, 0, 1000000,
	 .help = "restarts in a row before the job fails; failure_rate: failures within "
		 "reset_after; 3"},
	{"initial", OPT_DURATION, 0, INT64_MAX,
	 .help = "the wait before the second restart (the first is immediate), and with fixed_delay "
		 "and failure_rate before each later one; 1s"},
	{"max", OPT_DURATION, 0, INT64_MAX, .help = "the longest wait; 1m"},
	{"multiplier", OPT_REAL, 1, 1000, .help = "of each wait to the one before; 1.5"},
	{"reset_after", OPT_DURATION, 0, INT64_MAX,
	 .help = "how long an attempt runs until failures are forgotten, 0s: never; 1h; failure_rate: "
		 "the interval in which they are counted; 1m"},
	{0},
};

static const struct opt_alias restart_aliases[] = {
	{"restart-strategy", "strategy"},
	{"restart-strategy.type", "strategy"},
	{"type", "strategy"},
	{"max-attempts", "attempts"},
	{"initial-backoff", "initial"},
	{"max-backoff", "max"},
	{"backoff-multiplier", "multiplier"},
	{"reset-backoff-threshold", "reset_after"},
	{"delay", "initial"},
	{"fixed-delay.attempts", "attempts"},
	{"fixed-delay.delay", "initial"},
	{"failure-rate.max-failures-per-interval", "attempts"},
	{"failure-rate.failure-rate-interval", "reset_after"},
	{"failure-rate.delay", "initial"},
	{"max-failures-per-interval", "attempts"},
	{"failure-rate-interval", "reset_after"},
	{"interval", "reset_after"},
	{0},
};

bool spec_restart_reads(enum restart_strategy strategy, const char *key)
{
	static const char *const reads[][6] = {
		[RESTART_NONE] = {"strategy"},
		[RESTART_FIXED_DELAY] = {"strategy", "attempts", "initial", "reset_after"},
		[RESTART_EXPONENTIAL] = {"strategy", "attempts", "initial", "max", "multiplier",
					 "reset_after"},
		[RESTART_FAILURE_RATE] = {"strategy", "attempts", "initial", "reset_after"},
	};
	for (size_t i = 0; i < 6 && reads[strategy][i]; i++)
		if (!strcmp(reads[strategy][i], key))
			return true;
	return false;
}

/* ", which stands in weir.json:2:20" if somebody else said so than who reads the message. */
static const char *strategy_from(const struct json *v, char *to, size_t size)
{
	char place[200];
	to[0] = '\0';
	if (spec_is_inherited(opt_json(v, "strategy")))
		snprintf(to, size, ", which stands in %s",
			 spec_place_of(opt_json(v, "strategy"), place, sizeof place));
	return to;
}

/* Keys that another strategy reads, not this one. */
static void refuse_unread(enum restart_strategy strategy, const struct json *v,
			  struct opt_report *r)
{
	char place[200], hint[300];
	const struct json *word = opt_json(v, "strategy");
	for (size_t i = 0; i < json_count(v); i++) {
		const char *key = json_key(v, i);
		if (spec_restart_reads(strategy, key) ||
		    !spec_restart_reads(RESTART_EXPONENTIAL, key))
			continue; /* or an unknown key: told */
		if (spec_is_inherited(word))
			snprintf(hint, sizeof hint, "remove it, or say a strategy: this one stands in %s",
				 spec_place_of(word, place, sizeof place));
		else if (strategy == RESTART_NONE)
			snprintf(hint, sizeof hint, "remove it, or the strategy");
		else
			snprintf(hint, sizeof hint, "the strategy 'exponential' reads it");
		opt_error_key(r, v, i, hint, "'%s' means nothing with the strategy '%s'", key,
			      restart_strategy_name(strategy));
	}
}

static void check_failure_rate(struct spec *s, const struct json *v, struct opt_report *r)
{
	char from[240], hint[300];
	strategy_from(v, from, sizeof from);
	if (s->restart.attempts < 1 || s->restart.attempts > RESTART_FAILURES_MAX) {
		snprintf(hint, sizeof hint, "from 1 to %d with the strategy 'failure_rate'%s",
			 RESTART_FAILURES_MAX, from);
		opt_error(r, opt_json(v, "attempts"), hint, "'attempts' is out of bounds");
	}
	if (!s->restart.reset_after_us) {
		snprintf(hint, sizeof hint,
			 "the strategy 'failure_rate'%s counts failures within it", from);
		opt_error(r, opt_json(v, "reset_after"), hint, "'reset_after' is out of bounds");
	}
}

/* Told where the one who can change it looks: in the job, unless both are inherited. */
static void check_longest(struct spec *s, const struct json *v, struct opt_report *r)
{
	if (s->restart.initial_us <= s->restart.max_us)
		return;
	const struct json *initial = opt_json(v, "initial"), *max = opt_json(v, "max");
	bool says_initial = initial && (!max || !spec_is_inherited(initial) || spec_is_inherited(max));
	const struct json *at = says_initial ? initial : max;
	const struct json *other = at == initial ? max : initial;
	char place[200], us[UNIT_TEXT], hint[300];
	if (spec_is_inherited(other) && !spec_is_inherited(at))
		snprintf(hint, sizeof hint, "'%s' is %s, which stands in %s",
			 at == initial ? "max" : "initial",
			 duration_text(at == initial ? s->restart.max_us : s->restart.initial_us, us),
			 spec_place_of(other, place, sizeof place));
	else
		hint[0] = '\0';
	opt_error(r, at, hint, "'initial' is longer than 'max'");
}

void spec_read_restart(struct spec *s, const struct json *root, struct diags *ds)
{
	s->restart.strategy = restart_default.strategy;
	s->restart.attempts = restart_default.attempts;
	s->restart.initial_us = restart_default.initial_us;
	s->restart.max_us = restart_default.max_us;
	s->restart.multiplier = restart_default.multiplier;
	s->restart.reset_after_us = restart_default.reset_after_us;
	const struct json *v = spec_block(root, "restart", restart_opts, restart_aliases, ds);
	if (!v)
		return;
	const char *word = opt_string(v, "strategy", restart_strategy_name(s->restart.strategy));
	bool known = restart_strategy_parse(word, &s->restart.strategy);
	bool rate = s->restart.strategy == RESTART_FAILURE_RATE;
	if (rate)
		s->restart.reset_after_us = MINUTE;
	s->restart.attempts_given = opt_has(v, "attempts") || rate;
	s->restart.attempts = spec_clamped(opt_int(v, "attempts", s->restart.attempts), 0, 1000000);
	s->restart.initial_us = opt_duration_us(v, "initial", s->restart.initial_us);
	s->restart.max_us = opt_duration_us(v, "max", s->restart.max_us);
	s->restart.multiplier = opt_real(v, "multiplier", s->restart.multiplier);
	s->restart.reset_after_us = opt_duration_us(v, "reset_after", s->restart.reset_after_us);
	if (s->restart.strategy == RESTART_NONE) {
		s->restart.attempts = 0;
		s->restart.attempts_given = true;
	}
	struct diag_report dr;
	struct opt_report *r = diag_report(&dr, ds, "restart");
	if (known)
		refuse_unread(s->restart.strategy, v, r);
	if (known && rate)
		check_failure_rate(s, v, r);
	if (known && s->restart.strategy == RESTART_EXPONENTIAL)
		check_longest(s, v, r);
}
