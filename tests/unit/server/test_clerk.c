/* test_clerk.c - the clerk answers everything once, in order, on the loop's thread, and ends with
 * nothing undone. */
#include "server/clerk.h"

#include "base/check.h"
#include "base/fs_sim.h"
#include "tests/lib/test.h"

#include <pthread.h>
#include <stdlib.h>

enum { ANSWERS_MAX = 4096 };

struct world {
	struct mem mem;
	struct fs_sim *sim;
	struct env env;
	struct catalogue *cat;
	struct loop *loop;
	struct clerk *clerk;
	pthread_t thread;
	unsigned asked, answered, stop_after;
	unsigned order[ANSWERS_MAX]; /* numbers of the askers, as they were answered */
	enum rc code[ANSWERS_MAX];
	uint64_t version[ANSWERS_MAX];
	unsigned chain;              /* how often an answer asks for one more */
	char text[64];               /* of the last entry read */
	bool closed;
	struct err e;
};

struct asker {
	struct world *w;
	unsigned number;
};

static void world_begin(struct world *w, bool threaded)
{
	memset(w, 0, sizeof *w);
	mem_init(&w->mem, 0);
	w->thread = pthread_self();
	EXPECT_OK(fs_sim_open(&w->sim, &w->mem, &w->e), &w->e);
	w->env = (struct env){.fs = fs_sim_fs(w->sim), .mem = &w->mem};
	EXPECT_OK(catalogue_open(&w->cat, &w->env, "data", 1, NULL, NULL, &w->e), &w->e);
	if (threaded)
		EXPECT_OK(loop_open(&w->loop, &w->mem, &w->e), &w->e);
	EXPECT_OK(clerk_open(&w->clerk, w->cat, w->loop, &w->mem, &w->e), &w->e);
}

static void world_end(struct world *w)
{
	clerk_close(w->clerk);
	w->closed = true;
	EXPECT(w->answered == w->asked);
	for (unsigned i = 0; i < w->answered; i++)
		EXPECT(w->order[i] == i);
	loop_close(w->loop);
	catalogue_close(w->cat);
	fs_sim_close(&w->sim);
	EXPECT(atomic_load(&w->mem.used_bytes) == 0);
}

static void put(struct world *w, const char *name, uint64_t version, char *job);

static void on_done(void *arg, struct clerk_answer *a)
{
	struct asker *k = arg;
	struct world *w = k->w;
	EXPECT(!w->closed && pthread_equal(pthread_self(), w->thread));
	EXPECT(w->answered < ANSWERS_MAX && w->answered < w->asked);
	w->order[w->answered] = k->number;
	w->code[w->answered] = a->error.code;
	w->version[w->answered] = a->version;
	w->answered++;
	if (a->entry.job)
		snprintf(w->text, sizeof w->text, "%s %s", a->entry.name, a->entry.job);
	if (w->chain && a->error.code == OK) {
		char job[] = "again";
		w->chain--;
		put(w, "chained", a->version, job);
	}
	if (w->answered == w->stop_after)
		loop_stop(w->loop);
	free(k);
}

static struct asker *ask(struct world *w)
{
	struct asker *k = malloc(sizeof *k);
	*k = (struct asker){w, w->asked++};
	return k;
}

static void put(struct world *w, const char *name, uint64_t version, char *job)
{
	struct entry en = {.job = job, .job_len = strlen(job)};
	snprintf(en.name, sizeof en.name, "%s", name);
	unsigned answered = w->answered;
	EXPECT_OK(clerk_put(w->clerk, &en, version, on_done, ask(w), &w->e), &w->e);
	EXPECT(w->answered == answered); /* never from inside */
	memset(job, 0, en.job_len);      /* what was asked for is the clerk's own */
}

static void run_until(struct world *w, unsigned answered)
{
	if (!w->loop) {
		while (clerk_step(w->clerk))
			;
	} else if (w->answered < answered) {
		w->stop_after = answered;
		loop_run(w->loop);
	}
	EXPECT(w->answered == answered && clerk_pending(w->clerk) == 0);
}

#define EACH_KIND(w)                                                                               \
	for (int kind_ = 0; kind_ < 2 && (world_begin(&(w), kind_), true); world_end(&(w)), kind_++)

TEST(what_was_put_is_read_and_dropped_in_order)
{
	struct world w;
	char one[8], two[8];
	EACH_KIND(w)
	{
		strcpy(one, "one");
		strcpy(two, "two");
		put(&w, "a", 0, one);
		put(&w, "a", 1, two);
		EXPECT_OK(clerk_read(w.clerk, "a", 2, on_done, ask(&w), &w.e), &w.e);
		EXPECT(clerk_pending(w.clerk) == 3);
		run_until(&w, 3);
		EXPECT(w.version[0] == 1 && w.version[1] == 2 && !strcmp(w.text, "a two"));
		EXPECT_OK(clerk_erase(w.clerk, "a", true, on_done, ask(&w), &w.e), &w.e);
		EXPECT_OK(clerk_drop(w.clerk, "a", on_done, ask(&w), &w.e), &w.e);
		EXPECT_OK(clerk_read(w.clerk, "a", 2, on_done, ask(&w), &w.e), &w.e);
		EXPECT_OK(clerk_drop(w.clerk, "a", NULL, NULL, &w.e), &w.e);
		strcpy(one, "new");
		put(&w, "a", 0, one);
		run_until(&w, 7);
		EXPECT(w.code[3] == OK && w.code[4] == OK && w.code[5] == E_NOT_FOUND);
		EXPECT(w.code[6] == OK && w.version[6] == 1);
	}
}

TEST(errors_and_the_versions_they_leave_are_told)
{
	struct world w;
	char one[8], name[200];
	memset(name, 'x', sizeof name);
	name[sizeof name - 1] = '\0';
	EACH_KIND(w)
	{
		strcpy(one, "one");
		put(&w, "a", 0, one);
		run_until(&w, 1);
		/* The folder's fsync after the rename: it may stand. */
		fs_sim_fault_at(w.sim, fs_sim_count(w.sim) + 6, E_IO, false);
		strcpy(one, "two");
		put(&w, "a", 1, one);
		strcpy(one, "three");
		put(&w, "a", 0, one);
		/* One that is too long must not be cut to another's. */
		EXPECT_OK(clerk_drop(w.clerk, name, on_done, ask(&w), &w.e), &w.e);
		run_until(&w, 4);
		EXPECT(w.code[1] == E_IO && w.version[1] == 2);
		EXPECT(w.code[2] == E_EXISTS && w.version[2] == 0 && w.code[3] == E_INVALID);
		strcpy(one, "two");
		put(&w, "a", 2, one);
		run_until(&w, 5);
		EXPECT(w.code[4] == OK && w.version[4] == 3);
	}
}

static void take_entry(void *arg, struct clerk_answer *a)
{
	*(struct entry *)arg = a->entry;
	a->entry = (struct entry){.mem = NULL};
}

TEST(an_entry_read_may_be_kept)
{
	struct world w;
	struct entry taken;
	char one[8] = "one";
	world_begin(&w, false);
	put(&w, "a", 0, one);
	EXPECT_OK(clerk_read(w.clerk, "a", 1, take_entry, &taken, &w.e), &w.e);
	run_until(&w, 1);
	EXPECT(!strcmp(taken.job, "one"));
	entry_close(&taken);
	world_end(&w);
}

TEST(answers_may_ask_for_more_and_closing_does_all_of_it)
{
	struct world w;
	char job[8];
	EACH_KIND(w)
	{
		w.chain = 20;
		strcpy(job, "one");
		put(&w, "chained", 0, job);
		/* The loop does not run: world_end closes with everything under way. */
	}
	EXPECT(w.answered == 21);
}

TEST(many_askers_are_answered_once_each)
{
	struct world w;
	char job[8], name[16];
	EACH_KIND(w)
	{
		for (int i = 0; i < 1000; i++) {
			snprintf(name, sizeof name, "job-%d", i % 50);
			strcpy(job, "one");
			put(&w, name, (uint64_t)(i / 50), job);
			if (i == 500 && w.loop)
				run_until(&w, 501);
		}
		run_until(&w, 1000);
		for (int i = 0; i < 1000; i++)
			EXPECT(w.code[i] == OK && w.version[i] == (uint64_t)(i / 50) + 1);
	}
}

TEST(closing_is_legal_on_nothing_and_at_once)
{
	struct world w;
	clerk_close(NULL);
	EACH_KIND(w)
	{
		EXPECT(w.asked == 0);
	}
}

TEST(inv31_any_allocation_may_fail)
{
	unsigned refused = 0;
	for (uint64_t n = 1, more = 1; more; n++) {
		struct world w;
		char job[] = "one";
		struct entry en = {.name = "a", .job = job, .job_len = 3};
		world_begin(&w, false);
		clerk_close(w.clerk);
		w.clerk = NULL;
		w.mem.fail_at = atomic_load(&w.mem.calls) + n;
		enum rc rc = clerk_open(&w.clerk, w.cat, NULL, &w.mem, &w.e);
		struct asker *k = ask(&w);
		if (rc == OK)
			rc = clerk_put(w.clerk, &en, 0, on_done, k, &w.e);
		if (rc != OK) {
			EXPECT(rc == E_NO_MEMORY);
			refused++;
			w.asked--;
			free(k);
		} else {
			run_until(&w, 1);
		}
		more = atomic_load(&w.mem.calls) >= w.mem.fail_at;
		w.mem.fail_at = 0;
		world_end(&w);
	}
	EXPECT(refused >= 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_was_put_is_read_and_dropped_in_order),
		T(errors_and_the_versions_they_leave_are_told),
		T(an_entry_read_may_be_kept),
		T(answers_may_ask_for_more_and_closing_does_all_of_it),
		T(many_askers_are_answered_once_each),
		T(closing_is_legal_on_nothing_and_at_once),
		T(inv31_any_allocation_may_fail),
	};
	return RUN(tests);
}
