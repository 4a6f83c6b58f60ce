/* pins.c - sets of slots, and which checkpoints the next manifest lists as pinned: those of the
 * one before, with what was asked for since. See store.h. */
#include "base/check.h"
#include "checkpoint/store_parts.h"

#include <inttypes.h>

enum rc slot_set_add(struct slot_set *l, struct mem *mem, uint64_t slot, struct err *e)
{
	uint32_t at = slots_from(l->slot, l->n, slot);
	if (at < l->n && l->slot[at] == slot)
		return OK;
	if (l->n == l->cap) {
		uint32_t cap = l->cap ? l->cap * 2 : 8;
		uint64_t *grown = mem_resize(mem, l->slot, cap * sizeof *grown);
		if (!grown)
			return ERR(e, E_NO_MEMORY, "no memory for a list of checkpoints");
		l->slot = grown;
		l->cap = cap;
	}
	memmove(l->slot + at + 1, l->slot + at, (l->n - at) * sizeof *l->slot);
	l->slot[at] = slot;
	l->n++;
	return OK;
}

void slot_set_remove(struct slot_set *l, uint64_t slot)
{
	uint32_t at = slots_from(l->slot, l->n, slot);
	if (at == l->n || l->slot[at] != slot)
		return;
	memmove(l->slot + at, l->slot + at + 1, (l->n - at - 1) * sizeof *l->slot);
	l->n--;
}

void slot_set_close(struct slot_set *l, struct mem *mem)
{
	mem_put(mem, l->slot);
	*l = (struct slot_set){0};
}

static bool is_kept(struct store *s, uint64_t slot)
{
	struct known *k = store_find(s, slot);
	return k && k->is == SLOT_IS_CHECKPOINT && s->top &&
	       (retention_lists(s->top, slot) || s->top->parent == slot);
}

static enum rc no_such(const struct store *s, uint64_t slot, struct err *e)
{
	return ERR(e, E_NOT_FOUND, "no checkpoint is kept in slot %" PRIu64 " of '%s'", slot, s->dir);
}

enum rc store_pin(struct store *s, uint64_t slot, bool on, struct err *e)
{
	enum rc rc = store_dead(s, e);
	if (rc != OK)
		return rc;
	if (!is_kept(s, slot))
		return no_such(s, slot, e);
	slot_set_remove(on ? &s->unpins : &s->pins, slot);
	return slot_set_add(on ? &s->pins : &s->unpins, s->mem, slot, e);
}

enum rc store_pin_id(struct store *s, uint64_t id, bool on, bool *news, struct err *e)
{
	const struct known *k = NULL;
	char kept[512];
	enum rc rc = store_dead(s, e);
	if (rc != OK)
		return rc;
	for (size_t i = 0; i < s->n_known && !k; i++)
		if (is_kept(s, s->known[i].slot) && s->known[i].m && s->known[i].m->id == id)
			k = &s->known[i];
	if (!k) {
		store_kept_text(s, kept, sizeof kept);
		return ERR(e, E_NOT_FOUND, "checkpoint %" PRIu64 " is not kept in '%s' (kept: %s)", id,
			   s->dir, kept);
	}
	/* What pins it until then is not told apart from somebody's wish. */
	if (slots_has(s->exporting.slot, s->exporting.n, k->slot))
		return ERR(e, E_REFUSED, "checkpoint %" PRIu64 " is being made a savepoint, and kept until "
			   "that is there: ask again then", id);
	*news = slots_has(s->top->pinned, s->top->n_pinned, k->slot) != on;
	return store_pin(s, k->slot, on, e);
}

enum rc store_exporting(struct store *s, uint64_t slot, bool on, struct err *e)
{
	enum rc rc = store_dead(s, e);
	if (rc != OK || (on && !is_kept(s, slot)))
		return rc != OK ? rc : no_such(s, slot, e);
	if (on)
		return slot_set_add(&s->exporting, s->mem, slot, e);
	slot_set_remove(&s->exporting, slot);
	/* What a manifest lists for its sake is listed no more, unless somebody asked for that too. */
	return slots_has(s->pins.slot, s->pins.n, slot) ? OK
							: slot_set_add(&s->unpins, s->mem, slot, e);
}

/* Asked for since, and still there. */
static bool pins_now(struct store *s, uint64_t slot)
{
	return slots_has(s->pins.slot, s->pins.n, slot) ||
	       slots_has(s->exporting.slot, s->exporting.n, slot);
}

enum rc store_pinned(struct store *s, const struct manifest *t, struct manifest *m, struct err *e)
{
	size_t most = (t ? t->n_pinned : 0) + s->pins.n + s->exporting.n;
	struct slot_set l = {.slot = manifest_alloc(m, (most + 1) * sizeof *l.slot),
			     .cap = (uint32_t)most + 1};
	if (!l.slot)
		return ERR(e, E_NO_MEMORY, "no memory for a manifest");
	enum rc rc = OK;
	for (uint32_t i = 0; t && i < t->n_pinned && rc == OK; i++)
		if (!slots_has(s->unpins.slot, s->unpins.n, t->pinned[i]) || pins_now(s, t->pinned[i]))
			rc = slot_set_add(&l, s->mem, t->pinned[i], e);
	for (uint32_t i = 0; i < s->pins.n && rc == OK; i++)
		if (is_kept(s, s->pins.slot[i]))
			rc = slot_set_add(&l, s->mem, s->pins.slot[i], e);
	for (uint32_t i = 0; i < s->exporting.n && rc == OK; i++)
		if (is_kept(s, s->exporting.slot[i]))
			rc = slot_set_add(&l, s->mem, s->exporting.slot[i], e);
	m->pinned = l.slot; /* room was made: it did not move */
	m->n_pinned = l.n;
	return rc;
}
