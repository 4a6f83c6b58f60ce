/* rng.h - random numbers from a seed (xoshiro256**, Blackman and Vigna 2018), and identities.
 * Threads: one owner. */
#pragma once
#include <stdint.h>

struct rng {
	uint64_t s[4];
};

void rng_seed(struct rng *r, uint64_t seed);
/* From the kernel's entropy (getrandom). */
void rng_seed_system(struct rng *r);
uint64_t rng_next(struct rng *r);
/* Uniform in [0, n); n > 0. */
uint64_t rng_below(struct rng *r, uint64_t n);

/* The splitmix64 generator's output for state x (Steele, Lea, Flood 2014): what the expression
 * splitmix64(x, n) reduces modulo n. */
static inline uint64_t splitmix64(uint64_t x)
{
	x += 0x9E3779B97F4A7C15u;
	x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
	x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
	return x ^ (x >> 31);
}

/* 36 characters and a NUL: a version 4 UUID in its usual form. */
#define UUID_TEXT 37
void uuid_make(struct rng *r, char text[UUID_TEXT]);
