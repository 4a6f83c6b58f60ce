/* explain.c - `weir explain`: the graph of a job file, drawn. The drawing is jobs/explain.c's. */
#include "cli/cli.h"
#include "jobs/job_text.h"
#include "cli/against.h"
#include "jobs/explain.h"

static const struct arg_def options[] = {
	{"--set", ARG_TEXTS, "PATH=VALUE", "another value, as in --set parallelism=4"},
	{"--json", ARG_FLAG, NULL, "the graph as JSON"},
	{"--against", ARG_TEXT, "DIR",
	 "instead: what a start in this directory would take over, and drop"},
	{"--drop-state", ARG_TEXTS, "STAGE", "as `weir run` would be told; with --against"},
	{0},
};

static int explain(struct cli *c, const struct args *a)
{
	struct job_text f;
	struct bytes text;
	struct err e = {0};
	const char *sets[ARGS_MAX];
	size_t n_sets = args_texts(a, "--set", sets, ARGS_MAX);
	int code = 0;
	bytes_init(&text, c->env->mem);
	struct job_text_source from = {.file = a->place[0], .sets = sets, .n_sets = n_sets,
				       .env = cli_env};
	enum rc rc = job_text_open(&f, c->env, &from, &e);
	diags_print(&f.ds, &text);
	fputs(bytes_text(&text), c->err.to);
	bytes_clear(&text);
	if (rc == OK && args_has(a, "--against"))
		rc = against(c, a, f.plan, &text, &e);
	else if (rc == OK && args_has(a, "--json"))
		explain_json(f.plan, &text);
	else if (rc == OK)
		explain_draw(f.plan, &text);
	if (!f.ds.errors) /* against shows its table beside a refusal too */
		fputs(bytes_text(&text), c->out.to);
	if (rc != OK && !f.ds.errors)
		cli_fail(c, &e);
	if (rc != OK)
		code = err_exit_code(rc);
	bytes_close(&text);
	job_text_close(&f);
	return code;
}

const struct verb verb_explain = {
	.name = "explain",
	.arguments = "JOB.json [OPTION]...",
	.summary = "draws the graph of a job: stages, schemas, exchanges; what is order-dependent",
	.help = "Shows what would run: each stage with its type and parallelism, the fields that\n"
		"leave it, how they are exchanged, and what is keyed by what. Says whether the\n"
		"order in which records arrive shows in the output, and where. Runs nothing.\n"
		"\n"
		"    weir explain examples/two-sources.json\n"
		"    weir explain examples/word-count.json --against weir-data/word-count\n"
		"\n"
		"--against DIR compares the job with the newest checkpoint of a job's directory or of a\n"
		"savepoint: per stage what is restored, dropped or started empty, in how many bytes\n"
		"and about how long, and where the sources would go on. What would be refused is\n"
		"refused here too (exit code 5).\n"
		"\n"
		"--json prints {\"name\", \"bounded\", \"tasks\", \"stages\": [{id, type, parallelism,\n"
		"inputs, schema, keyed_by, ...}], \"edges\": [{from, to, exchange, channels}],\n"
		"\"order_dependent\", \"why\", \"checkpoint\", \"restart\", \"limits\"}.",
	.least = 1,
	.most = 1,
	.options = options,
	.run = explain,
};
