/* together.c - see together.h. */
#include "base/together.h"

#include "base/waker.h"

struct errand {
	RC (*one)(void *arg, size_t i, struct err *e);
	void *arg;
	size_t n;
	_Atomic size_t next;
};

/* Who makes some of the calls: the lowest that failed of those it made. */
struct runner {
	struct thread thread;
	struct errand *of;
	size_t failed;
	struct err error;
};

static void run(void *arg)
{
	struct runner *r = arg;
	struct errand *of = r->of;
	r->failed = of->n;
	for (;;) {
		struct err why = {OK};
		size_t i = atomic_fetch_add(&of->next, 1);
		if (i >= of->n)
			return;
		if (of->one(of->arg, i, &why) != OK && r->failed == of->n) {
			r->failed = i;
			r->error = why;
		}
	}
}

static enum rc in_turn(const struct errand *of, struct err *e)
{
	enum rc rc = OK;
	for (size_t i = 0; i < of->n && rc == OK; i++)
		rc = of->one(of->arg, i, e);
	return rc;
}

enum rc together(const struct fs *fs, RC (*one)(void *arg, size_t i, struct err *e), void *arg,
		 size_t n, struct err *e)
{
	struct errand of = {.one = one, .arg = arg, .n = n};
	struct runner all[TOGETHER_MAX];
	size_t runners = 1, first = 0;
	if (!fs->ops->gains_together || n < 2)
		return in_turn(&of, e);
	for (; runners < n && runners < TOGETHER_MAX; runners++) {
		struct err ignored = {OK};
		all[runners].of = &of;
		if (thread_start(&all[runners].thread, run, &all[runners], "weir-sync", &ignored) != OK)
			break; /* the others make its calls */
	}
	all[0].of = &of;
	run(&all[0]);
	for (size_t i = 1; i < runners; i++) {
		thread_join(&all[i].thread);
		first = all[i].failed < all[first].failed ? i : first;
	}
	return all[first].failed == n ? OK : ERR(e, all[first].error.code, "%s", all[first].error.text);
}
