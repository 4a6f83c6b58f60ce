/* stepper_say.c - what an event was, in words: what stood before it and after it is compared, so
 * that nothing that runs has to tell. See stepper_in.h. */
#include "jobs/stepper_in.h"

#include <inttypes.h>
#include <stdarg.h>

void stepper_task_name(const struct stepper *s, uint32_t task, char *to, size_t room)
{
	const struct plan *p = s->plan;
	for (uint32_t i = 0; i < p->n_stages; i++)
		if (task - p->stage[i].first_task < p->stage[i].parallelism) {
			snprintf(to, room, "%s/%u", p->stage[i].spec->id, task - p->stage[i].first_task);
			return;
		}
	snprintf(to, room, "?");
}

/* ---- before ---- */

static void before_task(struct stepper *s, uint32_t task, struct step_before *b)
{
	const struct task *t = attempt_task(stepper_attempt(s), task);
	const struct task_config *c = task_config(t);
	const struct task_stats *stats = task_stats(t);
	task_look(t, s->published, &b->look);
	b->in = atomic_load_explicit(&stats->records_in, memory_order_relaxed);
	b->out = atomic_load_explicit(&stats->records_out, memory_order_relaxed);
	for (uint32_t i = 0; i < c->n_inputs && i < STEP_TASKS_MAX; i++) {
		const struct item *it = channel_look(c->inputs[i], 0);
		b->input[i].head = atomic_load(&c->inputs[i]->head);
		b->input[i].there = it != NULL;
		if (it)
			b->input[i].item = *it;
		b->input[i].rows = it && it->kind == ITEM_BATCH ? batch_count(it->batch) : 0;
	}
}

static uint64_t acked_by(const struct stepper *s, uint64_t id)
{
	uint64_t acked = 0;
	for (uint32_t i = 0; id && i < s->plan->n_tasks; i++)
		acked |= (uint64_t)stepper_has_part(s, id, i) << i;
	return acked;
}

void step_before(struct stepper *s, uint32_t actor, struct step_before *b)
{
	const struct attempt *a = stepper_attempt(s);
	memset(b, 0, sizeof *b);
	b->state = job_state(s->job);
	if (!a)
		return;
	const struct co_stats *co = attempt_co_stats(a);
	b->triggered = co->triggered;
	b->completed = co->completed;
	b->failed = co->failed;
	b->pending = stepper_pending(s);
	b->acked = acked_by(s, b->pending);
	if (actor < s->plan->n_tasks)
		before_task(s, actor, b);
}

/* ---- words ---- */

static void say(struct step_event *e, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void say(struct step_event *e, const char *fmt, ...)
{
	size_t n = strlen(e->what);
	va_list ap;
	if (n && n + 3 < sizeof e->what) {
		memcpy(e->what + n, "; ", 3);
		n += 2;
	}
	va_start(ap, fmt);
	vsnprintf(e->what + n, sizeof e->what - n, fmt, ap);
	va_end(ap);
}

static void say_taken(struct stepper *s, const struct task_config *c, uint32_t i,
		      const struct step_before *b, struct step_event *e)
{
	char from[80];
	uint32_t pusher = stepper_pusher(s, c->inputs[i]);
	if (pusher == UINT32_MAX)
		snprintf(from, sizeof from, "input %u", i);
	else
		stepper_task_name(s, pusher, from, sizeof from);
	switch (b->input[i].item.kind) {
	case ITEM_BATCH:
		say(e, "takes %u record%s from %s", b->input[i].rows, b->input[i].rows == 1 ? "" : "s",
		    from);
		break;
	case ITEM_BARRIER:
		say(e, "finds barrier %" PRIu64 " from %s", b->input[i].item.barrier.id, from);
		e->barrier = true;
		break;
	case ITEM_CANCEL:
		say(e, "is told by %s that barrier %" PRIu64 " was given up", from,
		    b->input[i].item.barrier.id);
		e->barrier = true;
		break;
	case ITEM_END:
		say(e, "learns that %s has no more records", from);
		break;
	case ITEM_WATERMARK:
	case ITEM_IDLE:
		break;
	}
}

/* ---- after ---- */

static bool after_task(struct stepper *s, uint32_t task, const struct step_before *b,
		       struct step_event *e)
{
	const struct task *t = attempt_task(stepper_attempt(s), task);
	const struct task_config *c = task_config(t);
	bool source = c->ops->role == OP_SOURCE;
	struct task_look now;
	uint64_t out = atomic_load_explicit(&task_stats(t)->records_out, memory_order_relaxed);
	task_look(t, s->published, &now);
	stepper_task_name(s, task, e->who, sizeof e->who);
	for (uint32_t i = 0; i < c->n_inputs && i < STEP_TASKS_MAX; i++)
		if (b->input[i].there && atomic_load(&c->inputs[i]->head) != b->input[i].head)
			say_taken(s, c, i, b, e);
	if (now.aligning && now.aligning != b->look.aligning) {
		say(e, "another input has not delivered it: what comes behind it here belongs after the "
		       "cut, so this input is held");
		e->barrier = true;
	}
	if (now.passed != b->look.passed) {
		e->barrier = true;
		if (source)
			say(e, "notes its position and puts barrier %" PRIu64 " behind its last record",
			    now.passed);
		else
			say(e, "every input has delivered it: its state is frozen as it is, barrier "
			       "%" PRIu64 " goes on%s", now.passed, c->n_inputs > 1 ? ", held inputs flow again"
										      : "");
	} else if (now.preparing && !b->look.preparing) {
		say(e, "sends out what it still holds, then the barrier");
		e->barrier = true;
	}
	if (out != b->out)
		say(e, "%s %" PRIu64 " record%s on", source ? "reads and sends" : "sends", out - b->out,
		    out - b->out == 1 ? "" : "s");
	if (b->look.slicing && !e->what[0])
		say(e, "hands over %s, between two batches",
		    now.slicing ? "rows of its frozen state" : "the last of its frozen rows");
	if (strcmp(now.phase, b->look.phase) != 0)
		say(e, "%s", now.phase);
	return e->what[0] != '\0';
}

/* Operations that change a disk; the others are not shown. */
static bool is_change(const char *doing)
{
	static const char *const changes[] = {"create", "pwrite", "sync",  "link",     "rename",
					      "unlink", "mkdir",  "rmdir", "sync_dir", "truncate"};
	for (size_t i = 0; i < ARRAY_LEN(changes); i++)
		if (!strcmp(doing, changes[i]))
			return true;
	return false;
}

/* The lines of the disk's trace: "  number doing     what result". */
static bool after_lane(struct stepper *s, bool durable, struct step_event *e)
{
	snprintf(e->who, sizeof e->who, "%s lane", durable ? "durability" : "bytes");
	fflush(s->log);
	for (const char *at = s->log_text, *end = at + s->log_len; at && at < end;) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		char doing[16], what[200];
		if (!stop)
			stop = end;
		char line[400];
		snprintf(line, sizeof line, "%.*s", (int)(stop - at), at);
		if (sscanf(line, "%*u %15s %199s", doing, what) == 2 && is_change(doing))
			say(e, "%s %s", doing, what);
		at = stop + 1;
	}
	return e->what[0] != '\0';
}

static void say_acked(struct stepper *s, const struct step_before *b, struct step_event *e)
{
	uint64_t now = acked_by(s, b->pending), fresh = now & ~b->acked;
	uint32_t have = (uint32_t)__builtin_popcountll(now), all = s->plan->n_tasks;
	for (uint32_t i = 0; i < all; i++)
		if (fresh >> i & 1) {
			char name[80];
			stepper_task_name(s, i, name, sizeof name);
			say(e, "has the part of %s", name);
			e->barrier = true;
		}
	if (fresh && have < all)
		say(e, "checkpoint %" PRIu64 " has %u of %u parts", b->pending, have, all);
	else if (fresh)
		say(e, "checkpoint %" PRIu64 " has all its parts: the part file is made durable, then the "
		       "manifest is linked", b->pending);
}

static bool after_control(struct stepper *s, const struct step_before *b, struct step_event *e)
{
	const struct attempt *a = stepper_attempt(s);
	enum job_state now = job_state(s->job);
	snprintf(e->who, sizeof e->who, "coordinator");
	if (now != b->state && now == JOB_RUNNING && job_recovery(s->job)->restored)
		say(e, "the tasks run, from checkpoint %" PRIu64, job_recovery(s->job)->checkpoint);
	else if (now != b->state && now == JOB_RUNNING)
		say(e, "the tasks run; sources wait while the first checkpoint is taken, so that there is "
		       "always one to go back to");
	else if (now != b->state)
		say(e, "the job is %s now", job_state_name(now));
	if (!a || b->state != JOB_RUNNING)
		return e->what[0] != '\0';
	const struct co_stats *co = attempt_co_stats(a);
	if (b->pending)
		say_acked(s, b, e);
	if (co->completed != b->completed)
		say(e, "checkpoint %" PRIu64 " is published: a restart would begin there, and what sinks "
		       "wrote up to it is committed", s->published);
	if (co->failed != b->failed)
		say(e, "a checkpoint was given up");
	if (co->triggered != b->triggered)
		say(e, "begins a checkpoint: the sources are told to send a barrier");
	e->barrier |= co->completed != b->completed || co->failed != b->failed ||
		      co->triggered != b->triggered;
	return e->what[0] != '\0';
}

bool step_after(struct stepper *s, uint32_t actor, const struct step_before *b,
		struct step_event *e)
{
	e->what[0] = '\0';
	e->barrier = false;
	e->at_us = stepper_now_us(s);
	if (actor < s->plan->n_tasks)
		return stepper_attempt(s) && after_task(s, actor, b, e);
	if (actor == s->plan->n_tasks + STEP_CONTROL)
		return after_control(s, b, e);
	return after_lane(s, actor == s->plan->n_tasks + STEP_DURABILITY, e);
}
