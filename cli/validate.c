/* validate.c - `weir validate`: everything that is wrong with a job file, at once. */
#include "cli/cli.h"
#include "jobs/job_text.h"

static const struct arg_def options[] = {
	{"--set", ARG_TEXTS, "PATH=VALUE", "another value, as in --set checkpoint.interval=100ms"},
	{"--json", ARG_FLAG, NULL, "the verdict as JSON on standard output"},
	{0},
};

/* Of a file that could not even be read there is one fault, without a place. */
static void print_json(struct cli *c, struct job_text *f, const struct err *e)
{
	struct bytes text;
	struct json_out o;
	bytes_init(&text, c->env->mem);
	jout_begin(&o, &text, true);
	jout_object(&o);
	jout_kv_bool(&o, "valid", e->code == OK);
	jout_key(&o, "errors");
	if (e->code == OK || f->ds.errors) {
		diags_json(&f->ds, &o);
	} else {
		jout_array(&o);
		jout_object(&o);
		jout_kv_string(&o, "severity", "error");
		jout_kv_string(&o, "text", e->text);
		jout_object_end(&o);
		jout_array_end(&o);
	}
	jout_object_end(&o);
	fprintf(c->out.to, "%s\n", bytes_text(&text));
	bytes_close(&text);
}

static void print_text(struct cli *c, struct job_text *f, const char *path)
{
	struct bytes text;
	bytes_init(&text, c->env->mem);
	diags_print(&f->ds, &text);
	fputs(bytes_text(&text), c->err.to);
	bytes_close(&text);
	if (f->plan)
		fprintf(c->err.to, "%s: %sOK%s: job '%s', %u stages, %u tasks\n", path,
			paint_on(&c->err, PAINT_GREEN), paint_off(&c->err), f->spec->name,
			f->plan->n_stages, f->plan->n_tasks);
}

static int validate(struct cli *c, const struct args *a)
{
	struct job_text f;
	struct err e = {0};
	const char *sets[ARGS_MAX];
	size_t n_sets = args_texts(a, "--set", sets, ARGS_MAX);
	int code = 0;
	struct job_text_source from = {.file = a->place[0], .sets = sets, .n_sets = n_sets,
				       .env = cli_env};
	enum rc rc = job_text_open(&f, c->env, &from, &e);
	if (args_has(a, "--json"))
		print_json(c, &f, &e);
	else if (rc == OK || f.ds.errors)
		print_text(c, &f, a->place[0]);
	else
		cli_fail(c, &e);
	if (rc != OK)
		code = err_exit_code(rc);
	job_text_close(&f);
	return code;
}

const struct verb verb_validate = {
	.name = "validate",
	.arguments = "JOB.json [OPTION]...",
	.summary = "says everything that is wrong with a job file; touches nothing",
	.help = "Checks a job file as `weir run` would: JSON, keys, types, expressions, fields,\n"
		"graph. All faults are shown at once, with line, column and a suggestion. Exit\n"
		"code 2 if there are any. Opens no file but the job file.\n"
		"\n"
		"    weir validate examples/word-count.json\n"
		"    weir validate examples/word-count.json --set 'pipeline.count.key=wrod'\n"
		"\n"
		"--json prints {\"valid\": bool, \"errors\": [{severity, file, line, column, length,\n"
		"text, hint}]}; a fault in a --set has \"argument\" instead of \"file\".",
	.least = 1,
	.most = 1,
	.options = options,
	.run = validate,
};
