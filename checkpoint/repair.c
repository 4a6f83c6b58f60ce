/* repair.c - see repair.h. */
#include "checkpoint/repair.h"

#include "base/check.h"
#include "checkpoint/store_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct repair {
	struct store *s;
	const struct repair_asked *a;
	struct repair_did *did;
	struct slot_set fresh; /* bad, and not known to be before */
	struct bytes lost;     /* paths below the directory: NUL-terminated */
};

static void tell(const struct repair *r, const char *file, const char *what)
{
	if (r->a->did)
		r->a->did(r->a->arg, file, what);
}

/* --- what is bad --- */

/* A slot that nothing is to count on any more. */
static enum rc condemn(struct repair *r, uint64_t slot, struct err *e)
{
	struct store *s = r->s;
	enum rc rc = slot_set_add(&s->bad, s->mem, slot, e);
	if (rc == OK && slots_has(s->top->pinned, s->top->n_pinned, slot))
		rc = slot_set_add(&s->unpins, s->mem, slot, e);
	if (rc == OK && !slots_has(s->top->quarantined, s->top->n_quarantined, slot))
		rc = slot_set_add(&r->fresh, s->mem, slot, e);
	return rc;
}

static enum rc condemn_missing(struct repair *r, const uint64_t *slot, uint32_t n, struct err *e)
{
	enum rc rc = OK;
	for (uint32_t i = 0; i < n && rc == OK; i++)
		if (!store_find(r->s, slot[i]))
			rc = condemn(r, slot[i], e);
	return rc;
}

static enum rc condemn_known(struct repair *r, const struct known *k, struct err *e)
{
	const struct store *s = r->s;
	if (k->is == SLOT_UNREADABLE && k->unreadable != E_CORRUPT)
		return ERR(e, E_REFUSED, "slot %" PRIu64 " of '%s' is of a later version: repair it with "
			   "that one", k->slot, s->dir);
	if (k->is == SLOT_UNREADABLE || slots_has(r->a->slot, r->a->n, k->slot))
		return condemn(r, k->slot, e);
	/* Its fence is gone, though a fence never goes. */
	if (k->is == SLOT_IS_CHECKPOINT && retention_lists(s->top, k->slot))
		return condemn_missing(r, &k->m->epoch, 1, e);
	return OK;
}

static enum rc find_bad(struct repair *r, struct err *e)
{
	struct store *s = r->s;
	struct slot_set passed = s->bad; /* by the look: on top of what can be gone on from */
	enum rc rc = OK;
	r->fresh.n = 0;
	s->bad = (struct slot_set){0};
	for (uint32_t i = 0; i < passed.n && rc == OK; i++)
		rc = condemn(r, passed.slot[i], e);
	slot_set_close(&passed, s->mem);
	for (size_t i = 0; i < s->n_known && rc == OK; i++)
		rc = condemn_known(r, &s->known[i], e);
	if (rc == OK)
		rc = condemn_missing(r, s->top->retained, s->top->n_retained, e);
	return rc == OK ? condemn_missing(r, s->top->pinned, s->top->n_pinned, e) : rc;
}

/* --- what is nobody's --- */
static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* All names in readable manifests, alive or not, sorted; NULL: no memory. */
static const char **names_of(const struct store *s, size_t *n)
{
	*n = 0;
	for (size_t i = 0; i < s->n_known; i++)
		*n += s->known[i].m ? s->known[i].m->n_files : 0;
	const char **list = mem_get(s->mem, (*n + 1) * sizeof *list);
	for (size_t i = 0, at = 0; list && i < s->n_known; i++)
		for (uint32_t f = 0; s->known[i].m && f < s->known[i].m->n_files; f++)
			list[at++] = s->known[i].m->file[f].name;
	if (list && *n)
		qsort(list, *n, sizeof *list, by_text);
	return list;
}

/* Whether weir made it, in an epoch that our fence ends. */
static bool is_ours(const struct store *s, const char *folder, const char *name)
{
	struct part_name part;
	uint64_t epoch, seq;
	/* On its way into the slot that our fence will stand in: then it comes too late. */
	if (!strcmp(folder, LAYOUT_MANIFEST))
		return layout_temporary_parse(name, &epoch, &seq) && epoch <= s->top_slot + 1;
	if (!layout_part_parse(name, &part))
		return false;
	return part.epoch <= s->top_slot ||
	       (part.lineage != s->top->lineage && manifest_accepts(s->top, part.lineage));
}

static void put_path(struct bytes *to, const char *folder, const char *name)
{
	bytes_printf(to, "%s/%s", folder, name);
	bytes_put_u8(to, 0);
}

static enum rc find_in(struct repair *r, const char *folder, const char **named, size_t n,
		       struct err *e)
{
	char path[LAYOUT_PATH_MAX];
	struct fs_names names;
	struct err why = {OK};
	CHECK(layout_path(path, r->s->dir, NULL, folder));
	enum rc rc = fs_list(r->s->fs, path, &names, &why);
	if (rc == E_NOT_FOUND)
		return OK;
	if (rc != OK)
		return ERR(e, rc, "%s", why.text);
	for (size_t i = 0; i < names.n; i++) {
		const char *name = names.name[i];
		if (is_ours(r->s, folder, name) && !(n && bsearch(&name, named, n, sizeof *named, by_text)))
			put_path(&r->lost, folder, name);
	}
	fs_names_close(&names);
	return OK;
}

static enum rc find_lost(struct repair *r, struct err *e)
{
	size_t n;
	const char **named = names_of(r->s, &n);
	enum rc rc = named ? find_in(r, LAYOUT_PARTS, named, n, e)
			   : ERR(e, E_NO_MEMORY, "no memory to repair '%s'", r->s->dir);
	if (rc == OK)
		rc = find_in(r, LAYOUT_MANIFEST, NULL, 0, e);
	if (rc == OK && r->a->job)
		bytes_put(&r->lost, "job.json", sizeof "job.json");
	mem_put(r->s->mem, named);
	if (rc == OK && !bytes_ok(&r->lost))
		rc = ERR(e, E_NO_MEMORY, "no memory to repair '%s'", r->s->dir);
	return rc;
}

/* --- what is done --- */

static enum rc look(struct repair *r, struct store_start *start, struct err *e)
{
	struct store *s = r->s;
	s->condemned = r->a->slot;
	s->n_condemned = r->a->n;
	bytes_clear(&r->lost);
	enum rc rc = store_look(s, start, e);
	if (rc == OK && !s->top)
		rc = ERR(e, E_CORRUPT, "'%s' holds no manifest", s->dir);
	if (rc == OK && start->fell_back && !start->chosen)
		rc = ERR(e, E_CORRUPT, "%s; no older checkpoint is left that could be restored",
			 start->bad_why);
	if (rc == OK)
		rc = store_read_all(s, e);
	if (rc == OK)
		rc = find_bad(r, e);
	return rc == OK ? find_lost(r, e) : rc;
}

/* What the fence says besides: whether newer checkpoints are given up. */
static enum rc promise(struct repair *r, const struct store_start *start, struct err *e)
{
	struct store *s = r->s;
	const struct manifest_todo *t = &s->top->todo;
	if (t->kind != TODO_NONE && t->kind != TODO_REPAIR)
		return ERR(e, E_REFUSED, "something was begun in '%s' that a run has to finish first",
			   s->dir);
	if (start->fell_back || t->kind == TODO_REPAIR) {
		uint64_t left = start->fell_back ? start->bad_slot : 0;
		s->promise = TODO_REPAIR;
		s->promise_slot = left > t->slot ? left : t->slot;
		r->did->goes_back = true;
	}
	s->carries = false;
	return OK;
}

static void tell_fence(const struct repair *r, const struct store_start *start)
{
	char name[LAYOUT_NAME_MAX + 1], file[LAYOUT_NAME_MAX + 16], what[96];
	for (uint32_t i = 0; i < r->fresh.n; i++) {
		layout_slot(name, r->fresh.slot[i]);
		snprintf(file, sizeof file, LAYOUT_MANIFEST "/%s", name);
		tell(r, file, store_find(r->s, r->fresh.slot[i])
				      ? "quarantined: nothing goes on from it, and it stays where it is"
				      : "is gone, and is counted on no more");
	}
	layout_slot(name, r->did->fence);
	snprintf(file, sizeof file, LAYOUT_MANIFEST "/%s", name);
	if (start->chosen)
		snprintf(what, sizeof what, "a fence: a start goes on from checkpoint %" PRIu64,
			 start->chosen->id);
	else
		snprintf(what, sizeof what, "a fence: a start begins from nothing, as before");
	tell(r, file, what);
}

static enum rc move_lost(struct repair *r, struct err *e)
{
	const struct store *s = r->s;
	for (size_t at = 0; at < r->lost.len;) {
		const char *file = (const char *)r->lost.data + at, *base = strrchr(file, '/');
		char from[LAYOUT_PATH_MAX], to[LAYOUT_PATH_MAX];
		char below[LAYOUT_NAME_MAX + 64], what[LAYOUT_NAME_MAX + 80];
		bool gone = false;
		at += strlen(file) + 1;
		snprintf(below, sizeof below, REPAIR_LOST "/%" PRIu64 "/%s", s->epoch,
			 base ? base + 1 : file);
		if (!layout_path(from, s->dir, NULL, file) || !layout_path(to, s->dir, NULL, below))
			return ERR(e, E_INVALID, "the path of '%s' is too long", s->dir);
		if (store_move(s->fs, from, to, &gone, e) != OK)
			return e->code;
		if (gone) /* its owner, stopped by our fence, took it back */
			continue;
		r->did->moved++;
		snprintf(what, sizeof what, "moved to %s", below);
		tell(r, file, what);
	}
	return OK;
}

static enum rc repair(struct repair *r, struct err *e)
{
	struct store_start start;
	enum rc rc;
	do { /* E_EXISTS: the log moved under our eyes; store_own counts how often */
		err_clear(e);
		*r->did = (struct repair_did){0};
		rc = look(r, &start, e);
		if (rc != OK)
			return rc;
		r->did->chosen = start.chosen ? start.chosen->id : 0;
		r->did->quarantined = r->fresh.n;
		if (!r->fresh.n && !r->lost.len)
			return OK;
		rc = promise(r, &start, e);
		if (rc == OK)
			rc = store_own(r->s, &start, e);
	} while (rc == E_EXISTS);
	if (rc != OK)
		return rc;
	r->did->fence = r->s->epoch;
	tell_fence(r, &start);
	return move_lost(r, e);
}

enum rc store_repair(struct store *s, const struct repair_asked *a, struct repair_did *did,
		     struct err *e)
{
	struct repair r = {.s = s, .a = a, .did = did};
	enum rc rc = store_dead(s, e);
	*did = (struct repair_did){0};
	if (rc != OK)
		return rc;
	CHECK(s->o.repairs && !s->epoch);
	bytes_init(&r.lost, s->mem);
	rc = repair(&r, e);
	bytes_close(&r.lost);
	slot_set_close(&r.fresh, s->mem);
	s->condemned = NULL;
	s->n_condemned = 0;
	return rc;
}
