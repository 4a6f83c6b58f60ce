/* torture.c - `weir torture`: kills a job of somebody, in a scratch folder, as often as one likes,
 * and says whether its committed output is what it is without (inv 28). See torture.h.
 *
 *   reference   once as it is: what is right, and how long it takes
 *   again       once more, another parallelism: is its output a function of its input at all?
 *   life-1 ...  from nothing to its end, struck at each start, until strikes are used up */
#include "cli/torture.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define KILLS 50
#define WANT_US 1000000   /* a job that takes less than half of it is slowed down to it; by feel */
#define CHECKPOINTS 20    /* in one life, at least about half of it; by feel */
#define INTERVAL_MIN_US 10000
#define STRIKES_A_LIFE 12 /* then it may come to its end, and is compared; by feel */

static const struct arg_def options[] = {
	{"--kills", ARG_NUMBER, "N", "kills and faults in all (default: 50)", 1, 1000000},
	{"--seed", ARG_NUMBER, "S", "of all random choices (default: another one each time)", 0,
	 INT64_MAX},
	{"--set", ARG_TEXTS, "PATH=VALUE", "another value, as in --set pipeline.rows.rows=100000"},
	{"--dir", ARG_TEXT, "DIR", "where the scratch folder is made (default: weir-torture)"},
	{"--keep", ARG_FLAG, NULL, "keep the scratch folder, even if all is right"},
	{"--json", ARG_FLAG, NULL, "the verdict as JSON on standard output"},
	{0},
};

/* ---- before ---- */

static RC read_job(struct torture *t, struct err *e)
{
	struct bytes text;
	const char *file = t->args->place[0];
	if (snprintf(t->path, sizeof t->path, "%s", file) >= (int)sizeof t->path)
		return ERR(e, E_USAGE, "the path of the job file is too long");
	t->n_sets = args_texts(t->args, "--set", t->sets, ARGS_MAX);
	struct job_text_source from = {.file = file, .sets = t->sets, .n_sets = t->n_sets,
				       .env = cli_env};
	enum rc rc = job_text_open(&t->text, t->cli->env, &from, e);
	bytes_init(&text, t->cli->env->mem);
	diags_print(&t->text.ds, &text);
	fputs(bytes_text(&text), t->cli->err.to);
	bytes_close(&text);
	if (rc == OK)
		rc = torture_job_read(&t->job, t->text.plan, t->cli->env->mem, e);
	if (rc == OK)
		rc = torture_job_rescales(&t->job, t->cli->env, &from, e);
	t->right = rc == OK ? mem_get(t->cli->env->mem, (t->job.n_sinks + 1) * sizeof *t->right) : NULL;
	return rc == OK && !t->right ? ERR(e, E_NO_MEMORY, "no memory for the job's sinks") : rc;
}

/* A folder of its own, so that what an earlier one kept stays. The sinks' paths are given to the
 * job, whose own are relative to its file: absolute. */
static RC make_scratch(struct torture *t, struct err *e)
{
	char cwd[TORTURE_PATH];
	struct fs *fs = t->cli->env->fs;
	const char *dir = args_text(t->args, "--dir", "weir-torture");
	if (!getcwd(cwd, sizeof cwd))
		return err_errno(e, errno, "the current folder");
	for (unsigned n = 1;; n++) {
		struct fs_stat st;
		struct err why = {OK};
		int len = snprintf(t->scratch, sizeof t->scratch, "%s%s%s/%s-%u", *dir == '/' ? "" : cwd,
				   *dir == '/' ? "" : "/", dir, t->text.spec->name, n);
		if (len >= TORTURE_PATH - 200)
			return ERR(e, E_USAGE, "the path of the scratch folder is too long");
		enum rc rc = fs_stat(fs, t->scratch, &st, &why);
		if (rc == E_NOT_FOUND)
			return fs_mkdir_all(fs, t->scratch, e);
		if (rc != OK)
			return ERR(e, rc, "%s", why.text);
	}
}

/* ---- undisturbed ---- */

/* What it takes for kills to meet something: a run of a second, and checkpoints in it. */
static RC make_room(struct torture *t, const struct torture_life *first, struct err *e)
{
	const struct spec_checkpoint *c = &t->text.spec->checkpoint;
	char report[TORTURE_PATH + 16];
	uint64_t took_us = first->took_us;
	snprintf(report, sizeof report, "%s/%s/report.json", t->scratch, first->name);
	if (took_us < WANT_US / 2) {
		if (torture_report_rates(t, report, WANT_US, e) != OK)
			return e->code;
		if (t->rates)
			took_us = WANT_US;
	}
	bool told = c->trigger.records || c->trigger.bytes || c->trigger.when || c->is_auto;
	if (told || (c->interval_us && c->interval_us <= took_us * 2 / CHECKPOINTS))
		return OK;
	t->interval_us = took_us / CHECKPOINTS;
	if (t->interval_us < INTERVAL_MIN_US)
		t->interval_us = INTERVAL_MIN_US;
	return torture_set(t, e, "checkpoint.interval=%" PRIu64 "us", t->interval_us);
}

static void learn(struct torture *t, const struct torture_life *l)
{
	uint64_t n = l->done.checkpoints;
	memcpy(t->facts.ops, l->ops, sizeof l->ops);
	t->facts.took_us = l->took_us;
	t->facts.interval_us = l->took_us / (n ? n : 1);
}

/* *l: the newest one; it is not right where the job cannot be judged. */
static RC undisturbed(struct torture *t, struct torture_life *l, struct err *e)
{
	*l = (struct torture_life){.name = "reference", .parallelism = t->job.parallel[0]};
	if (torture_life_run(t, l, false, e) != OK || !l->right)
		return e->code;
	learn(t, l);
	if (make_room(t, l, e) != OK)
		return e->code;
	*l = (struct torture_life){.name = "again",
				   .parallelism = t->job.parallel[t->job.n_parallel - 1]};
	if (torture_life_run(t, l, true, e) == OK && l->right)
		learn(t, l);
	return e->code;
}

/* ---- tortured ---- */

static void add_up(struct torture_totals *to, const struct torture_totals *more)
{
	to->kills += more->kills;
	to->faults += more->faults;
	to->starts += more->starts;
	to->lives += more->lives;
	to->checkpoints += more->checkpoints;
	to->rescales += more->rescales;
}

/* Each second life is at one parallelism: that is judged more strictly. */
static bool rescales(const struct torture *t, uint64_t seed)
{
	return t->job.n_parallel > 1 && seed % 2;
}

/* Lives until so many strikes struck, or one was not right. */
static RC lives(struct torture *t, struct torture_life *l, struct err *e)
{
	char life[24], folder[TORTURE_PATH];
	uint64_t idle = 0;
	for (uint64_t n = 1; t->done.kills + t->done.faults < t->wanted && idle < 10; n++) {
		uint64_t left = t->wanted - t->done.kills - t->done.faults;
		snprintf(life, sizeof life, "life-%" PRIu64, n);
		*l = (struct torture_life){.name = life, .seed = t->seed + n - 1,
					   .parallelism = rescales(t, t->seed + n - 1) ? 0
										       : t->job.parallel[0],
					   .strikes = left < STRIKES_A_LIFE ? left : STRIKES_A_LIFE};
		if (torture_life_run(t, l, true, e) != OK)
			return e->code;
		add_up(&t->done, &l->done);
		idle = l->done.kills + l->done.faults ? 0 : idle + 1;
		if (!args_has(t->args, "--json"))
			torture_say_life(t, l);
		if (!l->right)
			return OK;
		if (torture_life_path(t, life, folder, e) != OK ||
		    (!args_has(t->args, "--keep") && fs_remove_all(t->cli->env->fs, folder, e) != OK))
			return e->code;
	}
	return idle < 10 ? OK
			 : ERR(e, E_TIMEOUT, "the job ends before anything can strike it: only %" PRIu64
			       " of %" PRIu64 " kills and faults did; give it more input", t->done.kills +
			       t->done.faults, t->wanted);
}

/* ---- the verb ---- */

static RC go(struct torture *t, struct torture_life *l, struct err *e)
{
	uint64_t some = rng_next(t->cli->env->rng) % 1000000000;
	t->seed = (uint64_t)args_number(t->args, "--seed", (int64_t)some);
	t->wanted = (uint64_t)args_number(t->args, "--kills", KILLS);
	if (read_job(t, e) != OK || make_scratch(t, e) != OK || undisturbed(t, l, e) != OK)
		return e->code;
	if (!l->right)
		return OK;
	if (!args_has(t->args, "--json"))
		torture_say_begin(t);
	return lives(t, l, e);
}

static void torture_close(struct torture *t)
{
	for (uint32_t i = 0; t->right && i < t->job.n_sinks; i++)
		torture_output_close(&t->right[i].output);
	mem_put(t->cli->env->mem, t->right);
	for (size_t i = 0; i < t->n_own; i++)
		mem_put(t->cli->env->mem, t->own[i]);
	torture_job_close(&t->job);
	job_text_close(&t->text);
}

static int torture(struct cli *c, const struct args *a)
{
	struct torture *t = mem_get(c->env->mem, sizeof *t);
	struct torture_life l = {0};
	struct err e = {0};
	int code;
	if (!t) {
		(void)!ERR(&e, E_NO_MEMORY, "no memory");
		return cli_fail(c, &e);
	}
	t->cli = c;
	t->args = a;
	enum rc rc = go(t, &l, &e);
	if (rc == OK)
		torture_say_verdict(t, &l, args_has(a, "--json"));
	bool keeps = args_has(a, "--keep") || rc != OK || !l.right;
	if (!keeps)
		rc = fs_remove_all(c->env->fs, t->scratch, &e);
	code = rc == OK ? !l.right : t->text.ds.errors ? err_exit_code(E_INVALID) : cli_fail(c, &e);
	torture_close(t);
	mem_put(c->env->mem, t);
	return code;
}

const struct verb verb_torture = {
	.name = "torture",
	.arguments = "JOB.json [OPTION]...",
	.summary = "kills your job, in a scratch folder, and says whether its output stays right",
	.help =
		"Is my job safe? Runs it once undisturbed; then again and again from nothing to its end,\n"
		"and strikes it meanwhile: kill -9 at random moments, many of them beside a checkpoint;\n"
		"death right before, right after and in the middle of a file operation; input/output\n"
		"errors and a full disk. After each strike it is started again, at another parallelism\n"
		"where that does not change what its output means. Committed output must then be that\n"
		"of the undisturbed run: each record exactly once or, where the order of arrival shows\n"
		"(`weir explain` says where), each key's updates one unbroken chain to the same sum.\n"
		"\n"
		"    weir torture examples/word-count.json\n"
		"    weir torture examples/clicks.json --set pipeline.clicks.rows=50000 --kills 200\n"
		"\n"
		"Your files are safe: sources are only read; the job's directory and what its sinks\n"
		"write lie in a scratch folder below weir-torture, removed if all is right. A job that\n"
		"takes less than half a second is slowed down to a second (`rate`), and checkpoints\n"
		"come more often if hardly one would be taken. Refused by name: sources without an end,\n"
		"programs that listen to checkpoints, at_least_once.\n"
		"A kill is not a power cut: what was written and not synced survives it here.\n"
		"\n"
		"Progress goes to standard error, the verdict to standard output. Exit codes: 0 right,\n"
		"1 not right (what differs, the seed, and how to try again are told), 2 wrong use.\n"
		"--json prints {\"job\", \"verdict\", \"seed\", \"kills\", \"faults\", \"starts\",\n"
		"\"lives\", \"checkpoints\", \"rescales\", \"order_dependent\", \"sinks\": [{id,\n"
		"judged_by, records, differing, differences: [{by, record, says}]}]} and, if not right,\n"
		"{\"failing_seed\", \"life\", \"trouble\", \"struck_last\", \"kept\"}.",
	.least = 1,
	.most = 1,
	.options = options,
	.run = torture,
};
