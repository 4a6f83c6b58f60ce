/* torture_compare.h - is what a tortured run put out what an undisturbed one did (inv 28)?
 * Sums of hashes say whether; only when they differ is looked for what, in as many passes as keep
 * the table small. Threads: one owner. */
#pragma once
#include "cli/torture_output.h"

enum torture_judge {
	JUDGE_RECORDS,  /* the same records, as often each */
	JUDGE_CHAINS,   /* running sums: of each key as many records, the same steps, the same end */
	JUDGE_LAST,     /* of each key the same last value */
	JUDGE_AT_LEAST, /* the same records, each as often or more: a print_sink */
	JUDGE_COUNT,    /* as many records */
	JUDGE_CHECKSUM, /* a blackhole_sink's own checksum of all records */
	JUDGE_NOTHING,
};

struct torture_sink {
	enum torture_judge judge;
	struct torture_format format;
	char separator; /* CHAINS, LAST: between the key and its value: the last ',' or ':' */
	bool real;      /* the value is a floating-point number, whose last digits do not count */
};

#define DIFFERENCES 8 /* that are told; by feel */

struct torture_difference {
	int64_t by;      /* so many records more than there should be; negative: fewer */
	char record[160];
	char says[120];  /* of a key: what is wrong with it; else "" */
};

struct torture_comparison {
	uint64_t records; /* of the undisturbed run */
	uint64_t differing; /* records, or keys; 0: equal */
	uint64_t told;
	struct torture_difference first[DIFFERENCES];
};

/* Errors are those of reading: nothing can be said then. */
RC torture_compare(struct torture_comparison *c, struct fs *fs, const struct torture_sink *s,
		   const struct torture_output *right, const struct torture_output *other,
		   struct err *e);
