/* step_marks.h - which events of a step mode had to do with a barrier: where `back to the barrier
 * before` goes. Pure. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define STEP_MARKS_MAX 4096 /* of more, the newest half */

struct step_marks {
	uint64_t at[STEP_MARKS_MAX]; /* rising */
	size_t n;
};

void step_marks_add(struct step_marks *m, uint64_t event);
/* The newest before this event; 0: the beginning. */
uint64_t step_marks_before(const struct step_marks *m, uint64_t event);
/* Those after it were never. */
void step_marks_back(struct step_marks *m, uint64_t event);
