/* job_promise.c - going back: what a checkpoint that is left behind had prepared or committed is
 * moved aside, so that nothing of it is ever output beside what is output instead of it.
 *
 *   fallback (inv 16)  pieces that the unusable checkpoint prepared, and its ancestor did not. One
 *                      that is gone may have been committed: exit 6, nothing is changed
 *   rewind             the same, and what sinks have committed since; only with --rewind
 *   import             the same, of the job whose state is brought in, where its files lie
 * The fence lists the moves before the first is made (store_plan_moves). */
#include "jobs/job_in.h"

#include "base/planted.h"

#include <inttypes.h>
#include <stdio.h>

struct promise {
	struct job *j;
	struct manifest list; /* an arena: its todo's moves are what is planned */
	struct bytes refused; /* what a rewind would move, for people */
	uint32_t files;       /* committed ones */
};

static bool has(const struct manifest_todo *t, const struct manifest_move *m)
{
	bool is = false;
	for (uint32_t i = 0; t && i < t->n && !is; i++)
		is = move_is_same(&t->move[i], m);
	return is;
}

static RC add(struct promise *p, const struct manifest_move *x, struct err *e)
{
	if (has(&p->list.todo, x))
		return OK;
	struct manifest_move *m = manifest_add_move(&p->list);
	if (m)
		*m = (struct manifest_move){manifest_text(&p->list, x->from),
					    manifest_text(&p->list, x->to), x->how, x->at};
	return m && m->from && m->to ? OK : ERR(e, E_NO_MEMORY, "no memory for a list of files");
}

/* The owner that this start will be: its fence's slot. */
static uint64_t next_epoch(const struct job *j)
{
	return store_slot(j->store) + 1;
}

static bool lists(const struct manifest *m, const char *from)
{
	for (uint32_t i = 0; m && i < m->n_intents; i++)
		if (!strcmp(m->intent[i].from, from))
			return true;
	return false;
}

/* What the job goes on from. */
static const struct manifest *base_of(const struct job *j)
{
	return j->import ? job_import_manifest(j) : j->start.chosen;
}

/* Aside, in the folder it would be committed in. */
static RC add_pending(struct promise *p, const struct intent *in, struct err *e)
{
	char folder[INTENT_PATH_MAX], to[INTENT_PATH_MAX];
	const char *base = strrchr(in->from, '/');
	fs_dirname(in->to, folder, sizeof folder);
	int n = snprintf(to, sizeof to, "%s/" OP_ASIDE "/%" PRIu64 "/%s", folder, next_epoch(p->j),
			 base ? base + 1 : in->from);
	if (n < 0 || (size_t)n >= sizeof to)
		return ERR(e, E_INVALID, "the path of '%s' is too long", in->from);
	return add(p, &(struct manifest_move){in->from, to, MOVE_NAME, 0}, e);
}

static RC add_piece(struct promise *p, const struct manifest *m, uint32_t i, struct err *e)
{
	struct intent in = intent_of(m, i);
	struct intent_place here;
	bool there = false, committed = false;
	if (lists(base_of(p->j), in.from))
		return OK;
	if (job_intent_find(p->j, &in, &here, e) != OK ||
	    intent_shows(p->j->o.env->fs, &in, &there, &committed, e) != OK)
		return e->code;
	if (p->j->start.fell_back && (committed || !there) && !PLANTED(fallback_after_a_commit))
		return ERR(e, E_CORRUPT, "%s; nor can weir go back behind checkpoint %" PRIu64 ": it may "
			   "have been committed, for stage '%s' %s '%s'. Put back what the checkpoint "
			   "lacks, or go back on purpose with --restore and --rewind",
			   p->j->start.bad_why, m->id, in.sink, committed ? "has written" : "misses",
			   committed ? in.to : in.from);
	return there ? add_pending(p, &in, e) : OK;
}

/* What could still be committed goes first. */
static RC add_pieces(struct promise *p, struct err *e)
{
	const struct store_start *st = &p->j->start;
	for (size_t i = 0; i < st->n_passed; i++)
		for (uint32_t k = 0; k < st->passed[i]->n_intents; k++)
			if (add_piece(p, st->passed[i], k, e) != OK)
				return e->code;
	return OK;
}

static RC add_later(struct promise *p, uint32_t i, struct err *e)
{
	struct env *env = p->j->o.env;
	const struct plan_stage *st = &p->j->o.plan->stage[i];
	struct op_begin b = {.mem = env->mem, .fs = env->fs, .stage = st->spec->id,
			     .uuid = p->j->start.uuid, .lineage = p->j->start.lineage,
			     .accepts = p->j->accepts, .n_accepts = p->j->n_accepts,
			     .epoch = next_epoch(p->j), .rewind_to = base_of(p->j)->id,
			     .fresh = p->j->begun.stage[i].state};
	if (!st->p.commits)
		return OK;
	if (!st->ops->later && p->j->import)
		return OK;
	if (!st->ops->later)
		return ERR(e, E_REFUSED, "stage '%s': what a %s has written cannot be gone back over",
			   st->spec->id, st->ops->name);
	bytes_init(&b.moves, env->mem);
	enum rc rc = st->ops->later(st->p.conf, &b, e);
	if (rc == E_REFUSED && p->j->import) { /* begin() has compared the state with what is there */
		err_clear(e);
		rc = OK;
	}
	uint32_t n = 0;
	struct reader r = reader_of(b.moves.data, b.moves.len);
	for (struct manifest_move m; rc == OK && op_move_next(&r, &m); n++) {
		const char *base = strrchr(m.from, '/');
		rc = add(p, &m, e);
		if (n < 3)
			bytes_printf(&p->refused, "%s%s", n ? ", " : "", base ? base + 1 : m.from);
		if (n < 3 && m.how == MOVE_TAIL)
			bytes_printf(&p->refused, " from byte %" PRIu64, m.at);
	}
	if (n)
		bytes_printf(&p->refused, "%s (stage '%s', %" PRIu32 " file%s); ", n > 3 ? ", ..." : "",
			     st->spec->id, n, n == 1 ? "" : "s");
	p->files += n;
	bytes_close(&b.moves);
	return rc == OK ? OK : err_in(e, "stage '%s'", st->spec->id);
}

/* Of an import that a fence before ours promises. */
static RC add_begun(struct promise *p, struct err *e)
{
	const struct manifest_todo *t = p->j->start.todo;
	for (uint32_t i = 0; t && i < t->n; i++)
		if (add(p, &t->move[i], e) != OK)
			return e->code;
	return OK;
}

/* What a fence before ours lists was allowed then; what came since was not. */
static bool all_begun(const struct promise *p)
{
	const struct manifest_todo *begun = p->j->import ? p->j->start.todo : NULL;
	for (uint32_t i = 0; i < p->list.todo.n; i++)
		if (!has(begun, &p->list.todo.move[i]))
			return false;
	return true;
}

static RC check_allowed(const struct promise *p, struct err *e)
{
	const struct job *j = p->j;
	uint64_t id = base_of(j)->id;
	if (j->o.rewind || all_begun(p))
		return OK;
	if (p->files && j->import)
		return ERR(e, E_REFUSED, "checkpoint %" PRIu64 " is older than what was committed since: "
			   "%sgive `path` a folder of its own, or --rewind moves that aside, into " OP_ASIDE
			   "/ beside it", id, bytes_text((struct bytes *)&p->refused));
	if (p->files)
		return ERR(e, E_REFUSED, "checkpoint %" PRIu64 " is older than what was committed since: %s"
			   "--restore %" PRIu64 " --rewind moves that aside, into " OP_ASIDE "/ beside it", id,
			   bytes_text((struct bytes *)&p->refused), id);
	/* What was only prepared is nobody's output yet, and who repaired has asked for the rest. */
	if (j->start.repaired)
		return OK;
	return ERR(e, E_REFUSED,
		   "checkpoint %" PRIu64 " is older than one that was published since and "
		   "prepared %u file%s ('%s', ...): --rewind moves %s aside",
		   id, p->list.todo.n, p->list.todo.n == 1 ? "" : "s",
		   p->list.todo.move[0].from, p->list.todo.n == 1 ? "it" : "them");
}

enum rc job_promise(struct job *j, struct err *e)
{
	struct promise p = {.j = j};
	manifest_init(&p.list, j->mem);
	bytes_init(&p.refused, j->mem);
	bool on_purpose = j->start.rewinds || j->import;
	enum rc rc = j->import ? add_begun(&p, e) : OK;
	if (rc == OK && (on_purpose || j->start.fell_back))
		rc = add_pieces(&p, e);
	for (uint32_t i = 0; rc == OK && on_purpose && i < j->o.plan->n_stages; i++)
		rc = add_later(&p, i, e);
	if (rc == OK && on_purpose)
		rc = check_allowed(&p, e);
	if (rc == OK)
		rc = j->import ? job_import_plan(j, &p.list.todo, e)
			       : store_plan_moves(j->store, p.list.todo.move, p.list.todo.n, e);
	bytes_close(&p.refused);
	manifest_close(&p.list);
	return rc;
}

enum rc job_fulfil(struct job *j, struct err *e)
{
	bool done = false;
	enum rc rc = OK;
	while (rc == OK && !done) {
		rc = store_todo_step(j->store, &done, e);
		j->recovery.moved += rc == OK && !done;
	}
	if (rc != OK || !j->o.log || !(j->start.fell_back || j->start.rewinds || j->recovery.moved))
		return rc;
	if (j->start.fell_back)
		log_line(j->o.log, LOG_WARN, "the newest checkpoint cannot be restored: %s",
			 j->start.bad_why);
	if (j->start.chosen)
		log_line(j->o.log, LOG_WARN, "going back to checkpoint %" PRIu64 "; %" PRIu32 " file%s of "
			 "later ones moved aside", j->start.chosen->id, j->recovery.moved,
			 j->recovery.moved == 1 ? "" : "s");
	return OK;
}
