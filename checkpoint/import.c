/* import.c - see import.h: the look at another directory, which changes nothing. */
#include "checkpoint/import.h"

#include "base/check.h"
#include "checkpoint/retention.h"

#include <inttypes.h>
#include <stdio.h>

enum { LOOK_TRIES = 8 }; /* a running owner may retire what is being read */

static enum rc check_folder(struct fs *fs, const char *dir, struct err *e)
{
	struct fs_stat st;
	struct err why = {OK};
	enum rc rc = fs_stat(fs, dir, &st, &why);
	if (rc == E_NOT_FOUND)
		return ERR(e, rc, "there is no directory '%s' to restore from", dir);
	if (rc != OK)
		return ERR(e, rc, "%s", why.text);
	return st.kind == FS_DIR ? OK
				 : ERR(e, E_INVALID, "'%s' is a file: a savepoint is a directory, as is a "
				       "job's", dir);
}

static enum rc check_top(struct import_source *x, const struct manifest *top, struct err *e)
{
	const struct manifest_todo *t = &top->todo;
	if (t->kind == TODO_CLAIMED) {
		memcpy(x->claimed_by, t->uuid, UUID_TEXT);
		snprintf(x->claimed_in, sizeof x->claimed_in, "%s", t->source ? t->source : "?");
		return OK;
	}
	if (t->kind != TODO_NONE)
		return ERR(e, E_REFUSED, "something was begun in '%s' that its own job has to finish: "
			   "start it there once", x->dir);
	return OK;
}

static bool is_wanted(const struct store_want *w, const struct manifest *m)
{
	return w->by == WANT_ID ? m->id == w->id : m->name && !strcmp(m->name, w->name);
}

/* The slot asked for among those top lists. */
static enum rc find_wanted(struct import_source *x, struct fs *fs, struct mem *mem,
			   const struct manifest *top, const struct store_want *w, struct err *e)
{
	struct slot_list l;
	bool found = false;
	enum rc rc = slots_list(slots_in(fs, x->dir), mem, &l, e);
	for (size_t i = l.n; rc == OK && i-- > 0 && !found;) {
		if (l.slot[i] > top->slot || (l.slot[i] != top->slot && !retention_lists(top, l.slot[i])))
			continue;
		rc = slots_read(slots_in(fs, x->dir), mem, l.slot[i], &x->m, e);
		found = rc == OK && x->m.slot_kind == SLOT_CHECKPOINT && is_wanted(w, &x->m);
		if (rc == OK && !found)
			manifest_close(&x->m);
	}
	slot_list_close(&l);
	if (rc != OK || found)
		return rc;
	return w->by == WANT_ID
		       ? ERR(e, E_NOT_FOUND, "'%s' does not keep checkpoint %" PRIu64, x->dir, w->id)
		       : ERR(e, E_NOT_FOUND, "'%s' keeps no checkpoint named '%.100s'", x->dir, w->name);
}

static enum rc find(struct import_source *x, struct fs *fs, struct mem *mem,
		    const struct manifest *top, const struct store_want *w, uint64_t slot,
		    struct err *e)
{
	if (slot == SLOT_NONE && w->by != WANT_NEWEST)
		return find_wanted(x, fs, mem, top, w, e);
	if (slot == SLOT_NONE)
		slot = top->slot_kind == SLOT_CHECKPOINT ? top->slot : top->parent;
	if (slot == SLOT_NONE)
		return ERR(e, E_NOT_FOUND, "'%s' holds no checkpoint yet", x->dir);
	return slots_read(slots_in(fs, x->dir), mem, slot, &x->m, e);
}

static enum rc check_found(struct import_source *x, struct fs *fs, struct mem *mem, struct err *e)
{
	struct verify_result *r = &x->verified;
	if (x->m.slot_kind != SLOT_CHECKPOINT)
		return ERR(e, E_CORRUPT, "slot %" PRIu64 " of '%s' is no checkpoint", x->m.slot, x->dir);
	if (x->m.final)
		return ERR(e, E_REFUSED, "checkpoint %" PRIu64 " of '%s' is the last of a job that had "
			   "finished, nothing is left to go on with: take a savepoint before the end of "
			   "its input (weir stop --savepoint, without --drain)", x->m.id, x->dir);
	enum rc rc = verify_manifest(parts_in(fs, x->dir), mem, &x->m, VERIFY_HASHES, r, e);
	if (rc != OK || r->verdict == VERIFY_INTACT)
		return rc;
	return ERR(e, E_CORRUPT, "'%s/%s' %s; checkpoint %" PRIu64 " needs it", x->parts_dir, r->file,
		   r->verdict == VERIFY_MISSING ? "is missing" : "is not what was written", x->m.id);
}

static enum rc look_once(struct import_source *x, struct fs *fs, struct mem *mem,
			 const struct store_want *w, uint64_t slot, uint64_t *top_slot,
			 struct err *e)
{
	struct slot_list l;
	struct manifest top;
	*top_slot = SLOT_NONE;
	enum rc rc = slots_list(slots_in(fs, x->dir), mem, &l, e);
	if (rc == OK && l.n)
		*top_slot = l.slot[l.n - 1];
	slot_list_close(&l);
	if (rc == OK && *top_slot == SLOT_NONE)
		rc = ERR(e, E_NOT_FOUND, "'%s' holds no checkpoint: it is neither a savepoint's directory "
			 "nor a job's", x->dir);
	if (rc != OK)
		return rc;
	rc = slots_read(slots_in(fs, x->dir), mem, *top_slot, &top, e);
	if (rc != OK)
		return rc;
	rc = check_top(x, &top, e);
	if (rc == OK)
		rc = find(x, fs, mem, &top, w, slot, e);
	x->origin = (struct manifest_origin){.lineage = top.lineage, .slot = top.parent};
	memcpy(x->origin.uuid, top.uuid, UUID_TEXT);
	manifest_close(&top);
	if (rc == OK)
		return check_found(x, fs, mem, e);
	if (rc != E_NOT_FOUND || !x->claimed_by[0])
		return rc;
	err_clear(e); /* retired by who took it over */
	return OK;
}

static bool top_moved(struct fs *fs, struct mem *mem, const char *dir, uint64_t was)
{
	struct slot_list l;
	bool moved = slots_list(slots_in(fs, dir), mem, &l, NULL) == OK && l.n &&
		     l.slot[l.n - 1] != was;
	slot_list_close(&l);
	return moved;
}

enum rc import_look(struct import_source *x, struct fs *fs, struct mem *mem, const char *dir,
		    const struct store_want *want, uint64_t slot, struct err *e)
{
	struct err why = {OK};
	uint64_t top_slot = SLOT_NONE;
	*x = (struct import_source){0};
	int n = snprintf(x->dir, sizeof x->dir, "%s", dir);
	if (n < 0 || (size_t)n >= sizeof x->dir ||
	    !layout_path(x->parts_dir, dir, NULL, LAYOUT_PARTS))
		return ERR(e, E_INVALID, "the path of '%.80s...' is too long", dir);
	enum rc rc = check_folder(fs, dir, e);
	if (rc != OK)
		return rc;
	manifest_init(&x->m, mem);
	for (int tries = 0;; tries++) {
		err_clear(&why);
		rc = look_once(x, fs, mem, want, slot, &top_slot, &why);
		if (rc == OK)
			break;
		manifest_close(&x->m);
		bool verdict = rc == E_CORRUPT || rc == E_NOT_FOUND;
		if (!verdict || tries == LOOK_TRIES || !top_moved(fs, mem, dir, top_slot))
			return ERR(e, rc, "%s", why.text);
	}
	if (x->m.id) {
		x->origin.id = x->m.id;
		x->origin.slot = x->m.slot;
		x->origin.lineage = x->m.lineage;
	}
	return OK;
}

/* A claimer that is not there any more holds nothing. */
enum rc import_may_take(const struct import_source *x, struct fs *fs, struct mem *mem,
			const char *uuid, struct err *e)
{
	struct slot_list l;
	if (x->claimed_by[0] && strcmp(x->claimed_by, uuid)) {
		if (slots_list(slots_in(fs, x->claimed_in), mem, &l, e) != OK)
			return e->code;
		bool lives = l.n;
		slot_list_close(&l);
		if (lives)
			return ERR(e, E_REFUSED, "'%s' was taken over by the job in '%s', where its state "
				   "goes on: restore from there", x->dir, x->claimed_in);
	}
	return x->m.id ? OK
		       : ERR(e, E_NOT_FOUND, "'%s' was taken over by the job in '%s', and holds nothing "
			     "any more", x->dir, x->claimed_in);
}

void import_close(struct import_source *x)
{
	if (x->m.mem)
		manifest_close(&x->m);
	*x = (struct import_source){0};
}
