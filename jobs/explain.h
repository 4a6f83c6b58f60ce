/* explain.h - a plan as text for people and as JSON for programs: the graph drawn, with schemas,
 * exchanges and parallelism, and what is order-dependent. Pure. */
#pragma once
#include "jobs/plan.h"

/* Stages from top to bottom, each below all it reads; edges in the gutter at the left. */
void explain_draw(const struct plan *p, struct bytes *to);
void explain_json(const struct plan *p, struct bytes *to);
