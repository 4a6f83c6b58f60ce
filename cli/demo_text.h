/* demo_text.h - the text the demo counts: a file, or the files of a folder, held in memory.
 * Why in memory: the counter that loses its counts reads it there, and the demo looks at it to find
 * a pace. Why maybe a copy: a pace is lines a second, so a text of one long line is written anew,
 * the same words in more lines. */
#pragma once
#include "base/env.h"

#define DEMO_TEXT_MAX (64u << 20) /* bytes; by feel: sort has to keep up */
#define DEMO_WORDS_MIN 300        /* fewer cannot be killed in the middle of */
#define DEMO_LINES_MIN 300        /* fewer lines cannot be paced */

struct demo_text {
	struct mem *mem;
	char *path;      /* absolute */
	bool folder;
	uint32_t files;
	char *data;
	size_t len;
	uint64_t lines, words;
	bool copy;       /* its lines cannot be paced, or its path cannot stand in a job file */
};

/* path NULL: the licence texts that are on every Debian machine. */
RC demo_text_open(struct demo_text *t, struct env *env, const char *path, struct err *e);
void demo_text_close(struct demo_text *t); /* legal on the empty value */
/* Writes the same words in lines of a few each to `path`, and counts those lines. */
RC demo_text_copy(struct demo_text *t, struct env *env, const char *path, struct err *e);

/* The next word at or after *at: ASCII white space parts words. False: there is none. */
bool demo_text_word(const char *data, size_t len, size_t *at, const char **word, size_t *word_len);
