/* log.h - one line for each checkpoint decision, restart and failure, on standard error.
 * Threads: control thread only. Not here: what the screen shows (cli/). */
#pragma once
#include "base/env.h"

#include <stdio.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

struct log {
	FILE *to;              /* NULL: discards. Of a descriptor, if it never waits */
	enum log_format format;
	enum log_level least;
	const char *job;       /* that each line is of, as LOG_JSON says it; NULL: no certain one */
	struct clock *clock;
	bool never_waits;      /* a line that a pipe or terminal has no room for is left out, and the
				* next one that is written says so; lines are cut to LOG_SHORT_MAX */
	unsigned left_out;
};

/* Bytes of text: with the rest PIPE_BUF, which poll says there is room for. */
#define LOG_SHORT_MAX 3900

void log_line(struct log *l, enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* A line that is of this job: text begins with its name, JSON has it as a member. */
void log_job(struct log *l, enum log_level level, const char *job, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
