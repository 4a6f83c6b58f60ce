/* listing.c - see listing.h. */
#include "checkpoint/listing.h"

#include "checkpoint/retention.h"

struct reading {
	struct storage st;
	struct slot_list slots;
	size_t top; /* index of the newest readable slot; slots.n: none */
	struct manifest top_m;
	struct slot_entries *l;
};

static struct reading reading_of(struct storage st, struct mem *mem, struct slot_entries *l)
{
	*l = (struct slot_entries){.mem = mem};
	struct reading r = {.st = st, .l = l};
	manifest_init(&r.top_m, mem);
	return r;
}

static void reading_close(struct reading *r, enum rc rc)
{
	manifest_close(&r->top_m);
	slot_list_close(&r->slots);
	if (rc != OK)
		slot_entries_close(r->l);
}

static enum rc read_slot(struct reading *r, size_t i, struct manifest *m, struct err *e)
{
	return slots_read(r->st, r->l->mem, r->slots.slot[i], m, e);
}

static bool is_live(const struct reading *r, uint64_t slot)
{
	return r->top < r->slots.n && retention_lists(&r->top_m, slot);
}

/* Whether the slot counts as the newest manifest has it. */
static bool counts(const struct reading *r, uint64_t slot)
{
	return r->l->top_unreadable || is_live(r, slot) ||
	       slots_has(r->top_m.quarantined, r->top_m.n_quarantined, slot);
}

/* The slots, room for `most` entries, and what the newest readable manifest says. */
static enum rc begin(struct reading *r, size_t most, struct err *e)
{
	enum rc rc = slots_list(r->st, r->l->mem, &r->slots, e);
	if (rc != OK)
		return rc;
	size_t room = most < r->slots.n ? most : r->slots.n;
	r->l->entry = mem_get(r->l->mem, room * sizeof *r->l->entry);
	if (!r->l->entry)
		return ERR(e, E_NO_MEMORY, "no memory for %zu checkpoints", room);
	r->top = r->slots.n;
	for (size_t i = r->slots.n; i-- > 0 && r->top == r->slots.n;) {
		struct err why = {OK};
		rc = read_slot(r, i, &r->top_m, &why);
		if (rc == OK)
			r->top = i;
		else if (rc != E_NOT_FOUND) /* else retired while we looked */
			r->l->top_unreadable = true;
	}
	return OK;
}

/* Adds slot i, unless it is gone, or passes over it: no checkpoint that one wants to see. */
static void add(struct reading *r, size_t i, bool fences)
{
	struct slot_entry *t = &r->l->entry[r->l->n];
	uint64_t slot = r->slots.slot[i];
	*t = (struct slot_entry){.slot = slot, .live = is_live(r, slot),
				 .pinned = slots_has(r->top_m.pinned, r->top_m.n_pinned, slot)};
	t->rc = read_slot(r, i, &t->m, &t->err);
	bool shown = t->rc != E_NOT_FOUND;
	if (t->rc == OK && !fences)
		shown = t->m.slot_kind == SLOT_CHECKPOINT && (t->live || r->l->top_unreadable);
	if (shown) {
		r->l->n++;
		return;
	}
	manifest_close(&t->m);
	*t = (struct slot_entry){0};
}

enum rc slots_read_all(struct storage st, struct mem *mem, struct slot_entries *l, struct err *e)
{
	struct reading r = reading_of(st, mem, l);
	enum rc rc = begin(&r, SIZE_MAX, e);
	for (size_t i = r.slots.n; rc == OK && i-- > 0;)
		add(&r, i, true);
	reading_close(&r, rc);
	return rc;
}

enum rc slots_read_kept(struct storage st, struct mem *mem, size_t most, struct slot_entries *l,
			struct err *e)
{
	struct reading r = reading_of(st, mem, l);
	enum rc rc = begin(&r, most, e);
	for (size_t i = r.slots.n; rc == OK && i-- > 0;) {
		if (!counts(&r, r.slots.slot[i]))
			continue;
		if (l->n < most)
			add(&r, i, false);
		else
			l->older++;
	}
	reading_close(&r, rc);
	return rc;
}

/* Reads the first slot from *at on, below end, that can be read; *at is end: none can. */
static enum rc first_readable(struct reading *r, size_t *at, size_t end, struct manifest *m,
			      struct err *e)
{
	for (; *at < end; ++*at) {
		struct err why = {OK};
		enum rc rc = read_slot(r, *at, m, &why);
		if (rc == OK)
			return OK;
		if (rc != E_CORRUPT && rc != E_REFUSED && rc != E_NOT_FOUND)
			return ERR(e, rc, "%s", why.text);
	}
	manifest_init(m, r->l->mem);
	return OK;
}

enum rc slots_read_id(struct storage st, struct mem *mem, uint64_t id, struct slot_entries *l,
		      struct err *e)
{
	struct reading r = reading_of(st, mem, l);
	struct manifest m;
	enum rc rc = begin(&r, 1, e);
	size_t low = 0, high = r.slots.n, at;
	while (rc == OK && low < high) { /* for the first slot that knows of an id as high */
		size_t mid = at = low + (high - low) / 2;
		rc = first_readable(&r, &at, high, &m, e);
		if (rc == OK && at < high && m.top_id < id)
			low = at + 1;
		else
			high = mid;
		manifest_close(&m);
	}
	at = low;
	if (rc == OK)
		rc = first_readable(&r, &at, r.slots.n, &m, e);
	if (rc == OK) {
		if (at < r.slots.n && m.slot_kind == SLOT_CHECKPOINT && m.id == id)
			add(&r, at, false);
		manifest_close(&m);
	}
	reading_close(&r, rc);
	return rc;
}

void slot_entries_close(struct slot_entries *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->entry[i].rc == OK)
			manifest_close(&l->entry[i].m);
	if (l->mem)
		mem_put(l->mem, l->entry);
	*l = (struct slot_entries){.mem = l->mem};
}
