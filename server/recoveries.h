/* recoveries.h - each time a job went on from a checkpoint, as its host heard of it: the newest
 * RECOVERIES_KEPT, in memory only. Threads: the loop's. */
#pragma once
#include "base/json.h"

#define RECOVERIES_KEPT 100 /* by feel: some 100 kB of a job that falls all the time */

struct recoveries {
	char *text[RECOVERIES_KEPT]; /* each a JSON object; a ring from n - kept on */
	uint64_t n;                  /* so far */
};

/* body: an object of words.h's recovery_write; cause: of the failure before it, or NULL: not known.
 * It is joined to the others and, as one line with its cause, appended to *line. Without memory it
 * is forgotten. */
void recoveries_add(struct recoveries *rs, const char *body, size_t len, const char *cause,
		    struct mem *mem, struct bytes *line);
/* {"recoveries": [...]}, oldest first. */
void recoveries_write(const struct recoveries *rs, struct json_out *o);
void recoveries_close(struct recoveries *rs, struct mem *mem); /* legal on the empty value */
