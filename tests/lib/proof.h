/* proof.h - how much of an enumeration this run does, and the line it prints of it.
 *
 * `make test` does a sample of each, drawn by a seed that is printed; `make proof` (WEIR_PROOF=all)
 * does all, but of the few that have no near end a stated number, drawn by the same seed:
 * WEIR_PROOF_CAP=4 does four times as many of these, WEIR_PROOF_CAP=none all there are.
 * The seed is WEIR_SEED, or WEIR_PROOF_SEED, which scripts/test.sh has.
 * The lines "proof: ..." become the table in docs/TESTING.md (scripts/proof_table.py): what stands
 * there was counted, by the run that did it. */
#pragma once
#include "base/rng.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline bool proof_all(void)
{
	const char *how = getenv("WEIR_PROOF");
	return how && strcmp(how, "all") == 0;
}

static inline uint64_t proof_seed(void)
{
	const char *s = getenv("WEIR_SEED");
	if (!s)
		s = getenv("WEIR_PROOF_SEED");
	return s && *s ? strtoull(s, NULL, 10) : 1;
}

/* How many times the stated numbers; 0: no bounds. */
static inline uint64_t proof_times(void)
{
	const char *cap = getenv("WEIR_PROOF_CAP");
	if (!cap || !*cap)
		return 1;
	return strcmp(cap, "none") == 0 ? 0 : strtoull(cap, NULL, 10);
}

/* Of `all` cases so many are done in `make proof`, where n is the number that is stated. */
static inline uint64_t proof_cap(uint64_t n, uint64_t all)
{
	uint64_t times = proof_times();
	return !times || n * times > all ? all : n * times;
}

/* How many of something there are to be: random schedules, which have no end. */
static inline uint64_t proof_many(uint64_t sample, uint64_t stated, uint64_t all)
{
	const char *n = getenv("WEIR_SEEDS");
	return n ? strtoull(n, NULL, 10) : proof_all() ? proof_cap(stated, all) : sample;
}

/* One enumeration: of each out_of cases that follow one another it takes so many, spread evenly. */
struct proof {
	const char *what; /* as it stands in the table: "crash points, words" */
	uint64_t seed, takes, out_of;
	uint64_t of, done;
};

/* A sample takes one case of each one_in that follow one another. */
static inline void proof_open(struct proof *p, const char *what, uint64_t one_in)
{
	*p = (struct proof){
		.what = what, .seed = proof_seed(), .takes = 1, .out_of = proof_all() ? 1 : one_in};
	for (const char *c = what; *c; c++) /* no two enumerations take the same cases */
		p->seed = splitmix64(p->seed + (unsigned char)*c);
}

/* One that has no near end: `make proof` takes one case of each proof_one_in. */
static inline void proof_open_large(struct proof *p, const char *what, uint64_t one_in,
				    uint64_t proof_one_in)
{
	proof_open(p, what, one_in);
	if (!proof_all())
		return;
	p->takes = proof_cap(1, proof_one_in);
	p->out_of = proof_one_in;
}

/* Whether the next case is one of this run's. Call it once for each case there is. */
static inline bool proof_takes(struct proof *p)
{
	uint64_t stretch = p->of * p->takes / p->out_of;
	uint64_t first = (stretch * p->out_of + p->takes - 1) / p->takes;
	uint64_t end = ((stretch + 1) * p->out_of + p->takes - 1) / p->takes;
	bool takes = first + splitmix64(p->seed + stretch) % (end - first) == p->of;
	p->of++;
	p->done += takes;
	return takes;
}

static inline void proof_line(const char *what, uint64_t done, uint64_t of)
{
	printf("proof: %s: %" PRIu64 " of %" PRIu64 " (seed %" PRIu64 ")\n", what, done, of,
	       proof_seed());
}

static inline void proof_close(const struct proof *p)
{
	proof_line(p->what, p->done, p->of);
}
