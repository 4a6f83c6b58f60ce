/* policy.c - see policy.h. */
#include "checkpoint/policy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/option.h"

#define NEVER UINT64_MAX
#define POLL_MIN_US 1000  /* counters are looked at no more often: the job pays for each look */
#define POLL_MAX_US 20000 /* by feel: what a stream that wakes up may overshoot by */
#define FULL_PERMILLE 900 /* by feel: a channel of 16 with 15 */
#define DISK_BEHIND_US 100000 /* by feel: several times a healthy fsync */
#define RETRY_US 100000 /* by feel: after a failure the disk may be full for longer than that */
#define MILLION 1000000u

static uint64_t later(uint64_t at_us, uint64_t by_us)
{
	return at_us > NEVER - by_us ? NEVER : at_us + by_us;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

bool policy_is_idle(const struct policy_config *c)
{
	return !c->interval_us && !c->is_auto && !c->records && !c->bytes && !c->when;
}

void policy_init(struct policy *p, const struct policy_config *c, uint64_t total_us)
{
	*p = (struct policy){.c = *c, .due_us = NEVER, .total_us = total_us,
			     .last_total_us = total_us};
	CHECK(!c->is_auto || (c->cost_ppm && c->max_replay_us));
	if (p->c.interval_us && p->c.interval_us < c->min_pause_us)
		p->c.interval_us = c->min_pause_us; /* COORDINATOR 1 */
}

/* What the next one will take: the worse of the newest and of what they usually take, and a quarter
 * more. */
static uint64_t expected_us(const struct policy *p)
{
	uint64_t us = larger(p->total_us, p->last_total_us);
	return later(us, us / 4);
}

/* The longest time from one's beginning to the next one's such that a crash just before that one is
 * durable repeats no more than max_replay. Where checkpoints take longer than half of it, the bound
 * cannot be kept by beginning them earlier: half of the time is theirs then. */
static uint64_t longest_us(const struct policy *p)
{
	uint64_t half = p->c.max_replay_us / 2, expected = expected_us(p);
	return larger(expected < half ? p->c.max_replay_us - expected : half,
		      POLICY_INTERVAL_MIN_US);
}

/* As often as costs the agreed share of the time, within what may be repeated. */
static uint64_t auto_us(const struct policy *p)
{
	uint64_t cost = larger(p->total_us, 1);
	uint64_t us = cost > NEVER / MILLION ? NEVER : cost * MILLION / p->c.cost_ppm;
	us = larger(larger(us, p->c.min_pause_us), POLICY_INTERVAL_MIN_US);
	return smaller(us, longest_us(p));
}

static uint64_t interval_us(const struct policy *p)
{
	return p->c.is_auto ? auto_us(p) : p->c.interval_us;
}

void policy_start(struct policy *p, uint64_t now_us)
{
	p->looked_us = now_us;
	p->looked_records = 0;
	p->due_us = interval_us(p) ? later(now_us, interval_us(p)) : NEVER;
}

bool policy_begun(struct policy *p, bool when_true)
{
	bool answers = p->owed;
	p->owed = false;
	p->was_true = when_true;
	return answers;
}

void policy_done(struct policy *p, uint64_t now_us, uint64_t total_us, bool completed,
		 bool answers)
{
	p->asked = false;
	p->owed |= answers && !completed;
	p->retry_us = completed ? 0 : later(now_us, RETRY_US);
	if (!completed)
		return; /* what an abort took says nothing */
	p->last_total_us = total_us;
	p->total_us = p->total_us ? (3 * p->total_us + total_us) / 4 : total_us;
}

/* ---- reasons ---- */

static void say_auto(const struct policy *p, struct policy_answer *a)
{
	char every[UNIT_TEXT], cost[UNIT_TEXT], most[UNIT_TEXT];
	/* Rounded: a reason is read by people. */
	uint64_t us = a->interval_us < 1000000 ? a->interval_us / 1000 * 1000
					       : a->interval_us / 100000 * 100000;
	snprintf(a->why, sizeof a->why, "auto: %s, as one takes %s%s%s", duration_text(us, every),
		 duration_text(p->total_us / 100 * 100, cost),
		 a->interval_us == longest_us(p) ? " and a crash may repeat " : "",
		 a->interval_us == longest_us(p) ? duration_text(p->c.max_replay_us, most) : "");
}

static void say_load(const struct policy_facts *f, struct policy_answer *a)
{
	char behind[UNIT_TEXT];
	if (f->fill_permille >= FULL_PERMILLE)
		snprintf(a->why, sizeof a->why, "delayed: a channel is %u %% full",
			 f->fill_permille / 10);
	else
		snprintf(a->why, sizeof a->why, "delayed: the disk is %s behind",
			 duration_text(f->disk_behind_us / 1000 * 1000, behind));
}

/* The condition, cut between two characters where it is too long for a line. */
static void say_when(const struct policy *p, struct policy_answer *a)
{
	const char *cut = "...";
	size_t room = sizeof a->why - sizeof "when " - strlen(cut), len = strlen(p->c.when);
	if (len <= room + strlen(cut)) {
		snprintf(a->why, sizeof a->why, "when %s", p->c.when);
		return;
	}
	while (room && ((unsigned char)p->c.when[room] & 0xc0) == 0x80)
		room--;
	snprintf(a->why, sizeof a->why, "when %.*s%s", (int)room, p->c.when, cut);
}

/* What preceded it in this row. */
static void say_row(const struct policy *p, const struct policy_facts *f, struct policy_answer *a)
{
	char late[UNIT_TEXT];
	if (p->skipped <= 1 && !p->delayed_us)
		return;
	if (!a->why[0])
		snprintf(a->why, sizeof a->why, "interval");
	size_t at = strlen(a->why);
	if (p->skipped > 1)
		snprintf(a->why + at, sizeof a->why - at, "; %" PRIu64 " skipped before it",
			 p->skipped);
	else
		snprintf(a->why + at, sizeof a->why - at, "; %s late, under load",
			 duration_text((f->now_us - p->delayed_us) / 1000 * 1000, late));
}

/* ---- what is due ---- */

/* By records, bytes or a condition; says which. */
static bool is_due_by_count(struct policy *p, const struct policy_facts *f, struct policy_answer *a)
{
	char bytes[UNIT_TEXT];
	if (f->now_us < p->retry_us)
		return false;
	if (p->c.records && f->records_since >= p->c.records)
		snprintf(a->why, sizeof a->why, "%" PRIu64 " records", f->records_since);
	else if (p->c.bytes && f->bytes_changed >= p->c.bytes)
		snprintf(a->why, sizeof a->why, "%s of state changed",
			 size_text(f->bytes_changed, bytes));
	else if (p->owed && f->flowed) /* else as soon as anything moves */
		say_when(p, a);
	return a->why[0];
}

/* When the counters are worth another look: half the way to where they would be enough. */
static uint64_t next_poll_us(struct policy *p, const struct policy_facts *f)
{
	if (!p->c.records && !p->c.bytes && !p->c.when)
		return NEVER;
	uint64_t wait = POLL_MAX_US, took = f->now_us - p->looked_us;
	uint64_t came = f->records_since - smaller(p->looked_records, f->records_since);
	if (p->c.records > f->records_since && came && took)
		wait = (p->c.records - f->records_since) / 2 < NEVER / took
			       ? (p->c.records - f->records_since) / 2 * took / came : POLL_MAX_US;
	p->looked_us = f->now_us;
	p->looked_records = f->records_since;
	return f->now_us + larger(smaller(wait, POLL_MAX_US), POLL_MIN_US);
}

static bool is_loaded(const struct policy_facts *f)
{
	return f->fill_permille >= FULL_PERMILLE || f->disk_behind_us >= DISK_BEHIND_US;
}

/* From a time that was met: at a steady rate, unless it is far behind. */
static void rearm(struct policy *p, uint64_t now_us, uint64_t every_us)
{
	if (!every_us)
		return;
	uint64_t next = later(p->due_us, every_us);
	p->due_us = next > now_us && !p->c.is_auto ? next : later(now_us, every_us);
}

static void ask(struct policy *p, const struct policy_facts *f, struct policy_answer *a)
{
	a->says = POLICY_ASK;
	say_row(p, f, a);
	p->skipped = p->delayed_us = 0;
	p->asked = true;
	p->asked_begun_us = f->begun_us;
	rearm(p, f->now_us, a->interval_us);
}

static void skip(struct policy *p, const struct policy_facts *f, struct policy_answer *a)
{
	a->says = POLICY_SKIP;
	a->tell = !p->skipped++;
	p->quiet_us = f->now_us;
	snprintf(a->why, sizeof a->why, "nothing has changed since the newest one");
	rearm(p, f->now_us, a->interval_us);
}

static void delay(struct policy *p, const struct policy_facts *f, uint64_t deadline_us,
		  struct policy_answer *a)
{
	a->says = POLICY_DELAY;
	a->tell = !p->delayed_us;
	if (!p->delayed_us)
		p->delayed_us = f->now_us;
	say_load(f, a);
	p->due_us = smaller(deadline_us, f->now_us + larger(a->interval_us / 8, POLL_MIN_US));
}

/* Auto: when the next one must begin so that a crash repeats no more than was agreed. */
static uint64_t deadline_us(const struct policy *p, const struct policy_facts *f)
{
	if (!p->c.is_auto)
		return NEVER;
	return larger(later(larger(f->begun_us, p->quiet_us), longest_us(p)), p->retry_us);
}

/* From false to true: also while nothing can begin. */
static void look_at_condition(struct policy *p, const struct policy_facts *f)
{
	p->owed |= p->c.when && f->when_true && !p->was_true;
	p->was_true = f->when_true;
}

void policy_look(struct policy *p, const struct policy_facts *f, struct policy_answer *a)
{
	*a = (struct policy_answer){.says = POLICY_WAIT, .look_at_us = NEVER,
				    .interval_us = interval_us(p)};
	look_at_condition(p, f);
	p->asked &= f->begun_us == p->asked_begun_us;
	if (f->busy || p->asked) {
		/* What is due then is due when one of them has begun, or is decided. */
		a->look_at_us = p->c.when ? f->now_us + POLL_MAX_US : NEVER;
		return;
	}
	uint64_t latest_us = deadline_us(p, f);
	p->due_us = smaller(p->due_us, latest_us); /* what it was armed for may cost more by now */
	if (is_due_by_count(p, f, a)) {
		ask(p, f, a);
		return;
	}
	if (f->now_us >= p->due_us) {
		if (!f->flowed) {
			skip(p, f, a);
		} else if (p->c.is_auto && is_loaded(f) && f->now_us < latest_us) {
			delay(p, f, latest_us, a);
		} else {
			if (p->c.is_auto)
				say_auto(p, a);
			ask(p, f, a);
			return;
		}
	}
	a->look_at_us = smaller(p->due_us, next_poll_us(p, f));
	if (p->retry_us > f->now_us && p->retry_us < a->look_at_us)
		a->look_at_us = p->retry_us;
}

bool policy_lint(const struct policy *p, char *to, size_t size)
{
	char a[UNIT_TEXT], b[UNIT_TEXT];
	uint64_t took = p->total_us / 100 * 100;
	if (p->c.is_auto && p->total_us > p->c.max_replay_us / 2) {
		snprintf(to, size, "'max_replay' %s cannot be kept: a checkpoint takes %s",
			 duration_text(p->c.max_replay_us, a), duration_text(took, b));
		return true;
	}
	if (!p->c.interval_us || p->total_us <= p->c.interval_us)
		return false;
	snprintf(to, size,
		 "'interval' %s is shorter than a checkpoint takes (%s): they follow each other "
		 "without a pause", duration_text(p->c.interval_us, a), duration_text(took, b));
	return true;
}
