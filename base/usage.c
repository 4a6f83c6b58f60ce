/* usage.c - see usage.h. */
#include "base/usage.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* The second number of statm is what is resident, in pages. */
static uint64_t resident(void)
{
	char line[128], *rest;
	FILE *f = fopen("/proc/self/statm", "re");
	bool read = f && fgets(line, sizeof line, f);
	if (f)
		fclose(f);
	if (!read)
		return 0;
	(void)strtoull(line, &rest, 10);
	return strtoull(rest, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t micros(struct timeval t)
{
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_usec;
}

void usage_take(struct usage *u)
{
	struct rusage r;
	*u = (struct usage){.resident_bytes = resident()};
	if (!getrusage(RUSAGE_SELF, &r))
		u->cpu_us = micros(r.ru_utime) + micros(r.ru_stime);
}
