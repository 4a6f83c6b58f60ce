/* floor.c - options of the floor's works, and what they share. See floor.h. */
#include "floor.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#define HUGE (2u << 20)

void die(const char *what, ...)
{
	va_list args;
	int fault = errno;
	va_start(args, what);
	fputs("floor: ", stderr);
	vfprintf(stderr, what, args);
	va_end(args);
	if (fault)
		fprintf(stderr, ": %s", strerror(fault));
	fputc('\n', stderr);
	exit(1);
}

static double clock_s(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double now_s(void)
{
	return clock_s(CLOCK_MONOTONIC);
}

double cpu_s(void)
{
	return clock_s(CLOCK_PROCESS_CPUTIME_ID);
}

struct began began_now(void)
{
	return (struct began){.wall = now_s(), .cpu = cpu_s()};
}

void answer_took(struct answer *a, struct began b)
{
	a->seconds = now_s() - b.wall;
	a->cpu_s = cpu_s() - b.cpu;
}

void *pages(size_t bytes, bool huge)
{
	bytes = (bytes + HUGE - 1) / HUGE * HUGE;
	char *p = mmap(NULL, bytes + HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		die("%zu bytes", bytes);
	size_t skip = (HUGE - (uintptr_t)p % HUGE) % HUGE;
	if (skip)
		munmap(p, skip);
	if (HUGE - skip)
		munmap(p + skip + bytes, HUGE - skip);
	(void)madvise(p + skip, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE); /* a hint */
	return p + skip;
}

void pages_free(void *p, size_t bytes)
{
	munmap(p, (bytes + HUGE - 1) / HUGE * HUGE);
}

unsigned long thread_begin(thread_main *run, void *arg)
{
	pthread_t t;
	errno = pthread_create(&t, NULL, run, arg);
	if (errno)
		die("cannot begin a thread");
	return (unsigned long)t;
}

void thread_join(unsigned long t)
{
	pthread_join((pthread_t)t, NULL);
}

void thread_pin(const struct options *o, uint32_t core)
{
	cpu_set_t set;
	if (o->no_pin)
		return;
	CPU_ZERO(&set);
	CPU_SET(core, &set);
	(void)sched_setaffinity(0, sizeof set, &set); /* a hint: slower without */
}

void answer_print(const char *work, const struct options *o, const struct answer *a)
{
	struct rusage use;
	getrusage(RUSAGE_SELF, &use);
	printf("{\"work\": \"%s\", \"form\": \"%s\", \"records\": %llu, \"seconds\": %.4f, "
	       "\"cpu_s\": %.4f, \"records_per_s\": %.0f, \"cpu_ns_per_record\": %.3f, "
	       "\"checksum\": \"%016llx\", \"distinct\": %llu, \"peak_rss_bytes\": %lld",
	       work, a->form ? a->form : o->form, (unsigned long long)a->records, a->seconds, a->cpu_s,
	       a->seconds > 0 ? (double)a->records / a->seconds : 0,
	       a->records ? a->cpu_s * 1e9 / (double)a->records : 0,
	       (unsigned long long)a->checksum, (unsigned long long)a->distinct,
	       (long long)use.ru_maxrss * 1024);
	if (a->state_checksum)
		printf(", \"state_checksum\": \"%016llx\"", (unsigned long long)a->state_checksum);
}

static const char usage[] =
	"usage: floor w1 [--form F] [--lower] [--csv OUT] FILE...\n"
	"       floor w2 [--form F] [--rows N] [--keys K] [--strings]\n"
	"       floor w3 [--keys K] [--hot H] [--seconds S] [--track] [--dir D]\n"
	"       floor w6 [--rate R] [--seconds S] [--tick-us T]\n"
	"       floor w8 [--rows N] [--generate-only] [--no-checksum]\n"
	"  F of w1, w2: one, two, three, alternate2, exchange4\n"
	"  --slots N of a ring, --spins N before a yield, --no-huge pages,\n"
	"  --no-pin of the source and the sink to one core, the sum to the other\n";

static uint64_t number(const char *text)
{
	char *end = NULL;
	errno = 0;
	uint64_t n = text ? strtoull(text, &end, 10) : 0;
	if (!text || end == text || *end || errno)
		die("not a number: %s", text ? text : "(nothing)");
	return n;
}

static void options_read(struct options *o, int argc, char **argv)
{
	int i = 0;
	for (; i < argc && !strncmp(argv[i], "--", 2); i++) {
		const char *name = argv[i] + 2, *value = i + 1 < argc ? argv[i + 1] : NULL;
		struct {
			const char *name;
			bool *to;
		} flags[] = {{"lower", &o->lower},	   {"strings", &o->strings},
			     {"track", &o->track},	   {"generate-only", &o->generate_only},
			     {"no-huge", &o->no_huge},	   {"no-pin", &o->no_pin},
			     {"no-checksum", &o->no_checksum}};
		bool found = false;
		for (size_t f = 0; f < sizeof flags / sizeof *flags; f++)
			if (!strcmp(name, flags[f].name))
				found = *flags[f].to = true;
		if (found)
			continue;
		i++;
		if (!value)
			die("%s", usage);
		if (!strcmp(name, "form"))
			o->form = value;
		else if (!strcmp(name, "csv"))
			o->csv = value;
		else if (!strcmp(name, "dir"))
			o->dir = value;
		else if (!strcmp(name, "rows"))
			o->rows = number(value);
		else if (!strcmp(name, "keys"))
			o->keys = number(value);
		else if (!strcmp(name, "hot"))
			o->hot = number(value);
		else if (!strcmp(name, "rate"))
			o->rate = number(value);
		else if (!strcmp(name, "seconds"))
			o->seconds = strtod(value, NULL);
		else if (!strcmp(name, "tick-us"))
			o->tick_us = (uint32_t)number(value);
		else if (!strcmp(name, "slots"))
			o->slots = (uint32_t)number(value);
		else if (!strcmp(name, "spins"))
			o->spins = (uint32_t)number(value);
		else
			die("unknown option --%s\n%s", name, usage);
	}
	o->files = argv + i;
	o->n_files = argc - i;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(const struct options *o);
		uint64_t keys; /* unless --keys says so */
	} works[] = {{"w1", work_w1, 0},
		     {"w2", work_w2, 1000000},
		     {"w3", work_w3, 10000000},
		     {"w6", work_w6, 100000},
		     {"w8", work_w8, 0}};
	struct options o = {.form = "one",
			    .rows = 100000000,
			    .hot = 100000,
			    .rate = 100000,
			    .seconds = 5,
			    .tick_us = 20,
			    .slots = 32,
			    .spins = 64,
			    .dir = "."};
	errno = 0;
	for (size_t i = 0; argc > 1 && i < sizeof works / sizeof *works; i++) {
		if (strcmp(argv[1], works[i].name))
			continue;
		options_read(&o, argc - 2, argv + 2);
		if (!o.keys)
			o.keys = works[i].keys;
		errno = 0;
		int status = works[i].run(&o);
		printf("}\n");
		return status;
	}
	fputs(usage, stderr);
	return 2;
}
