/* picture.h - a job's state as text: a block of a few lines, or one line.
 *
 *   word-count  RUNNING 00:07  attempt 1  dir weir-data/word-count
 *    lines ---3.1 M/s--> words --24.9 M/s--> count --24.9 M/s--> out
 *    busy 31 %           88 %                97 %                12 %
 *    62 %  ETA 00:04  slowest: count; the others wait for it
 *    checkpoint 7 ok 0.3 s ago: 41 kB of 1.9 MB in 3.1 ms, longest stop 38 us
 *
 * A graph that is no chain, or a chain too long for a line, is a table: a line a stage.
 * Pure: facts and a width in, text out; ASCII but for what comes from elsewhere; colours only as
 * the paint says. No line is longer than the width: fields are dropped from the right. */
#pragma once
#include "jobs/pace.h"
#include "cli/paint.h"

struct picture {
	const struct facts *f;
	const struct pace *pace;
	const struct paint *paint;
	unsigned columns; /* visible ones a line may have; 0: no bound */
	unsigned rows;    /* lines it may have, at least 1 */
};

/* The block, each line with its line feed; where there is no room for it, picture_line. */
void picture_block(const struct picture *v, struct bytes *to);
/* One line, with its line feed: "00:07 RUNNING  62 %  ETA 00:04  lines 3.1 M/s -> ..." */
void picture_line(const struct picture *v, struct bytes *to);
