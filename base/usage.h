/* usage.h - what this process takes of the machine, as the kernel counts it: the door to
 * /proc/self. Threads: any. */
#pragma once
#include <stdint.h>

struct usage {
	uint64_t cpu_us;         /* of all its threads, user and system, since it began */
	uint64_t resident_bytes; /* now; 0: not known */
};

/* A few microseconds: nothing for each record. */
void usage_take(struct usage *u);
