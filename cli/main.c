/* main.c - weir: finds the verb and gives it the world: clock, files, memory, random. */
#include "cli/cli.h"
#include "cli/torture_child.h"

#include "base/check.h"
#include "base/schema.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* In the order of the overview; those from `at_server` on ask a server. */
static const struct verb *const verbs[] = {
	&verb_run,    &verb_validate,   &verb_explain, &verb_checkpoints, &verb_state,
	&verb_fsck,   &verb_audit,      &verb_pin,     &verb_unpin,       &verb_gc,
	&verb_torture,
	&verb_demo,
	&verb_serve,  &verb_submit,     &verb_list,    &verb_top,     &verb_show,        &verb_logs,
	&verb_checkpoint, &verb_savepoint, &verb_stop, &verb_cancel,      &verb_kill,
	&verb_restart, &verb_rescale, &verb_remove,
};
static const struct verb *const at_server = &verb_serve;

static const char *const later[] = {"export"};

static void overview(const struct paint *p)
{
	fprintf(p->to,
		"%sweir%s - exactly-once stateful streaming in one process\n"
		"\n"
		"usage: weir VERB [ARGUMENT]...\n"
		"\n",
		paint_on(p, PAINT_BOLD), paint_off(p));
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (verbs[i] == at_server)
			fprintf(p->to, "\nat a server (weir serve), or in the directory of a `weir run`:\n");
		fprintf(p->to, "  %s%-12s%s %s\n", paint_on(p, PAINT_BOLD), verbs[i]->name, paint_off(p),
			verbs[i]->summary);
	}
	fprintf(p->to, "\n  %s%-12s%s what a verb does, its options, and an example that works\n"
		       "  %s%-12s%s the version\n"
		       "\n"
		       "To begin with: weir demo\n",
		paint_on(p, PAINT_BOLD), "help VERB", paint_off(p), paint_on(p, PAINT_BOLD), "--version",
		paint_off(p));
}

static void verb_help(const struct paint *p, const struct verb *v)
{
	struct mem mem;
	struct bytes options;
	mem_init(&mem, 0);
	bytes_init(&options, &mem);
	args_document(v->options, &options);
	fprintf(p->to, "%susage: weir %s %s%s\n\n%s\n\noptions:\n%s  %-22s %s\n",
		paint_on(p, PAINT_BOLD), v->name, v->arguments, paint_off(p), v->help,
		bytes_text(&options), "-h, --help", "this text");
	bytes_close(&options);
}

static const struct verb *verb_find(const char *name)
{
	if (!strcmp(name, verb_job.name)) /* for the server, not in the overview */
		return &verb_job;
	if (!strcmp(name, verb_stepper.name))
		return &verb_stepper;
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (!strcmp(verbs[i]->name, name))
			return verbs[i];
	return NULL;
}

/* Says why there is no such verb; the exit code. */
static int no_verb(const struct cli *c, const char *name)
{
	const char *names[ARRAY_LEN(verbs) + 1];
	size_t n = 0;
	for (size_t i = 0; i < ARRAY_LEN(later); i++)
		if (!strcmp(name, later[i])) {
			fprintf(c->err.to, "weir: '%s' comes with a later version\n", name);
			return err_exit_code(E_USAGE);
		}
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		names[n++] = verbs[i]->name;
	names[n++] = "help";
	const char *close = closest_name(name, names, n);
	fprintf(c->err.to, "weir: unknown verb '%s'", name);
	if (close)
		fprintf(c->err.to, "; did you mean '%s'?", close);
	fprintf(c->err.to, "\nverbs:");
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		fprintf(c->err.to, " %s,", verbs[i]->name);
	fprintf(c->err.to, " help; for more: weir help\n");
	return err_exit_code(E_USAGE);
}

static int help(const struct cli *c, int argc, char **argv)
{
	if (!argc) {
		overview(&c->out);
		return 0;
	}
	const struct verb *v = verb_find(argv[0]);
	if (!v)
		return no_verb(c, argv[0]);
	verb_help(&c->out, v);
	return 0;
}

/* What nobody could read is no success. */
static int written(struct cli *c, int code)
{
	struct err e = {0};
	if (code || !(fflush(c->out.to) || ferror(c->out.to)))
		return code;
	(void)!ERR(&e, E_IO, "standard output cannot be written");
	return cli_fail(c, &e);
}

static int verb_start(struct cli *c, const struct verb *v, int argc, char **argv)
{
	struct args a;
	struct err e = {0};
	enum rc rc = args_parse(&a, v->options, argc, argv, &e);
	if (rc == OK && a.help) {
		verb_help(&c->out, v);
		return 0;
	}
	if (rc == OK && a.n_places < v->least)
		rc = ERR(&e, E_USAGE, "needs more: weir %s %s", v->name, v->arguments);
	if (rc == OK && a.n_places > v->most)
		rc = ERR(&e, E_USAGE, "'%s' is one argument too many: weir %s %s", a.place[v->most],
			 v->name, v->arguments);
	if (rc == OK)
		return written(c, v->run(c, &a));
	fprintf(c->err.to, "weir %s: %s\ntry: weir help %s\n", v->name, e.text, v->name);
	return err_exit_code(rc);
}

/* A standard descriptor that is closed would be given to the first file opened, and messages and
 * printed lines would go into a checkpoint. What is missing is opened so that output to it
 * fails. */
static void standard_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd)
			_exit(1);
}

int main(int argc, char **argv)
{
	standard_descriptors();
	signal(SIGXFSZ, SIG_IGN); /* a file that may not grow (ulimit -f) is an error of the write */
	struct mem mem;
	struct fs_real fs;
	struct rng rng;
	struct env env = {.clock = clock_real(), .fs = &fs.fs, .mem = &mem, .rng = &rng};
	struct cli c = {.env = &env, .files = &fs, .started_us = clock_mono_us(env.clock)};
	mem_init(&mem, 0);
	fs_real_init(&fs, &mem);
	rng_seed_system(&rng);
	paint_init(&c.out, stdout);
	paint_init(&c.err, stderr);
	if (argc < 2) {
		overview(&c.err);
		return err_exit_code(E_USAGE);
	}
	struct fs_fault faults;
	if (argc > 4 && !strcmp(argv[1], TORTURED)) {
		struct err e = {0};
		if (torture_child_begin(&faults, &env, argv + 2, &e) != OK)
			return cli_fail(&c, &e);
		argc -= 3;
		argv += 3;
	}
	const char *name = argv[1];
	if (!strcmp(name, "help") || !strcmp(name, "--help") || !strcmp(name, "-h"))
		return help(&c, argc - 2, argv + 2);
	if (!strcmp(name, "--version") || !strcmp(name, "version")) {
		printf("weir " WEIR_VERSION "\n");
		return 0;
	}
	const struct verb *v = verb_find(name);
	return v ? verb_start(&c, v, argc - 2, argv + 2) : no_verb(&c, name);
}
