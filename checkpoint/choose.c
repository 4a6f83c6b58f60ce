/* choose.c - which checkpoint a start goes on from: the newest that can be restored, or the one
 * that was asked for; and what is to be promised before anybody may do so. Changes nothing.
 *
 *   fresh ............................................. from nothing
 *   asked for by id or name, and newer ones stand ..... a rewind: the caller plans its moves
 *   newest intact ..................................... that
 *   newest not intact ................................. its parent, and so on: a fallback; what the
 *                                                       newer ones prepared is moved aside first
 *   a fence with a todo on top ........................ its parent, once more with that todo
 *   another directory's ............................... from nothing here, until that is brought in
 *   that was begun, and one of our own is asked for ... that: the import is given up; what was
 *                                                       moved aside for it comes back first
 * inv 15: a read error is none of these. inv 16: see store.h and docs/FORMAT.md, "todo". */
#include "base/check.h"
#include "base/planted.h"
#include "checkpoint/store_parts.h"

#include <inttypes.h>
#include <stdio.h>

enum rc store_bad(struct store *s, const struct known *k, const struct err *why, struct err *e)
{
	if (!s->bad.n || k->slot > s->promise_slot) {
		s->promise_slot = k->slot;
		s->bad_err = *why;
	}
	return slot_set_add(&s->bad, s->mem, k->slot, e);
}

/* The checkpoint in that slot, if it can be read. */
static struct known *checkpoint_in(struct store *s, uint64_t slot)
{
	struct known *k = slot == SLOT_NONE ? NULL : store_find(s, slot);
	return k && k->is == SLOT_IS_CHECKPOINT ? k : NULL;
}

static enum rc pass(struct store *s, const struct manifest *m, struct err *e)
{
	if (s->n_passed == s->cap_passed) {
		size_t cap = s->cap_passed ? s->cap_passed * 2 : 8;
		const struct manifest **grown = mem_resize(s->mem, s->passed, cap * sizeof *grown);
		if (!grown)
			return ERR(e, E_NO_MEMORY, "no memory for the checkpoints of '%s'", s->dir);
		s->passed = grown;
		s->cap_passed = cap;
	}
	s->passed[s->n_passed++] = m;
	return OK;
}

/* OK with *why set (E_CORRUPT) when it is not intact. */
static enum rc verify(struct store *s, const struct manifest *m, struct verify_result *r,
		      struct err *why, struct err *e)
{
	enum rc rc = verify_manifest(s->parts, s->mem, m, store_depth(s, m), r, e);
	err_clear(why);
	if (slots_has(s->condemned, s->n_condemned, m->slot))
		ERR(why, E_CORRUPT, "checkpoint %" PRIu64 " has faults", m->id);
	if (rc == OK && r->verdict != VERIFY_INTACT)
		ERR(why, E_CORRUPT, "'%s/%s' %s; checkpoint %" PRIu64 " needs it", s->parts_dir, r->file,
		    r->verdict == VERIFY_MISSING ? "is missing" : "is not what was written", m->id);
	return rc;
}

/* --- the newest --- */

/* The newest checkpoint of top's line that can be read; NULL: the line has none yet. */
static enum rc newest(struct store *s, struct known **n, struct err *e)
{
	const struct manifest *t = s->top;
	uint64_t slot = t->slot_kind == SLOT_CHECKPOINT ? t->slot : t->parent;
	char name[LAYOUT_NAME_MAX + 1];
	*n = checkpoint_in(s, slot);
	if (*n || slot == SLOT_NONE)
		return OK;
	struct known *k = store_find(s, slot), gone = {.slot = slot};
	struct err why = {OK};
	layout_slot(name, slot);
	ERR(&why, k && k->is == SLOT_UNREADABLE ? k->unreadable : E_CORRUPT,
	    "the newest checkpoint, '%s/%s', %s", s->manifest_dir, name,
	    k && k->is != SLOT_IS_FENCE ? "cannot be read" : "is missing");
	for (size_t i = s->n_known; i-- > 0 && !*n;)
		if (s->known[i].slot < slot && retention_lists(t, s->known[i].slot))
			*n = checkpoint_in(s, s->known[i].slot);
	bool asked = s->o.want.by != WANT_NEWEST; /* then it is the asker's rewind */
	if (!s->o.falls_back || (s->o.commits && !asked) || why.code != E_CORRUPT || !*n)
		return ERR(e, why.code, "%s", why.text);
	return store_bad(s, k ? k : &gone, &why, e);
}

/* From n, which why says cannot be restored, to the nearest ancestor that can. */
static enum rc fall_back(struct store *s, struct known *n, struct err *why, struct store_start *out,
			 struct err *e)
{
	struct err first = *why;
	while (why->code != OK) {
		enum rc rc = store_bad(s, n, why, e);
		if (rc == OK)
			rc = pass(s, n->m, e);
		if (rc != OK)
			return rc;
		struct known *p = checkpoint_in(s, n->m->parent);
		if (!p || !retention_lists(s->top, p->slot))
			return ERR(e, E_CORRUPT, "%s; no older checkpoint is left that could be restored",
				   first.text);
		n = p;
		rc = verify(s, n->m, &out->verified, why, e);
		if (rc != OK)
			return rc;
	}
	out->chosen = n->m;
	s->promise = TODO_FALLBACK;
	return OK;
}

/* A fallback was begun by an owner before us. All moved, or all can be: it goes on. A piece is
 * gone: its checkpoint may have been committed, and stands if it has been mended since; else what
 * was moved goes back (by our fence's todo, inv 27), or nothing is to be done and nothing is. */
static enum rc resume_fallback(struct store *s, bool *goes_on, struct store_start *out,
			       struct err *e)
{
	const struct manifest_todo *t = &s->top->todo;
	struct moves_state at;
	struct err why = {OK};
	enum rc rc = moves_look(s->fs, t, &at, e);
	*goes_on = true;
	if (rc != OK || !at.gone || at.done || PLANTED(fallback_after_a_commit))
		return rc;
	struct known *n = store_find(s, t->slot);
	rc = n ? store_read_slot(s, n, &why) : E_NOT_FOUND;
	if (rc == OK && n->is == SLOT_IS_CHECKPOINT)
		rc = verify(s, n->m, &out->verified, &why, e);
	if (rc != OK && rc != E_CORRUPT && rc != E_NOT_FOUND)
		return rc;
	if (rc == OK && why.code == OK && n->is == SLOT_IS_CHECKPOINT) {
		out->chosen = n->m;
		*goes_on = false;
		return OK;
	}
	return ERR(
		e, E_CORRUPT,
		"%s%sthe checkpoint in slot %" PRIu64 " may have been committed, for "
		"'%s' is gone, and it cannot be restored: put back what it lacks, or go back "
		"behind it with --restore and --rewind",
		why.text, why.text[0] ? "; " : "", t->slot, at.first_gone);
}

/* What a repair went back behind, as far as it can be read. */
static enum rc pass_repaired(struct store *s, const struct known *n, struct err *e)
{
	const struct manifest *t = s->top;
	for (uint32_t i = t->n_quarantined; i-- > 0;) {
		struct known *k = store_find(s, t->quarantined[i]);
		struct err why = {OK};
		enum rc rc = k && k->slot > n->slot ? store_read_slot(s, k, &why) : OK;
		if (rc == E_CORRUPT || rc == E_REFUSED || rc == E_NOT_FOUND)
			continue;
		if (rc != OK)
			return ERR(e, rc, "%s", why.text);
		if (k && k->slot > n->slot && k->is == SLOT_IS_CHECKPOINT && pass(s, k->m, e) != OK)
			return e->code;
	}
	return OK;
}

/* A repair went back to n (repair.h). What the newer ones committed is not known, so this start is
 * a rewind, though nobody asked for it: the caller plans its moves, and may refuse. */
static enum rc go_on_repaired(struct store *s, const struct known *n, struct store_start *out,
			      struct err *e)
{
	s->promise = TODO_REWIND;
	s->promise_slot = s->top->todo.slot;
	out->rewinds = out->repaired = true;
	return pass_repaired(s, n, e);
}

static enum rc choose_newest(struct store *s, struct store_start *out, struct err *e)
{
	const struct manifest_todo *t = &s->top->todo;
	bool repaired = t->kind == TODO_REPAIR;
	bool goes_on = t->kind != TODO_NONE && t->kind != TODO_BACK && !repaired;
	struct err why = {OK};
	struct known *n;
	if (t->kind == TODO_FALLBACK) {
		enum rc rc = resume_fallback(s, &goes_on, out, e);
		if (rc != OK || out->chosen)
			return rc;
	}
	s->carries = goes_on;
	enum rc rc = newest(s, &n, e);
	if (rc != OK)
		return rc;
	if (goes_on) {
		s->promise = t->kind;
		s->promise_slot = t->slot;
		out->todo = t;
	} else if (s->bad.n) {
		s->promise = TODO_FALLBACK;
	}
	if (!n)
		return OK;
	rc = verify(s, n->m, &out->verified, &why, e);
	if (rc != OK)
		return rc;
	out->chosen = n->m;
	if (why.code == OK)
		return repaired && !s->o.repairs ? go_on_repaired(s, n, out, e) : OK;
	if (repaired && !s->o.repairs)
		return ERR(e, E_CORRUPT, "%s, and a repair went back to it: repair '%s' once more",
			   why.text, s->dir);
	if (goes_on && t->kind != TODO_FALLBACK)
		return ERR(e, E_CORRUPT, "%s, and going back to it was begun: go back further with "
			   "--restore and --rewind", why.text);
	return s->o.falls_back ? fall_back(s, n, &why, out, e) : ERR(e, E_CORRUPT, "%s", why.text);
}

/* --- the one asked for --- */
static bool is_wanted(const struct store_want *w, const struct manifest *m)
{
	return w->by == WANT_ID ? m->id == w->id : m->name && !strcmp(m->name, w->name);
}

void store_kept_text(struct store *s, char *to, size_t size)
{
	size_t len = (size_t)snprintf(to, size, "none");
	for (size_t i = s->n_known, n = 0; i-- > 0 && n + 24 < size;)
		if (checkpoint_in(s, s->known[i].slot) && retention_lists(s->top, s->known[i].slot))
			len = n += (size_t)snprintf(to + n, size - n, "%s%" PRIu64, n ? ", " : "",
						    s->known[i].m->id);
	CHECK(len < size);
}

/* The newest of those; NULL: none. */
static struct known *newest_kept(struct store *s)
{
	for (size_t i = s->n_known; i-- > 0;)
		if (checkpoint_in(s, s->known[i].slot) && retention_lists(s->top, s->known[i].slot))
			return &s->known[i];
	return NULL;
}

static enum rc not_kept(struct store *s, struct err *e)
{
	char kept[512], wanted[160];
	store_kept_text(s, kept, sizeof kept);
	if (s->o.want.by == WANT_ID)
		snprintf(wanted, sizeof wanted, "checkpoint %" PRIu64, s->o.want.id);
	else
		snprintf(wanted, sizeof wanted, "a checkpoint named '%.100s'", s->o.want.name);
	s->not_kept = true;
	return ERR(e, E_NOT_FOUND, "%s is not kept in '%s' (kept: %s)", wanted, s->dir, kept);
}

/* Nothing newer was there, usable or not. Lists of slots ascend. */
static bool is_last(const struct store *s, uint64_t slot)
{
	const struct manifest *t = s->top;
	return !s->bad.n && !(t->n_retained && t->retained[t->n_retained - 1] > slot) &&
	       !(t->n_pinned && t->pinned[t->n_pinned - 1] > slot) &&
	       !(t->n_quarantined && t->quarantined[t->n_quarantined - 1] > slot);
}

static enum rc choose_wanted(struct store *s, struct store_start *out, struct err *e)
{
	const struct manifest *t = s->top;
	struct known *n = NULL, *k = NULL;
	struct err why = {OK};
	enum rc rc = newest(s, &n, e);
	for (size_t i = s->n_known; rc == OK && i-- > 0 && !k;) {
		struct known *x = checkpoint_in(s, s->known[i].slot);
		if (x && (x == n || retention_lists(t, x->slot)) && is_wanted(&s->o.want, x->m))
			k = x;
	}
	if (rc != OK)
		return rc;
	if (!k)
		return not_kept(s, e);
	if (k == n && !s->bad.n)
		return choose_newest(s, out, e);
	if (t->todo.kind != TODO_NONE && t->todo.kind != TODO_BACK && n && k->slot > n->slot)
		return ERR(e, E_REFUSED, "going back to checkpoint %" PRIu64 " was begun and comes first: "
			   "run without --restore, or restore an older one", n ? n->m->id : 0);
	rc = verify(s, k->m, &out->verified, &why, e);
	if (rc != OK || why.code != OK)
		return rc != OK ? rc : ERR(e, why.code, "%s", why.text);
	for (size_t i = s->n_known; rc == OK && i-- > 0 && s->known[i].slot > k->slot;)
		if (checkpoint_in(s, s->known[i].slot) && (retention_lists(t, s->known[i].slot) ||
							    &s->known[i] == n))
			rc = pass(s, s->known[i].m, e);
	/* An import that is given up has changed nothing: on top of its line, k is what it was. */
	bool leaves = t->todo.kind == TODO_IMPORT;
	out->chosen = k->m;
	out->rewinds = !leaves || !is_last(s, k->slot);
	s->promise = out->rewinds ? TODO_REWIND : TODO_NONE;
	s->promise_slot = n ? n->slot : t->slot;
	s->carries = t->todo.kind != TODO_NONE && t->todo.kind != TODO_BACK && !leaves;
	if (rc == OK && leaves)
		return pass_repaired(s, k, e);
	return rc == OK && t->todo.kind == TODO_REPAIR && n ? pass_repaired(s, n, e) : rc;
}

/* --- another directory's --- */

static bool is_from(const struct manifest_origin *a, const struct manifest_origin *b)
{
	bool same = a->id && a->slot == b->slot && !memcmp(a->uuid, b->uuid, UUID_TEXT);
	/* Unknown where it was claimed, and is retired. */
	return same && (!b->id || (a->id == b->id && a->lineage == b->lineage));
}

/* The checkpoint that an import of before was to bring, wherever it lies now. */
static bool is_begun(const struct manifest_todo *t, const struct manifest_origin *from)
{
	return t->kind == TODO_IMPORT && t->slot == from->slot && t->lineage == from->lineage &&
	       !memcmp(t->uuid, from->uuid, UUID_TEXT);
}

/* What was begun has to be finished, or can be given up: says which, and how. */
static enum rc begun_first(struct store *s, struct err *e)
{
	const struct manifest_todo *t = &s->top->todo;
	const struct known *own = newest_kept(s);
	char kept[512];
	store_kept_text(s, kept, sizeof kept);
	if (own)
		ERR(e, E_REFUSED, "give the same --restore again, or go on from what is kept of its own "
		    "with --restore %" PRIu64 " (kept: %s)", own->m->id, kept);
	else if (t->n)
		ERR(e, E_REFUSED, "give the same --restore again (a copy will do), which comes first: "
		    "output is moved aside for it ('%s', %" PRIu32 " in all), and only with that "
		    "output could another one go on; or begin anew with --fresh", t->move[0].from, t->n);
	else
		ERR(e, E_REFUSED, "give the same --restore again, or begin anew with --fresh");
	return err_in(e, "taking over the state in '%s' was begun in '%s' and not finished",
		      t->source ? t->source : "?", s->dir);
}

/* The checkpoint that stood here before goes on as if nothing had been begun, when all is back. */
static enum rc undo(struct store *s, struct store_start *out, struct err *e)
{
	const struct manifest_todo *t = &s->top->todo;
	const struct known *own = newest_kept(s);
	if (!own)
		return begun_first(s, e);
	out->chosen = own->m;
	out->undoes = true;
	s->promise = TODO_BACK;
	s->promise_slot = own->slot;
	s->carries = t->kind == TODO_BACK;
	return s->carries ? OK : store_plan_back(s, t, e);
}

/* Another owner had begun to bring things back. */
static enum rc half_undone(struct store *s, bool *is, struct err *e)
{
	struct moves_state at = {0};
	enum rc rc = s->top && s->top->todo.kind == TODO_BACK
			     ? moves_look(s->fs, &s->top->todo, &at, e) : OK;
	*is = at.to_do;
	return rc;
}

/* A line begins. What stands here is left behind, or, of the same job, gone back behind. */
static enum rc choose_import(struct store *s, struct store_start *out, struct err *e)
{
	const struct manifest_origin *from = s->o.want.origin;
	const struct manifest *t = s->o.fresh ? NULL : s->top;
	struct known *n = NULL;
	enum rc rc = t ? newest(s, &n, e) : OK;
	if (rc != OK)
		return rc;
	if (n && is_from(&n->m->origin, from)) {
		out->imported = true;
		return choose_newest(s, out, e);
	}
	if (t && t->todo.kind != TODO_NONE && t->todo.kind != TODO_IMPORT && t->todo.kind != TODO_BACK)
		return ERR(e, E_REFUSED, "something was begun in '%s' that comes first: run without "
			   "--restore, or begin anew with --fresh", s->dir);
	bool again = s->top && is_begun(&s->top->todo, from);
	/* fresh or not: of what was moved aside, the other one's base may hold a part. */
	if (s->top && s->top->todo.kind == TODO_IMPORT && s->top->todo.n && !again)
		return undo(s, out, e);
	const struct known *own = t && !n ? newest_kept(s) : n;
	if (own && !again && memcmp(t->uuid, from->uuid, UUID_TEXT))
		return ERR(e, E_REFUSED, "'%s' has state of its own (checkpoint %" PRIu64 "), and another "
			   "job's is to be restored: take another --dir, or leave its own behind with "
			   "--fresh%s", s->dir, own->m->id,
			   n ? "" : "; --restore ID goes on from its own");
	for (size_t i = s->n_known; t && rc == OK && i-- > 0;) {
		struct known *k = checkpoint_in(s, s->known[i].slot);
		if (k && (k == n || retention_lists(t, k->slot)))
			rc = pass(s, k->m, e);
	}
	out->imports = true;
	out->todo = again && t ? &t->todo : NULL;
	return rc;
}

/* Whether what is asked for is one of those kept. */
static bool keeps_wanted(struct store *s)
{
	bool kept = false;
	for (size_t i = 0; i < s->n_known && !kept; i++) {
		struct known *k = checkpoint_in(s, s->known[i].slot);
		kept = k && retention_lists(s->top, k->slot) && is_wanted(&s->o.want, k->m);
	}
	return kept;
}

/* An import that was begun and not finished. Another one may take its place, or a checkpoint of
 * our own. */
static enum rc resume_import(struct store *s, struct store_start *out, struct err *e)
{
	const struct manifest_todo *t = &s->top->todo;
	if (!s->o.imports)
		return begun_first(s, e);
	if (t->n && s->o.want.by != WANT_NEWEST)
		return keeps_wanted(s) ? undo(s, out, e) : not_kept(s, e);
	if (s->o.want.by != WANT_NEWEST)
		return choose_wanted(s, out, e);
	out->imports = true;
	out->todo = t;
	return OK;
}

static enum rc check_claim(const struct store *s, struct err *e)
{
	const struct manifest_todo *t = &s->top->todo;
	if (t->kind != TODO_CLAIMED || (s->o.claims_as && !strcmp(t->uuid, s->o.claims_as)))
		return OK;
	return ERR(e, E_REFUSED, "'%s' was taken over by the job in '%s': it is its state now, and "
		   "goes on there; to begin anew take another --dir", s->dir,
		   t->source ? t->source : "?");
}

enum rc store_choose(struct store *s, struct store_start *out, struct err *e)
{
	const struct manifest *t = s->top;
	bool goes_on = t && !s->o.fresh, half = false;
	enum rc rc = t ? check_claim(s, e) : OK;
	if (rc == OK)
		rc = half_undone(s, &half, e);
	if (rc != OK)
		return rc;
	bool begun = t && t->todo.kind == TODO_IMPORT && t->todo.n;
	if (half)
		rc = s->o.imports ? undo(s, out, e)
				  : ERR(e, E_REFUSED, "output that was moved aside in '%s' is on its way back: "
					"a run has to finish that first", s->dir);
	else if (begun && s->o.fresh && s->o.imports && s->o.want.by != WANT_IMPORT && newest_kept(s))
		rc = undo(s, out, e);
	else if (s->o.want.by == WANT_IMPORT)
		rc = choose_import(s, out, e);
	else if (goes_on && t->todo.kind == TODO_IMPORT)
		rc = resume_import(s, out, e);
	else if (goes_on)
		rc = s->o.want.by == WANT_NEWEST ? choose_newest(s, out, e) : choose_wanted(s, out, e);
	else if (!t && s->o.want.by != WANT_NEWEST && !s->o.fresh)
		rc = not_kept(s, e);
	if (rc != OK)
		return rc;
	out->left = begun && s->o.fresh && !out->undoes && !out->imports ? &t->todo : NULL;
	out->passed = s->passed;
	out->n_passed = s->n_passed;
	out->fell_back = s->bad.n && !out->undoes && !out->rewinds && !out->imports && !s->o.fresh;
	if (!out->fell_back)
		return OK;
	struct known *bad = checkpoint_in(s, s->promise_slot);
	out->bad_slot = s->promise_slot;
	out->bad_id = bad ? bad->m->id : 0;
	snprintf(out->bad_why, sizeof out->bad_why, "%s", s->bad_err.text);
	return OK;
}
