/* aside.c - see aside.h. The lock is a leaf, held for a few moves; `work` runs without. */
#include "server/aside.h"

#include "base/check.h"
#include "base/waker.h"

/* A ring: what is worked on stands before what waits, and what is done before that. */
struct aside {
	struct mem *mem;
	struct loop_waker *answers;
	struct thread thread;
	struct waker waker;
	struct lock lock;                  /* over the numbers below */
	struct aside_do order[ASIDE_MAX];
	uint64_t asked, worked, answered;  /* so far: answered <= worked <= asked */
	bool closing;
};

/* The next to work on, and who closes is not waited for. */
static bool next_of(struct aside *a, struct aside_do *o, bool *closing)
{
	lock_take(&a->lock);
	bool is = a->worked < a->asked && !a->closing;
	if (is)
		*o = a->order[a->worked % ASIDE_MAX];
	*closing = a->closing;
	lock_drop(&a->lock);
	return is;
}

static void aside_main(void *arg)
{
	struct aside *a = arg;
	struct aside_do o = {0};
	bool closing;
	for (;;) {
		waker_prepare(&a->waker);
		if (!next_of(a, &o, &closing) && !closing) {
			waker_sleep(&a->waker, UINT64_MAX);
			continue;
		}
		waker_cancel(&a->waker);
		if (closing)
			return;
		o.work(o.arg);
		lock_take(&a->lock);
		a->worked++;
		lock_drop(&a->lock);
		loop_wake(a->answers);
	}
}

static void answer_all(void *arg)
{
	struct aside *a = arg;
	for (;;) {
		lock_take(&a->lock);
		bool is = a->answered < a->worked;
		struct aside_do o = a->order[a->answered % ASIDE_MAX];
		a->answered += is;
		lock_drop(&a->lock);
		if (!is)
			return;
		o.done(o.arg, true);
	}
}

RC aside_open(struct aside **out, struct loop *loop, struct mem *mem, struct err *e)
{
	struct aside *a = *out = mem_get_aligned(mem, _Alignof(struct aside), sizeof *a);
	if (!a)
		return ERR(e, E_NO_MEMORY, "no memory for a thread that reads");
	*a = (struct aside){.mem = mem};
	lock_init(&a->lock);
	waker_init(&a->waker);
	if (loop_waker_open(&a->answers, loop, answer_all, a, e) == OK &&
	    thread_start(&a->thread, aside_main, a, "aside", e) == OK)
		return OK;
	aside_close(a);
	*out = NULL;
	return e->code;
}

RC aside_ask(struct aside *a, const struct aside_do *what, struct err *e)
{
	lock_take(&a->lock);
	bool full = a->asked - a->answered == ASIDE_MAX;
	if (!full)
		a->order[a->asked++ % ASIDE_MAX] = *what;
	lock_drop(&a->lock);
	if (full)
		return ERR(e, E_LIMIT, "%d requests wait to be read for already: ask again in a moment",
			   ASIDE_MAX);
	waker_wake(&a->waker);
	return OK;
}

void aside_close(struct aside *a)
{
	if (!a)
		return;
	lock_take(&a->lock);
	a->closing = true;
	lock_drop(&a->lock);
	waker_wake(&a->waker);
	thread_join(&a->thread);
	answer_all(a);
	while (a->answered < a->asked) {
		struct aside_do o = a->order[a->answered++ % ASIDE_MAX];
		a->worked = a->answered;
		o.done(o.arg, false);
	}
	loop_waker_close(&a->answers);
	lock_close(&a->lock);
	mem_put(a->mem, a);
}
