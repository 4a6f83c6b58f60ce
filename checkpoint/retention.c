/* retention.c - see retention.h. */
#include "checkpoint/retention.h"

#include "base/planted.h"

#include <stdlib.h>

uint32_t slots_from(const uint64_t *slot, uint32_t n, uint64_t wanted)
{
	uint32_t low = 0, high = n;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		if (slot[mid] < wanted)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool slots_has(const uint64_t *slot, uint32_t n, uint64_t wanted)
{
	uint32_t at = slots_from(slot, n, wanted);
	return at < n && slot[at] == wanted;
}

uint64_t retention_newest(const struct manifest *top)
{
	return top->slot_kind == SLOT_CHECKPOINT ? top->slot : top->parent;
}

bool retention_is_evidence(const struct manifest *top, bool drops, uint64_t slot)
{
	bool over = slot < retention_newest(top) && top->todo.kind == TODO_NONE;
	return slots_has(top->quarantined, top->n_quarantined, slot) && !(drops && over) &&
	       !PLANTED(quarantined_slot_is_swept);
}

bool retention_lists(const struct manifest *top, uint64_t slot)
{
	bool goes_on = slot == retention_newest(top);
	return (goes_on && slot != SLOT_NONE) || slots_has(top->retained, top->n_retained, slot) ||
	       (slots_has(top->pinned, top->n_pinned, slot) && !PLANTED(pin_is_forgotten));
}

static const struct manifest *find(const struct manifest *const *known, size_t n, uint64_t slot)
{
	size_t low = 0, high = n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (known[mid]->slot < slot)
			low = mid + 1;
		else
			high = mid;
	}
	return low < n && known[low]->slot == slot ? known[low] : NULL;
}

/* Whether the next older one stays too, after `kept` of them and the child. */
static bool keeps(const struct retention *r, uint32_t kept, const struct manifest *m)
{
	if (kept + 1 < r->count)
		return true;
	/* In the future, by a clock that went back: as young as can be. */
	int64_t age = r->now_wall_us - m->wall_us;
	return r->age_us && kept + 1 < RETAINED_MAX && (age < 0 || (uint64_t)age < r->age_us);
}

uint32_t retention_keep(const struct manifest *top, const struct manifest *const *known, size_t n,
			uint64_t parent, const struct retention *r, uint64_t *keep)
{
	uint32_t kept = 0;
	for (uint64_t slot = parent; slot != SLOT_NONE && kept < n;) {
		const struct manifest *m = find(known, n, slot);
		if (!m || m->slot_kind != SLOT_CHECKPOINT || !retention_lists(top, slot) ||
		    !keeps(r, kept, m))
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
	    retention_is_evidence(f->top, f->drops_evidence, slot))
		return FATE_KEEP;
	return slot < f->evidence_below ? FATE_KEEP : FATE_REMOVE;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, *(const char *const *)b);
}

static bool has_name(const char *const *name, size_t n, const char *wanted)
{
	return n && bsearch(wanted, name, n, sizeof *name, by_text);
}

enum fate retention_part(const struct retention_facts *f, const char *name)
{
	struct part_name is;
	if (!layout_part_parse(name, &is))
		return FATE_KEEP;
	/* Of a lineage that was taken over: older than all of ours, whatever its epochs say. */
	bool foreign = is.lineage != f->top->lineage && manifest_accepts(f->top, is.lineage);
	uint64_t epoch = foreign ? 0 : is.epoch;
	if (PLANTED(shared_file_deleted_early) && has_name(f->dropped, f->n_dropped, name))
		return FATE_REMOVE;
	if ((epoch > f->epoch && !PLANTED(newer_owners_file_is_swept)) ||
	    has_name(f->named, f->n_named, name) || epoch < f->evidence_below)
		return FATE_KEEP;
	if (PLANTED(newer_owners_file_is_swept) && epoch > f->epoch)
		return FATE_REMOVE;
	if (epoch < f->epoch || is.attempt < f->attempt || has_name(f->dropped, f->n_dropped, name))
		return FATE_REMOVE;
	return FATE_KEEP;
}

enum fate retention_temporary(const struct retention_facts *f, const char *name)
{
	uint64_t epoch, seq;
	/* Of our own epoch: ours, in no use while we sweep, or of one who lost the race for our fence,
	 * whose link fails either way. */
	return layout_temporary_parse(name, &epoch, &seq) && epoch <= f->epoch &&
			       epoch >= f->evidence_below
		       ? FATE_REMOVE
		       : FATE_KEEP;
}
