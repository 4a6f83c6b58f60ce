/* committed.h - what a consumer of the job's output has in hand: committed files, read plainly, and
 * compared with what a naive program makes of the input (inv 28).
 * Why apart from the world: nothing here knows how weir works but for the names of files. */
#pragma once
#include "tests/lib/directory.h"
#include "tests/sim/world.h"

struct row {
	char key[32];
	int64_t n;
};

/* Rows of all committed files, sorted by key, then number. */
struct counts {
	struct row *v;
	size_t n, cap;
};
void counts_close(struct counts *r);
void counts_add(struct counts *r, const char *key, size_t len, int64_t n);
void counts_sort(struct counts *r);

/* The oracle: how often each word stands in the text, added to r (one row a word). */
void counts_of_words(struct counts *r, const char *text);
/* Committed rows "word,n" of csv files. Checks header, names, and that nothing is torn. */
void counts_committed(struct counts *r, struct world *w);

/* Committed files never change or vanish: remembered from look to look. */
struct seen_files {
	struct {
		char name[160];
		uint64_t hash;
	} file[2048];
	size_t n;
};
void seen_look(struct seen_files *s, struct world *w);

/* At any instant (inv 29): each key's updates are 1..m, each once, m at most the oracle's. */
void check_chains(struct world *w, const struct counts *oracle);
/* At the end, emit update: m is the oracle's, for every key. */
void check_updates(struct world *w, const struct counts *oracle);
/* At the end of at_least_once, emit update: the last value is never less than the oracle's. Returns
 * by how much it is more, over all keys. */
int64_t check_at_least(struct world *w, const struct counts *oracle);
/* How many rows are committed. */
uint64_t count_rows(struct world *w);
/* At the end, emit end: the same multiset. */
void check_exact(struct world *w, const struct counts *oracle);

struct manifest;
/* A checkpoint counted the same records at both ends of each edge (inv 4; in at_least_once no fewer
 * where they arrive), and no fewer than its parent (NULL: it has none). */
void check_manifest(struct world *w, const struct manifest *m, const struct manifest *parent);
/* Every checkpoint there is counted the same records at both ends of each edge (inv 4; in
 * at_least_once no fewer where they arrive), and no fewer than the one it goes on from. How many
 * this stage has received in the newest. */
uint64_t check_counts(struct world *w, const char *stage);

/* Whatever a crash left: no checkpoint stands without a file that it names, retired ones too: its
 * end was durable before they went (inv 13). */
void check_named(struct world *w);
/* The directory's checker over this world; what it finds fails the test. */
void world_directory(struct world *w, struct directory *d);
/* All that is named is there and whole, and nothing else is, after a checkpoint and its sweep
 * (inv 1-3, 12, 14). */
void check_directory(struct world *w);
