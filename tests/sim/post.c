/* post.c - see post.h. */
#include "tests/sim/post.h"

#include "base/check.h"
#include "runtime/letters.h"
#include "runtime/snap.h"

#include <stdlib.h>

#define HELD_MAX 1024 /* by feel: from half of it on, letters arrive at once */
#define CONTROL WORLD_TASKS_MAX
#define NOBODY UINT32_MAX

struct held {
	struct mail *m;
	uint32_t to, from; /* a task's number, or CONTROL */
	uint64_t due;      /* step */
	bool copy;
};

struct post {
	struct world *w;
	struct post_options o;
	struct rng rng;
	struct held held[HELD_MAX];
	uint32_t n;
	uint32_t unread[WORLD_TASKS_MAX + 1]; /* letters in a box that were decided about; the last
					       * one: the control thread's */
	uint32_t stepped;              /* whose box may have been read since; NOBODY */
	struct mailbox *control; /* of the running process */
	struct snap *frozen[HELD_MAX]; /* copies whose letter was put: nobody owns them but we */
	uint32_t n_frozen;
	struct post_seen seen;
};

static bool draw(struct post *p, uint32_t one_in)
{
	return one_in && rng_below(&p->rng, one_in) == 0;
}

/* Whose letter it is; false: one that is left alone. */
static bool sender_of(const struct mail *m, uint32_t to, uint32_t *from)
{
	*from = CONTROL;
	if (to != CONTROL)
		return m->kind >= LETTER_TRIGGER && m->kind <= LETTER_LOOKUP;
	switch (m->kind) {
	case LETTER_ACK:
		*from = CONTAINER_OF(m, struct snap, mail)->task;
		return true;
	case LETTER_FROZEN:
		*from = CONTAINER_OF(m, struct snap, frozen_mail)->task;
		return true;
	case LETTER_ENDED:
	case LETTER_FAILED:
	case LETTER_CLOSED:
	case LETTER_SKIPPED:
	case LETTER_LOADED:
	case LETTER_PASSED:
		*from = CONTAINER_OF(m, struct task_report, mail)->task;
		return true;
	default:
		return false;
	}
}

/* ---- copies ---- */

static struct mail *copy_of_command(struct post *p, const struct mail *m)
{
	if (m->kind != LETTER_TRIGGER && m->kind != LETTER_ABORT && m->kind != LETTER_COMMITTED)
		return NULL;
	struct task_letter *l = mem_get(&p->w->mem, sizeof *l);
	CHECK(l);
	*l = *CONTAINER_OF(m, struct task_letter, mail);
	return &l->mail;
}

static struct mail *copy_of_answer(struct post *p, const struct mail *m)
{
	if (m->kind != LETTER_ACK && m->kind != LETTER_FROZEN)
		return NULL;
	const struct snap *s = m->kind == LETTER_ACK ? CONTAINER_OF(m, struct snap, mail)
						     : CONTAINER_OF(m, struct snap, frozen_mail);
	struct snap *c = snap_open(&p->w->mem, &s->barrier);
	CHECK(c);
	c->task = s->task;
	c->attempt = s->attempt;
	c->rc = s->rc;
	c->error = s->error;
	c->mail.kind = LETTER_ACK;
	c->frozen_mail.kind = LETTER_FROZEN;
	return m->kind == LETTER_ACK ? &c->mail : &c->frozen_mail;
}

static void letter_free(struct post *p, struct mail *m, uint32_t to)
{
	if (to != CONTROL)
		mem_put(&p->w->mem, CONTAINER_OF(m, struct task_letter, mail));
	else if (m->kind == LETTER_ACK)
		snap_close(CONTAINER_OF(m, struct snap, mail));
	else
		snap_close(CONTAINER_OF(m, struct snap, frozen_mail));
}

/* ---- holding back ---- */

static uint64_t some_steps(struct post *p)
{
	uint64_t most = p->o.steps * (rng_below(&p->rng, 16) ? 1 : 10);
	return 1 + rng_below(&p->rng, most);
}

static void hold(struct post *p, struct mail *m, uint32_t to, uint32_t from, uint64_t due,
		 bool copy)
{
	CHECK(p->n < HELD_MAX);
	p->held[p->n++] = (struct held){m, to, from, due, copy};
}

static void say(const struct post *p, const struct mail *m, uint32_t to, const char *what)
{
	if (p->w->trace)
		fprintf(stderr, "-- letter %d to %d: %s\n", m->kind, (int)to, what);
}

static void maybe_twice(struct post *p, struct mail *m, uint32_t to, uint32_t from, uint64_t due)
{
	if (p->n >= HELD_MAX / 2 || !draw(p, p->o.twice_in))
		return;
	struct mail *c = to == CONTROL ? copy_of_answer(p, m) : copy_of_command(p, m);
	if (!c)
		return;
	p->seen.twice++;
	say(p, m, to, "twice");
	hold(p, c, to, from, due + some_steps(p), true);
}

static bool may_be_lost(const struct mail *m, uint32_t to)
{
	return to != CONTROL && (m->kind == LETTER_TRIGGER || m->kind == LETTER_COMMITTED);
}

/* A letter as it was found in a box: false if it does not arrive now. */
static bool arrives(struct post *p, struct mail *m, uint32_t to)
{
	uint32_t from;
	uint64_t due = 0;
	if (!sender_of(m, to, &from))
		return true;
	p->seen.letters++;
	if (may_be_lost(m, to) && draw(p, p->o.lost_in)) {
		p->seen.lost++;
		say(p, m, to, "lost");
		letter_free(p, m, to);
		return false;
	}
	for (uint32_t i = 0; i < p->n; i++)
		if (!p->held[i].copy && p->held[i].to == to && p->held[i].from == from)
			due = p->held[i].due; /* the last of them: they stand in order */
	if (due || (p->n < HELD_MAX / 2 && draw(p, p->o.late_in))) {
		uint64_t late = p->w->steps + (due ? 1 : some_steps(p));
		due = due > late ? due : late;
		p->seen.late++;
		say(p, m, to, "late");
		hold(p, m, to, from, due, false);
		maybe_twice(p, m, to, from, due);
		return false;
	}
	maybe_twice(p, m, to, from, p->w->steps);
	return true;
}

static void put(struct post *p, struct mailbox *box, const struct held *h)
{
	if (h->copy && h->to == CONTROL && h->m->kind == LETTER_FROZEN) {
		if (p->n_frozen == HELD_MAX) {
			letter_free(p, h->m, h->to);
			return;
		}
		p->frozen[p->n_frozen++] = CONTAINER_OF(h->m, struct snap, frozen_mail);
	}
	mailbox_put(box, h->m);
	p->unread[h->to]++;
}

static void deliver(struct post *p, struct mailbox *box, uint32_t to)
{
	struct mail *list = mailbox_take_all(box);
	struct held now[HELD_MAX];
	uint32_t n = 0, kept = 0, before = p->n;
	if (!list && !p->n)
		return;
	for (uint32_t i = 0; list && i < p->unread[to]; i++) {
		struct mail *m = list;
		list = m->next;
		mailbox_put(box, m);
	}
	for (uint32_t i = 0; i < before; i++)
		if (p->held[i].to == to && p->held[i].due <= p->w->steps)
			now[n++] = p->held[i];
		else
			p->held[kept++] = p->held[i];
	p->n = kept;
	for (uint32_t i = 0; i < n; i++)
		put(p, box, &now[i]);
	for (struct mail *m = list, *next; m; m = next) {
		next = m->next;
		if (arrives(p, m, to)) {
			mailbox_put(box, m);
			p->unread[to]++;
		}
	}
}

/* ---- the world's hooks ---- */

static struct task *task_of(const struct post *p, uint32_t i)
{
	return attempt_task(job_attempt(p->w->job), i);
}

/* Each box of a thread's tasks, or the control thread's. */
static void each_box(struct post *p, uint32_t thread,
		     void (*f)(struct post *p, struct mailbox *box, uint32_t to))
{
	struct world *w = p->w;
	if (thread == w->n_threads) {
		f(p, p->control, CONTROL);
		return;
	}
	const struct task_group *g = attempt_thread(job_attempt(w->job), thread);
	for (uint32_t i = 0; i < w->plan->n_tasks; i++)
		for (uint32_t k = 0; k < g->n; k++)
			if (g->task[k] == task_of(p, i))
				f(p, task_mailbox(g->task[k]), i);
}

/* Who reads takes all. */
static void see_what_was_read(struct post *p, struct mailbox *box, uint32_t to)
{
	if (mailbox_is_empty(box))
		p->unread[to] = 0;
}

void post_before_step(struct post *p, uint32_t thread)
{
	struct world *w = p->w;
	if (!job_attempt(w->job))
		return;
	p->control = task_config(task_of(p, 0))->control;
	if (p->stepped != NOBODY)
		each_box(p, p->stepped, see_what_was_read);
	p->stepped = thread <= w->n_threads ? thread : NOBODY;
	if (p->stepped != NOBODY)
		each_box(p, thread, deliver);
}

bool post_nobody_moves(struct post *p)
{
	uint32_t first = 0;
	if (!p->n || !p->w->began)
		return false;
	for (uint32_t i = 1; i < p->n; i++)
		if (p->held[i].due < p->held[first].due)
			first = i;
	if (p->held[first].due <= p->w->steps) /* it is there, and nobody moved all the same */
		return false;
	p->held[first].due = p->w->steps;
	return true;
}

/* All that is held for this box arrives, before what came after it and was not decided about: who
 * sent both sent it first. Answers that are only copies stay. */
static void hand_over(struct post *p, struct mailbox *box, uint32_t to)
{
	struct mail *list = mailbox_take_all(box), *next;
	uint32_t kept = 0;
	for (uint32_t i = 0; list && i < p->unread[to]; i++, list = next) {
		next = list->next;
		mailbox_put(box, list);
	}
	for (uint32_t i = 0; i < p->n; i++) {
		const struct held *h = &p->held[i];
		if (h->to != to || (to == CONTROL && h->copy))
			p->held[kept++] = *h;
		else
			mailbox_put(box, h->m);
	}
	p->n = kept;
	for (; list; list = next) {
		next = list->next;
		mailbox_put(box, list);
	}
}

/* What is held for the tasks goes to them, who free it; answers that are only copies wait for the
 * next attempt, which has nothing to do with them. */
void post_attempt_ends(struct post *p)
{
	if (!p->w->began)
		return;
	p->control = task_config(task_of(p, 0))->control;
	if (p->stepped != NOBODY)
		each_box(p, p->stepped, see_what_was_read);
	for (uint32_t i = 0; i <= p->w->n_threads; i++)
		each_box(p, i, hand_over);
	p->seen.old += p->n;
	p->stepped = NOBODY;
	memset(p->unread, 0, sizeof p->unread);
}

void post_process_ends(struct post *p)
{
	if (p->control)
		for (struct mail *m = mailbox_take_all(p->control), *next; m; m = next) {
			next = m->next;
			if (m->kind == LETTER_ACK)
				letter_free(p, m, CONTROL);
			else if (m->kind != LETTER_FROZEN)
				mailbox_put(p->control, m);
		}
	p->control = NULL;
	for (uint32_t i = 0; i < p->n; i++)
		letter_free(p, p->held[i].m, p->held[i].to);
	for (uint32_t i = 0; i < p->n_frozen; i++)
		snap_close(p->frozen[i]);
	p->n = p->n_frozen = 0;
	p->stepped = NOBODY;
	memset(p->unread, 0, sizeof p->unread);
}

const struct post_seen *post_seen(const struct post *p)
{
	return &p->seen;
}

struct post *post_open(struct world *w, const struct post_options *o, uint64_t seed)
{
	struct post *p = calloc(1, sizeof *p);
	p->w = w;
	p->o = *o;
	p->stepped = NOBODY;
	rng_seed(&p->rng, seed);
	return p;
}

void post_close(struct post *p)
{
	if (!p)
		return;
	CHECK(!p->n && !p->n_frozen);
	free(p);
}
