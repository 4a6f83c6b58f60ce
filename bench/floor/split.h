/* split.h - files of text, read with read() and split into batches of words: the source of w1.
 * Text is read 64 KiB at a time when the last is used up: the thread that splits is the one that
 * reads. A word that the end of a read cuts is kept and stands before the next. */
#pragma once
#include "words.h"

#define CHUNK 65536u
#define ARENA (LONGEST + 4096u)

/* A source fills BATCH of it; behind an exchange there may be twice as many. */
struct word_batch {
	uint32_t n;
	bool last;
	_Alignas(64) struct word word[2 * BATCH];
	uint64_t count[2 * BATCH]; /* made beside the words by who counts them */
	uint32_t arena_used;	   /* of the long words */
	_Alignas(8) char arena[ARENA];
};

struct splitter {
	const struct options *o;
	int file, step; /* the next of o->files, and how far it is to the one after */
	int fd;	  /* -1: none is open */
	uint64_t bytes;
	char *buffer; /* room for a kept word, a chunk and what is read too far */
	char *text;
	uint32_t len, at; /* of text: how much there is, how much has been searched */
	uint32_t kept;	  /* bytes behind len that go with the next chunk */
	uint32_t next;	  /* of borders */
	struct borders borders;
};

/* Of the files first, first + step, ... */
void splitter_open(struct splitter *s, const struct options *o, int first, int step);
/* A long word; false: the batch has no room for its text. */
bool batch_put_long(struct word_batch *b, const char *text, uint32_t len);
/* The next words into b, as many as it takes; b->last: there are no more behind them. */
void splitter_fill(struct splitter *s, struct word_batch *b);
