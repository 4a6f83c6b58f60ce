/* demo.c - `weir demo`: counts the words of a real text while it kills its own worker with SIGKILL,
 * and compares with a plain `tr | sort | uniq -c`, and with two counters under the same kills. */
#include "cli/demo.h"

#include <unistd.h>

static const struct arg_def options[] = {
	{"--interactive", ARG_FLAG, NULL, "you kill it: with k, or on its page in a browser"},
	{"--seconds", ARG_NUMBER, "N", "with --interactive: how long it lasts undisturbed (40)",
	 .min = 1, .max = 3600},
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
		text_many(d->text.words, "word", words), DEMO_KILLS, d->seconds);
	if (d->text.copy)
		fprintf(p->to, "  (its lines cannot be paced: the worker reads the same words from "
			       DEMO_DIR "/text.txt)\n\n");
	fflush(p->to);
}

/* Keys are read from a terminal, and the picture is drawn on one. */
static RC check_live(const struct args *a, struct err *e)
{
	if (!args_has(a, "--interactive"))
		return args_has(a, "--seconds") ? ERR(e, E_USAGE, "--seconds is for --interactive") : OK;
	if (args_has(a, "--json"))
		return ERR(e, E_USAGE, "--json has nothing to say with --interactive");
	if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
		return OK;
	return ERR(e, E_USAGE, "--interactive wants a terminal, whose keys kill. Without one: `weir "
		   "demo` kills by itself; or `weir serve --http 8080 --token-file F`, and the page");
}

static RC run(struct demo *d, bool live, bool *right, struct err *e)
{
	if (live)
		return demo_live(d, right, e);
	if (!d->json)
		introduce(d);
	if (demo_race(d, e) != OK)
		return e->code;
	return demo_verdict(d, right, e);
}

static int demo(struct cli *c, const struct args *a)
{
	struct demo d = {.cli = c, .env = c->env, .paint = &c->out, .json = args_has(a, "--json"),
			 .seconds = DEMO_SECONDS, .state = DEMO_DIR "/state"};
	struct err e = {0};
	int code;
	bool right = false, live = args_has(a, "--interactive");
	if (live) {
		d.seconds = (double)args_number(a, "--seconds", DEMO_LIVE_SECONDS);
		d.state = DEMO_DIR "/server/jobs/demo";
	}
	demo_child_init(&d.weir, c->env->mem);
	demo_child_init(&d.fresh, c->env->mem);
	demo_child_init(&d.lossy, c->env->mem);
	demo_words_init(&d.words, c->env->mem);
	enum rc rc = check_live(a, &e);
	if (rc == OK)
		rc = demo_text_open(&d.text, c->env, a->n_places ? a->place[0] : NULL, &e);
	if (rc == OK)
		rc = demo_setup(&d, &e);
	if (rc == OK)
		rc = run(&d, live, &right, &e);
	demo_child_close(&d.weir);
	demo_child_close(&d.fresh);
	demo_child_close(&d.lossy);
	demo_words_close(&d.words);
	demo_text_close(&d.text);
	if (rc != OK && (code = cli_fail(c, &e)))
		return code;
	return rc == OK && right ? 0 : 1; /* given up, nothing is proven */
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
		"    weir demo --interactive    # you kill it, in the terminal or in a browser\n"
		"\n"
		"--json prints {\"right\", \"gone_from_memory\": [...], \"plain\", \"fresh_each_time\",\n"
		"\"position_only\", \"weir\": {words, lost, doubled}, \"command\"}.",
	.most = 1,
	.options = options,
	.run = demo,
};
