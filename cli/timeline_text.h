/* timeline_text.h - a checkpoint's timeline for people: a bar a subtask, and whom it waited for. */
#pragma once
#include "base/env.h"
#include "cli/paint.h"
#include "jobs/timeline.h"

/* The newest timeline of checkpoint id that the job's directory has; false: none. The caller's
 * (timeline_close). What cannot be read is passed over: it is history, and nothing rests on it. */
bool timeline_find(struct timeline *t, struct env *env, const char *dir, uint64_t id);
/* columns: of the whole, at least 60. */
void timeline_print(const struct paint *p, const struct timeline *t, unsigned columns);
/* The same facts inside an open JSON object: "timeline" and "path". */
void timeline_json(struct json_out *o, const struct timeline *t);
