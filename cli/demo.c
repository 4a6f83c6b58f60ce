/* demo.c - `weir demo`: counts the words of a real text while it kills its own worker with SIGKILL,
 * and compares with a plain `tr | sort | uniq -c`, and with two counters under the same kills. */
#include "cli/demo.h"

static const struct arg_def options[] = {
	{"--json", ARG_FLAG, NULL, "only the results, as JSON"},
	{0},
};

static void introduce(struct demo *d)
{
	char files[PAINT_TEXT], words[PAINT_TEXT], bytes[PAINT_TEXT];
	const struct paint *p = d->paint;
	fprintf(p->to,
		"%sweir demo%s: counts the words of %s (%s, %s, %s)\n"
		"  kills its worker with SIGKILL %d times meanwhile; the job is " DEMO_DIR "/job.json,\n"
		"  a checkpoint each 100 ms, paced to last %.0f s. Beside it, under the same kills:\n"
		"  (a) the same job begun anew each time, and (b) a counter of thirty lines that\n"
		"  remembers its position but not its counts.\n\n",
		paint_on(p, PAINT_BOLD), paint_off(p), d->text.path,
		text_many(d->text.files, "file", files), text_bytes(d->text.len, bytes),
		text_many(d->text.words, "word", words), DEMO_KILLS, DEMO_SECONDS);
	if (d->text.copy)
		fprintf(p->to, "  (its lines cannot be paced: the worker reads the same words from "
			       DEMO_DIR "/text.txt)\n\n");
	fflush(p->to);
}

static int demo(struct cli *c, const struct args *a)
{
	struct demo d = {.cli = c, .env = c->env, .paint = &c->out, .json = args_has(a, "--json")};
	struct err e = {0};
	bool right = false;
	demo_child_init(&d.weir, c->env->mem);
	demo_child_init(&d.fresh, c->env->mem);
	demo_child_init(&d.lossy, c->env->mem);
	demo_words_init(&d.words, c->env->mem);
	enum rc rc = demo_text_open(&d.text, c->env, a->n_places ? a->place[0] : NULL, &e);
	if (rc == OK)
		rc = demo_setup(&d, &e);
	if (rc == OK && !d.json)
		introduce(&d);
	if (rc == OK)
		rc = demo_race(&d, &e);
	if (rc == OK)
		rc = demo_verdict(&d, &right, &e);
	demo_child_close(&d.weir);
	demo_child_close(&d.fresh);
	demo_child_close(&d.lossy);
	demo_words_close(&d.words);
	demo_text_close(&d.text);
	if (rc != OK)
		return cli_fail(c, &e);
	return right ? 0 : 1;
}

const struct verb verb_demo = {
	.name = "demo",
	.arguments = "[FILE] [OPTION]...",
	.summary = "kills its own worker in mid-stream, several times, and compares the counts",
	.help =
		"Counts the words of a text (the licence texts of Debian, or FILE, or the files of a\n"
		"folder) with a job that takes a checkpoint each 100 ms, and kills it with SIGKILL\n"
		"three times, each time with counted words that no checkpoint holds yet. Shows each\n"
		"recovery. At the end it compares with tr | sort | uniq -c, and with what two other\n"
		"counters made of the same kills; prints the command that does the comparison\n"
		"without weir. Everything stays in the folder " DEMO_DIR ".\n"
		"Takes about 12 seconds. Exit code 0 if every word was counted exactly once.\n"
		"\n"
		"    weir demo\n"
		"    weir demo /usr/share/common-licenses/GPL-3\n"
		"\n"
		"--json prints {\"right\", \"gone_from_memory\": [...], \"plain\", \"fresh_each_time\",\n"
		"\"position_only\", \"weir\": {words, lost, doubled}, \"command\"}.",
	.most = 1,
	.options = options,
	.run = demo,
};
