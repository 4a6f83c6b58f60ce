/* retention.c - see retention.h. */
#include "checkpoint/retention.h"

static bool has(const uint64_t *slot, uint32_t n, uint64_t wanted)
{
	for (uint32_t i = 0; i < n; i++)
		if (slot[i] == wanted)
			return true;
	return false;
}

bool retention_lists(const struct manifest *top, uint64_t slot)
{
	return (slot == top->slot && top->slot_kind == SLOT_CHECKPOINT) ||
	       has(top->retained, top->n_retained, slot) || has(top->pinned, top->n_pinned, slot);
}

static const struct manifest *find(const struct manifest *const *known, size_t n, uint64_t slot)
{
	for (size_t i = 0; i < n; i++)
		if (known[i]->slot == slot)
			return known[i];
	return NULL;
}

uint32_t retention_keep(const struct manifest *top, const struct manifest *const *known, size_t n,
			uint64_t parent, uint32_t retain, uint64_t *keep)
{
	uint32_t kept = 0;
	for (uint64_t slot = parent; slot != SLOT_NONE && kept + 1 < retain;) {
		const struct manifest *m = find(known, n, slot);
		if (!m || m->slot_kind != SLOT_CHECKPOINT || !retention_lists(top, slot))
			break;
		keep[kept++] = slot;
		slot = m->parent;
	}
	for (uint32_t i = 0; i < kept / 2; i++) { /* newest first until here */
		uint64_t swapped = keep[i];
		keep[i] = keep[kept - 1 - i];
		keep[kept - 1 - i] = swapped;
	}
	return kept;
}

enum fate retention_slot(const struct retention_facts *f, uint64_t slot, const struct manifest *m)
{
	if (slot >= f->top->slot || !m || m->slot_kind == SLOT_FENCE ||
	    retention_lists(f->top, slot) ||
	    has(f->top->quarantined, f->top->n_quarantined, slot))
		return FATE_KEEP;
	if (f->unreadable && slot < f->epoch)
		return FATE_KEEP;
	return FATE_REMOVE;
}

enum fate retention_part(const struct retention_facts *f, const char *name)
{
	struct part_name is;
	if (!layout_part_parse(name, &is) || is.epoch > f->epoch)
		return FATE_KEEP;
	for (size_t i = 0; i < f->n_live; i++)
		for (uint32_t j = 0; j < f->live[i]->n_files; j++)
			if (!strcmp(f->live[i]->file[j].name, name))
				return FATE_KEEP;
	if (f->unreadable && is.epoch < f->epoch)
		return FATE_KEEP;
	if (is.epoch < f->epoch || is.attempt < f->attempt)
		return FATE_REMOVE;
	for (size_t i = 0; i < f->n_dropped; i++)
		if (!strcmp(f->dropped[i], name))
			return FATE_REMOVE;
	return FATE_KEEP;
}

enum fate retention_temporary(const struct retention_facts *f, const char *name)
{
	uint64_t epoch, seq;
	/* Of our own epoch: ours, in no use while we sweep, or of one who lost the race for our fence,
	 * whose link fails either way. */
	return layout_temporary_parse(name, &epoch, &seq) && epoch <= f->epoch && !f->unreadable
		       ? FATE_REMOVE
		       : FATE_KEEP;
}
