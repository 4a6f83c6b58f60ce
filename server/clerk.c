/* clerk.c - see clerk.h. Two lists under one lock: what is to be done, and what was done and is to
 * be answered. The lock is a leaf, held for a few moves of pointers; files are touched without. */
#include "server/clerk.h"

#include "base/check.h"
#include "base/waker.h"

#include <stdio.h>

enum order_kind { ORDER_PUT, ORDER_READ, ORDER_ERASE, ORDER_DROP };

struct order {
	struct order *next;
	enum order_kind kind;
	struct entry entry; /* put: what; else only its name counts */
	uint64_t version;
	bool logs;
	clerk_done *done;
	void *arg;
	struct clerk_answer answer;
};

struct orders {
	struct order *first, **end;
};

struct clerk {
	struct catalogue *cat;
	struct mem *mem;
	struct loop_waker *answers; /* NULL: without a thread */
	struct thread thread;
	struct waker waker;         /* the clerk's thread sleeps on it */
	struct lock lock;           /* over the three below */
	struct orders queue, answered;
	bool closing;
	size_t pending;             /* loop's thread */
	bool answering;             /* loop's thread: a callback is running */
};

/* --- lists --- */
static void orders_init(struct orders *l)
{
	l->first = NULL;
	l->end = &l->first;
}

static void push(struct orders *l, struct order *o)
{
	o->next = NULL;
	*l->end = o;
	l->end = &o->next;
}

static struct order *pop(struct orders *l)
{
	struct order *o = l->first;
	if (o && !(l->first = o->next))
		l->end = &l->first;
	return o;
}

static void order_free(struct clerk *c, struct order *o)
{
	entry_close(&o->entry);
	entry_close(&o->answer.entry);
	mem_put(c->mem, o);
}

/* --- doing --- */
static void perform(struct clerk *c, struct order *o)
{
	struct clerk_answer *a = &o->answer;
	struct err *e = &a->error;
	enum rc rc = OK;
	a->version = o->version;
	switch (o->kind) {
	case ORDER_PUT:
		rc = catalogue_put(c->cat, &o->entry, &a->version, e);
		break;
	case ORDER_READ:
		rc = catalogue_read(c->cat, o->entry.name, o->version, &a->entry, e);
		break;
	case ORDER_ERASE:
		rc = catalogue_erase(c->cat, o->entry.name, o->logs, e);
		break;
	case ORDER_DROP:
		rc = catalogue_drop(c->cat, o->entry.name, e);
		break;
	}
	CHECK(rc == e->code);
}

static void clerk_main(void *arg)
{
	struct clerk *c = arg;
	for (;;) {
		/* Before the look, so that what comes after it ends the sleep at once. */
		waker_prepare(&c->waker);
		lock_take(&c->lock);
		struct order *o = pop(&c->queue);
		bool closing = c->closing;
		lock_drop(&c->lock);
		if (!o && !closing) {
			waker_sleep(&c->waker, UINT64_MAX);
			continue;
		}
		waker_cancel(&c->waker);
		if (!o)
			return;
		perform(c, o);
		lock_take(&c->lock);
		push(&c->answered, o);
		lock_drop(&c->lock);
		loop_wake(c->answers);
	}
}

/* --- answering: loop's thread --- */
static void answer(struct clerk *c, struct order *o)
{
	c->pending--;
	c->answering = true;
	if (o->done)
		o->done(o->arg, &o->answer);
	c->answering = false;
	order_free(c, o);
}

static struct order *next_of(struct clerk *c, struct orders *l)
{
	lock_take(&c->lock);
	struct order *o = pop(l);
	lock_drop(&c->lock);
	return o;
}

static void answer_all(void *arg)
{
	struct clerk *c = arg;
	for (struct order *o; (o = next_of(c, &c->answered));)
		answer(c, o);
}

static bool step(struct clerk *c)
{
	struct order *o = next_of(c, &c->queue);
	if (!o)
		return false;
	perform(c, o);
	answer(c, o);
	return true;
}

bool clerk_step(struct clerk *c)
{
	CHECK(!c->answers && !c->answering);
	return step(c);
}

size_t clerk_pending(const struct clerk *c)
{
	return c->pending;
}

/* --- asking --- */
/* A put gives the whole entry, the others a name. */
static enum rc ask(struct clerk *c, const struct order *what, const struct entry *en,
		   const char *name, struct err *e)
{
	struct order *o = mem_get(c->mem, sizeof *o);
	if (!o)
		return ERR(e, E_NO_MEMORY, "no memory to ask for a job's files");
	*o = *what;
	if (en && entry_copy(&o->entry, en, c->mem, e) != OK) {
		mem_put(c->mem, o);
		return E_NO_MEMORY;
	}
	/* Cut, a name too long would be another job's. */
	if (name)
		snprintf(o->entry.name, sizeof o->entry.name, "%s",
			 strlen(name) <= ENTRY_NAME_MAX ? name : "");
	c->pending++;
	lock_take(&c->lock);
	push(&c->queue, o);
	lock_drop(&c->lock);
	waker_wake(&c->waker);
	return OK;
}

RC clerk_put(struct clerk *c, const struct entry *en, uint64_t version, clerk_done *done, void *arg,
	     struct err *e)
{
	struct order o = {.kind = ORDER_PUT, .version = version, .done = done, .arg = arg};
	return ask(c, &o, en, NULL, e);
}

RC clerk_read(struct clerk *c, const char *name, uint64_t version, clerk_done *done, void *arg,
	      struct err *e)
{
	struct order o = {.kind = ORDER_READ, .version = version, .done = done, .arg = arg};
	return ask(c, &o, NULL, name, e);
}

RC clerk_erase(struct clerk *c, const char *name, bool logs, clerk_done *done, void *arg,
	       struct err *e)
{
	struct order o = {.kind = ORDER_ERASE, .logs = logs, .done = done, .arg = arg};
	return ask(c, &o, NULL, name, e);
}

RC clerk_drop(struct clerk *c, const char *name, clerk_done *done, void *arg, struct err *e)
{
	struct order o = {.kind = ORDER_DROP, .done = done, .arg = arg};
	return ask(c, &o, NULL, name, e);
}

/* --- its life --- */
RC clerk_open(struct clerk **out, struct catalogue *cat, struct loop *loop, struct mem *mem,
	      struct err *e)
{
	*out = NULL;
	struct clerk *c = mem_get_aligned(mem, _Alignof(struct clerk), sizeof *c);
	if (!c)
		return ERR(e, E_NO_MEMORY, "no memory for the catalogue's thread");
	*c = (struct clerk){.cat = cat, .mem = mem};
	orders_init(&c->queue);
	orders_init(&c->answered);
	lock_init(&c->lock);
	waker_init(&c->waker);
	enum rc rc = loop ? loop_waker_open(&c->answers, loop, answer_all, c, e) : OK;
	if (rc == OK && loop)
		rc = thread_start(&c->thread, clerk_main, c, "clerk", e);
	if (rc != OK)
		clerk_close(c);
	else
		*out = c;
	return rc;
}

void clerk_close(struct clerk *c)
{
	if (!c)
		return;
	CHECK(!c->answering);
	lock_take(&c->lock);
	c->closing = true;
	lock_drop(&c->lock);
	waker_wake(&c->waker);
	thread_join(&c->thread);
	answer_all(c);
	while (step(c))
		; /* what the callbacks asked for since */
	loop_waker_close(&c->answers);
	lock_close(&c->lock);
	mem_put(c->mem, c);
}
