/* torture_start.c - one process of a tortured job, from its start to its end. See torture.h. */
#include "cli/torture.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define PATIENCE_US UINT64_C(60000000) /* and twenty times what an undisturbed run took; by feel */
#define WORDS_MAX (2 * ARGS_MAX + 2 * SPEC_STAGES_MAX + 20)

/* ---- its command line ---- */

struct words {
	const char *at[WORDS_MAX + 1];
	size_t n;
	struct bytes text; /* of those made here, NUL-terminated, one behind the other */
	size_t own[WORDS_MAX]; /* where at[i] begins in text, plus 1; 0: it is borrowed */
};

static void word(struct words *w, const char *text)
{
	w->at[w->n++] = text;
}

static void word_made(struct words *w, const char *fmt, const char *a, const char *b)
{
	w->own[w->n] = w->text.len + 1;
	bytes_printf(&w->text, fmt, a, b);
	bytes_put_u8(&w->text, '\0');
	word(w, "");
}

RC torture_sink_path(const struct torture_stage *sink, const char *folder, char *to, struct err *e)
{
	const char *file = sink->kind == SINK_SINGLE ? "/file" : "";
	int n = snprintf(to, TORTURE_PATH, "%s/%s/%s%s", folder,
			 sink->kind == SINK_PRINT ? "printed" : "out",
			 sink->kind == SINK_PRINT ? "" : sink->id, file);
	if (n >= TORTURE_PATH)
		return ERR(e, E_USAGE, "the scratch folder's path is too long: %.80s...", folder);
	return OK;
}

static RC words_fill(struct torture *t, const struct torture_start *s, struct words *w,
		     struct err *e)
{
	char fault[FAULT_TEXT], path[TORTURE_PATH], number[24];
	const struct fs_fault_plan none = {0};
	bool fails = s->strike.kind == STRIKE_FAULT;
	word(w, "weir");
	word(w, TORTURED);
	snprintf(number, sizeof number, "%u", s->number);
	word_made(w, "%s/page-%s", s->folder, number);
	word_made(w, "%s%s", torture_fault_text(fails ? &s->strike.fault : &none, fault), "");
	word(w, "run");
	word(w, t->path);
	word(w, "--json");
	word(w, "--dir");
	word_made(w, "%s/%s", s->folder, "job");
	word(w, "--report");
	word_made(w, "%s/%s", s->folder, "report.json");
	for (size_t i = 0; i < t->n_sets; i++) {
		word(w, "--set");
		word(w, t->sets[i]);
	}
	for (uint32_t i = 0; i < t->job.n_sinks; i++) {
		const struct torture_stage *sink = &t->job.sink[i];
		char set[TORTURE_PATH];
		if (sink->kind == SINK_PRINT)
			continue;
		if (torture_sink_path(sink, s->folder, path, e) != OK)
			return e->code;
		word(w, "--set");
		snprintf(set, sizeof set, "pipeline.%s.", sink->id);
		if (sink->kind == SINK_BLACKHOLE)
			word_made(w, "%s%s", set, "checksum=true");
		else
			word_made(w, "%spath=%s", set, path);
	}
	snprintf(number, sizeof number, "%u", s->parallelism);
	word(w, "--parallelism");
	word_made(w, "%s%s", number, "");
	if (!bytes_ok(&w->text))
		return ERR(e, E_NO_MEMORY, "no memory for a command line");
	for (size_t i = 0; i < w->n; i++)
		if (w->own[i])
			w->at[i] = (const char *)w->text.data + w->own[i] - 1;
	w->at[w->n] = NULL;
	return OK;
}

/* ---- watching it ---- */

struct watch {
	struct torture *t;
	struct torture_start *s;
	struct demo_child child;
	struct fs_fault_seen *page;
	uint64_t began_us;
	uint64_t reached_us; /* the checkpoint that it is to be killed after; 0: not yet */
	bool killed, hung;
};

/* When it is to be killed; UINT64_MAX: not yet, or not at all. */
static uint64_t due_us(struct watch *w)
{
	const struct strike *k = &w->s->strike;
	if (k->kind == STRIKE_TIME)
		return w->began_us + k->after_us;
	if (k->kind != STRIKE_CHECKPOINT || w->child.checkpoints < k->checkpoint)
		return UINT64_MAX;
	if (!w->reached_us)
		w->reached_us = w->child.checkpoint_us;
	return w->reached_us + k->after_us;
}

static void follow(struct watch *w)
{
	struct clock *clock = w->t->cli->env->clock;
	uint64_t patience = PATIENCE_US + 20 * w->t->facts.took_us, end = w->began_us + patience;
	for (;;) {
		uint64_t now = clock_mono_us(clock), due = due_us(w);
		if (now >= due || now >= end) {
			w->killed = now >= due;
			w->hung = !w->killed;
			demo_child_kill(&w->child);
			demo_child_drain(&w->child, clock);
			return;
		}
		uint64_t wait_us = (due < end ? due : end) - now;
		int wait_ms = wait_us > 100000 ? 100 : (int)(wait_us / 1000);
		if (!demo_child_read(&w->child, clock, wait_ms))
			break;
	}
	demo_child_wait(&w->child);
}

/* ---- what became of it ---- */

static void trouble(struct watch *w, const char *what)
{
	snprintf(w->s->trouble, sizeof w->s->trouble, "%s%s%s", what,
		 w->child.trouble[0] ? ": " : "", w->child.trouble);
	w->s->end = TORTURE_TROUBLE;
}

static void judge(struct watch *w)
{
	int status = w->child.status;
	char what[80];
	bool struck = w->killed || atomic_load(&w->page->struck);
	if (w->hung) {
		trouble(w, "a start does not come to an end, and was killed");
	} else if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		w->s->finished = true;
		w->s->before = w->child.finished_before;
		w->s->end = struck && !w->killed ? TORTURE_STRUCK : TORTURE_RAN;
	} else if (WIFSIGNALED(status) && (WTERMSIG(status) != SIGKILL || !struck)) {
		snprintf(what, sizeof what, "a start died of signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
		trouble(w, what);
	} else if (WIFEXITED(status) && (!struck || WEXITSTATUS(status) == 6)) {
		snprintf(what, sizeof what, "a start ended with exit code %d", WEXITSTATUS(status));
		trouble(w, what);
	} else {
		w->s->end = TORTURE_STRUCK;
	}
}

static RC start(struct watch *w, struct words *words, struct err *e)
{
	struct torture_start *s = w->s;
	char printed[TORTURE_PATH];
	snprintf(printed, sizeof printed, "%s/printed/%04u", s->folder, s->number);
	if (words_fill(w->t, s, words, e) != OK)
		return e->code;
	w->page = torture_page(words->at[2], true, e);
	if (!w->page)
		return e->code;
	w->began_us = clock_mono_us(w->t->cli->env->clock);
	enum rc rc = demo_child_weir(&w->child, (char *const *)(uintptr_t)words->at, true,
				     w->t->job.prints ? printed : NULL, e);
	if (rc != OK)
		return rc;
	follow(w);
	s->took_us = clock_mono_us(w->t->cli->env->clock) - w->began_us;
	s->checkpoints = w->child.checkpoints;
	for (int i = 0; i < FS_OPS; i++)
		s->ops[i] = atomic_load(&w->page->begun[i]);
	snprintf(s->path, sizeof s->path, "%s", w->page->path);
	judge(w);
	return OK;
}

RC torture_start_run(struct torture *t, struct torture_start *s, struct err *e)
{
	struct watch w = {.t = t, .s = s};
	struct words *words = mem_get(t->cli->env->mem, sizeof *words);
	if (!words)
		return ERR(e, E_NO_MEMORY, "no memory for a command line");
	bytes_init(&words->text, t->cli->env->mem);
	demo_child_init(&w.child, t->cli->env->mem);
	enum rc rc = start(&w, words, e);
	demo_child_close(&w.child);
	if (w.page)
		munmap(w.page, sizeof *w.page);
	bytes_close(&words->text);
	mem_put(t->cli->env->mem, words);
	return rc;
}
