/* file_sink.h - the inside of file_sink, shared by its files only:
 *   file_sink.c        options, plan, records in, pieces sealed and prepared
 *   file_sink_begin.c  whether the folder may be used; what a crash left in it (control thread)
 * The file of one interval is a piece: sink_piece.h. */
#pragma once
#include "operators/paths.h"
#include "operators/row_text.h"
#include "operators/sink_piece.h"
#include "runtime/operator.h"

struct file_sink_conf {
	char *path;    /* the folder, joined with the job file's */
	char *shown;   /* as the job names it, for messages */
	const struct row_format *format;
	struct row_names names;
	struct bytes header; /* stands at the beginning of each file; may be empty */
};

#define PENDING_DIR ".weir-pending"

/* op_ops.begin */
RC file_sink_begin(const void *conf, struct op_begin *b, struct err *e);
