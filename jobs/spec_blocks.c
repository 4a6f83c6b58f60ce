/* spec_blocks.c - the blocks of a job file: checkpoint, restart, limits, each by its table. Apart
 * from the job itself because a server's defaults are made of the same (config.c). */
#include "jobs/spec_parts.h"

#include <stdio.h>

#define MINUTE UINT64_C(60000000)

static const struct opt_def checkpoint_opts[] = {
	{"interval", OPT_DURATION, 10000, INT64_MAX, .later = "auto",
	 .help = "from one checkpoint's start to the next; absent: only at start, stop and end"},
	{"timeout", OPT_DURATION, 10000, INT64_MAX, .help = "after which one is given up; 10m"},
	{"tolerable_failures", OPT_INT, 0, 1000000,
	 .help = "checkpoints that may fail in a row before the attempt does; 0"},
	{"retain", OPT_INT, 1, 1000, .help = "how many completed ones are kept; 3"},
	{"dir", OPT_STRING | OPT_PATH, .help = "where they are kept, relative to the job file"},
	{"mode", OPT_STRING, .one_of = "exactly_once", .later = "at_least_once",
	 .help = "whether inputs wait for each other's barriers"},
	{"incremental", OPT_BOOL, .help = "only what changed is written"},
	{"compression", OPT_STRING, .one_of = "lz4", .later = "lz4hc none",
	 .help = "of what is written"},
	{"max_concurrent", OPT_INT, 1, INT64_MAX, .help = "checkpoints under way at once: 1"},
	{"on_cancel", OPT_STRING, .one_of = "retain delete",
	 .help = "what becomes of them when the job is cancelled: retain"},
	{"min_pause", OPT_LATER, .help = "the least time between two checkpoints"},
	{"max_replay", OPT_LATER, .help = "bounds the interval auto"},
	{"trigger", OPT_LATER, .help = "by records, bytes or a condition"},
	{"on_complete", OPT_LATER, .help = "a listener"},
	{"on_abort", OPT_LATER, .help = "a listener"},
	{"on_restore", OPT_LATER, .help = "a listener"},
	{"invariants", OPT_LATER, .help = "what must hold on every cut"},
	{"audit", OPT_LATER, .help = "counts and sums of every edge"},
	{"restore", OPT_LATER, .help = "eager, parallel or lazy"},
	{0},
};

static const struct opt_alias checkpoint_aliases[] = {
	{"execution.checkpointing.interval", "interval"},
	{"period", "interval"},
	{"every", "interval"},
	{"min-pause-between-checkpoints", "min_pause"},
	{"max-concurrent-checkpoints", "max_concurrent"},
	{"tolerable-failed-checkpoints", "tolerable_failures"},
	{"tolerable-checkpoint-failures", "tolerable_failures"},
	{"num-retained", "retain"},
	{"externalized-checkpoint-retention", "on_cancel"},
	{"directory", "dir"},
	{"path", "dir"},
	{0},
};

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

static const struct opt_def limits_opts[] = {
	{"memory", OPT_SIZE, 1 << 20, INT64_MAX, .help = "of state, pools and snapshots together"},
	{"record", OPT_SIZE, 64, 1 << 30, .help = "the longest record; 16MB"},
	{"stop", OPT_DURATION, 0, INT64_MAX, .help = "how long stopping may take; 30s"},
	{0},
};

/* The block called name, checked against its table; NULL when it is absent or no object (told). */
static const struct json *block(const struct json *root, const char *name,
				const struct opt_def *defs, const struct opt_alias *names,
				struct diags *ds)
{
	const struct json *v = json_get(root, name);
	if (!v || json_kind(v) != JSON_OBJECT)
		return NULL;
	struct diag_report r;
	opt_check(defs, v, NULL, names, diag_report(&r, ds, "%s", name));
	return v;
}

unsigned spec_clamped(int64_t v, int64_t min, int64_t max)
{
	return (unsigned)(v < min ? min : v > max ? max : v);
}

/* What the job inherits from a configuration rather than says. */
static bool is_inherited(const struct json *v)
{
	return v && json_text_of(v)->is_file;
}

/* "weir.json:3:5", where an inherited value stands. */
static const char *place_of(const struct json *v, char *to, size_t size)
{
	struct json_at at = json_where(v);
	snprintf(to, size, "%s:%u:%u", json_text_of(v)->name, at.line, at.column);
	return to;
}

static void read_checkpoint(struct spec *s, const struct json *root, struct diags *ds)
{
	s->checkpoint.timeout_us = 10 * MINUTE;
	s->checkpoint.retain = 3;
	const struct json *v = block(root, "checkpoint", checkpoint_opts, checkpoint_aliases, ds);
	if (!v)
		return;
	struct diag_report dr;
	struct opt_report *r = diag_report(&dr, ds, "checkpoint");
	s->checkpoint.interval_us = opt_duration_us(v, "interval", 0);
	s->checkpoint.timeout_us = opt_duration_us(v, "timeout", s->checkpoint.timeout_us);
	s->checkpoint.tolerable_failures =
		spec_clamped(opt_int(v, "tolerable_failures", 0), 0, 1000000);
	s->checkpoint.retain = spec_clamped(opt_int(v, "retain", 3), 1, 1000);
	s->checkpoint.dir = opt_string(v, "dir", NULL);
	s->checkpoint.cancel_deletes = opt_is(v, "on_cancel", "delete");
	if (!opt_bool(v, "incremental", true))
		opt_error(r, opt_json(v, "incremental"), "now: true",
			  "'incremental': false comes with a later version");
	if (opt_int(v, "max_concurrent", 1) > 1)
		opt_error(r, opt_json(v, "max_concurrent"), "now: 1",
			  "'max_concurrent' above 1 comes with a later version");
	if (opt_int(v, "retain", 3) == 1 && !is_inherited(opt_json(v, "retain"))) {
		dr.level = DIAG_WARNING;
		opt_error(r, opt_json(v, "retain"), "2 or more",
			  "'retain' 1 leaves nothing to fall back to if the newest is damaged");
	}
}

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
	if (is_inherited(opt_json(v, "strategy")))
		snprintf(to, size, ", which stands in %s",
			 place_of(opt_json(v, "strategy"), place, sizeof place));
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
		if (is_inherited(word))
			snprintf(hint, sizeof hint, "remove it, or say a strategy: this one stands in %s",
				 place_of(word, place, sizeof place));
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
	const struct json *at = initial && (!max || !is_inherited(initial) || is_inherited(max))
					? initial : max;
	const struct json *other = at == initial ? max : initial;
	char place[200], us[UNIT_TEXT], hint[300];
	if (is_inherited(other) && !is_inherited(at))
		snprintf(hint, sizeof hint, "'%s' is %s, which stands in %s",
			 at == initial ? "max" : "initial",
			 duration_text(at == initial ? s->restart.max_us : s->restart.initial_us, us),
			 place_of(other, place, sizeof place));
	else
		hint[0] = '\0';
	opt_error(r, at, hint, "'initial' is longer than 'max'");
}

static void read_restart(struct spec *s, const struct json *root, struct diags *ds)
{
	s->restart.strategy = restart_default.strategy;
	s->restart.attempts = restart_default.attempts;
	s->restart.initial_us = restart_default.initial_us;
	s->restart.max_us = restart_default.max_us;
	s->restart.multiplier = restart_default.multiplier;
	s->restart.reset_after_us = restart_default.reset_after_us;
	const struct json *v = block(root, "restart", restart_opts, restart_aliases, ds);
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

static void read_limits(struct spec *s, const struct json *root, struct diags *ds)
{
	s->limits.record_bytes = 16 * 1000000;
	s->limits.stop_us = SPEC_STOP_US;
	const struct json *v = block(root, "limits", limits_opts, NULL, ds);
	if (!v)
		return;
	s->limits.memory_bytes = opt_size_bytes(v, "memory", 0);
	s->limits.record_bytes = opt_size_bytes(v, "record", s->limits.record_bytes);
	s->limits.stop_us = opt_duration_us(v, "stop", s->limits.stop_us);
}


void spec_read_blocks(struct spec *s, const struct json *root, struct diags *ds)
{
	read_checkpoint(s, root, ds);
	read_restart(s, root, ds);
	read_limits(s, root, ds);
}
