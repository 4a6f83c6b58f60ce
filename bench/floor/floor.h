/* floor.h - what the works of the floor share: options, time, memory, and the answer.
 * Why a floor: a job described in JSON is measured against the C program one would write by hand
 * for that one job (issue "Speed"). These are such programs: no checkpoints (but for w3), nothing
 * generic, nothing of weir linked; built with -march=native for the machine they run on.
 *
 *   floor w1|w2|w3|w6|w8 [options] [FILE...]        one JSON object on stdout
 *
 * Threads talk through bounded rings (ring.h) in batches of 1,024 rows. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define BATCH 1024u

struct options {
	const char *form;
	uint64_t rows, keys, hot, rate;
	double seconds;
	uint32_t tick_us, slots, spins;
	bool lower, strings, track, generate_only, no_huge, no_pin, no_checksum;
	const char *csv, *dir;
	char **files;
	int n_files;
};

/* What every work prints; works add their own fields with json_* between begin and end. */
struct answer {
	const char *form; /* NULL: the option's */
	uint64_t records, distinct, checksum, state_checksum;
	double seconds, cpu_s;
};

_Noreturn void die(const char *what, ...) __attribute__((format(printf, 1, 2)));
double now_s(void);
double cpu_s(void);
/* The clocks of a run: began holds both at its begin. */
struct began {
	double wall, cpu;
};
struct began began_now(void);
void answer_took(struct answer *a, struct began b);

/* Zeroed pages aligned to 2 MB, huge ones where the kernel has them (unless --no-huge). */
void *pages(size_t bytes, bool huge);
void pages_free(void *p, size_t bytes);

/* {"work": ..., ... without the closing brace. */
void answer_print(const char *work, const struct options *o, const struct answer *a);

typedef void *thread_main(void *);
/* A thread that ends with the program or is joined; dies if there is none. */
unsigned long thread_begin(thread_main *run, void *arg);
void thread_join(unsigned long t);
/* To one core, unless --no-pin: three stages stay where they are (20-37 % faster). */
void thread_pin(const struct options *o, uint32_t core);

int work_w1(const struct options *o);
int work_w2(const struct options *o);
int work_w2_strings(const struct options *o);
int work_w3(const struct options *o);
int work_w6(const struct options *o);
int work_w8(const struct options *o);
