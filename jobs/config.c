/* config.c - see config.h. */
#include "jobs/config.h"

#include "jobs/allow.h"
#include "jobs/spec_parts.h"

struct config {
	struct mem *mem;
	char *file;
	struct json_doc *doc;
};

static const struct opt_def config_opts[] = {
	{"checkpoint", OPT_OBJECT, .help = "when checkpoints are taken, and how"},
	{"restart", OPT_OBJECT, .help = "what follows a failed attempt"},
	{"limits", OPT_OBJECT, .help = "what a job may use"},
	{"allow", OPT_OBJECT, .help = "what jobs may touch beside their own directory"},
	{0},
};

/* Keys of a job file that say which job it is: the same for all would be wrong for all. */
static const char *const of_a_job[] = {"name", "pipeline", "version", "parallelism",
				       "max_parallelism", "chaining", "secrets", NULL};

static void refuse_a_jobs_own(const struct json *root, struct diags *ds)
{
	struct diag_report dr;
	struct opt_report *r = diag_report(&dr, ds, "%s", "");
	for (size_t i = 0; i < json_count(root); i++)
		for (const char *const *k = of_a_job; *k; k++)
			if (!strcmp(*k, json_key(root, i)))
				opt_error_key(r, root, i, "each job says its own",
					      "'%s' is no default for jobs", *k);
	const struct json *v = json_get(root, "checkpoint");
	if (!v || json_kind(v) != JSON_OBJECT || !json_get(v, "dir"))
		return;
	r = diag_report(&dr, ds, "checkpoint");
	for (size_t i = 0; i < json_count(v); i++)
		if (!strcmp(json_key(v, i), "dir"))
			opt_error_key(r, v, i, "each job has a directory of its own",
				      "'dir' is no default for jobs");
}

/* A folder of the server's, wherever it was started. */
static void check_allow(const struct json *root, struct diags *ds)
{
	const char *before = ds->no_relative;
	ds->no_relative = "write it from the root: /srv/in";
	(void)spec_block(root, "allow", allow_opts, NULL, ds);
	ds->no_relative = before;
}

/* The same readers as a job's, over a job that has nothing else. */
static void check(const struct json *root, struct diags *ds)
{
	struct diag_report dr;
	struct opt_report *r = diag_report(&dr, ds, "%s", "");
	if (json_kind(root) != JSON_OBJECT) {
		opt_error(r, root, "{ \"checkpoint\": {...}, \"restart\": {...}, \"limits\": {...} }",
			  "a configuration is an object");
		return;
	}
	struct spec none = {0};
	opt_check(config_opts, root, of_a_job, NULL, r);
	spec_read_blocks(&none, root, ds);
	check_allow(root, ds);
	refuse_a_jobs_own(root, ds);
}

RC config_parse(struct config **out, const char *file, const char *text, size_t len,
		struct diags *ds, struct mem *mem, struct err *e)
{
	struct json_at at;
	struct err je = {0};
	*out = NULL;
	if (len > CONFIG_MAX)
		return ERR(e, E_LIMIT, "'%s' has %zu bytes; a configuration has at most %u (64 KiB)",
			   file, len, CONFIG_MAX);
	struct config *c = mem_get(mem, sizeof *c);
	if (!c)
		return ERR(e, E_NO_MEMORY, "no memory for '%s'", file);
	c->mem = mem;
	c->file = mem_string(mem, file);
	enum rc rc = c->file ? json_parse(&c->doc, text, len, mem, &at, &je) : E_NO_MEMORY;
	if (rc == E_INVALID)
		diag_add(ds, DIAG_ERROR, NULL, at, NULL, "%s", je.text);
	else if (rc == OK)
		check(json_root(c->doc), ds);
	if (rc == OK && !ds->errors) {
		*out = c;
		return OK;
	}
	config_close(c);
	if (rc == E_NO_MEMORY)
		return ERR(e, rc, "no memory for '%s'", file);
	return ERR(e, E_INVALID, "%s: %u error%s", file, ds->errors, ds->errors > 1 ? "s" : "");
}

void config_close(struct config *c)
{
	if (!c)
		return;
	json_close(c->doc);
	mem_put(c->mem, c->file);
	mem_put(c->mem, c);
}

/* ---- what a job inherits ---- */

static bool put(const struct config *c, struct json_doc *job, const struct json *to,
		const struct json *block, size_t i, bool as_object)
{
	size_t len;
	struct err ignored = {0};
	struct json_at key = json_key_where(block, i), value = json_where(json_value(block, i)), at;
	struct json_given g = {.name = c->file, .text = json_source(c->doc, &len), .is_file = true,
			       .key_offset = key.offset, .key_len = key.len,
			       .value_offset = as_object ? key.offset : value.offset,
			       .value_len = as_object ? key.len : value.len, .as_object = as_object};
	return json_put(job, to, json_key(block, i), &g, &at, &ignored) == OK;
}

/* Of the job if it says one that exists, else of the configuration. */
static enum restart_strategy strategy_of(const struct json *job, const struct json *config)
{
	enum restart_strategy s = restart_default.strategy;
	const struct json *who = opt_has(job, "strategy") ? job : config;
	(void)restart_strategy_parse(opt_string(who, "strategy", ""), &s);
	return s;
}

static bool inherit_block(const struct config *c, struct json_doc *job, size_t i)
{
	const struct json *root = json_root(c->doc), *block = json_value(root, i);
	const char *name = json_key(root, i);
	const struct json *to = json_get(json_root(job), name);
	if (!to && !put(c, job, json_root(job), root, i, true))
		return false;
	to = json_get(json_root(job), name);
	if (json_kind(to) != JSON_OBJECT)
		return true; /* told by the table */
	bool restart = !strcmp(name, "restart"), own = restart && opt_has(to, "strategy");
	enum restart_strategy strategy = restart ? strategy_of(to, block) : RESTART_NONE;
	for (size_t k = 0; k < json_count(block); k++) {
		const char *key = json_key(block, k);
		if (json_get(to, key) || (own && !spec_restart_reads(strategy, key)))
			continue;
		if (!put(c, job, to, block, k, false))
			return false;
	}
	return true;
}

const struct json *config_allow(const struct config *c)
{
	return opt_json(json_root(c->doc), "allow");
}

bool config_inherit(const struct config *c, struct json_doc *job)
{
	for (size_t i = 0; i < json_count(json_root(c->doc)); i++)
		if (strcmp(json_key(json_root(c->doc), i), "allow") != 0 && !inherit_block(c, job, i))
			return false;
	return true;
}
