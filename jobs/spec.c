/* spec.c - the top of the job file, and the steps of reading it: see spec.h. */
#include "jobs/spec.h"
#include "base/fs.h"
#include "jobs/config.h"
#include "jobs/spec_parts.h"

#include <stdio.h>

static const struct opt_def job_opts[] = {
	{"version", OPT_INT, .help = "of the job file: 1"},
	{"name", OPT_STRING, .required = true,
	 .help = "names the job and its directory: letters, digits, '_' and '-'"},
	{"parallelism", OPT_INT | OPT_STRING, 1, SPEC_MAX_PARALLELISM, .one_of = "auto",
	 .help = "subtasks of each stage; \"auto\": as many as processors, or 1 if a pipeline is "
		 "faster; 1 unless said"},
	{"max_parallelism", OPT_INT, 1, SPEC_MAX_PARALLELISM,
	 .help = "key groups, fixed for the life of the state; 128 unless said"},
	{"chaining", OPT_STRING, .one_of = "none auto",
	 .help = "auto: neighbours share a thread; none (unless said): each has its own"},
	{"checkpoint", OPT_OBJECT, .help = "when checkpoints are taken, where and how"},
	{"restart", OPT_OBJECT, .help = "what follows a failed attempt"},
	{"limits", OPT_OBJECT, .help = "what the job may use"},
	{"secrets", OPT_SECRETS, .help = "what its programs find in their environment: name to "
					 "reference"},
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
	{"restart-strategy.fixed-delay.attempts", "restart.attempts"},
	{"restart-strategy.fixed-delay.delay", "restart.initial"},
	{"restart-strategy.failure-rate.max-failures-per-interval", "restart.attempts"},
	{"restart-strategy.failure-rate.failure-rate-interval", "restart.reset_after"},
	{"restart-strategy.failure-rate.delay", "restart.initial"},
	{"restart-strategy.exponential-delay.initial-backoff", "restart.initial"},
	{"restart-strategy.exponential-delay.max-backoff", "restart.max"},
	{"restart-strategy.exponential-delay.backoff-multiplier", "restart.multiplier"},
	{"restart-strategy.exponential-delay.reset-backoff-threshold", "restart.reset_after"},
	{"execution.checkpointing.externalized-checkpoint-retention", "checkpoint.on_cancel"},
	{"taskmanager.memory.process.size", "limits.memory"},
	{0},
};

int64_t spec_parallelism(const struct spec *s, const struct json *v, unsigned absent)
{
	if (opt_is(v, "parallelism", "auto"))
		return s->cores < s->max_parallelism ? s->cores : s->max_parallelism;
	return opt_int(v, "parallelism", absent);
}

static bool groups_by_key(const struct json *root)
{
	const struct json *list = json_get(root, "pipeline");
	if (!list || json_kind(list) != JSON_ARRAY)
		return false; /* told later */
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *stage = json_item(list, i);
		if (json_kind(stage) == JSON_OBJECT && json_get(stage, "key"))
			return true;
	}
	return false;
}

/* With "chaining": "auto" too, the form is ours to choose. On two processors a job that groups by
 * key was measured to be faster as one pipeline, the keyed stage on one and the rest on the other,
 * than as two with an exchange between them (adr/0012). Of more processors that is not known. */
static bool is_one_pipeline(const struct spec *s, const struct json *root)
{
	return s->chaining && s->cores == 2 && opt_is(root, "parallelism", "auto") &&
	       groups_by_key(root);
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
	int64_t most = opt_int(root, "max_parallelism", 128);
	s->max_parallelism = spec_clamped(most, 1, SPEC_MAX_PARALLELISM);
	s->parallelism = spec_clamped(spec_parallelism(s, root, 1), 1, SPEC_MAX_PARALLELISM);
	s->chaining = opt_is(root, "chaining", "auto");
	const struct json *secrets = opt_json(root, "secrets");
	s->secrets = secrets && json_kind(secrets) == JSON_OBJECT ? secrets : NULL; /* else told */
	if (is_one_pipeline(s, root))
		s->parallelism = 1;
	if (s->parallelism > s->max_parallelism) {
		char hint[80];
		snprintf(hint, sizeof hint, "at most \"max_parallelism\", which is %u",
			 s->max_parallelism);
		opt_error(r, opt_json(root, "parallelism"), hint, "'parallelism' is out of bounds");
	}
}

/* What the job does not say, as if it stood there; the text stays what it was. False: no memory. */
static bool inherit(struct spec *s, const struct spec_source *from)
{
	if (!from->defaults)
		return true;
	spec_write(s, &s->submitted);
	return bytes_ok(&s->submitted) && config_inherit(from->defaults, s->doc);
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
	if (!spec_apply_sets(s, from, ds) || !inherit(s, from) || !spec_expand(s, from, ds))
		return false;
	read_job(s, root, ds);
	spec_read_blocks(s, root, ds);
	return spec_read_stages(s, from, ds) && spec_connect(s, ds);
}

/* Of the job file; the caller's. NULL: no memory. */
static char *folder_of(const struct spec_source *from, struct mem *mem)
{
	if (!from->file)
		return mem_string(mem, "."); /* nothing is relative to it */
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
	const char *name = from->file ? from->file : "job";
	struct spec *s = mem_get(mem, sizeof *s);
	if (!s)
		return ERR(e, E_NO_MEMORY, "no memory for a job file");
	s->mem = mem;
	s->cores = from->cores ? from->cores : 1;
	bytes_init(&s->submitted, mem);
	if (!from->file)
		ds->no_relative = "no job file is known: write an absolute path, or say "
				  "?file=/folder/job.json";
	s->folder = folder_of(from, mem);
	enum rc rc = E_NO_MEMORY;
	if (!s->folder)
		goto fail;
	struct json_at at;
	struct err je = {0};
	rc = json_parse(&s->doc, from->text, from->len, mem, &at, &je);
	if (rc == E_INVALID) {
		diag_add(ds, DIAG_ERROR, NULL, at, NULL, "%s", je.text);
		(void)ERR(e, E_INVALID, "%s: 1 error", name);
		spec_close(s);
		return E_INVALID;
	}
	if (rc != OK)
		goto fail;
	*out = s; /* without memory too: ds may point into it */
	if (!read_all(s, from, ds))
		return ERR(e, E_NO_MEMORY, "no memory for a job file");
	if (ds->errors)
		return ERR(e, E_INVALID, "%s: %u error%s", name, ds->errors,
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
	bytes_close(&s->submitted);
	json_close(s->doc);
	mem_put(s->mem, s);
}

void spec_write(const struct spec *s, struct bytes *to)
{
	struct json_out o;
	if (s->submitted.len) {
		bytes_put(to, s->submitted.data, s->submitted.len);
		return;
	}
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

struct restart_policy spec_restart_policy(const struct spec *s)
{
	return (struct restart_policy){
		.strategy = s->restart.strategy, .attempts = s->restart.attempts,
		.initial_us = s->restart.initial_us, .max_us = s->restart.max_us,
		.multiplier = s->restart.multiplier, .reset_after_us = s->restart.reset_after_us};
}

int spec_find(const struct spec *s, const char *id)
{
	for (unsigned i = 0; i < s->n_stages; i++)
		if (s->stages[i].id[0] && !strcmp(s->stages[i].id, id))
			return (int)i;
	return -1;
}
