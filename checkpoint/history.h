/* history.h - history.jsonl: what became of each checkpoint, one JSON object a line.
 * Why: a failed checkpoint leaves no manifest, and people ask. Bounded; never read for recovery;
 * nothing depends on it, so nothing is fsynced and every error here is only reported.
 * Threads: durability lane. */
#pragma once
#include "base/fs.h"

#define HISTORY_MAX (1u << 20) /* bytes; when over, the newest half is kept */

struct history;
/* Goes on with the file that is there. */
RC history_open(struct history **h, struct fs *fs, struct mem *mem, const char *dir, struct err *e);
/* line: without its line feed; none inside. */
RC history_append(struct history *h, const char *line, size_t len, struct err *e);
void history_close(struct history *h); /* legal on NULL */
