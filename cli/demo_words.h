/* demo_words.h - words and how often each counter says it saw them: the demo's table of comparison.
 * Also here: how the counters' results are read. Threads: one owner. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"

enum { /* columns */
	DEMO_PLAIN, /* tr | sort | uniq -c */
	DEMO_FRESH, /* (a) weir begun anew after each kill */
	DEMO_LOSSY, /* (b) a counter that remembers its position only */
	DEMO_WEIR,  /* (c) */
	DEMO_COLUMNS,
};

struct demo_word {
	char *text; /* NULL: an empty place; not NUL-terminated */
	size_t len;
	uint64_t n[DEMO_COLUMNS];
	uint64_t last; /* the largest running count that (c) wrote for it */
};

struct demo_words {
	struct mem *mem;
	struct demo_word *at; /* cap places, open addressing; cap is a power of two */
	size_t n, cap;
	bool failed;          /* no memory */
};

void demo_words_init(struct demo_words *w, struct mem *mem);
void demo_words_close(struct demo_words *w); /* legal on the empty value */
/* The word, added if need be; NULL without memory. Borrowed until the next call. */
struct demo_word *demo_words_get(struct demo_words *w, const char *text, size_t len);

/* Lines of "  12 word": what `uniq -c` prints, and the lossy counter too. */
RC demo_words_read_counts(struct demo_words *w, int column, const char *data, size_t len,
			  struct err *e);
/* Rows of word,n in CSV: one a counted word. A row that is not whole counts as the word it
 * begins. */
RC demo_words_read_rows(struct demo_words *w, int column, const char *data, size_t len, bool header,
			struct err *e);

struct demo_verdict {
	uint64_t words, lost, doubled;
	bool broken; /* of (c): a word's rows are not 1..n */
};
struct demo_verdict demo_words_compare(const struct demo_words *w, int column);
/* The n most frequent words by DEMO_PLAIN, then by their bytes; fewer if there are fewer. */
size_t demo_words_top(const struct demo_words *w, const struct demo_word **to, size_t n);
