/* attempt_load.c - when to ask for a checkpoint that nobody asks for by name: what the tasks have
 * counted goes to the policy (checkpoint/policy.h), what it says to the coordinator and, where no
 * checkpoint's own line tells it, into the history.
 * Only relaxed counters are read, and only when the policy wants to look: no task notices. */
#include "jobs/attempt_in.h"

#define LINT_AFTER 5 /* checkpoints: by then what they take is known; by feel */

static uint64_t relaxed(const _Atomic uint64_t *v)
{
	return atomic_load_explicit((_Atomic uint64_t *)v, memory_order_relaxed);
}

/* Grows with everything that moves anywhere. Counters are stored at the end of a step, so what is
 * read is never ahead of what was done: what moved since is counted again, never missed. */
static uint64_t moved(const struct attempt *a)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < a->n_tasks; i++) {
		const struct task_stats *s = task_stats(a->task[i]);
		n += relaxed(&s->records_in) + relaxed(&s->records_out) + relaxed(&s->records_skipped);
	}
	return n;
}

/* That left the sources. */
static uint64_t records(const struct attempt *a)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < a->n_tasks; i++)
		if (attempt_is_source(a, i))
			n += relaxed(&task_stats(a->task[i])->records_out);
	return n;
}

/* Of keyed state that changed and is in no completed checkpoint that its task has heard of. */
static uint64_t bytes_changed(const struct attempt *a)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < a->n_tasks; i++)
		n += relaxed(&task_stats(a->task[i])->bytes_changed);
	return n;
}

static uint64_t keys_changed(const struct attempt *a)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < a->n_tasks; i++)
		n += relaxed(&task_stats(a->task[i])->keys_changed);
	return n;
}

static uint32_t fill_permille(const struct attempt *a)
{
	uint32_t most = 0;
	for (uint32_t i = 0; i < a->n_channels; i++) {
		uint32_t fill = 1000 * channel_fill(&a->channel[i]) / a->channel[i].slots;
		most = fill > most ? fill : most;
	}
	return most;
}

/* How long the durability lane has made no progress with what is to be published or committed. */
static uint64_t disk_behind_us(const struct attempt *a)
{
	return a->load.durable_us ? a->now_us - a->load.durable_us : 0;
}

/* The newest that was begun and not given up; NULL: the newest completed one is. */
static const struct pending *newest_begun(const struct attempt *a)
{
	for (const struct pending *p = a->pending; p; p = p->next) /* newest first */
		if (!p->decided)
			return p;
	return NULL;
}

enum rc load_open(struct attempt *a, struct err *e)
{
	const struct spec_checkpoint *s = &a->c.plan->spec->checkpoint;
	const struct when *when = a->c.plan->when;
	struct policy_config c = {
		.interval_us = s->interval_us, .min_pause_us = s->min_pause_us, .is_auto = s->is_auto,
		.max_replay_us = s->max_replay_us, .cost_ppm = POLICY_COST_PPM,
		.records = s->trigger.records, .bytes = s->trigger.bytes,
		.when = when ? when->said : NULL,
	};
	a->load.on = !policy_is_idle(&c);
	policy_init(&a->load.policy, &c, a->base ? a->base->m.figures.total_us : 0);
	a->load.look_at_us = UINT64_MAX;
	return when ? when_eval_open(&a->load.when, when, a->mem, e) : OK;
}

void load_close(struct attempt *a)
{
	when_eval_close(a->load.when);
}

/* With nothing counted since: as a checkpoint that begins now leaves it. */
static bool is_true_at_begin(struct attempt *a)
{
	struct when_now now = {0};
	return a->load.when && when_is_true(a, &now, false);
}

void load_released(struct attempt *a)
{
	struct load *l = &a->load;
	if (!l->begun_us)
		l->begun_us = a->now_us;
	policy_start(&l->policy, a->now_us);
	/* What a lazy restore brings only now is not known to have been true before. */
	(void)policy_begun(&l->policy, !a->loading && is_true_at_begin(a));
	l->look_at_us = 0;
}

void load_begun(struct attempt *a, struct pending *p)
{
	p->moved = moved(a);
	p->records = records(a);
	a->load.bytes_mark = bytes_changed(a);
	a->load.keys_mark = keys_changed(a);
	when_begun(a, p->passed);
	p->answers = policy_begun(&a->load.policy, is_true_at_begin(a));
	a->load.look_at_us = 0;
}

/* The job's own wish is not met: told once, when it is certain. */
static void lint(struct attempt *a)
{
	struct load *l = &a->load;
	char text[300];
	if (l->linted || co_stats(a->co)->completed < LINT_AFTER ||
	    !policy_lint(&l->policy, text, sizeof text))
		return;
	l->linted = true;
	if (a->c.log)
		log_line(a->c.log, LOG_WARN, "checkpoint: %s", text);
}

void load_decided(struct attempt *a, const struct pending *p, bool completed)
{
	struct load *l = &a->load;
	l->look_at_us = 0;
	if (!l->on)
		return;
	policy_done(&l->policy, a->now_us, a->now_us - p->triggered_us, completed,
		    p->answers);
	if (!completed) {
		l->aborted_id = p->id > l->aborted_id ? p->id : l->aborted_id;
		l->bytes_mark = l->keys_mark = 0;
		return;
	}
	if (l->aborted_id < p->id)
		l->aborted_id = 0; /* it lists what those before it had prepared */
	l->begun_us = p->triggered_us;
	l->moved = p->moved;
	l->records = p->records;
	memcpy(l->passed, p->passed, sizeof l->passed);
	lint(a);
}

void load_durable(struct attempt *a, bool begins)
{
	struct load *l = &a->load;
	CHECK(begins || l->durable_jobs);
	l->durable_jobs += begins ? 1 : UINT32_MAX;
	if (!l->durable_jobs)
		l->durable_us = 0;
	else if (!begins || !l->durable_us)
		l->durable_us = a->now_us;
}

/* What changed since the mark; lower than it where the tasks have heard of what it was for. */
static uint64_t since_mark(uint64_t now, uint64_t *mark)
{
	if (now < *mark)
		*mark = 0;
	return now - *mark;
}

/* p: the newest that was begun, or NULL. */
static bool is_true(struct attempt *a, const struct pending *p, const struct policy_facts *f)
{
	struct when_now now = {
		.records_since = (int64_t)f->records_since,
		.bytes_changed = (int64_t)f->bytes_changed,
		.keys_changed = (int64_t)since_mark(keys_changed(a), &a->load.keys_mark),
		.seconds_since = (double)(f->now_us - f->begun_us) / 1e6,
	};
	uint64_t passed[WHEN_TAPS_MAX];
	when_passed(a, passed);
	for (uint32_t i = 0; i < WHEN_TAPS_MAX; i++)
		now.passed[i] = passed[i] > (p ? p->passed : a->load.passed)[i];
	return when_is_true(a, &now, true);
}

static void facts(struct attempt *a, struct policy_facts *f)
{
	struct load *l = &a->load;
	const struct pending *p = newest_begun(a);
	const struct spec_checkpoint *s = &a->c.plan->spec->checkpoint;
	*f = (struct policy_facts){
		.now_us = a->now_us,
		.begun_us = p ? p->triggered_us : l->begun_us,
		.busy = co_pending(a->co) >= s->max_concurrent,
		/* What is under way may yet be given up: then its changes are still to be saved. */
		.flowed = p || l->aborted_id || moved(a) != l->moved,
	};
	if (s->trigger.records || l->when)
		f->records_since = records(a) - (p ? p->records : l->records);
	if (s->trigger.bytes || l->when)
		f->bytes_changed = since_mark(bytes_changed(a), &l->bytes_mark);
	if (l->when)
		f->when_true = is_true(a, p, f);
	if (s->is_auto) {
		f->fill_permille = fill_permille(a);
		f->disk_behind_us = disk_behind_us(a);
	}
}

/* Nothing is asked for that would be refused. */
static bool is_over(const struct attempt *a)
{
	return !a->released || a->stop_asked || a->closing || a->ended == a->n_tasks;
}

void load_step(struct attempt *a)
{
	struct load *l = &a->load;
	if (!l->on || is_over(a) || a->now_us < l->look_at_us)
		return;
	struct policy_facts f;
	struct policy_answer says;
	facts(a, &f);
	policy_look(&l->policy, &f, &says);
	l->look_at_us = says.look_at_us;
	if (says.says == POLICY_ASK) {
		attempt_event(a, &(struct co_event){.kind = CO_EV_REQUEST, .request_kind = CO_PERIODIC,
						    .why = says.why});
	} else if (says.tell) {
		note_decision(a, says.says == POLICY_SKIP ? "skip" : "delay", says.why);
	}
}

uint64_t load_wake_at(const struct attempt *a)
{
	return a->load.on && !is_over(a) ? a->load.look_at_us : UINT64_MAX;
}
