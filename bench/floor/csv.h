/* csv.h - updates (word, count) as the lines weir's file_sink writes: "word,n" and then a line an
 * update; words hold no comma, quote or line break in this work (a comma or quote would be quoted:
 * such a word ends the program). Written with write(), 256 KiB at a time. */
#pragma once
#include "split.h"

struct csv {
	int fd;
	uint64_t bytes, records;
	size_t used;
	char *buffer;
};

void csv_open(struct csv *c, const char *path);
void csv_put(struct csv *c, const struct word_batch *b);
void csv_close(struct csv *c); /* writes what is left, fsyncs */
