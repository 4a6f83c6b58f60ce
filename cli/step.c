/* step.c - `weir run --step JOB`: one event a key press, forwards and back.
 * Why: the text that explains Chandy-Lamport is the machine itself, slow enough to watch. */
#include "cli/key_press.h"
#include "cli/step.h"
#include "cli/step_marks.h"
#include "cli/step_text.h"
#include "jobs/job_text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define STEP_SEED 1 /* always the same, so that one can talk about event 47 */

static const char key_help[] =
	"  Enter or n  the next event           b  on to the next barrier\n"
	"  c  ask for a checkpoint              k  kill -9; then comes a new start\n"
	"  u  back one event                    B  back to the barrier before\n"
	"  s  show how everything stands        p  what print_sink wrote\n"
	"  ?  these keys                        q  quit\n";

/* What there is to be seen: Chandy and Lamport 1985, as streams use it. */
static const char story[] =
	"Records flow from task to task through channels. To save a state of the whole job from\n"
	"which it can go on, nothing has to stop. Each source puts a mark into its stream, a\n"
	"barrier: |7|. What is before it belongs to checkpoint 7, what is behind it does not. A\n"
	"task with several inputs that finds the barrier on one takes nothing more from there\n"
	"until it has come on all: that input is held, or records from behind the cut would\n"
	"get into the state saved for it. Then the task freezes its state, sends the barrier on,\n"
	"and goes on with records at once; the frozen rows are written between batches. When\n"
	"every task's part is durable the checkpoint is published, and what sinks wrote for it is\n"
	"committed. Kill the process at any event: it goes back to the newest published cut, the\n"
	"sources read again from there, and the output comes out the same.\n";

struct step {
	struct cli *cli;
	struct stepper *s;
	struct step_event last;
	struct step_marks marks;
	struct key_press keys;
};

/* ---- commands ---- */

static RC show(struct step *x, struct err *e)
{
	return step_print_state(&x->cli->out, x->s, x->cli->env->mem, e);
}

static RC forward(struct step *x, bool to_barrier, struct err *e)
{
	bool more;
	do {
		more = stepper_next(x->s, &x->last);
		step_print_event(&x->cli->out, &x->last);
		if (more && x->last.barrier)
			step_marks_add(&x->marks, x->last.n);
	} while (more && to_barrier && !x->last.barrier);
	return show(x, e);
}

static RC back_to(struct step *x, uint64_t n, struct err *e)
{
	memset(&x->last, 0, sizeof x->last);
	step_marks_back(&x->marks, n);
	if (stepper_back(x->s, n, &x->last, e) != OK)
		return e->code;
	fprintf(x->cli->out.to, "back to event %" PRIu64 "\n", n);
	if (n)
		step_print_event(&x->cli->out, &x->last);
	return show(x, e);
}

/* False: that was all. */
static bool command(struct step *x, int key, struct err *e)
{
	FILE *to = x->cli->out.to;
	uint64_t n = stepper_events(x->s);
	const char *printed;
	size_t len;
	switch (key) {
	case '\n':
	case 'n':
	case ' ':
		return forward(x, false, e) == OK;
	case 'b':
		return forward(x, true, e) == OK;
	case 'c':
		stepper_checkpoint(x->s);
		fprintf(to, "a checkpoint is asked for; the coordinator begins it when its turn comes\n");
		return true;
	case 'k':
		stepper_kill(x->s);
		fprintf(to, "kill -9: tasks, channels and all that was in memory are gone\n");
		return show(x, e) == OK;
	case 'u':
		return back_to(x, n ? n - 1 : 0, e) == OK;
	case 'B':
		return back_to(x, step_marks_before(&x->marks, n), e) == OK;
	case 's':
		return show(x, e) == OK;
	case 'p':
		printed = stepper_printed(x->s, &len);
		if (len)
			fwrite(printed, 1, len, to);
		return true;
	case '?':
	case 'h':
		fputs(key_help, to);
		return true;
	case 'q':
	case EOF:
	case KEY_INTERRUPT:
	case 4:
		return false;
	default:
		fprintf(to, "no such key; ? shows them\n");
		return true;
	}
}

static int step_run(struct step *x)
{
	struct err e = {0};
	fprintf(x->cli->out.to, "%s\nKeys\n%s", story, key_help);
	bool on = show(x, &e) == OK;
	key_press_begin(&x->keys);
	while (on) {
		fflush(x->cli->out.to);
		on = command(x, getchar(), &e);
	}
	key_press_end(&x->keys);
	return e.code == OK ? 0 : cli_fail(x->cli, &e);
}

static void tell_faults(struct cli *c, struct job_text *t)
{
	struct bytes text;
	bytes_init(&text, c->env->mem);
	diags_print(&t->ds, &text);
	fputs(bytes_text(&text), c->err.to);
	bytes_close(&text);
}

int step_job(struct cli *c, const struct args *a)
{
	const char *sets[ARGS_MAX + 2];
	char parallelism[48];
	size_t n = args_texts(a, "--set", sets, ARGS_MAX);
	struct step x = {.cli = c};
	struct job_text text = {0};
	struct err e = {0};
	if (args_has(a, "--parallelism")) {
		snprintf(parallelism, sizeof parallelism, "parallelism=%" PRId64,
			 args_number(a, "--parallelism", 1));
		sets[n++] = parallelism;
	}
	sets[n++] = "chaining=none"; /* each task is seen by itself */
	struct job_text_source from = {.file = a->place[0], .sets = sets, .n_sets = n, .env = cli_env};
	enum rc rc = job_text_open(&text, c->env, &from, &e);
	bool told = text.ds.n > 0;
	if (told)
		tell_faults(c, &text);
	if (rc == OK)
		rc = stepper_open(&x.s, text.plan, c->env->fs, STEP_SEED, c->env->mem, &e);
	int code;
	if (rc == OK)
		code = step_run(&x);
	else
		code = rc == E_INVALID && told ? err_exit_code(rc) : cli_fail(c, &e);
	stepper_close(x.s);
	job_text_close(&text);
	return code;
}
