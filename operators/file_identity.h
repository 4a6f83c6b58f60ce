/* file_identity.h - how a file source knows that a file is still the one it has counted lines of.
 * A file may grow behind its bound; any other change is an error that says where (DESIGN 8). What
 * is looked at: the kind, the length, the first 4 KiB, and the last 64 KiB before `next` within its
 * split. Owns nothing. Threads: any, one at a time. */
#pragma once
#include "base/fs.h"

#ifndef HEAD_BYTES /* a test compiles all of the source with small numbers */
#define HEAD_BYTES 4096u
#define TAIL_BYTES (64u << 10)
#endif

/* The hash of the first min(HEAD_BYTES, bound) bytes. name stands in messages. */
RC file_head_hash(struct fs *fs, int fd, const char *name, uint64_t bound, uint64_t *hash,
		  struct err *e);

/* Where the bytes that file_tail_hash covers begin: they end before next. */
static inline uint64_t file_tail_begin(uint64_t split_start, uint64_t next)
{
	return next - split_start > TAIL_BYTES ? next - TAIL_BYTES : split_start;
}
/* Of these bytes: at most TAIL_BYTES, at least one. */
uint64_t file_tail_hash(const void *data, size_t len);
/* The same where they stand in two places. */
uint64_t file_tail_hash_two(const void *a, size_t len_a, const void *b, size_t len_b);

/* That an open file is a regular one of at least bound bytes. counted: bytes before it are already
 * counted; 0: none. E_INVALID, E_CHANGED. */
RC file_is_whole(struct fs *fs, int fd, const char *name, uint64_t bound, uint64_t counted,
		 struct err *e);

/* "words.txt changed before byte 81,402, which is already counted" */
enum rc file_changed(struct err *e, const char *name, uint64_t counted);

/* 81402 -> "81,402" */
#define COMMAS_TEXT 28
const char *number_text(uint64_t n, char to[COMMAS_TEXT]);
