/* against.h - `weir explain --against DIR`: a job beside the newest checkpoint of a directory. */
#pragma once
#include "cli/cli.h"
#include "jobs/plan.h"

/* Writes the table, or the same as JSON. E_REFUSED with the reasons when a start would be; the
 * table stands in `to` then, too. Takes no lock, changes nothing. */
RC against(struct cli *c, const struct args *a, const struct plan *p, struct bytes *to,
	   struct err *e);
