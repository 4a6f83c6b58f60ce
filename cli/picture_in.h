/* picture_in.h - what picture.c and picture_graph.c say to each other. */
#pragma once
#include "cli/picture.h"
#include "cli/row.h"

#include <math.h>

#define COLUMNS_LEAST 20    /* narrower, one line says what fits: by feel */
#define GRAPH_LINES_LEAST 3 /* a table of one stage */

/* In at most `room` lines, at least GRAPH_LINES_LEAST. */
void picture_graph(const struct picture *v, unsigned room, struct bytes *to);
/* "lines 3.1 M/s -> words 24.9 M/s", behind `gap` blanks. */
void picture_rates(const struct picture *v, struct row *r, unsigned gap);
