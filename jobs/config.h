/* config.h - what jobs inherit under a server: a JSON object with any of the blocks `checkpoint`,
 * `restart` and `limits` of a job file, whose keys stand for those a job does not say; and `allow`,
 * which is no default but what they may touch (allow.h).
 * As strict as a job file, and read once: a job meets only values that were checked. What a job
 * inherits shows in none of its texts: job.json and the manifests hold what was submitted, so
 * another configuration is no other job.
 * Owns its text. Threads: made by one thread, then read only. */
#pragma once
#include "jobs/diag.h"

#define CONFIG_MAX (64u << 10) /* bytes; by feel: all there is to say takes two thousand */

struct config;

/* E_INVALID: the faults stand in ds (diags_init with the same file and text); *c is NULL then.
 * E_LIMIT: over CONFIG_MAX. E_NO_MEMORY. file: as messages name it; text is borrowed during the
 * call and until ds is printed. */
RC config_parse(struct config **c, const char *file, const char *text, size_t len,
		struct diags *ds, struct mem *mem, struct err *e);
void config_close(struct config *c); /* legal on NULL */

/* The block `allow`, checked; NULL: it says nothing. Borrowed. */
const struct json *config_allow(const struct config *c);

/* spec_parse's: what the job does not say stands there as if it did, with its place in the
 * configuration. A key of `restart` that the job's own strategy does not go by is left out.
 * False: no memory. */
bool config_inherit(const struct config *c, struct json_doc *job);
