/* job_settle.c - what a checkpoint's sinks had prepared, committed at a start before any task
 * exists (inv 17). See job.h. */
#include "jobs/job_in.h"

#include <inttypes.h>
#include <stdio.h>

RC job_sees(const struct job *j, const char *path, bool *there, struct err *e)
{
	struct fs_stat st;
	struct err why = {0};
	enum rc rc = fs_stat(j->o.env->fs, path, &st, &why);
	*there |= rc == OK;
	return rc == OK || rc == E_NOT_FOUND ? OK : ERR(e, rc, "%s", why.text);
}

RC job_intent_find(const struct job *j, struct intent *in, struct intent_place *here,
		   struct err *e)
{
	const struct plan_stage *st = plan_find(j->o.plan, in->sink);
	bool there = false;
	char folder[INTENT_PATH_MAX];
	fs_dirname(in->to, here->to, sizeof here->to);
	size_t n = strlen(here->to);
	if (!st || !st->p.commits || !st->p.path)
		return OK;
	if (in->kind == INTENT_APPEND) /* its path is the file */
		fs_dirname(st->p.path, folder, sizeof folder);
	else
		snprintf(folder, sizeof folder, "%s", st->p.path);
	if (!strcmp(here->to, folder) || strncmp(in->from, here->to, n) || in->from[n] != '/' ||
	    in->to[n] != '/')
		return OK;
	int from = snprintf(here->from, INTENT_PATH_MAX, "%s%s", folder, in->from + n);
	int to = snprintf(here->to, INTENT_PATH_MAX, "%s%s", folder, in->to + n);
	if (from >= INTENT_PATH_MAX || to >= INTENT_PATH_MAX)
		return OK;
	if (job_sees(j, here->from, &there, e) != OK || job_sees(j, here->to, &there, e) != OK)
		return e->code;
	if (there) {
		in->from = here->from;
		in->to = here->to;
	}
	return OK;
}

/* All of them, before the first is committed: else a part of what cannot be committed as a whole
 * would be seen, and nobody could go back behind it. */
static RC verify_pieces(struct job *j, const struct manifest *m, struct err *e)
{
	for (uint32_t i = 0; i < m->n_intents; i++) {
		struct intent in = intent_of(m, i);
		struct intent_place here;
		struct err why = {0};
		if (job_intent_find(j, &in, &here, e) != OK)
			return e->code;
		enum rc rc = intent_verify(j->o.env->fs, &in, &why);
		if (rc != OK && rc != E_CORRUPT)
			return ERR(e, rc, "%s", why.text);
		if (rc == E_CORRUPT)
			return ERR(e, rc, "stage '%s': checkpoint %" PRIu64 " cannot be committed: %s. Put it "
				   "back from a copy, or let 'weir fsck --repair %s' go back behind it", in.sink,
				   m->id, why.text, j->o.dir);
	}
	return OK;
}

enum rc job_settle(struct job *j, const struct manifest *m, struct err *e)
{
	if (verify_pieces(j, m, e) != OK)
		return e->code;
	for (uint32_t i = 0; i < m->n_intents; i++) {
		struct intent in = intent_of(m, i);
		struct intent_place here;
		enum intent_outcome out;
		if (job_intent_find(j, &in, &here, e) != OK ||
		    intent_settle(j->o.env->fs, &in, &out, e) != OK)
			return err_in(e, "stage '%s': commit of checkpoint %" PRIu64, in.sink, m->id);
		j->recovery.intents_taken += out == INTENT_TAKEN;
		if (out == INTENT_COMMITTED)
			j->recovery.intents_committed++;
		else
			j->recovery.intents_done++;
	}
	return OK;
}
