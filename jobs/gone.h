/* gone.h - what a sweep took away, or would: a list for people and programs, as JSON.
 *   {"dry_run": false, "files": 3, "bytes": 41220, "removed": [{"path", "bytes", "why"}, ...]}
 * Bounded: files and bytes count all, removed holds the first of them.
 * Threads: one at a time. */
#pragma once
#include "base/bytes.h"

#define GONE_SHOWN_MAX 100 /* of a running job, which keeps its answers: some 15 KiB */

struct gone {
	struct bytes list; /* the elements of removed */
	uint64_t files, bytes;
	uint32_t most;     /* elements of removed; 0: all */
};
void gone_open(struct gone *g, struct mem *mem, uint32_t most);
void gone_hear(void *gone, const char *path, uint64_t size_bytes, const char *why); /* sweep_ear */
/* Appends the text. Without memory for all of it: to is not bytes_ok. */
void gone_write(struct gone *g, bool dry_run, struct bytes *to);
void gone_close(struct gone *g); /* legal on the empty value */
