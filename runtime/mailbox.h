/* mailbox.h - letters to one thread: control messages and completions.
 * Why not a channel: letters are rare, come from many threads and must never be refused, so the
 * sender brings the memory (a `struct mail` inside its own structure) and nothing can fill up.
 * Order: letters from one sender arrive in the order sent.
 * Owns: nothing; a letter belongs to the receiver once taken.
 * Threads: anyone may put; one taker. */
#pragma once
#include "base/waker.h"

#include <stddef.h>

struct mail {
	struct mail *next;
	int kind; /* the receiver's enum */
};

struct mailbox {
	_Alignas(64) _Atomic(struct mail *) top; /* newest first */
	struct waker *waker; /* the receiver's; borrowed; may be NULL (simulation) */
};

static inline void mailbox_init(struct mailbox *mb, struct waker *waker)
{
	atomic_init(&mb->top, NULL);
	mb->waker = waker;
}

static inline void mailbox_put(struct mailbox *mb, struct mail *m)
{
	struct mail *top = atomic_load_explicit(&mb->top, memory_order_relaxed);
	do
		m->next = top;
	while (!atomic_compare_exchange_weak_explicit(&mb->top, &top, m, memory_order_release,
						      memory_order_relaxed));
	if (mb->waker)
		waker_wake(mb->waker);
}

static inline bool mailbox_is_empty(const struct mailbox *mb)
{
	return !atomic_load_explicit(&((struct mailbox *)mb)->top, memory_order_relaxed);
}

/* All letters, oldest first, as a list; NULL when there are none. */
static inline struct mail *mailbox_take_all(struct mailbox *mb)
{
	if (mailbox_is_empty(mb))
		return NULL;
	struct mail *m = atomic_exchange_explicit(&mb->top, NULL, memory_order_acquire), *list = NULL;
	while (m) {
		struct mail *next = m->next;
		m->next = list;
		list = m;
		m = next;
	}
	return list;
}
