/* spec_checkpoint.c - the block `checkpoint` of a job file: when checkpoints are taken, how, what
 * becomes of them and who is told. What a key does is said where it is done; here is what may stand
 * there, and which keys make no sense beside which. */
#include "jobs/spec_parts.h"

#include "base/check.h"
#include "checkpoint/coordinator.h"

#include <stdio.h>

#define MINUTE UINT64_C(60000000)
#define RETAIN_MAX 1000

static const struct opt_def checkpoint_opts[] = {
	{"interval", OPT_DURATION | OPT_STRING, 10000, INT64_MAX, .one_of = "auto",
	 .help = "from one checkpoint's start to the next; auto: as their cost allows; absent: only at "
		 "start, stop and end"},
	{"max_replay", OPT_DURATION, 20000, INT64_MAX,
	 .help = "with the interval auto: how much of the stream a crash may repeat"},
	{"min_pause", OPT_DURATION, 0, INT64_MAX,
	 .help = "the least time from the end of one checkpoint to the next one nobody asked for; 0s"},
	{"trigger", OPT_OBJECT,
	 .help = "{\"records\": 1000000}, {\"bytes\": \"64MB\"}, {\"when\": ...}"},
	{"max_concurrent", OPT_INT, 1, CO_CONCURRENT_MAX,
	 .help = "checkpoints under way at once: 1"},
	{"mode", OPT_STRING, .one_of = "exactly_once at_least_once",
	 .help = "whether inputs wait for each other's barriers: exactly_once"},
	{"incremental", OPT_BOOL, .help = "only what changed is written: true"},
	{"compression", OPT_STRING, .one_of = "lz4 lz4hc none", .help = "of what is written: lz4"},
	{"timeout", OPT_DURATION, 10000, INT64_MAX, .help = "after which one is given up; 10m"},
	{"tolerable_failures", OPT_INT, 0, 1000000,
	 .help = "checkpoints that may fail in a row before the attempt does; 0"},
	{"invariants", OPT_LIST | OPT_EMPTY,
	 .help = "what must hold on every cut: \"sum(count.n) = records_out(words)\""},
	{"on_violation", OPT_STRING, .one_of = "checkpoint job",
	 .help = "what fails when an invariant does not hold: checkpoint"},
	{"audit", OPT_BOOL, .help = "sums of the records on every edge, for `weir audit`: false"},
	{"retain", OPT_INT | OPT_OBJECT, 1, RETAIN_MAX,
	 .help = "how many completed ones are kept, or {\"count\": 3, \"age\": \"1h\"}; 3"},
	{"dir", OPT_STRING | OPT_PATH, .help = "where they are kept, relative to the job file"},
	{"on_cancel", OPT_STRING, .one_of = "retain delete",
	 .help = "what becomes of them when the job is cancelled: retain"},
	{"restore", OPT_STRING, .one_of = "auto eager parallel lazy",
	 .help = "whether records wait for the whole state: auto"},
	{"on_complete", OPT_STRING | OPT_LIST,
	 .help = "a program, or a list of it and its arguments, told of each completed one"},
	{"on_abort", OPT_STRING | OPT_LIST, .help = "likewise, of each that failed"},
	{"on_restore", OPT_STRING | OPT_LIST, .help = "likewise, of each restore"},
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

static const struct opt_def trigger_opts[] = {
	{"records", OPT_INT, 1, INT64_MAX, .help = "that left the sources since the newest checkpoint"},
	{"bytes", OPT_SIZE, 1, INT64_MAX, .help = "of state that changed since the newest checkpoint"},
	{"when", OPT_STRING,
	 .help = "a condition over records_since, sum(STAGE.FIELD), passed(STAGE, condition) and "
		 "others: one each time it becomes true"},
	{0},
};

static const struct opt_def retain_opts[] = {
	{"count", OPT_INT, 1, RETAIN_MAX, .help = "so many at least; 3"},
	{"age", OPT_DURATION, 1, INT64_MAX, .required = true, .help = "and all that are younger"},
	{0},
};

/* The object under key, checked against its table; NULL: absent, or something else (told). */
static const struct json *inner(const struct json *v, const char *key, const struct opt_def *defs,
				struct diags *ds)
{
	const struct json *o = opt_json(v, key);
	if (!o || json_kind(o) != JSON_OBJECT)
		return NULL;
	struct diag_report dr;
	opt_check(defs, o, NULL, NULL, diag_report(&dr, ds, "checkpoint.%s", key));
	return o;
}

/* ---- when ---- */

static void read_interval(struct spec_checkpoint *c, const struct json *v, struct opt_report *r)
{
	c->interval_us = opt_duration_us(v, "interval", 0);
	c->is_auto = opt_is(v, "interval", "auto");
	c->max_replay_us = opt_duration_us(v, "max_replay", 0);
	c->min_pause_us = opt_duration_us(v, "min_pause", 0);
	c->max_concurrent = spec_clamped(opt_int(v, "max_concurrent", 1), 1, CO_CONCURRENT_MAX);
	if (c->is_auto && !opt_has(v, "max_replay"))
		opt_error(r, opt_json(v, "interval"), "\"max_replay\": \"5s\", say",
			  "'interval': \"auto\" needs 'max_replay'");
	if (!c->is_auto && c->max_replay_us && !spec_is_inherited(opt_json(v, "max_replay")))
		opt_error(r, opt_json(v, "max_replay"), "it bounds \"interval\": \"auto\"",
			  "'max_replay' means nothing beside this interval");
}

/* Two wishes of which only one can be kept. */
static void compare_pause(const struct spec_checkpoint *c, const struct json *v, struct diags *ds)
{
	struct diag_report dr;
	struct opt_report *r = diag_report(&dr, ds, "checkpoint");
	const struct json *pause = opt_json(v, "min_pause");
	dr.level = DIAG_WARNING;
	if (c->is_auto && c->max_replay_us && pause && !spec_is_inherited(pause) &&
	    c->min_pause_us >= c->max_replay_us)
		opt_error(r, pause, "a fraction of it", "'min_pause' is no shorter than 'max_replay': "
			  "a crash repeats more than that");
}

static void read_trigger(struct spec_checkpoint *c, const struct json *v, struct diags *ds)
{
	const struct json *o = inner(v, "trigger", trigger_opts, ds);
	if (!o)
		return;
	struct diag_report dr;
	struct opt_report *r = diag_report(&dr, ds, "checkpoint");
	c->trigger.json = o;
	c->trigger.records = (uint64_t)opt_int(o, "records", 0);
	c->trigger.bytes = opt_size_bytes(o, "bytes", 0);
	c->trigger.when = opt_string(o, "when", NULL);
	if (!json_count(o)) {
		opt_error(r, o, "\"records\", \"bytes\" or \"when\"", "'trigger' is empty");
	} else if (!c->interval_us && !c->is_auto && !spec_is_inherited(o)) {
		dr.level = DIAG_WARNING;
		opt_error(r, o, "an interval beside it bounds what a crash repeats",
			  "'trigger' without 'interval': a stream that goes quiet has no checkpoint");
	}
}

/* ---- how ---- */

static enum codec codec_of(const struct json *v)
{
	return opt_is(v, "compression", "none")    ? CODEC_NONE
	       : opt_is(v, "compression", "lz4hc") ? CODEC_LZ4HC
						    : CODEC_LZ4;
}

/* What is proven of a cut can be proven of exact cuts only. */
static void check_mode(const struct spec_checkpoint *c, const struct json *v, struct opt_report *r)
{
	if (!c->at_least_once)
		return;
	if (c->invariants)
		opt_error(r, c->invariants, "\"mode\": \"exactly_once\"",
			  "'invariants' cannot hold with the mode at_least_once");
	if (c->audit)
		opt_error(r, opt_json(v, "audit"), "\"mode\": \"exactly_once\"",
			  "'audit' cannot hold with the mode at_least_once");
}

static void read_how(struct spec_checkpoint *c, const struct json *v, struct opt_report *r)
{
	c->at_least_once = opt_is(v, "mode", "at_least_once");
	c->always_full = !opt_bool(v, "incremental", true);
	c->codec = codec_of(v);
	c->timeout_us = opt_duration_us(v, "timeout", c->timeout_us);
	c->tolerable_failures = spec_clamped(opt_int(v, "tolerable_failures", 0), 0, 1000000);
	const struct json *list = opt_json(v, "invariants");
	if (list && json_kind(list) == JSON_ARRAY && json_count(list))
		c->invariants = list;
	c->violation_fails_job = opt_is(v, "on_violation", "job");
	c->audit = opt_bool(v, "audit", false);
	check_mode(c, v, r);
}

/* ---- what becomes of them, and who is told ---- */

static void read_retain(struct spec_checkpoint *c, const struct json *v, struct diags *ds)
{
	const struct json *o = inner(v, "retain", retain_opts, ds), *said = opt_json(v, "retain");
	c->retain = spec_clamped(o ? opt_int(o, "count", 3) : opt_int(v, "retain", 3), 1, RETAIN_MAX);
	c->retain_age_us = o ? opt_duration_us(o, "age", 0) : 0;
	if (c->retain == 1 && said && !spec_is_inherited(said)) {
		struct diag_report dr;
		struct opt_report *r = diag_report(&dr, ds, "checkpoint");
		if (!(o ? opt_int(o, "count", 3) == 1 : opt_int(v, "retain", 3) == 1))
			return; /* out of bounds: told */
		dr.level = DIAG_WARNING;
		opt_error(r, o ? opt_json(o, "count") : said, "2 or more",
			  "'retain' 1 leaves nothing to fall back to if the newest is damaged");
	}
}

static enum spec_restore restore_of(const struct json *v)
{
	static const char *const words[] = {[SPEC_RESTORE_AUTO] = "auto",
					    [SPEC_RESTORE_EAGER] = "eager",
					    [SPEC_RESTORE_PARALLEL] = "parallel",
					    [SPEC_RESTORE_LAZY] = "lazy"};
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (opt_is(v, "restore", words[i]))
			return (enum spec_restore)i;
	return SPEC_RESTORE_AUTO;
}

/* The program is a path like others; its arguments are any text. */
static const struct json *listener_of(const struct json *v, const char *key, struct opt_report *r)
{
	if (!opt_list_count(v, key))
		return NULL;
	const struct json *program = opt_list_json(v, key, 0);
	if (json_kind(program) != JSON_STRING)
		return NULL; /* told */
	if (r->no_relative && json_string(program, NULL)[0] != '/')
		opt_error(r, program, r->no_relative, "'%s' is a relative path", key);
	return opt_json(v, key);
}

void spec_read_checkpoint(struct spec *s, const struct json *root, struct diags *ds)
{
	struct spec_checkpoint *c = &s->checkpoint;
	c->timeout_us = 10 * MINUTE;
	c->retain = 3;
	c->max_concurrent = 1;
	c->codec = CODEC_LZ4;
	const struct json *v = spec_block(root, "checkpoint", checkpoint_opts, checkpoint_aliases, ds);
	if (!v)
		return;
	struct diag_report dr;
	struct opt_report *r = diag_report(&dr, ds, "checkpoint");
	read_interval(c, v, r);
	compare_pause(c, v, ds);
	read_trigger(c, v, ds);
	read_how(c, v, r);
	read_retain(c, v, ds);
	c->dir = opt_string(v, "dir", NULL);
	c->cancel_deletes = opt_is(v, "on_cancel", "delete");
	c->restore = restore_of(v);
	c->on_complete = listener_of(v, "on_complete", r);
	c->on_abort = listener_of(v, "on_abort", r);
	c->on_restore = listener_of(v, "on_restore", r);
}
