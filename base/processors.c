/* processors.c - see processors.h. */
#include "base/processors.h"

#include "base/check.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

void processors_get(struct processors *p)
{
	cpu_set_t may;
	p->n = 0;
	if (sched_getaffinity(0, sizeof may, &may) != 0)
		return; /* more than a cpu_set_t can say: left to the kernel */
	for (uint32_t i = 0; i < PROCESSORS_MAX; i++)
		if (CPU_ISSET(i, &may))
			p->number[p->n++] = (uint16_t)i;
}

void thread_keep_to(const struct processors *p, uint32_t which)
{
	cpu_set_t on;
	CPU_ZERO(&on);
	for (uint32_t i = 0; i < p->n; i++)
		if (i == which || which >= p->n)
			CPU_SET(p->number[i], &on);
	if (p->n)
		(void)sched_setaffinity(0, sizeof on, &on);
}

int32_t thread_number(void)
{
	return (int32_t)gettid();
}

bool thread_times(int32_t thread, uint64_t *ran_us, uint64_t *waited_us)
{
	char path[64], text[96];
	uint64_t ran_ns, waited_ns;
	snprintf(path, sizeof path, "/proc/self/task/%" PRId32 "/schedstat", thread);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t got = read(fd, text, sizeof text - 1);
	close(fd);
	if (got <= 0)
		return false;
	text[got] = '\0';
	if (sscanf(text, "%" SCNu64 " %" SCNu64, &ran_ns, &waited_ns) != 2)
		return false;
	*ran_us = ran_ns / 1000;
	*waited_us = waited_ns / 1000;
	return true;
}

uint64_t process_ran_us(void)
{
	struct timespec t;
	CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}
