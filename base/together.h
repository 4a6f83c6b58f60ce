/* together.h - several calls that wait for the disk, made side by side.
 * Why: each fsync waits for a flush of the disk, and one flush does for all that were asked for
 * before it began. One behind the other each waits for its own: milliseconds, where others write.
 * Only for calls of which none needs another to be done: the order is not said. In simulation, and
 * wherever operations are counted, they are made one by one in the order given.
 * Threads: TOGETHER_MAX at most, the caller's among them, none of them longer than the call. */
#pragma once
#include "base/err.h"
#include "base/fs.h"

#define TOGETHER_MAX 4 /* by feel: a flush under way and one that gathers what comes meanwhile */

/* Makes one(arg, i) for each i below n. OK: each was; else the first error by number, and any of
 * the others may have been made. Where a thread cannot be had, fewer do. */
RC together(const struct fs *fs, RC (*one)(void *arg, size_t i, struct err *e), void *arg, size_t n,
	    struct err *e);
