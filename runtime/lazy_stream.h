/* lazy_stream.h - the runs of a state, open all the time a lazy restore lasts, and the merged rows
 * of any range of hashes out of them. Shared by lazy_restore.c only.
 * Why two streams over one set of files: one goes through everything once, in order, at the price
 * of an eager restore; the other fetches what cannot wait.
 * Threads: opening anywhere; afterwards the bytes lane only. */
#pragma once
#include "checkpoint/manifest.h"
#include "state/merge.h"

/* A run, as far as it is the subtask's. */
struct lazy_run {
	struct section_reader *section;
	uint64_t lo, hi;
};

struct lazy_runs {
	struct mem *mem;
	struct part_reader **part; /* by the manifest's number of the file; NULL: not needed */
	uint32_t n_parts;
	struct lazy_run *run;      /* bottom to top, as in the manifest */
	uint32_t n;
	uint64_t blocks;           /* of all sections that are open */
};

/* Opens every run of s that touches [lo, hi]: each file's header and end mark, each section's
 * header and index are verified; no block is read. m is not needed afterwards, s is. E_CORRUPT. */
RC lazy_runs_open(struct lazy_runs *r, struct fs *fs, struct mem *mem, const char *parts_dir,
		  const struct manifest *m, const struct manifest_keyed *s, uint64_t lo, uint64_t hi,
		  struct err *e);
void lazy_runs_close(struct lazy_runs *r); /* legal on the zeroed one, and twice */

struct lazy_input; /* one run of the strip that is being merged */

struct lazy_stream {
	struct lazy_runs *runs;
	const struct manifest_keyed *s;
	const struct keyed_shape *shape;
	struct lazy_input *input; /* as many as there are runs */
	struct merge *merge;
	uint32_t n;              /* of input, in this strip */
	uint64_t next, strip_last, last; /* hashes: the next strip's first; ends, inclusive */
	bool open, ended;
	struct merge_span span;  /* rows that nobody has taken yet */
	uint64_t rows_read, bytes_read;
};

enum lazy_did {
	LAZY_MORE, /* something was read: call again */
	LAZY_ROWS, /* span has rows; the next call drops them */
	LAZY_END,
};

/* Borrows all of it. */
RC lazy_stream_open(struct lazy_stream *st, struct lazy_runs *runs, const struct manifest_keyed *s,
		    const struct keyed_shape *shape, struct err *e);
void lazy_stream_close(struct lazy_stream *st); /* legal on the zeroed one, and twice */
/* From now on the rows of hashes [lo, hi], deletions dropped. */
void lazy_stream_seek(struct lazy_stream *st, uint64_t lo, uint64_t hi);
/* At most one block is read. E_CORRUPT names file and place. */
RC lazy_stream_step(struct lazy_stream *st, enum lazy_did *did, struct err *e);
