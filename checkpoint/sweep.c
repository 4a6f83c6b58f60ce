/* sweep.c - clearing an owner's directory, one operation a step. See store.h; retention.c decides.
 *
 *   LIST_PARTS -> LIST -> READ* -> SLOTS* -> SYNC -> PARTS* -> TEMPORARIES* -> LARGE* -> DONE
 *
 * A crash may stop it anywhere: a manifest goes, durably, before the files that only it names, so
 * no manifest ever stands without its files; what is left has no name in any slot and is found by
 * the next sweep's lists. Before anything goes, the log is listed: a slot above ours is a
 * successor's. parts/ is listed before that: what a
 * successor brings there keeps names of its own lineage and epochs, which say nothing of ours, and
 * comes only after its fence; so a list without such a fence behind it has none of it.
 * Large files last: small ones do not pile up behind what takes seconds, and a sweep that has come
 * so far may be begun anew, for what was published meanwhile. */
#include "base/check.h"
#include "base/planted.h"
#include "checkpoint/store_parts.h"

#include <stdio.h>
#include <stdlib.h>

static enum rc begin(struct store *s, uint32_t attempt, bool now, struct err *e)
{
	enum rc rc = store_dead(s, e);
	if (rc != OK)
		return rc;
	CHECK(s->epoch);
	sweep_close(s);
	s->sweep.attempt = attempt;
	s->sweep.at = now ? SWEEP_LIST_PARTS : SWEEP_DONE;
	return OK;
}

bool store_may_sweep(const struct store *s)
{
	return !s->top || s->top->slot_kind == SLOT_CHECKPOINT;
}

bool store_sweep_is_long(const struct store *s)
{
	return s->sweep.at == SWEEP_LARGE;
}

bool store_sweep_listed(const struct store *s)
{
	return s->sweep.listed;
}

enum rc store_sweep_begin(struct store *s, uint32_t attempt, struct err *e)
{
	return begin(s, attempt, store_may_sweep(s), e);
}

enum rc store_gc_begin(struct store *s, struct err *e)
{
	if (s->top && s->top->todo.kind != TODO_NONE)
		return ERR(e, E_REFUSED, "something was begun in '%s' that a run has to finish first",
			   s->dir);
	return begin(s, 0, true, e);
}

void sweep_close(struct store *s)
{
	if (s->sweep.slots.mem)
		fs_names_close(&s->sweep.slots);
	if (s->sweep.parts.mem)
		fs_names_close(&s->sweep.parts);
	mem_put(s->mem, s->sweep.named);
	s->sweep = (struct sweep){.at = SWEEP_DONE};
}

static void next(struct store *s)
{
	s->sweep.at++;
	s->sweep.i = 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Its files stay: it is alive, or evidence. */
static bool protects(const struct store *s, const struct known *k)
{
	return k->is == SLOT_IS_CHECKPOINT && k->m &&
	       (retention_lists(s->top, k->slot) ||
		retention_is_evidence(s->top, s->o.drops_evidence, k->slot));
}

/* Once a sweep and publication: each name is then looked up, not searched for. */
static enum rc collect_named(struct store *s, struct err *e)
{
	struct sweep *w = &s->sweep;
	size_t n = 0;
	if (w->named && w->named_for == s->top_slot)
		return OK;
	for (size_t i = 0; i < s->n_known; i++)
		n += protects(s, &s->known[i]) ? s->known[i].m->n_files : 0;
	mem_put(s->mem, w->named);
	w->n_named = 0;
	w->named = mem_get(s->mem, (n + 1) * sizeof *w->named);
	if (!w->named)
		return ERR(e, E_NO_MEMORY, "no memory to sweep with");
	for (size_t i = 0; i < s->n_known; i++)
		for (uint32_t f = 0; protects(s, &s->known[i]) && f < s->known[i].m->n_files; f++)
			w->named[w->n_named++] = s->known[i].m->file[f].name;
	qsort(w->named, w->n_named, sizeof *w->named, by_text);
	w->named_for = s->top_slot;
	return OK;
}

/* The fence that found the newest slot that cannot be read; 0: all can. Whatever that slot names is
 * older: of an epoch below that fence. */
static uint64_t evidence_below(const struct store *s, uint64_t epoch)
{
	uint64_t fence = epoch;
	if (s->missing)
		return epoch;
	for (size_t i = s->n_known; i-- > 0;) {
		if (s->known[i].is == SLOT_UNREADABLE)
			return fence;
		if (s->known[i].is == SLOT_IS_FENCE)
			fence = s->known[i].slot;
	}
	return 0;
}

enum rc sweep_facts(struct store *s, uint64_t epoch, struct retention_facts *f, struct err *e)
{
	enum rc rc = collect_named(s, e);
	*f = (struct retention_facts){
		.epoch = epoch, .attempt = s->sweep.attempt, .top = s->top,
		.evidence_below = evidence_below(s, epoch), .drops_evidence = s->o.drops_evidence,
		.named = s->sweep.named, .n_named = s->sweep.n_named,
		.dropped = (const char *const *)s->dropped, .n_dropped = s->n_dropped,
	};
	return rc;
}

static enum rc list_slots(struct store *s, struct err *e)
{
	enum rc rc = storage_list(s->slots, &s->sweep.slots, e);
	for (size_t i = 0; rc == OK && i < s->sweep.slots.n; i++) {
		uint64_t slot;
		if (!layout_slot_parse(s->sweep.slots.name[i], &slot) || slot <= s->top_slot ||
		    PLANTED(sweep_does_not_look_who_owns))
			continue;
		struct err why = {OK};
		ERR(&why, E_FENCED, "'%s' was taken over: slot %llu stands above ours", s->dir,
		    (unsigned long long)slot);
		return store_died(s, E_FENCED, &why, e);
	}
	if (rc != OK)
		return rc;
	s->sweep.listed = true;
	next(s);
	return OK;
}

/* Learns what one slot holds that nobody has read yet: fences of old, and dead checkpoints. */
static enum rc read_next(struct store *s, struct err *e)
{
	struct known *k = NULL;
	for (size_t i = s->sweep.i; i < s->n_known && !k; i++)
		if (s->known[i].is == SLOT_UNREAD)
			k = &s->known[i];
	if (!k) {
		next(s);
		return OK;
	}
	s->sweep.i = (size_t)(k - s->known);
	struct manifest *m = mem_get(s->mem, sizeof *m);
	if (!m)
		return ERR(e, E_NO_MEMORY, "no memory for a manifest");
	struct err why = {OK};
	enum rc rc = slots_read(s->slots, s->mem, k->slot, m, &why);
	if (rc == OK && m->slot_kind == SLOT_CHECKPOINT) {
		k->is = SLOT_IS_CHECKPOINT;
		k->m = m;
		return OK;
	}
	if (rc == OK)
		k->is = SLOT_IS_FENCE;
	manifest_close(m);
	mem_put(s->mem, m);
	if (rc == E_NOT_FOUND) {
		store_forget_slot(s, k);
		return OK;
	}
	if (rc == E_CORRUPT || rc == E_REFUSED) {
		k->is = SLOT_UNREADABLE;
		k->unreadable = rc;
		return OK;
	}
	return rc == OK ? OK : ERR(e, rc, "%s", why.text);
}

/* Its names first: if one cannot be remembered, the slot stays and the next sweep does it. */
static enum rc retire(struct store *s, struct known *k, struct err *e)
{
	char name[LAYOUT_NAME_MAX + 1];
	enum rc rc = OK;
	for (uint32_t i = 0; k->m && i < k->m->n_files && rc == OK; i++)
		rc = store_drop_name(s, k->m->file[i].name, e);
	if (rc != OK)
		return rc;
	layout_slot(name, k->slot);
	bool gone;
	rc = sweep_remove(s, s->slots, name, SWEEP_WHY_SLOT, &gone, e);
	if (rc != OK)
		return rc;
	s->unlinks_unsynced = true;
	store_forget_slot(s, k);
	return OK;
}

static enum rc retire_next(struct store *s, struct err *e)
{
	struct retention_facts f;
	enum rc rc = sweep_facts(s, s->epoch, &f, e);
	if (rc != OK)
		return rc;
	for (; s->sweep.i < s->n_known; s->sweep.i++) {
		struct known *k = &s->known[s->sweep.i];
		const struct manifest *m = k->is == SLOT_IS_CHECKPOINT ? k->m : NULL;
		bool fence = PLANTED(fence_is_swept) && k->is == SLOT_IS_FENCE && k->slot < s->top_slot;
		if (fence || retention_slot(&f, k->slot, m) == FATE_REMOVE)
			return retire(s, k, e);
	}
	next(s);
	return OK;
}

/* Removes the next name of l that may go, or a piece of what it holds; with a name remembered as
 * dropped, that is done with. */
static enum rc remove_next(struct store *s, const struct fs_names *l, struct storage st,
			   enum fate (*fate)(const struct retention_facts *, const char *),
			   const char *why, struct err *e)
{
	struct retention_facts f;
	enum rc rc = sweep_facts(s, s->epoch, &f, e);
	if (rc != OK)
		return rc;
	while (s->sweep.i < l->n && fate(&f, l->name[s->sweep.i]) == FATE_KEEP)
		s->sweep.i++;
	if (s->sweep.i == l->n) {
		next(s);
		return OK;
	}
	bool gone;
	rc = sweep_remove(s, st, l->name[s->sweep.i], why, &gone, e);
	s->sweep.i += gone;
	return rc;
}

/* Forgets dropped names that are in parts/ no more. */
static void forget_dropped(struct store *s)
{
	size_t n = 0;
	for (size_t i = 0; i < s->n_dropped; i++) {
		const char *name = s->dropped[i];
		if (bsearch(&name, s->sweep.parts.name, s->sweep.parts.n, sizeof name, by_text))
			s->dropped[n++] = s->dropped[i];
		else
			mem_put(s->mem, s->dropped[i]);
	}
	s->n_dropped = n;
}

static enum rc step(struct store *s, struct err *e)
{
	enum rc rc = OK;
	switch (s->sweep.at) {
	case SWEEP_LIST_PARTS:
		rc = storage_list(s->parts, &s->sweep.parts, e);
		if (rc != OK)
			return rc;
		forget_dropped(s);
		s->sweep.large = s->sweep.parts.n;
		next(s);
		return OK;
	case SWEEP_LIST:
		return list_slots(s, e);
	case SWEEP_READ:
		return read_next(s, e);
	case SWEEP_SLOTS:
		return retire_next(s, e);
	case SWEEP_SYNC:
		if (s->unlinks_unsynced && !PLANTED(files_go_before_their_slot))
			rc = storage_settle(s->slots, e);
		if (rc != OK)
			return rc;
		s->unlinks_unsynced = false;
		next(s);
		return OK;
	case SWEEP_PARTS:
		return remove_next(s, &s->sweep.parts, s->parts, retention_part, SWEEP_WHY_PART, e);
	case SWEEP_TEMPORARIES:
		return remove_next(s, &s->sweep.slots, s->slots, retention_temporary,
				   SWEEP_WHY_TEMPORARY, e);
	case SWEEP_LARGE:
		s->sweep.i = s->sweep.i > s->sweep.large ? s->sweep.i : s->sweep.large;
		return remove_next(s, &s->sweep.parts, s->parts, retention_part, SWEEP_WHY_PART, e);
	case SWEEP_DONE:
		break;
	}
	return OK;
}

enum rc store_sweep_step(struct store *s, bool *done, struct err *e)
{
	*done = true;
	enum rc rc = store_dead(s, e);
	if (rc != OK)
		return rc;
	rc = step(s, e);
	if (rc != OK)
		sweep_close(s);
	*done = s->sweep.at == SWEEP_DONE;
	return rc;
}
