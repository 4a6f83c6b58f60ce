/* stale.h - which files of a published manifest hold so little that still counts that their rest is
 * worth writing again.
 * Why: a part file holds sections of all subtasks, and stays while one of them is named. A subtask
 * whose runs are few would so keep the large, dead sections of its neighbours on disk (DESIGN 6: "a
 * file of which less than half is still named is rewritten by the next merge"; the disk's bound
 * needs it). Pure: a manifest in, a choice out. Threads: one owner. */
#pragma once
#include "checkpoint/manifest.h"

/* Smaller files are left alone: they cost less than a merge's file does. */
#define STALE_BYTES_LEAST (64u << 10)
/* Dead bytes that one chain may keep beside half of what is named, before a merge begins for their
 * sake alone: by feel, far below the 4 MiB that the disk's bound allows. */
#define STALE_BYTES_KEPT (1u << 20)

struct stale {
	const struct manifest *m;
	uint64_t *named;  /* a file: bytes of its sections that m names */
	uint64_t all;     /* their sum */
};

/* False: no memory; then nothing is stale. */
bool stale_open(struct stale *s, const struct manifest *m, struct mem *mem);
void stale_close(struct stale *s, struct mem *mem); /* legal on the zeroed one */

bool stale_file(const struct stale *s, uint32_t file);

/* wanted: a merge of the runs [*first, *first + *count) of the n links of k is to begin anyway.
 * Widens it downwards so that no stale file is left below; or, where none was wanted, begins one
 * when the dead bytes that these links keep are too many. Always up to the newest. */
bool stale_widen(const struct stale *s, const struct manifest_keyed *k, const uint32_t *link,
		 uint32_t n, bool wanted, uint32_t *first, uint32_t *count);
