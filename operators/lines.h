/* lines.h - cuts blocks of text into lines: pure, over bytes that somebody else read.
 * A line ends at '\n'; a '\r' before it is cut. NUL bytes and invalid UTF-8 pass through.
 * Why apart: this loop sees every byte of the input. 64 bytes at a time are compared; what is left
 * is one step a line.
 * Threads: none. Owns nothing. */
#pragma once
#include "base/cpu.h"
#include "runtime/column.h"

/* What is cut, and where the cutter stands. All offsets are into data. */
struct lines {
	enum simd simd;         /* what the processor has */
	const uint8_t *data;    /* of a text: at least 16 readable bytes behind `end` */
	uint32_t pos;           /* the first byte of the next line */
	uint32_t scanned;       /* no '\n' in [pos, scanned): where a longer block goes on looking */
	uint32_t end;           /* bytes there are */
	uint32_t stop;          /* lines that begin at or after it are another split's */
	uint32_t limit;         /* of a line, in bytes without its end */
	bool too_long;          /* the line at pos is over the limit */
	bool long_views;        /* some view of the last cut looks into the text */
};

/* Cuts up to room whole lines into v, each with its first byte's offset plus base in at (which may
 * be NULL). Views refer to text number 0. Ends early at a line that is too long (too_long). */
uint32_t lines_cut(struct lines *l, struct strview *v, int64_t *at, uint64_t base, uint32_t room);

/* What is left, [pos, end), as a last line without '\n'. False: nothing was left, or it is long. */
bool lines_cut_last(struct lines *l, struct strview *v, int64_t *at, uint64_t base);

/* The first '\n' in [from, end), or end. */
uint32_t line_end_find(const uint8_t *data, uint32_t from, uint32_t end);
