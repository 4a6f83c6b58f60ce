/* test_ioqueue.c - which job runs next on a lane, what a chain does with a fault, when the queue is
 * idle; then submitters, lanes and receivers in threads of their own. */
#include "runtime/ioqueue.h"

#include "base/check.h"
#include "base/rng.h"
#include "tests/lib/test.h"

#include <stdlib.h>

enum { DONE = 7 };

/* A job of so many steps, which writes its letter into a log at each. */
struct work {
	struct io_job job;
	char name;
	uint32_t steps;
	enum rc fails;
	char *log;
	uint32_t finished;
};

static bool work_step(struct io_job *j, struct fs *fs)
{
	struct work *w = CONTAINER_OF(j, struct work, job);
	(void)fs;
	if (w->log) {
		size_t n = strlen(w->log);
		w->log[n] = w->name;
		w->log[n + 1] = '\0';
	}
	if (--w->steps)
		return false;
	if (w->fails != OK)
		j->rc = ERR(&j->error, w->fails, "'%c' failed", w->name);
	return true;
}

static void work_init(struct work *w, char name, enum io_class class, uint32_t steps,
		      struct mailbox *mb, char *log)
{
	*w = (struct work){.name = name, .steps = steps, .log = log};
	w->job.class = class;
	w->job.step = work_step;
	w->job.reply = mb;
	w->job.mail.kind = DONE;
}

struct fix {
	struct mem mem;
	struct ioqueue *q;
	struct mailbox mb;
	char log[1024];
};

static void open_fix(struct fix *f)
{
	struct err e = {0};
	memset(f, 0, sizeof *f);
	mem_init(&f->mem, 0);
	mailbox_init(&f->mb, NULL);
	EXPECT_OK(ioqueue_open(&f->q, NULL, &f->mem, &e), &e);
}

static void close_fix(struct fix *f)
{
	ioqueue_close(f->q);
	EXPECT(f->mem.used_bytes == 0);
}

static void run_lane(struct fix *f, enum io_lane lane)
{
	while (ioqueue_step(f->q, lane))
		;
}

/* The letters that came, as the names of their jobs. */
static const char *letters(struct fix *f, char *to)
{
	char *at = to;
	for (struct mail *m = mailbox_take_all(&f->mb), *next; m; m = next) {
		next = m->next;
		EXPECT(m->kind == DONE);
		*at++ = CONTAINER_OF(m, struct work, job.mail)->name;
	}
	*at = '\0';
	return to;
}

TEST(jobs_of_one_class_run_in_the_order_submitted_one_at_a_time)
{
	struct fix f;
	struct work a, b, c;
	char got[8];
	open_fix(&f);
	work_init(&a, 'a', IO_SINK, 3, &f.mb, f.log);
	work_init(&b, 'b', IO_SINK, 1, &f.mb, f.log);
	work_init(&c, 'c', IO_SINK, 2, &f.mb, f.log);
	ioqueue_submit(f.q, &a.job);
	ioqueue_submit(f.q, &b.job);
	ioqueue_submit(f.q, &c.job);
	EXPECT(!ioqueue_is_idle(f.q));
	run_lane(&f, LANE_BYTES);
	EXPECT(!strcmp(f.log, "aaabcc"));
	EXPECT(!strcmp(letters(&f, got), "abc"));
	EXPECT(ioqueue_is_idle(f.q));
	close_fix(&f);
}

TEST(a_lane_touches_no_job_of_the_other_lane)
{
	struct fix f;
	struct work a, b;
	open_fix(&f);
	work_init(&a, 'a', IO_READ, 1, &f.mb, f.log);
	work_init(&b, 'b', IO_SYNC, 1, &f.mb, f.log);
	ioqueue_submit(f.q, &a.job);
	ioqueue_submit(f.q, &b.job);
	run_lane(&f, LANE_DURABILITY);
	EXPECT(!strcmp(f.log, "b"));
	EXPECT(!ioqueue_step(f.q, LANE_DURABILITY));
	run_lane(&f, LANE_BYTES);
	EXPECT(!strcmp(f.log, "ba"));
	close_fix(&f);
}

TEST(publishing_goes_before_syncs_and_those_before_unlinks)
{
	struct fix f;
	struct work a, b, c;
	open_fix(&f);
	work_init(&a, 'u', IO_UNLINK, 2, NULL, f.log);
	work_init(&b, 's', IO_SYNC, 2, NULL, f.log);
	work_init(&c, 'p', IO_PUBLISH, 2, NULL, f.log);
	ioqueue_submit(f.q, &a.job);
	ioqueue_step(f.q, LANE_DURABILITY); /* even one that has begun waits for the more urgent */
	ioqueue_submit(f.q, &b.job);
	ioqueue_submit(f.q, &c.job);
	run_lane(&f, LANE_DURABILITY);
	EXPECT(!strcmp(f.log, "uppssu"));
	close_fix(&f);
}

TEST(packing_gets_every_fourth_step_and_merging_every_sixteenth_under_load)
{
	struct fix f;
	struct work r, p, m;
	open_fix(&f);
	work_init(&r, 'r', IO_READ, 1000, NULL, f.log);
	work_init(&p, 'p', IO_PACK, 1000, NULL, f.log);
	work_init(&m, 'm', IO_MERGE, 1000, NULL, f.log);
	ioqueue_submit(f.q, &m.job);
	ioqueue_submit(f.q, &p.job);
	ioqueue_submit(f.q, &r.job);
	for (int i = 0; i < 160; i++)
		EXPECT(ioqueue_step(f.q, LANE_BYTES));
	uint32_t n[128] = {0};
	for (const char *at = f.log; *at; at++)
		n[(int)*at]++;
	EXPECT(n['m'] == 10);
	EXPECT(n['p'] == 30); /* the fourth steps that merging did not take */
	EXPECT(n['r'] == 120);
	f.log[0] = '\0';
	r.log = p.log = m.log = NULL;
	run_lane(&f, LANE_BYTES);
	close_fix(&f);
}

TEST(shares_do_not_slow_a_class_that_is_alone)
{
	struct fix f;
	struct work m;
	open_fix(&f);
	work_init(&m, 'm', IO_MERGE, 20, NULL, f.log);
	ioqueue_submit(f.q, &m.job);
	uint32_t steps = 0;
	while (ioqueue_step(f.q, LANE_BYTES))
		steps++;
	EXPECT(steps == 20);
	close_fix(&f);
}

TEST(a_chain_goes_on_across_lanes_and_only_its_end_replies_if_so_asked)
{
	struct fix f;
	struct work a, b, c;
	char got[8];
	open_fix(&f);
	work_init(&a, 'a', IO_PACK, 1, NULL, f.log);
	work_init(&b, 'b', IO_SYNC, 1, NULL, f.log);
	work_init(&c, 'c', IO_READ, 1, &f.mb, f.log);
	a.job.then = &b.job;
	b.job.then = &c.job;
	ioqueue_submit(f.q, &a.job);
	run_lane(&f, LANE_DURABILITY);
	EXPECT(!strcmp(f.log, ""));
	run_lane(&f, LANE_BYTES);
	EXPECT(!strcmp(f.log, "a"));
	EXPECT(!ioqueue_is_idle(f.q));
	run_lane(&f, LANE_DURABILITY);
	run_lane(&f, LANE_BYTES);
	EXPECT(!strcmp(f.log, "abc"));
	EXPECT(!strcmp(letters(&f, got), "c"));
	EXPECT(ioqueue_is_idle(f.q));
	close_fix(&f);
}

TEST(a_fault_travels_to_the_end_of_the_chain_without_a_further_step)
{
	struct fix f;
	struct work a, b, c;
	char got[8];
	open_fix(&f);
	work_init(&a, 'a', IO_PACK, 1, &f.mb, f.log);
	work_init(&b, 'b', IO_SYNC, 1, NULL, f.log);
	work_init(&c, 'c', IO_READ, 1, &f.mb, f.log);
	a.fails = E_NO_SPACE;
	a.job.then = &b.job;
	b.job.then = &c.job;
	ioqueue_submit(f.q, &a.job);
	run_lane(&f, LANE_BYTES);
	EXPECT(!strcmp(f.log, "a"));
	EXPECT(!strcmp(letters(&f, got), "ac"));
	EXPECT(c.job.rc == E_NO_SPACE && !strcmp(c.job.error.text, "'a' failed"));
	EXPECT(b.job.rc == E_NO_SPACE);
	EXPECT(ioqueue_is_idle(f.q));
	close_fix(&f);
}

TEST(a_job_may_be_submitted_again_and_forgets_its_fault)
{
	struct fix f;
	struct work a;
	open_fix(&f);
	work_init(&a, 'a', IO_SINK, 1, &f.mb, f.log);
	a.fails = E_IO;
	ioqueue_submit(f.q, &a.job);
	run_lane(&f, LANE_BYTES);
	EXPECT(a.job.rc == E_IO);
	a.fails = OK;
	a.steps = 1;
	ioqueue_submit(f.q, &a.job);
	run_lane(&f, LANE_BYTES);
	EXPECT(a.job.rc == OK && a.job.error.code == OK);
	close_fix(&f);
}

static void work_free(struct io_job *j)
{
	struct work *w = CONTAINER_OF(j, struct work, job);
	free(w);
}

TEST(without_a_reply_the_last_touch_may_free_the_job)
{
	struct fix f;
	struct work *w = calloc(1, sizeof *w), *v = calloc(1, sizeof *v);
	open_fix(&f);
	work_init(w, 'w', IO_SINK, 2, NULL, NULL);
	work_init(v, 'v', IO_SYNC, 1, NULL, NULL);
	w->job.finished = v->job.finished = work_free;
	w->job.then = &v->job;
	ioqueue_submit(f.q, &w->job);
	run_lane(&f, LANE_BYTES);
	run_lane(&f, LANE_DURABILITY);
	EXPECT(ioqueue_is_idle(f.q)); /* and the sanitizer saw no use after free */
	close_fix(&f);
}

/* ---- with threads ---- */

#define SUBMITTERS 3
#define ROUNDS 400

struct lane_thread {
	struct ioqueue *q;
	enum io_lane lane;
	_Atomic bool end;
};

static void lane_main(void *arg)
{
	struct lane_thread *l = arg;
	struct waker *w = ioqueue_waker(l->q, l->lane);
	while (!atomic_load(&l->end)) {
		if (ioqueue_step(l->q, l->lane))
			continue;
		waker_prepare(w);
		if (ioqueue_step(l->q, l->lane) || atomic_load(&l->end))
			waker_cancel(w);
		else
			waker_sleep(w, UINT64_MAX);
	}
}

struct submitter {
	struct ioqueue *q;
	struct waker waker;
	struct mailbox mb;
	uint64_t seed, letters, bad;
};

/* Each round submits a chain over both lanes and waits for its letters. */
static void submitter_main(void *arg)
{
	struct submitter *s = arg;
	struct rng r;
	rng_seed(&r, s->seed);
	for (int i = 0; i < ROUNDS; i++) {
		struct work w[3];
		uint32_t want = 0;
		bool fails = rng_below(&r, 4) == 0;
		for (int k = 0; k < 3; k++) {
			bool tells = k == 2 || rng_below(&r, 2);
			work_init(&w[k], (char)('a' + k), (enum io_class)rng_below(&r, IO_CLASSES),
				  1 + (uint32_t)rng_below(&r, 4), tells ? &s->mb : NULL, NULL);
			want += tells;
			if (k)
				w[k - 1].job.then = &w[k].job;
		}
		w[0].fails = fails ? E_IO : OK;
		ioqueue_submit(s->q, &w[0].job);
		while (want) {
			struct mail *m = mailbox_take_all(&s->mb);
			if (!m) {
				waker_prepare(&s->waker);
				if (mailbox_is_empty(&s->mb))
					waker_sleep(&s->waker, UINT64_MAX);
				else
					waker_cancel(&s->waker);
			}
			for (; m; m = m->next, want--) {
				struct work *x = CONTAINER_OF(m, struct work, job.mail);
				s->bad += (x->job.rc == E_IO) != fails;
				s->letters++;
			}
		}
	}
}

TEST(threads_get_every_letter_and_idle_means_all_letters_are_put)
{
	struct fix f;
	struct err e = {0};
	struct lane_thread lane[2];
	struct submitter s[SUBMITTERS];
	struct thread lt[2], st[SUBMITTERS];
	open_fix(&f);
	for (int i = 0; i < 2; i++) {
		lane[i] = (struct lane_thread){.q = f.q, .lane = (enum io_lane)i};
		EXPECT_OK(thread_start(&lt[i], lane_main, &lane[i], "lane", &e), &e);
	}
	for (uint32_t i = 0; i < SUBMITTERS; i++) {
		s[i] = (struct submitter){.q = f.q, .seed = i + 1};
		waker_init(&s[i].waker);
		mailbox_init(&s[i].mb, &s[i].waker);
		EXPECT_OK(thread_start(&st[i], submitter_main, &s[i], "submitter", &e), &e);
	}
	for (uint32_t i = 0; i < SUBMITTERS; i++) {
		thread_join(&st[i]);
		EXPECT(s[i].bad == 0);
		EXPECT(s[i].letters >= ROUNDS);
		EXPECT(mailbox_is_empty(&s[i].mb));
	}
	for (int i = 0; i < 2; i++) {
		atomic_store(&lane[i].end, true);
		waker_wake(ioqueue_waker(f.q, (enum io_lane)i));
		thread_join(&lt[i]);
	}
	EXPECT(ioqueue_is_idle(f.q));
	close_fix(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(jobs_of_one_class_run_in_the_order_submitted_one_at_a_time),
		T(a_lane_touches_no_job_of_the_other_lane),
		T(publishing_goes_before_syncs_and_those_before_unlinks),
		T(packing_gets_every_fourth_step_and_merging_every_sixteenth_under_load),
		T(shares_do_not_slow_a_class_that_is_alone),
		T(a_chain_goes_on_across_lanes_and_only_its_end_replies_if_so_asked),
		T(a_fault_travels_to_the_end_of_the_chain_without_a_further_step),
		T(a_job_may_be_submitted_again_and_forgets_its_fault),
		T(without_a_reply_the_last_touch_may_free_the_job),
		T(threads_get_every_letter_and_idle_means_all_letters_are_put),
	};
	return RUN(tests);
}
