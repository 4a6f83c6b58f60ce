/* scenario.h - small jobs with their input and what must come out, made from a seed. */
#pragma once
#include "tests/sim/committed.h"

enum scenario_kind {
	SCENARIO_WORDS,     /* files -> words -> updated counts */
	SCENARIO_UNION,     /* two sources of different speed -> union -> words -> updated counts */
	SCENARIO_WORDS_END, /* files -> words -> counts once, at the end */
	SCENARIO_KEYS,      /* generated integers -> updated counts: state of several slices, chunks */
	SCENARIO_ONE_FILE,  /* SCENARIO_WORDS into one file, which grows */
	SCENARIO_MAP,       /* files of a word a line -> map -> updated counts */
	SCENARIOS,
};
const char *scenario_name(enum scenario_kind k);

#define SCENARIO_FILES 4

struct scenario {
	enum scenario_kind kind;
	struct {
		char path[32];
		char *text;
	} file[SCENARIO_FILES];
	uint32_t n_files;
	uint32_t rows, keys; /* of SCENARIO_KEYS */
	char job[2048];
	struct counts oracle;
};

struct scenario_size {
	uint32_t lines;           /* in all files */
	uint32_t lines_a_second;  /* of one source, about; checkpoints come each 10 ms */
	uint32_t rows;            /* of SCENARIO_KEYS; 0: some thousands */
	bool in_two;              /* SCENARIO_UNION: a file each, `lines` are the fast source's */
	uint32_t slow_lines;
};

void scenario_open(struct scenario *s, enum scenario_kind k, struct rng *r,
		   struct scenario_size size);
/* More keys of its block checkpoint: "\"max_concurrent\":3". */
void scenario_checkpoint(struct scenario *s, const char *keys);
/* Another text in the job's: `from` stands there once. */
void scenario_replace(struct scenario *s, const char *from, const char *to);
/* The mode at_least_once, which has neither invariants nor an audit. */
void scenario_at_least_once(struct scenario *s);
void scenario_close(struct scenario *s);
/* Puts the input on the disk. */
void scenario_files(const struct scenario *s, struct world *w);
/* What holds at any instant, and what holds at the end. */
void scenario_check_now(const struct scenario *s, struct world *w);
void scenario_check_end(const struct scenario *s, struct world *w);
/* The same where each checkpoint was looked at when it came: the last one's records. */
void scenario_check_end_counted(const struct scenario *s, struct world *w, uint64_t counted);
