/* keyed_sum.h - inside keyed_sum: what it was told and what it holds.
 * The sums of each record: keyed_sum.c. Those of the end: keyed_sum_end.c. */
#pragma once
#include "operators/ended.h"
#include "operators/stage_expr.h"

#include "runtime/keys.h"

struct keyed_sum_conf {
	struct stage_expr value;
	uint32_t n_kept;
	uint32_t kept[FIELDS_MAX];
	bool at_end;
	char *name; /* where records of the end come from: "the sums of 'count'" */
};

struct keyed_sum {
	const struct keyed_sum_conf *conf;
	struct expr *value;
	struct keys keys;
	struct ended ended;
	uint64_t hash_first, hash_last; /* its own keys' */
	struct keyed_iter at;           /* how far end() has come */
	uint64_t emitted;
	union {
		void *place[BATCH_ROWS];
		struct keyed_entry entry[BATCH_ROWS]; /* end() */
	};
};

/* What op_ops.end is: records for keys, a batch a call. Called again after OP_DONE it says OP_DONE
 * again: everything of its own is covered then. */
enum op_result keyed_sum_end(void *self, struct op_ctx *ctx);
