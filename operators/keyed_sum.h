/* keyed_sum.h - inside keyed_sum: what it was told and what it holds.
 * The sums of each record: keyed_sum.c. Those of the end: keyed_sum_end.c. Those of now and then:
 * keyed_sum_every.c. */
#pragma once
#include "operators/ended.h"
#include "operators/stage_expr.h"

#include "runtime/keys.h"

struct keyed_sum_conf {
	struct stage_expr value;
	uint32_t n_kept;
	uint32_t kept[FIELDS_MAX];
	bool at_end;
	uint64_t every_us; /* 0: not now and then */
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
	struct keyed *pending;          /* every: what changed and is owed; else NULL */
	struct keyed_iter pending_at;   /* how far it was emitted */
	union {
		void *place[BATCH_ROWS];
		struct keyed_entry entry[BATCH_ROWS]; /* what is emitted as a whole */
	};
};

/* Up to most of a table's next entries into s->entry; 0: there are no more. */
uint32_t keyed_sum_take(struct keyed_sum *s, const struct keyed *from, struct keyed_iter *at,
			uint32_t most);
/* Sends s->entry[0..n-1] as a batch: OP_MORE, or OP_FAILED. */
enum op_result keyed_sum_emit(struct keyed_sum *s, struct op_ctx *ctx, uint32_t n);

/* keyed_sum_every.c */
RC every_open(struct keyed_sum *s, struct op_ctx *ctx, struct err *e);
/* The sums of out's rows, whose keys are b's, are owed from now on. */
enum op_result every_note(struct keyed_sum *s, struct op_ctx *ctx, const struct batch *b,
			  const struct batch *out);
/* A batch of what is owed; OP_DONE: nothing is. */
enum op_result every_flush(struct keyed_sum *s, struct op_ctx *ctx);
enum op_result keyed_sum_tick(void *self, struct op_ctx *ctx);
enum op_result keyed_sum_prepare(void *self, struct op_ctx *ctx, const struct barrier *b);

/* What op_ops.end is: records for keys, a batch a call. Called again after OP_DONE it says OP_DONE
 * again: everything of its own is covered then. */
enum op_result keyed_sum_end(void *self, struct op_ctx *ctx);
