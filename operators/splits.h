/* splits.h - what a file source still has to read: enumerated once, kept in state, moved by a
 * rescale.
 *
 *   file "a.txt", bound 9 MiB:  |--0--|--1--|--2--|--3--|--4--|--5--|--6--|--7--|--8--|
 *   a run {first 2, end 9, next}:           |..next...................................|
 *
 * A file is cut into min(max_parallelism, bound / 1 MiB) splits, at least one, whatever the
 * parallelism: a pure function of the two numbers, so the cut is never stored. What one subtask
 * still has to read of a file, in order, is a run of neighbouring splits; of its first split, the
 * lines before `next` are already counted. A line belongs to the split that holds its first byte.
 * Finished splits leave the state; a file nobody has begun is one run. Assignment is a pure
 * function of the remaining splits and the parallelism.
 *
 * Pure: no file is touched here. The layout of a state is in docs/FORMAT.md, "Source splits".
 * Owns: its paths and arrays, through mem. Threads: one owner. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"

#ifndef SPLIT_BYTES_MIN /* a test compiles all of the source with small numbers */
#define SPLIT_BYTES_MIN (1ull << 20)
#endif
#define SPLITS_VERSION 2 /* 1, without `total`, is read too */

uint32_t split_count(uint64_t bound, uint32_t max_parallelism);
/* The first byte of split k of n; k == n: bound. */
uint64_t split_start(uint64_t bound, uint32_t n, uint32_t k);
/* The split that holds this byte; offset < bound. */
uint32_t split_at(uint64_t bound, uint32_t n, uint64_t offset);

struct split_file {
	char *path;       /* as the job names it: relative ones are relative to the job file */
	uint64_t bound;   /* its size when the job began: nothing behind it is read */
	uint32_t splits;  /* split_count */
	bool has_head;    /* false: nobody has opened it yet */
	uint64_t head;    /* file_head_hash */
};

struct split_run {
	uint32_t file;        /* in splits.file */
	uint32_t first, end;  /* splits [first, end) of it */
	uint64_t next;        /* 0: not begun; else the first line not counted, inside split `first` */
	uint64_t tail;        /* file_tail_hash before next; only with next */
};

struct splits {
	struct mem *mem;
	char *pattern;            /* option `path` as it was when the job began */
	uint32_t max_parallelism;
	uint32_t sharers;         /* subtasks that had something to read when it was assigned */
	uint64_t total;           /* bytes there were when the job began, those of finished splits
	                           * too: splits_left() of them are not counted yet */
	struct split_file *file;
	uint32_t n_files, files_cap;
	struct split_run *run;    /* after splits_settle: by path, then place */
	uint32_t n_runs, runs_cap;
};

void splits_init(struct splits *s, struct mem *mem, uint32_t max_parallelism);
void splits_close(struct splits *s); /* legal on the empty value */

RC splits_set_pattern(struct splits *s, const char *pattern, struct err *e);
/* Adds a file (path is copied); *index is its number. */
RC splits_add_file(struct splits *s, const char *path, uint64_t bound, uint32_t *index,
		   struct err *e);
RC splits_add_run(struct splits *s, const struct split_run *r, struct err *e);

/* Sorts by path and place, makes one file of those with the same path, joins neighbouring runs.
 * E_CORRUPT when two disagree or overlap. */
RC splits_settle(struct splits *s, struct err *e);

/* Bytes not counted yet. */
uint64_t splits_left(const struct splits *s);
static inline uint64_t run_begin(const struct splits *s, const struct split_run *r)
{
	const struct split_file *f = &s->file[r->file];
	return r->next ? r->next : split_start(f->bound, f->splits, r->first);
}
static inline uint64_t run_end(const struct splits *s, const struct split_run *r)
{
	const struct split_file *f = &s->file[r->file];
	return split_start(f->bound, f->splits, r->end);
}

/* What subtask i of n reads, appended to the empty *to: neighbouring splits of about 1/n of the
 * bytes. What was read before counts as the first one's. s is settled. */
RC splits_assign(const struct splits *s, uint32_t subtask, uint32_t parallelism, struct splits *to,
		 struct err *e);

/* The state of one subtask: runs [from, n_runs), the files they name, and nothing else. Look at
 * bytes_ok(). */
void splits_encode(const struct splits *s, uint32_t from, struct bytes *to);
/* Adds what a state holds to *to (which may hold others' already). E_CORRUPT, E_NO_MEMORY. */
RC splits_decode(struct splits *to, const void *state, size_t len, struct err *e);
