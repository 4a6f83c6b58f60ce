/* tail.h - the newest lines of print_sinks, kept for a moment for who reads them elsewhere:
 * bounded, and what does not fit is counted instead. Never holds a job back.
 * Not here: standard output, where the text goes all the same (jobs/out.h).
 * Owns its texts. Threads: one owner. */
#pragma once
#include "base/json.h"

#define TAIL_SINKS_MAX 16        /* of one job; what others write is passed over: by feel */
#define TAIL_BYTES (32u << 10)   /* of one sink between two looks: 320 kB/s at ten a second */
#define TAIL_STAGE_MAX 64        /* SPEC_NAME_MAX */

struct tail_sink {
	char stage[TAIL_STAGE_MAX + 1];
	struct bytes text;       /* whole lines, and perhaps the beginning of one */
	uint64_t dropped;        /* lines */
	bool in_dropped;         /* the rest of one that was dropped follows */
};
struct tail {
	struct mem *mem;
	struct tail_sink sink[TAIL_SINKS_MAX];
	uint32_t n;
};

void tail_open(struct tail *t, struct mem *mem);
void tail_put(struct tail *t, const char *stage, const void *text, size_t len);
/* {"stage", "lines": [...], "dropped": n} of the next sink that has any, which it then has no more;
 * false: none has. */
bool tail_take(struct tail *t, struct bytes *to);
void tail_close(struct tail *t); /* legal on the empty value */
