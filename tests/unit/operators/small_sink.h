/* small_sink.h - the file sink compiled once more with buffers of a few bytes, so that a handful of
 * records fills them, writes take several steps and a piece is synced in the middle.
 * Included by one file of a test program only. */
#pragma once
#define BUFFER_BYTES 64u
#define SINK_SYNC_BYTES 300u
#define SINK_WRITE_BYTES 40u
#define ROLL_BYTES_MIN 100

#define piece_open small_piece_open
#define piece_close small_piece_close
#define piece_write_init small_piece_write_init
#define file_sink_ops small_file_sink_ops
#define file_sink_opts small_file_sink_opts
#define file_sink_plan small_file_sink_plan
#define file_sink_conf_close small_file_sink_conf_close

#include "operators/sink_piece.c"

#include "operators/file_sink_plan.c"

#include "operators/file_sink.c"
