/* step_text.h - the step mode's picture: an event, and how everything stands after it. ASCII only;
 * colour where paint says so. */
#pragma once
#include "cli/paint.h"
#include "jobs/stepper.h"

/* One line: number, time, who, what. */
void step_print_event(const struct paint *p, const struct step_event *e);
/* Channels, tasks, held inputs and why, state and what of it changed, the cut so far.
 * E_NO_MEMORY. */
RC step_print_state(const struct paint *p, const struct stepper *s, struct mem *mem,
		    struct err *e);
