/* stepper_process.c - `weir stepper`: the process behind one step session of a server
 * (server/steps.h), which starts it with a wire. Not for people: they have `weir run --step`.
 *
 *   START -> STEP open -> STEPPED | ANSWER (an error)
 *            STEP next -> STEPPED ...               until the server ends it */
#include "cli/served.h"
#include "cli/step_marks.h"

#include "jobs/step_view.h"
#include "server/steps.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PASSED_MAX 50    /* events of one request that are told of, the newest; by feel */
#define PRINTED_MAX 4096 /* bytes of what print_sink wrote, the newest; by feel */

struct stepping {
	struct cli *cli;
	struct mem *mem;
	struct loop *loop;
	struct wire *wire;
	uint64_t id, seed;
	struct word_start start;
	struct served_text text;
	struct stepper *s;
	struct step_event last; /* n 0: none yet */
	bool over;
	struct step_marks marks;
	struct step_event passed[PASSED_MAX]; /* by this request: a ring */
	uint64_t n_passed;
};

/* ---- what is said ---- */

static void write_event(const struct step_event *ev, struct json_out *o)
{
	jout_object(o);
	jout_kv_uint(o, "n", ev->n);
	jout_kv_uint(o, "at_us", ev->at_us);
	jout_kv_string(o, "who", ev->who);
	jout_kv_string(o, "what", ev->what);
	jout_kv_bool(o, "barrier", ev->barrier);
	jout_object_end(o);
}

static void write_events(const struct stepping *x, struct json_out *o)
{
	uint64_t first = x->n_passed > PASSED_MAX ? x->n_passed - PASSED_MAX : 0;
	jout_key(o, "last");
	if (x->last.who[0])
		write_event(&x->last, o);
	else
		jout_null(o);
	jout_key(o, "passed");
	jout_array(o);
	for (uint64_t i = first; i < x->n_passed; i++)
		write_event(&x->passed[i % PASSED_MAX], o);
	jout_array_end(o);
}

static void write_printed(const struct stepping *x, struct json_out *o)
{
	size_t len;
	const char *text = stepper_printed(x->s, &len);
	size_t from = len > PRINTED_MAX ? len - PRINTED_MAX : 0;
	while (from && from < len && text[from - 1] != '\n')
		from++;
	jout_key(o, "printed");
	jout_string_n(o, len ? text + from : "", len - from);
}

static void say_picture(struct stepping *x, const struct step_view *v)
{
	struct bytes body;
	struct json_out o;
	bytes_init(&body, x->mem);
	jout_begin(&o, &body, false);
	jout_object(&o);
	jout_kv_uint(&o, "id", x->id);
	jout_kv_uint(&o, "seed", x->seed);
	step_view_write(v, &o);
	jout_kv_bool(&o, "over", x->over);
	jout_kv_uint(&o, "barrier_before", step_marks_before(&x->marks, stepper_events(x->s)));
	write_events(x, &o);
	write_printed(x, &o);
	jout_object_end(&o);
	if (!bytes_ok(&body) || body.len > WIRE_BODY_MAX)
		_exit(1);
	wire_send(x->wire, WIRE_STEPPED, &body);
	bytes_close(&body);
}

static void say_error(struct stepping *x, const struct err *e)
{
	struct bytes body;
	struct word_answer a = {.error = *e};
	bytes_init(&body, x->mem);
	answer_write(&a, &body);
	wire_send(x->wire, WIRE_ANSWER, &body);
	bytes_close(&body);
}

/* ---- what is done ---- */

static RC open_stepper(struct stepping *x, uint64_t seed, struct err *e)
{
	if (x->s)
		return ERR(e, E_REFUSED, "it is open");
	x->seed = seed;
	x->mem->limit_bytes = STEPS_MEMORY;
	if (served_text_open(&x->text, x->cli, &x->start, "chaining=none", e) != OK)
		return e->code;
	return stepper_open(&x->s, x->text.file.plan, x->cli->env->fs, seed, x->mem, e);
}

static bool one(struct stepping *x)
{
	x->over = !stepper_next(x->s, &x->last);
	x->passed[x->n_passed++ % PASSED_MAX] = x->last;
	if (!x->over && x->last.barrier)
		step_marks_add(&x->marks, x->last.n);
	return !x->over;
}

static RC back(struct stepping *x, uint64_t to, struct err *e)
{
	if (to > stepper_events(x->s))
		return ERR(e, E_USAGE, "to=%llu: event %llu was the last: back is where it was before",
			   (unsigned long long)to, (unsigned long long)stepper_events(x->s));
	step_marks_back(&x->marks, to);
	x->over = false;
	memset(&x->last, 0, sizeof x->last);
	if (stepper_back(x->s, to, &x->last, e) != OK) {
		say_error(x, e); /* its world is gone, and so is the session */
		wire_flush(x->wire, 1000);
		_exit(1);
	}
	return OK;
}

static RC perform(struct stepping *x, const struct word_step *w, struct err *e)
{
	x->n_passed = 0;
	if (w->what == STEP_DO_OPEN)
		return open_stepper(x, w->n, e);
	if (!x->s)
		return ERR(e, E_REFUSED, "it is not open");
	switch (w->what) {
	case STEP_DO_NEXT:
		for (uint64_t i = 0; i < w->n && one(x); i++)
			;
		return OK;
	case STEP_DO_BARRIER:
		while (one(x) && !x->last.barrier)
			;
		return OK;
	case STEP_DO_BACK:
		return back(x, w->n, e);
	case STEP_DO_KILL:
		stepper_kill(x->s);
		return OK;
	case STEP_DO_CHECKPOINT:
		stepper_checkpoint(x->s);
		return OK;
	default:
		return OK;
	}
}

static void on_step(struct stepping *x, const char *body, size_t len)
{
	struct word_step w;
	struct err e = {0};
	struct step_view v = {0};
	if (step_read(&w, body, len, x->mem, &e) != OK)
		_exit(1);
	if (perform(x, &w, &e) == OK && step_view_open(&v, x->s, x->mem, &e) == OK)
		say_picture(x, &v);
	else
		say_error(x, &e);
	step_view_close(&v);
}

/* ---- the process ---- */

static void on_frame(void *arg, enum wire_kind kind, const char *body, size_t len)
{
	struct stepping *x = arg;
	struct err e = {0};
	if (kind == WIRE_STEP && x->start.entry.job)
		on_step(x, body, len);
	else if (kind != WIRE_START || x->start.entry.job ||
		 start_read(&x->start, body, len, x->mem, &e) != OK)
		_exit(1);
}

static void on_closed(void *arg)
{
	(void)arg;
	_exit(0);
}

static int stepper_process(struct cli *c, const struct args *a)
{
	struct err e = {0};
	if (served_begin(&e) != OK)
		return cli_fail(c, &e);
	struct stepping *x = mem_get(c->env->mem, sizeof *x);
	if (!x)
		return 1;
	*x = (struct stepping){.cli = c, .mem = c->env->mem,
			       .id = a->n_places ? strtoull(a->place[0], NULL, 10) : 0};
	struct wire_config wc = {.mem = x->mem, .fd = SERVED_WIRE, .frame = on_frame,
				 .closed = on_closed, .arg = x};
	if (loop_open(&x->loop, x->mem, &e) != OK)
		return cli_fail(c, &e);
	wc.loop = x->loop;
	if (wire_open(&x->wire, &wc, &e) != OK)
		return cli_fail(c, &e);
	loop_run(x->loop);
	return 0;
}

const struct verb verb_stepper = {
	.name = "stepper",
	.arguments = "ID",
	.summary = "what weir serve starts for each step session",
	.help = "For weir serve only; in a terminal: weir run --step JOB.",
	.least = 0,
	.most = 1,
	.options = (const struct arg_def[]){{0}},
	.run = stepper_process,
};
