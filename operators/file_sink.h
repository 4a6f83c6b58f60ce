/* file_sink.h - the inside of file_sink, shared by its files only:
 *   file_sink.c         records in, pieces sealed and prepared
 *   file_sink_plan.c    options and plan
 *   file_sink_begin.c   whether the folder may be used; what a crash left in it (control thread)
 *   file_sink_later.c   what is committed and later than a checkpoint (control thread)
 *   file_sink_single.c  one file that only ever grows: how far it is written, as state
 *   file_sink_names.c   names of pending and final files
 * What one subtask writes between two barriers is a piece, or several with `roll`: sink_piece.h. */
#pragma once
#include "operators/paths.h"
#include "operators/row_text.h"
#include "operators/sink_piece.h"
#include "runtime/operator.h"

struct file_sink_conf {
	char *path;    /* the folder (single: the file), joined with the job file's */
	char *folder;  /* where pending files lie below: path; single: the folder of path */
	char *shown;   /* path as the job names it, for messages */
	bool single;
	uint64_t roll_bytes; /* a piece that has so many is closed; 0: never */
	const struct row_format *format;
	struct row_names names;
	struct bytes header; /* stands at the beginning of each file; may be empty */
};

#define PENDING_DIR ".weir-pending"
#define BUFFERS 2
#ifndef BUFFER_BYTES /* a test compiles all of the sink with small numbers */
#define BUFFER_BYTES (1u << 20)
#endif

/* op_ops.later */
RC file_sink_later(const void *conf, struct op_begin *b, struct err *e);
/* op_ops.left */
RC file_sink_left(struct op_begin *b, const char *dir, struct err *e);
/* op_ops.begin */
RC file_sink_begin(const void *conf, struct op_begin *b, struct err *e);

/* Names are the caller's (ctx->mem); NULL: no memory. `number` counts up within the attempt; `part`
 * within the interval. */
char *file_sink_pending_dir(const struct file_sink_conf *c, const struct op_ctx *ctx);
char *file_sink_pending(const struct file_sink_conf *c, const struct op_ctx *ctx, uint64_t number);
char *file_sink_final(const struct file_sink_conf *c, const struct op_ctx *ctx, uint64_t checkpoint,
		      uint32_t part);
/* A pending file's name from the folder PENDING_DIR on, "/" included: what does not change when the
 * job is moved. */
const char *file_sink_pending_tail(const char *path);

/* The state of a single file: where its next piece goes (docs/FORMAT.md). */
void single_state_put(struct bytes *to, const struct file_sink_conf *c, uint64_t next);
/* *next is 0, and *ours false, where the state is another file's or empty. E_CORRUPT. */
RC single_state_get(const struct file_sink_conf *c, const void *state, size_t len, uint64_t *next,
		    bool *ours, struct err *e);
/* Before the fence: is the file as weir left it? Fills b->fresh. dir: of its pending files. */
RC single_begin(const struct file_sink_conf *c, struct op_begin *b, const char *dir, struct err *e);

/* file_sink_plan.c */
extern const struct opt_def file_sink_opts[];
bool file_sink_plan(struct op_plan *p);
void file_sink_conf_close(void *conf, struct mem *mem);
