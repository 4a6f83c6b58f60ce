/* restart.h - whether and when a failed attempt is started again.
 * Pure: the policy, what happened so far, the error, the time and a random number in; a decision
 * out. The runner waits and starts; COORDINATOR 26 and the defaults are followed here.
 *
 * A user, corrupt or quiet error, or an unknown publish outcome, is never answered by a restart:
 * the same would happen again, or evidence would be lost. The first restart is immediate; the
 * second waits `initial`; with exponential each further one waits `multiplier` times longer, up to
 * `max`, give or take a tenth. An attempt that ran for `reset_after` wipes the count.
 * Threads: control thread. */
#pragma once
#include "base/err.h"

enum restart_strategy {
	RESTART_NONE,
	RESTART_FIXED_DELAY,
	RESTART_EXPONENTIAL,
	RESTART_FAILURE_RATE, /* at most `attempts` failures within `reset_after`, `initial` apart */
};
#define RESTART_UNLIMITED UINT32_MAX
#define RESTART_FAILURES_MAX 64 /* `attempts` of failure_rate; by feel */

struct restart_policy {
	enum restart_strategy strategy;
	uint32_t attempts;       /* restarts in a row before it gives up; RESTART_UNLIMITED */
	uint64_t initial_us;     /* the delay of fixed_delay and failure_rate, the first one of
	                          * exponential */
	uint64_t max_us;         /* exponential */
	double multiplier;       /* exponential; at least 1 */
	uint64_t reset_after_us; /* 0: never; the interval of failure_rate */
};

/* What happened so far in this process; starts as {0}. */
struct restart_state {
	uint32_t restarts;       /* in a row */
	uint64_t delay_us;       /* the one before jitter, 0 at first */
	uint64_t running_since_us; /* when the newest attempt was to start */
	uint64_t failed_us[RESTART_FAILURES_MAX]; /* failure_rate: when the newest ones were, a ring */
	uint32_t n_failed;         /* written to it so far */
};

struct restart_decision {
	bool restart;
	uint64_t after_us;       /* if restart: wait this long */
	struct err error;        /* if not: the job's final error, saying how often it was tried */
};

/* exponential, 3 attempts, 1 s, x1.5, at most 1 min, reset after 1 h: what `run` does. `serve` sets
 * attempts to RESTART_UNLIMITED. */
extern const struct restart_policy restart_default;

const char *restart_strategy_name(enum restart_strategy s); /* "fixed_delay" */
/* False: no such strategy. */
bool restart_strategy_parse(const char *name, enum restart_strategy *s);

/* The attempt that was running has failed with error (never OK) at now_us (monotonic); random: 64
 * fresh random bits. Counts the restart in *s if it decides for one. */
void restart_decide(const struct restart_policy *p, struct restart_state *s, uint64_t now_us,
		    const struct err *error, uint64_t random, struct restart_decision *d);
