/* file_source.h - the inside of file_source, shared by its three files only:
 *   file_source.c        options, plan, the subtask's life
 *   file_source_begin.c  which files, which splits, are they the same still (control thread)
 *   file_source_cut.c    blocks in, batches of lines out */
#pragma once
#include "operators/file_reader.h"
#include "operators/lines.h"
#include "operators/pace.h"
#include "operators/paths.h"
#include "operators/splits.h"
#include "runtime/operator.h"

struct file_source_conf {
	char *path;      /* as the job names it */
	char *base_dir;
	double rate;     /* lines a second, all subtasks together; 0: as fast as it goes */
};

/* file_source_begin.c: op_ops.begin */
RC file_source_begin(const void *conf, struct op_begin *b, struct err *e);

/* A block: [room for what is kept of the block before | READ_BYTES read]. Kept is the unfinished
 * line. */
#ifndef READ_BYTES /* a test compiles all of the source with small numbers */
#define KEEP_BYTES (16u << 10) /* longer lines are copied once more; by feel */
#define READ_BYTES (TEXT_BYTES - KEEP_BYTES)
#define LAST_LINE_BYTES 4096u /* read beyond a split's end at once, for its last line; by feel */
#endif
#define READS 2                      /* double buffering: one is read while one is cut */
#define LINE_LIMIT_MAX (1u << 30)    /* texts are counted in 32 bits */

enum read_state { READ_FREE, READ_OUT, READ_READY };

struct file_source {
	const struct file_source_conf *conf;
	struct splits left;        /* as open() was given them, consumed from the front */
	uint32_t at;               /* the run being cut; n_runs: all is read */
	uint64_t done;             /* bytes of the runs before it, and those read before open() */
	bool failed;

	/* reading ahead */
	struct file_reader reader;
	struct {
		struct file_read read;
		enum read_state state;
		uint32_t run;
		char full[PATH_TEXT_MAX];
	} ahead[READS];            /* a ring: blocks come back in the order they were asked for */
	uint32_t ask, take;
	uint32_t read_run;         /* the run being read */
	bool read_begun;           /* read_off and read_end are set */
	uint64_t read_off, read_end;

	/* cutting: byte i of the text is byte base + i of the file (modulo 2^64) */
	struct text *text;         /* NULL: the first block of the run is awaited */
	struct lines lines;
	uint64_t base;
	uint32_t first;            /* the first byte of the file there is in the text */
	bool skipping;             /* the line before the split's first one, or `left_out` */
	struct {                   /* a line over the limit, on_error: skip */
		bool is;               /* it is being passed over: its end was not found yet */
		uint64_t at, tail;     /* its first byte, and file_tail_hash before it */
	} left_out;
	bool shared;               /* a batch has views into the text */
	struct {                   /* the text before, where TAIL_BYTES reach back into it */
		struct text *text; /* or NULL */
		uint64_t base;
		uint32_t first;
	} before;

	struct pace pace;
};

/* file_source_cut.c */
/* OP_MORE when it emitted a batch. */
enum op_result file_source_produce(void *self, struct op_ctx *ctx);
/* A block came back. */
enum op_result file_source_event(void *self, struct op_ctx *ctx, struct mail *m);
/* The first line that was not emitted yet; only where lines of the run were reached. */
uint64_t file_source_next(const struct file_source *s);
/* What stands before it in its split, as run.tail has it; `next` is in the text or at its end. */
uint64_t file_source_tail(const struct file_source *s, uint64_t next);
