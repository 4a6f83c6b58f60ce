/* inspect_check.h - is every byte of a checkpoint what was written, and does it say what the
 * manifest says? Trusts nothing and goes on after a fault: all of them are told, each with its
 * place.
 *
 *   each file        is there, its length, the hash over all of it, header and end mark
 *   each section     its record is the one the manifest names; its header is of this stage
 *   each block       its checksum; that it unpacks; that its rows ascend, within their range
 *   each chain       full runs lie at the bottom; the rows, merged, are as many keys as it says
 *
 * Constant memory, but for what is remembered of files seen (check_seen). Blocking. Threads: one
 * owner. */
#pragma once
#include "runtime/inspect.h"

enum fault_kind {
	FAULT_MISSING,    /* a file that is named is not there */
	FAULT_CORRUPT,    /* it is not what was written, or cannot be */
	FAULT_UNREADABLE, /* reading failed: no verdict (inv 15) */
	FAULT_VERSION,    /* of a later version: no verdict */
};
struct inspect_fault {
	enum fault_kind kind;
	const char *file; /* below the job's directory: "parts/..." */
	const char *what;
};
typedef void inspect_on_fault(void *arg, const struct inspect_fault *f);

/* Files and sections that were checked already, as 64-bit hashes of what is said of them: many
 * checkpoints name the same. Zeroed, then check_seen_init. */
struct check_seen {
	struct mem *mem;
	uint64_t *set; /* open addressing; 0: free */
	size_t n, cap;
};
void check_seen_init(struct check_seen *s, struct mem *mem);
void check_seen_close(struct check_seen *s); /* legal on the empty value */

struct inspect_checked {
	uint64_t bytes, rows;   /* read; of runs */
	uint32_t files, sections, blocks;
	uint32_t faults;        /* of its own, those told before of another checkpoint included */
	bool counted;           /* its keys were counted, and are `keys` */
	uint64_t keys;
	bool retired;           /* meanwhile: what was found says nothing */
};
/* count: merge all runs and count the keys: reads everything once more. An error only without
 * memory; everything else is told as a fault. */
RC inspect_check(struct inspect *i, struct check_seen *seen, bool count, inspect_on_fault *on,
		 void *arg, struct inspect_checked *out, struct err *e);
