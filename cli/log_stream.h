/* log_stream.h - a stream whose lines become entries of a log: what is written for people (a
 * recovery report, a fault of a job file) where a program reads.
 * Threads: control thread. */
#pragma once
#include "base/log.h"

#define LOG_STREAM_MAX LOG_SHORT_MAX /* bytes of one entry's text */

struct log_stream {
	struct log *log;
	char held[LOG_STREAM_MAX + 1]; /* a line without its end yet */
	size_t n;
};

/* s and log are borrowed as long as the stream is open. All lines of one fputs are one entry, of
 * level info, as far as they fit. NULL: no memory. */
FILE *log_stream_open(struct log_stream *s, struct log *log);
