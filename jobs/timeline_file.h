/* timeline_file.h - a checkpoint's timeline as its directory keeps it, and what is said of it: for
 * `weir checkpoints DIR ID` and whoever asks a server. Blocking. */
#pragma once
#include "base/env.h"
#include "jobs/timeline.h"

#define TIMELINE_SPANS_MOST 256u /* of a path: by feel */
#define TIMELINE_NAME 64

/* The newest timeline of checkpoint id that the job's directory has; false: none. The caller's
 * (timeline_close). What cannot be read is passed over: it is history, and nothing rests on it. */
bool timeline_find(struct timeline *t, struct env *env, const char *dir, uint64_t id);
/* "count/1" */
void timeline_task_name(const struct timeline *t, uint32_t i, char to[TIMELINE_NAME]);
/* What it waited for there, in words. */
void timeline_span_say(const struct timeline *t, const struct span *s, char *to, size_t room);
/* Inside an open JSON object: "timeline", "path" and, where there is a path, "sentence". */
void timeline_json(struct json_out *o, const struct timeline *t);
