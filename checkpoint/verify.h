/* verify.h - is everything there that a manifest names, and is it what was written?
 * Why: all is verified before any state is touched (inv 3), and `weir checkpoints` says which
 * checkpoints are intact. Reads only. Memory: one 256 KiB buffer. */
#pragma once
#include "checkpoint/manifest.h"

enum verify_depth {
	VERIFY_LENGTHS, /* every file is there and has its length */
	VERIFY_HASHES,  /* and its whole-file hash: every byte */
};
enum verify_verdict { VERIFY_INTACT, VERIFY_MISSING, VERIFY_CORRUPT };

struct verify_result {
	enum verify_verdict verdict;
	char file[LAYOUT_NAME_MAX + 1]; /* the first that is not as it should be */
	uint64_t bytes;                 /* read */
	uint32_t files, sections;       /* that were looked at */
};
/* Files that were found intact: of many checkpoints that share files each is read once. Zeroed:
 * none yet. For one depth. Owner: the caller, who closes it. */
struct verify_memo {
	struct part_file *file; /* ascending by name */
	size_t n, cap;
	uint8_t *buf; /* to read through; allocated once */
};
void verify_memo_close(struct verify_memo *memo, struct mem *mem);

/* OK with a verdict; an error only when reading failed (which is no verdict, inv 15). A caller that
 * is not the owner believes a bad verdict only if the slot is still there and the top unchanged. */
RC verify_manifest(struct storage parts, struct mem *mem, const struct manifest *m,
		   enum verify_depth depth, struct verify_result *r, struct err *e);
/* The same; what memo has is not read again, nor counted in r->bytes. */
RC verify_manifest_once(struct storage parts, struct mem *mem, const struct manifest *m,
			enum verify_depth depth, struct verify_memo *memo, struct verify_result *r,
			struct err *e);
