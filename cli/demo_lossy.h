/* demo_lossy.h - (b) of the demo's control experiment: the counter that everybody writes first. */
#pragma once
#include "cli/demo_text.h"

/* Counts the words of t, paced to last about `seconds` from the beginning of the text. Its position
 * is remembered in a file each 100 ms and survives a kill; its counts are memory and do not. Writes
 * them, as uniq -c would, at the end. Runs in a process of its own; the exit code. */
int demo_lossy_main(const struct demo_text *t, struct env *env, const char *position_path,
		    const char *counts_path, double seconds);
