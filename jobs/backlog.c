/* backlog.c - see backlog.h. */
#include "jobs/backlog.h"

#include <string.h>

/* Whether m names it. Both lists are mostly alike: looks from *at on, where the last one stood. */
static bool names(const struct manifest *m, const char *name, uint32_t *at)
{
	for (uint32_t n = 0; n < m->n_files; n++) {
		uint32_t i = (*at + n) % m->n_files;
		if (strcmp(m->file[i].name, name))
			continue;
		*at = i + 1;
		return true;
	}
	return false;
}

void backlog_published(struct backlog *b, const struct manifest *before,
		       const struct manifest *now)
{
	uint32_t at = 0;
	b->state_bytes = 0;
	for (uint32_t i = 0; i < now->n_files; i++)
		b->state_bytes += now->file[i].length;
	for (uint32_t i = 0; before && i < before->n_files; i++)
		if (!names(now, before->file[i].name, &at))
			b->made.bytes += before->file[i].length;
}

void backlog_swept(struct backlog *b, bool more, uint64_t freed_bytes)
{
	uint64_t left = b->made.bytes - b->gone.bytes;
	b->gone.commits = b->covered.commits;
	b->gone.bytes += freed_bytes < left ? freed_bytes : left; /* files of before are among it */
	if (!more && b->gone.bytes < b->covered.bytes)
		b->gone.bytes = b->covered.bytes;
}

bool backlog_waits(const struct backlog *b, bool budget)
{
	uint64_t n = b->made.commits - b->gone.commits, bytes = b->made.bytes - b->gone.bytes;
	uint64_t most = BACKLOG_STATES * b->state_bytes;
	if (most < BACKLOG_LEAST_BYTES)
		most = BACKLOG_LEAST_BYTES;
	return n > (budget ? BACKLOG_MOST : BACKLOG_FEW) || bytes > most;
}
