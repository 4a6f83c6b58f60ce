/* log.h - one line for each checkpoint decision, restart and failure, on standard error.
 * Threads: control thread only. Not here: what the screen shows (cli/). */
#pragma once
#include "base/env.h"

#include <stdio.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

struct log {
	FILE *to;              /* NULL: discards */
	enum log_format format;
	enum log_level least;
	struct clock *clock;
};

void log_line(struct log *l, enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
