/* small_source.h - the whole file source compiled once more, with splits, blocks and tails of a few
 * bytes, so that a text of a hundred bytes has every border there is; and with op_emit as the
 * test's. Included by one file of a test program only. */
#pragma once
#define SPLIT_BYTES_MIN 24ull
#define HEAD_BYTES 8u
#define TAIL_BYTES 12u
#define KEEP_BYTES 6u
#define READ_BYTES 20u
#define LAST_LINE_BYTES 5u

#define op_emit op_driver_emit
#define split_count small_split_count
#define split_start small_split_start
#define split_at small_split_at
#define splits_init small_splits_init
#define splits_close small_splits_close
#define splits_set_pattern small_splits_set_pattern
#define splits_add_file small_splits_add_file
#define splits_add_run small_splits_add_run
#define splits_settle small_splits_settle
#define splits_left small_splits_left
#define splits_assign small_splits_assign
#define splits_encode small_splits_encode
#define splits_decode small_splits_decode
#define number_text small_number_text
#define file_changed small_file_changed
#define file_head_hash small_file_head_hash
#define file_tail_hash small_file_tail_hash
#define file_tail_hash_two small_file_tail_hash_two
#define file_is_whole small_file_is_whole
#define file_reader_init small_file_reader_init
#define file_reader_close small_file_reader_close
#define file_read_init small_file_read_init
#define path_is_glob small_path_is_glob
#define files_list small_files_list
#define file_source_begin small_file_source_begin
#define file_source_produce small_file_source_produce
#define file_source_event small_file_source_event
#define file_source_next small_file_source_next
#define file_source_tail small_file_source_tail
#define file_source_ops small_file_source_ops

#include "operators/splits.c"

#include "operators/file_identity.c"
#include "operators/file_reader.c"

#include "operators/file_listing.c"
#include "operators/file_source_begin.c"
#include "operators/file_source_cut.c"

#include "operators/file_source.c"
