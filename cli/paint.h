/* paint.h - text for people: colour where it is wanted, and numbers as one reads them.
 * Colour only on a terminal, and never with NO_COLOR set (no-color.org).
 * Threads: control thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct paint {
	FILE *to;
	bool terminal, colour;
};

enum paint_colour {
	PAINT_PLAIN,
	PAINT_BOLD,
	PAINT_DIM,
	PAINT_RED,
	PAINT_GREEN,
	PAINT_YELLOW,
	PAINT_CYAN
};

void paint_init(struct paint *p, FILE *to);
/* "" without colour. Use in pairs: paint_on(...) text paint_off(...). */
const char *paint_on(const struct paint *p, enum paint_colour c);
const char *paint_off(const struct paint *p);

/* Each writes into the caller's buffer and returns it, for use in printf. */
#define PAINT_TEXT 40
const char *text_count(uint64_t n, char to[PAINT_TEXT]);        /* "81,402" */
const char *text_bytes(uint64_t bytes, char to[PAINT_TEXT]);    /* "41 kB" */
const char *text_us(uint64_t us, char to[PAINT_TEXT]);          /* "38 us", "3.1 ms", "1.2 s" */
const char *text_ago(uint64_t us, char to[PAINT_TEXT]);         /* "0.3 s", "4 min", "2 days" */
const char *text_clock(uint64_t us, char to[PAINT_TEXT]);       /* "00:07", "1:02:03" */
const char *text_rate(double per_second, char to[PAINT_TEXT]);  /* "24.9 M" */
const char *text_time(int64_t wall_us, char to[PAINT_TEXT]);    /* "2026-01-31 23:59:59.123 UTC" */
/* "1 key", "5,204 keys" */
const char *text_many(uint64_t n, const char *one, char to[PAINT_TEXT]);
/* What may be unprintable, at most `columns` bytes of it: control bytes become '?'. */
const char *text_plain(const char *text, size_t len, size_t columns, char to[PAINT_TEXT]);
