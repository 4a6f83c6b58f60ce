/* demo_lossy.c - see demo_lossy.h. The thirty lines are demo_lossy_main: that is their point. */
#include "cli/demo_lossy.h"

#include "cli/demo_words.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define REMEMBER_EVERY_US 100000

static uint64_t mono_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static size_t position_read(int fd)
{
	char text[32] = "";
	return pread(fd, text, sizeof text - 1, 0) > 0 ? strtoull(text, NULL, 10) : 0;
}

static bool position_write(int fd, size_t at)
{
	char text[32];
	int len = snprintf(text, sizeof text, "%020zu\n", at);
	return pwrite(fd, text, (size_t)len, 0) == len;
}

static int counts_write(const struct demo_words *w, const char *path)
{
	FILE *f = fopen(path, "we");
	if (!f)
		return 1;
	for (size_t i = 0; i < w->cap; i++)
		if (w->at[i].text) {
			fprintf(f, "%7" PRIu64 " ", w->at[i].n[DEMO_LOSSY]);
			fwrite(w->at[i].text, 1, w->at[i].len, f);
			fputc('\n', f);
		}
	return fclose(f) || w->failed;
}

int demo_lossy_main(const struct demo_text *t, struct env *env, const char *position_path,
		    const char *counts_path, double seconds)
{
	struct demo_words counts; /* lost at every kill */
	int fd = open(position_path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return 1;
	size_t begin = position_read(fd), at = begin, len;
	uint64_t began = mono_us(), remembered = began;
	const char *word;
	demo_words_init(&counts, env->mem);
	while (demo_text_word(t->data, t->len, &at, &word, &len)) {
		char lower[4096];
		size_t n = len < sizeof lower ? len : sizeof lower;
		for (size_t i = 0; i < n; i++)
			lower[i] = (char)(word[i] >= 'A' && word[i] <= 'Z' ? word[i] + 32 : word[i]);
		struct demo_word *x = demo_words_get(&counts, lower, n);
		if (x)
			x->n[DEMO_LOSSY]++;
		uint64_t now = mono_us();
		if (now - remembered >= REMEMBER_EVERY_US) {
			if (!position_write(fd, at))
				return 1;
			remembered = now;
		}
		uint64_t due = began + (uint64_t)((double)(at - begin) / (double)t->len * seconds * 1e6);
		if (due > now + 1000)
			usleep((useconds_t)(due - now));
	}
	return counts_write(&counts, counts_path);
}
