/* proof.h - how much of an enumeration this run does, and the line it prints of it.
 *
 * `make test` does a sample of each, drawn by a seed that is printed; `make proof` (WEIR_PROOF=all)
 * does all. The seed is WEIR_SEED, or WEIR_PROOF_SEED, which scripts/test.sh has.
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

/* How many of something there are to be: random schedules, which have no end. */
static inline uint64_t proof_many(uint64_t sample, uint64_t all)
{
	const char *n = getenv("WEIR_SEEDS");
	return n ? strtoull(n, NULL, 10) : proof_all() ? all : sample;
}

/* One enumeration. */
struct proof {
	const char *what; /* as it stands in the table: "crash points, words" */
	uint64_t seed, one_in;
	uint64_t of, done;
};

/* A sample takes one case of each one_in that follow one another. */
static inline void proof_open(struct proof *p, const char *what, uint64_t one_in)
{
	*p = (struct proof){.what = what, .seed = proof_seed(), .one_in = proof_all() ? 1 : one_in};
	for (const char *c = what; *c; c++) /* no two enumerations take the same cases */
		p->seed = splitmix64(p->seed + (unsigned char)*c);
}

/* Whether the next case is one of this run's. Call it once for each case there is. */
static inline bool proof_takes(struct proof *p)
{
	uint64_t stretch = p->of / p->one_in, at = p->of % p->one_in;
	bool takes = splitmix64(p->seed + stretch) % p->one_in == at;
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
