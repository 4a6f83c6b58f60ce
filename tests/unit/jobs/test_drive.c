/* test_drive.c - a whole job in threads, on a loop that others use too: it is asked for checkpoints
 * and to stop from whatever callback, and what stops it is told. */
#include "jobs/drive.h"
#include "jobs/job_text.h"
#include "tests/lib/test.h"

#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ASKED 5 /* checkpoints, by feel */

struct world {
	struct mem mem, drive_mem;
	struct fs_real fs;
	struct rng rng;
	struct env env;
	char dir[64];
	struct job_text text;
	struct waker waker;
	struct loop *loop;
	struct loop_timer *other;
	struct job *job;
	struct drive *drive;
	int out[2];
	/* what is done with each status, and what was heard */
	void (*act)(struct world *w);
	uint64_t asked;
	uint32_t taken, refused, others, stoppings, printed, began;
	int signal;
	uint64_t id;              /* of the newest checkpoint asked for */
	char why[256];
};

static const char rows_without_end[] =
	"{\"name\":\"rows\",\"pipeline\":["
	"{\"id\":\"rows\",\"type\":\"generator_source\",\"rate\":20000,\"fields\":{\"a\":\"i\"}},"
	"{\"id\":\"show\",\"type\":\"print_sink\"}]}";

static void on_status(void *arg)
{
	struct world *w = arg;
	w->act(w);
}

static void on_other(void *arg)
{
	struct world *w = arg;
	w->others++;
}

static void on_began(void *arg)
{
	struct world *w = arg;
	w->began++;
}

static void on_stopping(void *arg, int signal)
{
	struct world *w = arg;
	w->stoppings++;
	w->signal = signal;
}

/* Whoever prints reads too: a pipe takes no more than it holds. */
static void on_printed(void *arg)
{
	struct world *w = arg;
	char text[65536];
	ssize_t n = read(w->out[0], text, sizeof text);
	EXPECT(n > 0);
	if (!w->printed++)
		EXPECT(n >= 2 && text[0] == '0' && text[1] == '\n');
}

static void ask(struct world *w)
{
	struct err e = {0};
	struct job_ask a = {.kind = ASK_CHECKPOINT, .request = ++w->asked};
	EXPECT_OK(drive_ask(w->drive, &a, &e), &e);
}

static void on_answered(void *arg, uint64_t request, const struct checkpoint_record *r,
			const char *found, const struct err *why)
{
	struct world *w = arg;
	EXPECT(request && request <= w->asked && !found);
	if (!r) {
		w->refused++;
		snprintf(w->why, sizeof w->why, "%s", why->text);
		return;
	}
	EXPECT(request == w->taken + 1u); /* in the order they were asked for */
	EXPECT(r->completed && r->kind == CO_MANUAL && r->id > w->id);
	w->id = r->id;
	w->taken++;
	if (w->asked < ASKED)
		ask(w); /* from within the job's own callback */
	else
		drive_stop(w->drive);
}

static void open_world(struct world *w, void (*act)(struct world *w), bool signals)
{
	struct err e = {0};
	memset(w, 0, sizeof *w);
	mem_init(&w->mem, 0);
	mem_init(&w->drive_mem, 0);
	fs_real_init(&w->fs, &w->mem);
	rng_seed_system(&w->rng);
	w->env = (struct env){.clock = clock_real(), .fs = &w->fs.fs, .mem = &w->mem, .rng = &w->rng};
	w->act = act;
	snprintf(w->dir, sizeof w->dir, "/tmp/weir-test-drive-XXXXXX");
	EXPECT(mkdtemp(w->dir) && pipe(w->out) == 0);
	struct job_text_source from = {.text = rows_without_end, .len = strlen(rows_without_end)};
	EXPECT_OK(job_text_parse(&w->text, &w->env, &from, &e), &e);
	waker_init(&w->waker);
	struct job_options jo = {
		.env = &w->env, .plan = w->text.plan, .dir = w->dir, .pid = (uint64_t)getpid(),
		.started_us = clock_mono_us(w->env.clock), .restart_attempts = 3, .waker = &w->waker,
		.listen.arg = w, .answered = on_answered};
	EXPECT_OK(job_open(&w->job, &jo, &e), &e);
	EXPECT_OK(loop_open(&w->loop, &w->drive_mem, &e), &e);
	EXPECT_OK(loop_timer_open(&w->other, w->loop, on_other, w, &e), &e);
	loop_timer_every(w->other, 1000);
	struct drive_options o = {
		.job = w->job, .loop = w->loop, .clock = w->env.clock, .mem = &w->drive_mem,
		.waker = &w->waker, .out_fd = w->out[1], .signals = signals, .stop_limit_us = 30000000,
		.status_every_us = 1000, .status = on_status, .began = on_began,
		.stopping = on_stopping, .printed = on_printed, .arg = w};
	EXPECT_OK(drive_open(&w->drive, &o, &e), &e);
	EXPECT(job_state(w->job) == JOB_OWNED); /* nothing runs yet */
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static void close_world(struct world *w)
{
	drive_close(w->drive);
	loop_timer_close(&w->other);
	loop_close(w->loop);
	job_close(w->job);
	job_text_close(&w->text);
	close(w->out[0]);
	close(w->out[1]);
	EXPECT(nftw(w->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
	EXPECT(w->mem.used_bytes == 0 && w->drive_mem.used_bytes == 0);
}

static void run(struct world *w)
{
	enum drive_end end;
	drive_run(w->drive, &end);
	EXPECT(end == DRIVE_OVER && job_state(w->job) == JOB_STOPPED);
	EXPECT(w->others > 0); /* the loop was free for others meanwhile */
	EXPECT(w->began == 1 && w->printed > 0);
}

static void stop_twice(struct world *w)
{
	if (!w->printed)
		return;
	drive_stop(w->drive);
	drive_stop(w->drive);
}

TEST(a_stop_from_a_callback_ends_it_with_a_checkpoint)
{
	struct world w;
	struct err e = {0};
	size_t n;
	open_world(&w, stop_twice, false);
	run(&w);
	EXPECT(w.stoppings == 1 && w.signal == 0);
	const struct checkpoint_record *r = job_history(w.job, &n);
	EXPECT(n && r[n - 1].kind == CO_STOP && r[n - 1].completed);
	EXPECT(drive_ask(w.drive, &(struct job_ask){.request = 1}, &e) == E_REFUSED);
	close_world(&w);
}

static void ask_once(struct world *w)
{
	if (w->printed && !w->asked)
		ask(w);
}

TEST(checkpoints_are_taken_when_asked_for_even_from_within_an_answer)
{
	struct world w;
	open_world(&w, ask_once, false);
	run(&w);
	EXPECT(w.taken == ASKED && w.refused == 0 && w.stoppings == 1);
	size_t n;
	const struct checkpoint_record *r = job_history(w.job, &n);
	EXPECT(r[n - 1].kind == CO_STOP && r[n - 1].id > w.id); /* the stop's is another one */
	close_world(&w);
}

static void stop_while_one_waits(struct world *w)
{
	if (!w->printed || w->asked)
		return;
	w->asked = ASKED - 2;
	w->taken = ASKED - 2; /* as if these had been asked for and served */
	ask(w);
	ask(w);
	drive_stop(w->drive);
}

TEST(a_stop_refuses_the_checkpoint_that_waits)
{
	struct world w;
	open_world(&w, stop_while_one_waits, false);
	run(&w);
	EXPECT(w.taken + w.refused == ASKED && w.refused >= 1);
	EXPECT(strstr(w.why, "being stopped"));
	close_world(&w);
}

static void raise_once(struct world *w)
{
	if (w->printed && !w->stoppings)
		raise(SIGTERM);
}

TEST(a_signal_is_a_stop_and_is_named)
{
	struct world w;
	open_world(&w, raise_once, true);
	run(&w);
	EXPECT(w.stoppings == 1 && w.signal == SIGTERM);
	close_world(&w);
}

static void nothing(struct world *w)
{
	(void)w;
}

TEST(a_drive_that_never_ran_is_closed_in_order)
{
	struct world w;
	open_world(&w, nothing, true);
	EXPECT(w.drive_mem.used_bytes > 0);
	close_world(&w);
}

TEST(each_opening_survives_the_loss_of_one_allocation)
{
	struct world w;
	struct err e;
	struct drive *d;
	open_world(&w, nothing, false);
	drive_close(w.drive);
	w.drive = NULL;
	struct drive_options o = {
		.job = w.job, .loop = w.loop, .clock = w.env.clock, .mem = &w.drive_mem,
		.waker = &w.waker, .out_fd = w.out[1], .signals = true, .stop_limit_us = 1,
		.status_every_us = 1000, .status = on_status, .arg = &w};
	uint64_t n = 0;
	do {
		err_clear(&e);
		w.drive_mem.fail_at = w.drive_mem.calls + ++n;
		if (drive_open(&d, &o, &e) != OK)
			EXPECT(e.code == E_NO_MEMORY && !d);
	} while (e.code != OK);
	w.drive_mem.fail_at = 0;
	EXPECT(n > 5); /* a drive, a waker, two timers, output, its watch, two signals */
	drive_close(d);
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_stop_from_a_callback_ends_it_with_a_checkpoint),
		T(checkpoints_are_taken_when_asked_for_even_from_within_an_answer),
		T(a_stop_refuses_the_checkpoint_that_waits),
		T(a_signal_is_a_stop_and_is_named),
		T(a_drive_that_never_ran_is_closed_in_order),
		T(each_opening_survives_the_loss_of_one_allocation),
	};
	return RUN(tests);
}
