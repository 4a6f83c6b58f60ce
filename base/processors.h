/* processors.h - on which processors a thread may run, and how long it had to wait for one.
 * Why: threads that hand each other batches run faster where each stays (jobs/spread.h decides).
 * Works on Linux; elsewhere, or where the kernel does not say, callers are told so and do without.
 * Threads: any. A thread moves itself only; it may ask about another one of its process. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define PROCESSORS_MAX 256 /* of a higher number: left to the kernel */

/* Those the process was given, ascending, as the kernel numbers them. */
struct processors {
	uint32_t n; /* 0: unknown */
	uint16_t number[PROCESSORS_MAX];
};
void processors_get(struct processors *p);

/* The calling thread runs on the which-th of p only; which >= p->n: on all of them. A wish: where
 * it is refused, nothing changes. */
void thread_keep_to(const struct processors *p, uint32_t which);
/* The calling thread's, for thread_times; never 0. */
int32_t thread_number(void);
/* Since the thread began: how long it ran, and how long it could have but another thread did.
 * False: it has ended, or the kernel does not say. */
bool thread_times(int32_t thread, uint64_t *ran_us, uint64_t *waited_us);
/* Processor time of all threads of the process, ended ones included. */
uint64_t process_ran_us(void);
