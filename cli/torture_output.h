/* torture_output.h - what a run put out, read back record by record.
 * Why records and not bytes: how output is cut into files says nothing (inv 28). A record is a
 * line, and where csv quotes a line break, more than one.
 * Threads: one owner. */
#pragma once
#include "base/fs.h"

/* Files in the order they were committed in. */
struct torture_output {
	char **path;
	size_t n;
	struct mem *mem;
};

struct torture_format {
	bool quotes;    /* csv: a line break between quotes ends no record */
	bool header;    /* the first record of each file is none */
	bool torn_tail; /* what stands behind the last line end is left out; else it is an error */
};

struct torture_place { /* of a record */
	uint32_t file, len;
	uint64_t off;
};

/* What path holds: with `single` that file, else the files in that folder, those aside whose names
 * begin with a dot. What is not there is empty. */
RC torture_output_list(struct torture_output *o, struct fs *fs, const char *path, bool single,
		       struct err *e);
void torture_output_close(struct torture_output *o); /* legal on the empty value */

typedef void torture_record_fn(void *arg, const char *record, size_t len,
			       const struct torture_place *at);
/* Each record, without its line end; borrowed during the call. E_CORRUPT: the last one is cut
 * off. */
RC torture_output_each(const struct torture_output *o, struct fs *fs,
		       const struct torture_format *f, torture_record_fn *fn, void *arg,
		       struct err *e);
/* The beginning of a record that was seen before, at most size - 1 bytes, NUL-terminated. */
void torture_output_again(const struct torture_output *o, struct fs *fs,
			  const struct torture_place *at, char *to, size_t size);
