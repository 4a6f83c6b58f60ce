/* job_drop.c - state that was dropped by name: a start goes on from the checkpoint as it would be
 * without it. See evolve.h.
 * Why only from a checkpoint of another version of the job: the first one that this version takes
 * has it no more, and whoever repeats the same command, a service manager or a server after a
 * crash, must not drop what was counted since. */
#include "jobs/job_in.h"

#include "jobs/evolve.h"

#include <inttypes.h>

void job_forget_kept(struct job *j)
{
	if (j->has_kept)
		manifest_close(&j->kept);
	j->has_kept = false;
}

enum rc job_keep(struct job *j, const struct manifest **m, struct err *e)
{
	const struct manifest *from = *m;
	struct evolution ev;
	job_forget_kept(j);
	if (!j->o.n_drops)
		return OK;
	if (!from || from->job_hash == j->o.plan->job_hash) {
		if (from && j->o.log)
			log_line(j->o.log, LOG_WARN, "no state is dropped: checkpoint %" PRIu64 " was taken by "
				 "this very version of the job", from->id);
		return OK;
	}
	/* Names that stand for nothing are refused before anything is done. */
	if (evolve(&ev, j->o.plan, from, j->o.drops, j->o.n_drops, j->mem, e) != OK)
		return e->code;
	evolution_close(&ev);
	if (evolve_without(&j->kept, from, j->o.drops, j->o.n_drops, j->mem, e) != OK)
		return e->code;
	j->has_kept = true;
	*m = &j->kept;
	return OK;
}
