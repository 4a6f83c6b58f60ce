/* screen.h - what `weir run` says while a job lives, in one of two tongues: prose for people, or
 * JSON events, one object a line, for programs. Both on standard error.
 *
 *   opened -> { began -> { checkpoint | status }* [-> failed -> began ...] [-> stopping] } -> ended
 *
 * Threads: control thread. */
#pragma once
#include "cli/board.h"
#include "cli/cli.h"
#include "jobs/drive.h"

/* What the two know in common. */
struct screen {
	const struct screen_ops *ops;
	struct cli *cli;
	struct log *log;
	const struct plan *plan;
	const char *dir;
	struct job *job;
	bool resumed;              /* the checkpoint it goes on from was taken at a stop */
	int64_t opened_wall_us;
	struct checkpoint_record last; /* the newest completed one of this process; id 0: none */
	struct board *board;       /* prose: where the status stands; NULL once it was left */
	struct paint err;          /* standard error, which the board lends meanwhile */
	bool stopping;
	/* checkpoints that were completed and not told of yet */
	struct {
		uint64_t first, last, n, bytes, keys_changed, total_us_max, sync_us_max;
	} untold;
	uint64_t told_us;
};

struct stage_count {
	uint64_t in, out, busy_us;
};

struct screen_ops {
	/* The job file differs from the one its directory was last run with. */
	void (*changed)(struct screen *s, const char *difference);
	void (*opened)(struct screen *s);
	void (*finished_before)(struct screen *s, int64_t wall_us);
	void (*began)(struct screen *s);
	void (*checkpoint)(struct screen *s, const struct checkpoint_record *r);
	void (*failed)(struct screen *s, const struct err *e, const struct restart_decision *d);
	void (*status)(struct screen *s);
	void (*stopping)(struct screen *s, int signal);
	void (*ended)(struct screen *s, enum drive_end end);
};
extern const struct screen_ops screen_text, screen_json;

/* log is borrowed; everything else is set by the caller. Until screen_leave, what c->err writes,
 * and log if it writes to the same stream, goes where it does not disturb the status.
 * E_NO_MEMORY. */
RC screen_open(struct screen *s, struct cli *c, bool json, struct log *log, const struct plan *plan,
	       const char *dir, struct err *e);
/* The status is left as it stands; what is printed from now on stands below it. Any number of
 * times. */
void screen_leave(struct screen *s);
/* How often `status` is worth calling, if nobody said otherwise. */
uint64_t screen_tick_us(const struct screen *s);
void screen_close(struct screen *s); /* legal on the empty value */

/* Totals of a stage over its subtasks. */
struct stage_count screen_count(const struct screen *s, uint32_t stage);
uint64_t screen_keys(const struct screen *s, uint32_t stage);
/* The recovery report, in lines (screen_recovery.c). */
void screen_recovery(const struct screen *s, const struct paint *p, struct bytes *to);
