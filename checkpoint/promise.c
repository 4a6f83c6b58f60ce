/* promise.c - what a fence promises: moves of a rewind or a fallback, or back again of an import
 * that is given up, made one a step after the fence stands, by its owner or by whoever owns the
 * directory next. See store.h.
 * Why a promise first: after the first move neither the newer checkpoint nor the older one is
 * what the disk says; only a durable list of all of them tells the next start how to go on. */
#include "base/check.h"
#include "base/planted.h"
#include "checkpoint/store_parts.h"

#include <inttypes.h>
#include <stdio.h>

static enum rc is_there(struct fs *fs, const char *path, bool *there, struct err *e)
{
	struct fs_stat st;
	struct err why = {OK};
	enum rc rc = fs_stat(fs, path, &st, &why);
	*there = rc == OK;
	return rc == OK || rc == E_NOT_FOUND ? OK : ERR(e, rc, "%s", why.text);
}

enum rc moves_look(struct fs *fs, const struct manifest_todo *t, struct moves_state *at,
		   struct err *e)
{
	*at = (struct moves_state){0};
	for (uint32_t i = 0; i < t->n; i++) {
		bool from = false, to = false;
		enum rc rc = is_there(fs, t->move[i].from, &from, e);
		if (rc == OK && !from)
			rc = is_there(fs, t->move[i].to, &to, e);
		if (rc != OK)
			return rc;
		at->to_do += from;
		at->done += to;
		if (!from && !to && !at->gone++)
			at->first_gone = t->move[i].from;
	}
	return OK;
}

static enum rc may_have_committed(const char *piece, uint64_t slot, struct err *e)
{
	return ERR(e, E_CORRUPT, "the checkpoint in slot %" PRIu64 " cannot be restored, and may have "
		   "been committed: '%s', which it prepared, is where it was no more. Put back what the "
		   "checkpoint lacks, or go back behind it with --restore and --rewind", slot, piece);
}

/* --- before the fence --- */
static enum rc plan_move(struct store *s, const struct manifest_move *m, struct err *e)
{
	struct manifest_move *own = manifest_add_move(&s->plan);
	if (own)
		*own = (struct manifest_move){manifest_text(&s->plan, m->from),
					      manifest_text(&s->plan, m->to), m->how, m->at};
	return own && own->from && own->to ? OK : ERR(e, E_NO_MEMORY, "no memory for a list of files");
}

enum rc store_plan_moves(struct store *s, const struct manifest_move *m, uint32_t n, struct err *e)
{
	CHECK(!s->epoch && (!n || s->promise == TODO_REWIND || s->promise == TODO_FALLBACK));
	enum rc rc = OK;
	manifest_close(&s->plan);
	for (uint32_t i = 0; i < n && rc == OK; i++)
		rc = plan_move(s, &m[i], e);
	if (rc != OK || s->promise != TODO_FALLBACK)
		return rc;
	struct moves_state at;
	rc = moves_look(s->fs, &s->plan.todo, &at, e);
	return rc == OK && at.gone && !PLANTED(fallback_after_a_commit)
		       ? may_have_committed(at.first_gone, s->promise_slot, e) : rc;
}

enum rc store_plan_import(struct store *s, const struct manifest_todo *t, const uint32_t *accepts,
			  uint32_t n_accepts, struct err *e)
{
	struct manifest_todo *own = &s->plan.todo;
	CHECK(!s->epoch && (t->kind == TODO_IMPORT || t->kind == TODO_CLAIMED));
	manifest_close(&s->plan);
	*own = *t;
	own->move = NULL;
	own->n = 0;
	own->source = t->source ? manifest_text(&s->plan, t->source) : NULL;
	s->plan.accepts = manifest_copy(&s->plan, accepts, n_accepts * sizeof *accepts);
	s->plan.n_accepts = n_accepts;
	if ((t->source && !own->source) || !s->plan.accepts)
		return ERR(e, E_NO_MEMORY, "no memory for an import");
	enum rc rc = OK;
	for (uint32_t i = 0; i < t->n && rc == OK; i++)
		rc = plan_move(s, &t->move[i], e);
	s->promise = t->kind;
	s->promise_slot = t->slot;
	s->carries = false; /* said anew, with the moves of before */
	return rc;
}

enum rc store_plan_back(struct store *s, const struct manifest_todo *t, struct err *e)
{
	enum rc rc = OK;
	for (uint32_t i = t->n; i-- > 0 && rc == OK;) {
		const struct manifest_move *m = &t->move[i];
		struct manifest_move back = {m->to, m->from,
					     m->how == MOVE_TAIL ? MOVE_BACK : MOVE_NAME, m->at};
		if (m->how != MOVE_BACK) /* an import lists none */
			rc = plan_move(s, &back, e);
	}
	return rc;
}

static bool has_move(const struct manifest_todo *t, const struct manifest_move *m)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (move_is_same(&t->move[i], m))
			return true;
	return false;
}

enum rc store_promise(struct store *s, struct manifest *fence, struct err *e)
{
	const struct manifest_todo *before = s->carries ? &s->top->todo : NULL, *now = &s->plan.todo;
	struct manifest_todo *t = &fence->todo;
	if (s->promise == TODO_IMPORT || s->promise == TODO_CLAIMED) {
		*t = *now; /* what it points to outlives the fence's encoding */
		return OK;
	}
	if (s->promise == TODO_REPAIR) {
		t->kind = s->promise;
		t->slot = s->promise_slot;
		return OK;
	}
	for (uint32_t i = 0; before && i < before->n; i++) {
		struct manifest_move *own = manifest_add_move(fence);
		if (!own)
			return ERR(e, E_NO_MEMORY, "no memory for a fence");
		*own = before->move[i];
	}
	for (uint32_t i = 0; i < now->n; i++) {
		if (before && has_move(before, &now->move[i]))
			continue;
		struct manifest_move *own = manifest_add_move(fence);
		if (!own)
			return ERR(e, E_NO_MEMORY, "no memory for a fence");
		*own = now->move[i];
	}
	if (t->n) { /* nothing to move: nothing is promised */
		t->kind = s->promise;
		t->slot = s->promise_slot;
	}
	return OK;
}

/* --- after it --- */
static enum rc sync_dir_of(struct fs *fs, const char *path, struct err *e)
{
	char dir[LAYOUT_PATH_MAX];
	fs_dirname(path, dir, sizeof dir);
	return fs_sync_dir(fs, dir, e);
}

/* The folder of `from` was never made where a move goes back that was not made either. */
static enum rc sync_both(struct fs *fs, const char *from, const char *to, struct err *e)
{
	struct err why = {OK};
	enum rc rc = sync_dir_of(fs, from, &why);
	if (rc != OK && rc != E_NOT_FOUND)
		return ERR(e, rc, "%s", why.text);
	return sync_dir_of(fs, to, e);
}

/* Both names stand. Of one file: a crash between a link and its unlink. */
static enum rc move_both(struct fs *fs, const char *from, const char *to, struct err *e)
{
	struct fs_stat a, b;
	enum rc rc = fs_stat(fs, from, &a, e);
	if (rc == OK)
		rc = fs_stat(fs, to, &b, e);
	if (rc != OK)
		return rc;
	if (a.inode == b.inode && a.device == b.device)
		return fs_unlink(fs, from, e);
	return ERR(e, E_REFUSED, "'%s' cannot be moved to '%s', which is another file: move that away "
		   "and start again", from, to);
}

enum rc store_move(struct fs *fs, const char *from, const char *to, bool *gone, struct err *e)
{
	char dir[LAYOUT_PATH_MAX];
	bool there = false;
	struct err why = {OK};
	fs_dirname(to, dir, sizeof dir);
	*gone = false;
	enum rc rc = fs_mkdir_all(fs, dir, e);
	if (rc != OK)
		return rc;
	rc = fs_rename_new(fs, from, to, &why);
	if (rc == E_EXISTS) {
		rc = move_both(fs, from, to, e);
	} else if (rc == E_NOT_FOUND) {
		rc = is_there(fs, to, &there, e);
		*gone = rc == OK && !there;
	} else if (rc != OK) {
		return ERR(e, rc, "%s", why.text);
	}
	return rc == OK && !*gone ? sync_both(fs, from, to, e) : rc;
}

static enum rc make_move(struct fs *fs, const struct manifest_move *m, bool *gone, struct err *e)
{
	switch (m->how) {
	case MOVE_TAIL:
		return tail_aside(fs, m, gone, e);
	case MOVE_BACK:
		return tail_back(fs, m, gone, e);
	default:
		return store_move(fs, m->from, m->to, gone, e);
	}
}

enum rc store_todo_step(struct store *s, bool *done, struct err *e)
{
	enum rc rc = store_dead(s, e);
	*done = true;
	if (rc != OK)
		return rc;
	CHECK(s->epoch);
	const struct manifest_todo *t = &s->top->todo;
	bool gone;
	if (s->todo_back) {
		if (!s->todo_at)
			return may_have_committed(s->todo_gone, t->slot, e);
		const struct manifest_move *m = &t->move[--s->todo_at];
		*done = false;
		return store_move(s->fs, m->to, m->from, &gone, e);
	}
	if (s->todo_at >= t->n)
		return OK;
	const struct manifest_move *m = &t->move[s->todo_at++];
	*done = false;
	rc = make_move(s->fs, m, &gone, e);
	if (rc != OK || !gone || t->kind != TODO_FALLBACK)
		return rc;
	/* All of them, also those an owner before us moved. */
	s->todo_back = true;
	s->todo_at = t->n;
	s->todo_gone = m->from;
	return OK;
}
