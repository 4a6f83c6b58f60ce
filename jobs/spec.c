/* spec.c - the top of the job file and its blocks, each by its table: see spec.h. */
#include "jobs/spec.h"
#include "base/fs.h"
#include "jobs/spec_parts.h"

#include <stdio.h>

#define SECOND ((uint64_t)1000000)
#define MINUTE (60 * SECOND)

static const struct opt_def job_opts[] = {
	{"version", OPT_INT, .help = "of the job file: 1"},
	{"name", OPT_STRING, .required = true,
	 .help = "names the job and its directory: letters, digits, '_' and '-'"},
	{"parallelism", OPT_INT, 1, SPEC_MAX_PARALLELISM, .later = "auto",
	 .help = "subtasks of each stage; 1 unless said"},
	{"max_parallelism", OPT_INT, 1, SPEC_MAX_PARALLELISM,
	 .help = "key groups, fixed for the life of the state; 128 unless said"},
	{"chaining", OPT_STRING, .one_of = "none", .later = "auto",
	 .help = "whether neighbours share a thread"},
	{"checkpoint", OPT_OBJECT, .help = "when checkpoints are taken, where and how"},
	{"restart", OPT_OBJECT, .help = "what follows a failed attempt"},
	{"limits", OPT_OBJECT, .help = "what the job may use"},
	{0},
};

static const char *const job_also[] = {"pipeline", NULL};

static const struct opt_alias job_aliases[] = {
	{"job-name", "name"},
	{"pipeline.name", "name"},
	{"parallelism.default", "parallelism"},
	{"pipeline.max-parallelism", "max_parallelism"},
	{"pipeline.operator-chaining", "chaining"},
	{"pipeline.operator-chaining.enabled", "chaining"},
	{"stages", "pipeline"},
	{"operators", "pipeline"},
	{"steps", "pipeline"},
	{"checkpointing", "checkpoint"},
	{"execution.checkpointing", "checkpoint"},
	{"execution.checkpointing.interval", "checkpoint.interval"},
	{"execution.checkpointing.mode", "checkpoint.mode"},
	{"execution.checkpointing.timeout", "checkpoint.timeout"},
	{"execution.checkpointing.min-pause", "checkpoint.min_pause"},
	{"execution.checkpointing.max-concurrent-checkpoints", "checkpoint.max_concurrent"},
	{"execution.checkpointing.tolerable-failed-checkpoints", "checkpoint.tolerable_failures"},
	{"execution.checkpointing.num-retained", "checkpoint.retain"},
	{"execution.checkpointing.dir", "checkpoint.dir"},
	{"execution.checkpointing.incremental", "checkpoint.incremental"},
	{"state.checkpoints.dir", "checkpoint.dir"},
	{"state.checkpoints.num-retained", "checkpoint.retain"},
	{"state.backend.incremental", "checkpoint.incremental"},
	{"restart-strategy", "restart.strategy"},
	{"restart-strategy.type", "restart.strategy"},
	{"taskmanager.memory.process.size", "limits.memory"},
	{0},
};

static const struct opt_def checkpoint_opts[] = {
	{"interval", OPT_DURATION, 10000, INT64_MAX, .later = "auto",
	 .help = "from one checkpoint's start to the next; absent: only at start, stop and end"},
	{"timeout", OPT_DURATION, 10000, INT64_MAX, .help = "after which one is given up; 10m"},
	{"tolerable_failures", OPT_INT, 0, 1000000,
	 .help = "checkpoints that may fail in a row before the attempt does; 0"},
	{"retain", OPT_INT, 1, 1000, .help = "how many completed ones are kept; 3"},
	{"dir", OPT_STRING, .help = "where they are kept, relative to the job file"},
	{"mode", OPT_STRING, .one_of = "exactly_once", .later = "at_least_once",
	 .help = "whether inputs wait for each other's barriers"},
	{"incremental", OPT_BOOL, .help = "only what changed is written"},
	{"compression", OPT_STRING, .one_of = "lz4", .later = "lz4hc none",
	 .help = "of what is written"},
	{"max_concurrent", OPT_INT, 1, INT64_MAX, .help = "checkpoints under way at once: 1"},
	{"min_pause", OPT_LATER, .help = "the least time between two checkpoints"},
	{"max_replay", OPT_LATER, .help = "bounds the interval auto"},
	{"on_cancel", OPT_LATER, .help = "retain or delete"},
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
	{"strategy", OPT_STRING, .one_of = "exponential none", .later = "fixed_delay failure_rate",
	 .help = "how long to wait before the next attempt"},
	{"attempts", OPT_INT, 0, 1000000, .help = "restarts before the job fails; 3"},
	{"initial", OPT_DURATION, 0, INT64_MAX,
	 .help = "the wait before the second restart (the first is immediate); 1s"},
	{"max", OPT_DURATION, 0, INT64_MAX, .help = "the longest wait; 1m"},
	{"multiplier", OPT_REAL, 1, 1000, .help = "of each wait to the one before; 1.5"},
	{"reset_after", OPT_LATER, .help = "after which failures are forgotten"},
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

/* A value the table may have refused: within [min, max] all the same, so that nothing overflows. */
static unsigned clamped(int64_t v, int64_t min, int64_t max)
{
	return (unsigned)(v < min ? min : v > max ? max : v);
}

static void read_job(struct spec *s, const struct json *root, struct diags *ds)
{
	struct diag_report dr;
	struct opt_report *r = diag_report(&dr, ds, "%s", "");
	opt_check(job_opts, root, job_also, job_aliases, r);
	s->name = opt_string(root, "name", "");
	if (s->name[0] && !spec_name_ok(s->name)) {
		opt_error(r, opt_json(root, "name"),
			  "letters, digits, '_' and '-', at most 64 of them", "not a job's name");
		s->name = "";
	}
	if (opt_int(root, "version", 1) != 1)
		opt_error(r, opt_json(root, "version"), "this weir reads version 1",
			  "unknown version of the job file");
	int64_t most = opt_int(root, "max_parallelism", 128), p = opt_int(root, "parallelism", 1);
	s->max_parallelism = clamped(most, 1, SPEC_MAX_PARALLELISM);
	s->parallelism = clamped(p, 1, SPEC_MAX_PARALLELISM);
	if (s->parallelism > s->max_parallelism) {
		char hint[80];
		snprintf(hint, sizeof hint, "at most \"max_parallelism\", which is %u",
			 s->max_parallelism);
		opt_error(r, opt_json(root, "parallelism"), hint, "'parallelism' is out of bounds");
	}
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
	s->checkpoint.tolerable_failures = clamped(opt_int(v, "tolerable_failures", 0), 0, 1000000);
	s->checkpoint.retain = clamped(opt_int(v, "retain", 3), 1, 1000);
	s->checkpoint.dir = opt_string(v, "dir", NULL);
	if (!opt_bool(v, "incremental", true))
		opt_error(r, opt_json(v, "incremental"), "now: true",
			  "'incremental': false comes with a later version");
	if (opt_int(v, "max_concurrent", 1) > 1)
		opt_error(r, opt_json(v, "max_concurrent"), "now: 1",
			  "'max_concurrent' above 1 comes with a later version");
	if (opt_int(v, "retain", 3) == 1) {
		dr.level = DIAG_WARNING;
		opt_error(r, opt_json(v, "retain"), "2 or more",
			  "'retain' 1 leaves nothing to fall back to if the newest is damaged");
	}
}

static void read_restart(struct spec *s, const struct json *root, struct diags *ds)
{
	s->restart.strategy = SPEC_RESTART_EXPONENTIAL;
	s->restart.attempts = 3;
	s->restart.initial_us = SECOND;
	s->restart.max_us = MINUTE;
	s->restart.multiplier = 1.5;
	const struct json *v = block(root, "restart", restart_opts, restart_aliases, ds);
	if (!v)
		return;
	struct diag_report dr;
	struct opt_report *r = diag_report(&dr, ds, "restart");
	if (opt_is(v, "strategy", "none")) {
		s->restart.strategy = SPEC_RESTART_NONE;
		s->restart.attempts = 0;
		for (size_t i = 0; i < json_count(v); i++)
			if (strcmp(json_key(v, i), "strategy") != 0)
				opt_error_key(r, v, i, "remove it, or the strategy",
					      "'%s' means nothing with the strategy 'none'",
					      json_key(v, i));
		return;
	}
	s->restart.attempts = clamped(opt_int(v, "attempts", 3), 0, 1000000);
	s->restart.initial_us = opt_duration_us(v, "initial", SECOND);
	s->restart.max_us = opt_duration_us(v, "max", MINUTE);
	s->restart.multiplier = opt_real(v, "multiplier", 1.5);
	if (s->restart.initial_us > s->restart.max_us)
		opt_error(r, opt_json(v, opt_has(v, "initial") ? "initial" : "max"), NULL,
			  "'initial' is longer than 'max'");
}

static void read_limits(struct spec *s, const struct json *root, struct diags *ds)
{
	s->limits.record_bytes = 16 * 1000000;
	s->limits.stop_us = 30 * SECOND;
	const struct json *v = block(root, "limits", limits_opts, NULL, ds);
	if (!v)
		return;
	s->limits.memory_bytes = opt_size_bytes(v, "memory", 0);
	s->limits.record_bytes = opt_size_bytes(v, "record", s->limits.record_bytes);
	s->limits.stop_us = opt_duration_us(v, "stop", s->limits.stop_us);
}

/* False: no memory. */
static bool read_all(struct spec *s, const struct spec_source *from, struct diags *ds)
{
	const struct json *root = json_root(s->doc);
	s->name = "";
	if (json_kind(root) != JSON_OBJECT) {
		struct diag_report r;
		opt_error(diag_report(&r, ds, "%s", ""), root,
			  "{ \"name\": ..., \"pipeline\": [...] }", "a job is an object");
		return true;
	}
	if (!spec_apply_sets(s, from, ds) || !spec_expand(s, from, ds))
		return false;
	read_job(s, root, ds);
	read_checkpoint(s, root, ds);
	read_restart(s, root, ds);
	read_limits(s, root, ds);
	return spec_read_stages(s, from, ds) && spec_connect(s, ds);
}

/* Of the job file; the caller's. NULL: no memory. */
static char *folder_of(const struct spec_source *from, struct mem *mem)
{
	size_t size = strlen(from->file) + 2, cwd = from->cwd ? strlen(from->cwd) + 1 : 0;
	char *to = mem_get(mem, cwd + size);
	if (!to)
		return NULL;
	fs_dirname(from->file, to, size);
	if (!from->cwd || to[0] == '/')
		return to;
	if (!strcmp(to, "."))
		memcpy(to, from->cwd, cwd);
	else {
		memmove(to + cwd, to, strlen(to) + 1);
		memcpy(to, from->cwd, cwd - 1);
		to[cwd - 1] = '/';
	}
	return to;
}

RC spec_parse(struct spec **out, const struct spec_source *from, struct diags *ds, struct mem *mem,
	      struct err *e)
{
	*out = NULL;
	struct spec *s = mem_get(mem, sizeof *s);
	if (!s)
		return ERR(e, E_NO_MEMORY, "no memory for a job file");
	s->mem = mem;
	s->folder = folder_of(from, mem);
	enum rc rc = E_NO_MEMORY;
	if (!s->folder)
		goto fail;
	struct json_at at;
	struct err je = {0};
	rc = json_parse(&s->doc, from->text, from->len, mem, &at, &je);
	if (rc == E_INVALID) {
		diag_add(ds, DIAG_ERROR, NULL, at, NULL, "%s", je.text);
		(void)ERR(e, E_INVALID, "%s: 1 error", from->file);
		spec_close(s);
		return E_INVALID;
	}
	if (rc != OK)
		goto fail;
	*out = s; /* without memory too: ds may point into it */
	if (!read_all(s, from, ds))
		return ERR(e, E_NO_MEMORY, "no memory for a job file");
	if (ds->errors)
		return ERR(e, E_INVALID, "%s: %u error%s", from->file, ds->errors,
			   ds->errors > 1 ? "s" : "");
	return OK;
fail:
	spec_close(s);
	return ERR(e, rc, "no memory for a job file");
}

void spec_close(struct spec *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < s->n_stages; i++)
		mem_put(s->mem, s->stages[i].inputs);
	mem_put(s->mem, s->stages);
	mem_put(s->mem, s->order);
	mem_put(s->mem, s->folder);
	json_close(s->doc);
	mem_put(s->mem, s);
}

void spec_write(const struct spec *s, struct bytes *to)
{
	struct json_out o;
	jout_begin(&o, to, true);
	jout_json(&o, json_root(s->doc), true);
	bytes_put_u8(to, '\n');
}

char *spec_path(const struct spec *s, const char *path)
{
	if (path[0] == '/' || !strcmp(s->folder, "."))
		return mem_string(s->mem, path);
	size_t size = strlen(s->folder) + strlen(path) + 2;
	char *to = mem_get(s->mem, size);
	bool is_root = !strcmp(s->folder, "/");
	if (to)
		snprintf(to, size, "%s/%s", is_root ? "" : s->folder, path);
	return to;
}

int spec_find(const struct spec *s, const char *id)
{
	for (unsigned i = 0; i < s->n_stages; i++)
		if (s->stages[i].id[0] && !strcmp(s->stages[i].id, id))
			return (int)i;
	return -1;
}
