/* canvas.h - a few lines at the bottom of a terminal that are drawn again in place.
 * It uses cursor up, clear to the right, clear below and colours, and no more: killed at any
 * instant it leaves a usable terminal. The cursor stands at the beginning of the line below the
 * block. To draw again: up by as many rows as it takes now (the terminal may be narrower than it
 * was then, and have wrapped it), each line anew with what was right of it cleared, and all below
 * cleared.
 * Threads: one owner. */
#pragma once
#include "base/bytes.h"

#include <stdio.h>

struct canvas {
	FILE *to;            /* a terminal; borrowed */
	struct bytes drawn;  /* as it stands on the screen, without escapes */
	struct bytes out;    /* what is written next, at once */
};

void canvas_init(struct canvas *b, FILE *to, struct mem *mem);
void canvas_close(struct canvas *b); /* what is drawn stays; legal on the empty value */
/* Columns and rows of the terminal (80 and 24 where it does not say). */
void canvas_size(const struct canvas *b, unsigned *columns, unsigned *rows);
/* To where the block begins; clear: nothing of it is left, and nothing counts as drawn. */
void canvas_up(struct canvas *b, bool clear);
/* Others wrote there meanwhile: the next one is drawn below. */
void canvas_forget(struct canvas *b);
/* Lines with their line feeds, none wider than the terminal less one column (what is cleared behind
 * a full line would be its end): with escapes, and the same without. */
void canvas_put(struct canvas *b, const char *text, const char *plain);
/* Writes all that was put. What memory was short for is not drawn. */
void canvas_flush(struct canvas *b);
