/* ioqueue.c - see ioqueue.h. */
#include "runtime/ioqueue.h"

#include "base/check.h"
#include "runtime/budget.h"

#include <string.h>

struct queue {
	struct io_job *first, *last; /* linked by mail.next */
};

struct lane {
	struct mailbox inbox;
	struct waker waker;
	struct queue queue[IO_CLASSES];
	struct budget budget; /* bytes lane: of merges; durability lane: of the sweep */
	uint64_t steps;
};

struct ioqueue {
	struct fs *fs;
	struct mem *mem;
	_Atomic uint64_t under_way;
	_Atomic enum rc halted;     /* OK: not */
	_Atomic bool hurry;
	struct clock *clock;        /* NULL: no budgets */
	struct lane lane[2];
};

static enum io_lane lane_of(enum io_class c)
{
	return c >= IO_PUBLISH ? LANE_DURABILITY : LANE_BYTES;
}

RC ioqueue_open(struct ioqueue **q, struct fs *fs, struct mem *mem, struct err *e)
{
	*q = mem_get_aligned(mem, 64, sizeof **q);
	if (!*q)
		return ERR(e, E_NO_MEMORY, "no memory for the I/O queue");
	memset(*q, 0, sizeof **q);
	(*q)->fs = fs;
	(*q)->mem = mem;
	for (int i = 0; i < 2; i++) {
		waker_init(&(*q)->lane[i].waker);
		mailbox_init(&(*q)->lane[i].inbox, &(*q)->lane[i].waker);
	}
	return OK;
}

void ioqueue_close(struct ioqueue *q)
{
	if (!q)
		return;
	CHECK(ioqueue_is_idle(q));
	mem_put(q->mem, q);
}

static void submit_begun(struct ioqueue *q, struct io_job *j)
{
	mailbox_put(&q->lane[lane_of(j->class)].inbox, &j->mail);
}

void ioqueue_submit(struct ioqueue *q, struct io_job *j)
{
	/* A chain is under way as one: its end counts down. */
	atomic_fetch_add(&q->under_way, 1);
	j->rc = OK;
	j->error.code = OK;
	submit_begun(q, j);
}

struct waker *ioqueue_waker(struct ioqueue *q, enum io_lane lane)
{
	return &q->lane[lane].waker;
}

bool ioqueue_is_idle(const struct ioqueue *q)
{
	return atomic_load(&((struct ioqueue *)q)->under_way) == 0;
}

static void queue_put(struct queue *u, struct io_job *j)
{
	j->mail.next = NULL;
	if (u->last)
		u->last->mail.next = &j->mail;
	else
		u->first = j;
	u->last = j;
}

static struct io_job *queue_take(struct queue *u)
{
	struct io_job *j = u->first;
	u->first = j->mail.next ? CONTAINER_OF(j->mail.next, struct io_job, mail) : NULL;
	if (!u->first)
		u->last = NULL;
	return j;
}

void ioqueue_limit(struct ioqueue *q, struct clock *clock, uint64_t merge_bytes,
		   uint64_t sweep_bytes)
{
	q->clock = merge_bytes || sweep_bytes ? clock : NULL;
	q->lane[LANE_BYTES].budget = (struct budget){.rate_bytes = merge_bytes};
	q->lane[LANE_DURABILITY].budget = (struct budget){.rate_bytes = sweep_bytes};
}

void ioqueue_hurry(struct ioqueue *q, bool hurry)
{
	atomic_store(&q->hurry, hurry);
	if (hurry && q->clock)
		for (int i = 0; i < 2; i++)
			waker_wake(&q->lane[i].waker);
}

static bool has_budget(enum io_class c)
{
	return c == IO_MERGE || c == IO_UNLINK;
}

/* Whether the lane's class with a budget may be stepped now. */
static bool lane_may(struct ioqueue *q, struct lane *l)
{
	return !q->clock || atomic_load_explicit(&q->hurry, memory_order_relaxed) ||
	       budget_may(&l->budget, clock_mono_us(q->clock));
}

uint64_t ioqueue_wake_at(const struct ioqueue *q, enum io_lane which)
{
	const struct lane *l = &q->lane[which];
	enum io_class c = which == LANE_BYTES ? IO_MERGE : IO_UNLINK;
	return q->clock && l->queue[c].first ? budget_wake_at(&l->budget) : UINT64_MAX;
}

/* Order of preference for this step: the class that is owed a turn first, then by priority. */
static struct queue *lane_choose(struct ioqueue *q, struct lane *l, enum io_lane which)
{
	struct queue *u = l->queue;
	if (which == LANE_BYTES) {
		if (l->steps % 16 == 0 && u[IO_MERGE].first && lane_may(q, l))
			return &u[IO_MERGE];
		if (l->steps % 4 == 0 && u[IO_PACK].first)
			return &u[IO_PACK];
		if (l->steps % 2 == 0 && u[IO_RESTORE].first)
			return &u[IO_RESTORE];
	}
	for (enum io_class c = 0; c < IO_CLASSES; c++)
		if (u[c].first && (!has_budget(c) || lane_may(q, l)))
			return &u[c];
	return NULL;
}

/* The last touch: afterwards the job is its submitter's, who may free it. */
static void job_give_back(struct io_job *j)
{
	if (j->reply)
		mailbox_put(j->reply, &j->mail);
	else if (j->finished)
		j->finished(j);
}

/* Counted down after the last letter stands in its box, so that idle means: every letter was
 * put. */
static void job_done(struct ioqueue *q, struct io_job *j)
{
	while (j->then) {
		struct io_job *next = j->then;
		next->rc = j->rc;
		next->error = j->error;
		job_give_back(j);
		if (next->rc == OK) {
			submit_begun(q, next);
			return;
		}
		j = next;
	}
	job_give_back(j);
	atomic_fetch_sub(&q->under_way, 1);
}

/* Whether the job is finished. */
static bool job_step(struct ioqueue *q, struct io_job *j)
{
	enum rc halted = atomic_load_explicit(&q->halted, memory_order_acquire);
	if (halted != OK) {
		err_clear(&j->error);
		j->rc = ERR(&j->error, halted, "nothing more is done to the job's files: %s",
			    err_says(halted));
		return true;
	}
	if (!j->step(j, q->fs))
		return false;
	if (j->rc == E_FENCED || j->rc == E_UNKNOWN_OUTCOME)
		atomic_store_explicit(&q->halted, j->rc, memory_order_release);
	return true;
}

bool ioqueue_step(struct ioqueue *q, enum io_lane which)
{
	struct lane *l = &q->lane[which];
	for (struct mail *m = mailbox_take_all(&l->inbox), *next; m; m = next) {
		next = m->next;
		struct io_job *j = CONTAINER_OF(m, struct io_job, mail);
		queue_put(&l->queue[j->class], j);
	}
	l->steps++;
	struct queue *u = lane_choose(q, l, which);
	if (!u)
		return false;
	struct io_job *j = u->first;
	bool counts = q->clock && has_budget(j->class);
	uint64_t before = j->bytes;
	bool over = job_step(q, j);
	if (counts)
		budget_spend(&l->budget, j->bytes - before);
	if (over)
		job_done(q, queue_take(u));
	return true;
}
