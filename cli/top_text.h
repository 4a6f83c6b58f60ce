/* top_text.h - what `weir top` shows, as text: all jobs, a line each, or the stages of one.
 *
 *   JOB          STATE        IN/S    OUT/S  BUSY            HELD  CHECKPOINT
 * > word-count   RUNNING     1.2 M    3.1 M  #########.  97 %  3 %  0.4 s ago, 3.1 ms, 41 kB
 *
 * A bar is of a stage's time: '#' busy, '=' waiting for room downstream, '.' waiting for input.
 * Pure: ASCII but for what comes from elsewhere; no line is wider than `columns`: what does not fit
 * is left out from the right. */
#pragma once
#include "cli/paint.h"
#include "cli/top_jobs.h"

enum top_mode { TOP_JOBS, TOP_STAGES, TOP_HELP };

struct top_view {
	const struct top_jobs *jobs;
	const struct paint *paint;
	const char *where;       /* which server */
	const char *trouble;     /* why nothing new came; "": it did */
	enum top_mode mode;
	bool keys;               /* they can be pressed: say which, and mark the chosen one */
	int64_t now_wall_us;
	unsigned columns, rows;  /* columns 0: no bound; rows 0: likewise, and at least 5 */
};

/* Whole lines, at most `rows`. */
void top_text(const struct top_view *v, struct bytes *to);
#define TOP_BAR 10
/* "######==.." of two shares of the time; what is neither is idle. */
const char *top_bar(double busy, double held, char to[TOP_BAR + 1]);
