/* policy.h - when to ask for a checkpoint that nobody asks for by name: by time, by records, by
 * bytes, by a condition, or as often as its measured cost allows. Pure: facts and the time in, an
 * answer with its reason out. Why apart from the coordinator: that one knows whether a checkpoint
 * may begin, this one whether it should.
 *
 *   facts -> policy_look -> ASK    the caller sends CO_EV_REQUEST{CO_PERIODIC, why}
 *                           SKIP   it was due, and nothing has changed since the newest one
 *                           DELAY  it was due, and the job is under load: later, within max_replay
 *                           WAIT   nothing is due
 *            policy_begun <- each one that begins, whoever asked for it
 *            policy_done <- what became of each checkpoint, whoever asked for it
 *
 * The pause after a completion and the number of checkpoints side by side are the coordinator's.
 * Threads: control thread. */
#pragma once
#include "checkpoint/coordinator.h"

#define POLICY_INTERVAL_MIN_US 10000 /* the smallest interval (COORDINATOR, defaults) */
#define POLICY_COST_PPM 10000        /* auto: checkpoints may take one percent of the time */

struct policy_config {
	uint64_t interval_us;      /* 0: not by time, or is_auto */
	uint64_t min_pause_us;     /* an interval is at least this */
	bool is_auto;              /* the interval follows the cost */
	uint64_t max_replay_us;    /* auto: a crash repeats at most this much of the stream */
	uint32_t cost_ppm;         /* auto: of the time, in millionths */
	uint64_t records, bytes;   /* that left the sources; of changed state. 0: not by these */
	const char *when;          /* a condition, as its reason says it; borrowed; NULL: none */
};

struct policy_facts {
	uint64_t now_us;
	/* Since the newest checkpoint that was begun and not given up; since the release where there
	 * is none. */
	uint64_t begun_us;         /* when that was */
	uint64_t records_since, bytes_changed;
	bool busy;                 /* as many are under way as may be: nothing can begin */
	/* False: nothing has moved since the newest completed one, and no sink holds pieces that only
	 * another checkpoint would commit. */
	bool flowed;
	uint32_t fill_permille;    /* of the fullest channel */
	uint64_t disk_behind_us;   /* how old the durability lane's oldest work is */
	bool when_true;            /* the condition */
};

enum policy_says { POLICY_WAIT, POLICY_ASK, POLICY_SKIP, POLICY_DELAY };

struct policy_answer {
	enum policy_says says;
	uint64_t look_at_us;       /* look again then at the latest, and whenever a checkpoint begins or
				    * is decided; UINT64_MAX: only then */
	uint64_t interval_us;      /* by which it goes now; 0: not by time */
	bool tell;                 /* a decision that no checkpoint's own line tells */
	char why[CO_WHY];          /* "" : the interval, as the job says it */
};

struct policy {
	struct policy_config c;
	uint64_t due_us;           /* by time; UINT64_MAX: not yet, or never */
	uint64_t total_us, last_total_us; /* trigger to durable: smoothed, and the newest; 0: none */
	uint64_t skipped;          /* of this row */
	uint64_t delayed_us;       /* since when; 0: it is not */
	uint64_t looked_us, looked_records; /* at the last look: the rate */
	uint64_t quiet_us;         /* nothing had moved until then: a crash repeats nothing before it */
	uint64_t retry_us;         /* after one that was given up: not before that */
	bool asked;                /* and nothing has begun since asked_begun_us */
	uint64_t asked_begun_us;
	bool was_true;             /* the condition, at the last look or begin */
	bool owed;                 /* it became true, and none has begun since that was not given up */
};

/* As seen at a restored checkpoint: what taking one cost then, 0: not known. */
void policy_init(struct policy *p, const struct policy_config *c, uint64_t total_us);
/* Whether it ever says anything. */
bool policy_is_idle(const struct policy_config *c);
/* Records may flow from now on. */
void policy_start(struct policy *p, uint64_t now_us);
/* A checkpoint begins, whoever asked for it, or there is one to go on from; when_true: as the
 * condition is with nothing counted since. What stays true asks for no other one. True: it answers
 * the condition, which policy_done must hear if it is given up. */
bool policy_begun(struct policy *p, bool when_true);
void policy_look(struct policy *p, const struct policy_facts *f, struct policy_answer *out);
/* A checkpoint was decided. total_us: from its trigger until it was durable. answers: what
 * policy_begun said of it. */
void policy_done(struct policy *p, uint64_t now_us, uint64_t total_us, bool completed,
		 bool answers);
/* By what the interval is shorter than checkpoints take, and what that leads to; false: it is not,
 * or nothing is known. */
bool policy_lint(const struct policy *p, char *to, size_t size);
