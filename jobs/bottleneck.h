/* bottleneck.h - why a job goes no faster, in a sentence:
 *
 *   count is the bottleneck: busy 97 %; lines and words wait for it
 *   out waits for the disk, and count for it
 *   no bottleneck: gen is held to its rate, and every stage keeps up
 *
 * The decision is pace's (pace.h), the words are here. Pure. */
#pragma once
#include "jobs/pace.h"

#define BOTTLENECK_TEXT 448 /* four of the longest names, and words */

/* False: nothing to go by (yet), or it is not running; to is "" then. */
bool bottleneck_text(const struct facts *f, const struct pace *p, char to[BOTTLENECK_TEXT]);
