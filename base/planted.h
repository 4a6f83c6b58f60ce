/* planted.h - mistakes put in on purpose, to see that the proof finds them.
 *
 *	if (!PLANTED(no_fsync_of_the_part))
 *		TRY(fs_sync(...));
 *
 * One build has them (-DWEIR_PLANTED=ON, tests/proof/planted.py), and makes the one mistake that
 * WEIR_PLANT names. In any other build PLANTED() is the constant false, and nothing of it is left.
 * Their list is what stands in the sources. Not for places that run once a record. */
#pragma once
#include <stdbool.h>

#ifdef WEIR_PLANTED
bool planted_is(const char *name);
#define PLANTED(name) planted_is(#name)
#else
#define PLANTED(name) false
#endif
