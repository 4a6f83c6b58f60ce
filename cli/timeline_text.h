/* timeline_text.h - a checkpoint's timeline for people: a bar a subtask, and whom it waited for. */
#pragma once
#include "cli/paint.h"
#include "jobs/timeline_file.h"

/* columns: of the whole, at least 60. */
void timeline_print(const struct paint *p, const struct timeline *t, unsigned columns);
