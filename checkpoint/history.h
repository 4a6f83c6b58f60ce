/* history.h - history.jsonl: what became of each checkpoint, one JSON object a line; spans.jsonl:
 * when what happened to it (jobs/timeline.h).
 * Why: a failed checkpoint leaves no manifest, and people ask. Bounded; never read for recovery;
 * nothing depends on it, so nothing is fsynced and every error here is only reported.
 * Threads: durability lane. */
#pragma once
#include "base/fs.h"

#define HISTORY_MAX (1u << 20) /* bytes; when over, the newest half is kept */

#define HISTORY_NAME "history.jsonl"
#define SPANS_NAME "spans.jsonl"

struct history;
/* The file `name` there; opened with the first line, so that a start pays nothing for it. */
RC history_open(struct history **h, struct fs *fs, struct mem *mem, const char *dir,
		const char *name, struct err *e);
/* line: without its line feed; none inside. */
RC history_append(struct history *h, const char *line, size_t len, struct err *e);
void history_close(struct history *h); /* legal on NULL */
