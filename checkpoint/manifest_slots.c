/* manifest_slots.c - lists of slots in a manifest, both directions.
 * Why stretches: who keeps a day of checkpoints lists thousands, in each manifest; nearly all of
 * them follow one another, and a stretch is two numbers. A short list stands slot by slot, which
 * every version reads. */
#include "checkpoint/manifest_format.h"

enum {
	PLAIN_MAX = 64,     /* slots in a list without stretches; by feel: half a KiB */
	STRETCH_MIN = 3,    /* fewer are as short one by one */
	SLOTS_MAX = 1 << 20 /* in a list that is read; by feel, far above RETAINED_MAX */
};

/* How many slots follow one another from slot[0] on; n > 0. */
static uint32_t stretch(const uint64_t *slot, uint32_t n)
{
	uint32_t i = 1;
	while (i < n && slot[i] == slot[i - 1] + 1)
		i++;
	return i;
}

static bool has_stretch(const uint64_t *slot, uint32_t n)
{
	if (n <= PLAIN_MAX)
		return false;
	for (uint32_t i = 0, len; i < n; i += len) {
		len = stretch(slot + i, n - i);
		if (len >= STRETCH_MIN)
			return true;
	}
	return false;
}

bool slots_have_stretch(const struct manifest *m)
{
	return has_stretch(m->retained, m->n_retained) || has_stretch(m->pinned, m->n_pinned) ||
	       has_stretch(m->quarantined, m->n_quarantined);
}

static void put_slots(struct json_out *o, const char *key, const uint64_t *slot, uint32_t n)
{
	if (!n)
		return;
	jout_key(o, key);
	jout_array(o);
	for (uint32_t i = 0, len; i < n; i += len) {
		len = n > PLAIN_MAX ? stretch(slot + i, n - i) : 1;
		if (len < STRETCH_MIN) {
			len = 1;
			jout_uint(o, slot[i]);
			continue;
		}
		jout_array(o);
		jout_uint(o, slot[i]);
		jout_uint(o, slot[i + len - 1]);
		jout_array_end(o);
	}
	jout_array_end(o);
}

void slots_put(struct json_out *o, const struct manifest *m)
{
	put_slots(o, "retained", m->retained, m->n_retained);
	put_slots(o, "pinned", m->pinned, m->n_pinned);
	put_slots(o, "quarantined", m->quarantined, m->n_quarantined);
}

/* First and last of an element: a slot, or a stretch of at least STRETCH_MIN. */
static void element(struct decoder *d, const struct json *v, const char *key, uint64_t *first,
		    uint64_t *last)
{
	bool pair = json_kind(v) == JSON_ARRAY;
	if (pair && json_count(v) != 2) {
		WRONG(d, "'%s' has a stretch that is no pair", key);
		*first = *last = 0;
		return;
	}
	*first = mget_number(d, pair ? json_item(v, 0) : v, key);
	*last = pair ? mget_number(d, json_item(v, 1), key) : *first;
	if (pair && (*last < *first || *last - *first < STRETCH_MIN - 1))
		WRONG(d, "'%s' has a stretch that is too short", key);
	d->m->stretches |= pair;
}

/* How many the list says; checked: it ascends, below d's own slot. */
static uint64_t check_slots(struct decoder *d, const struct json *list, const char *key)
{
	uint64_t n = 0, first, last, before = 0;
	for (size_t i = 0; i < mget_count(list) && d->rc == OK; i++) {
		element(d, json_item(list, i), key, &first, &last);
		if (d->rc != OK)
			break;
		if (first <= before || last >= d->m->slot)
			WRONG(d, "'%s' does not ascend below its own slot", key);
		else if (last - first >= SLOTS_MAX - n)
			WRONG(d, "'%s' lists more than %d", key, SLOTS_MAX);
		n += last - first + 1;
		before = last;
	}
	return d->rc == OK ? n : 0;
}

static uint64_t *get_slots(struct decoder *d, const struct json *o, const char *key, uint32_t *n)
{
	const struct json *list = mget(d, o, key, JSON_ARRAY, MAY);
	uint64_t count = check_slots(d, list, key), first, last;
	uint64_t *slot = manifest_alloc(d->m, count * sizeof *slot);
	*n = 0;
	if (!slot)
		mget_no_memory(d);
	for (size_t i = 0; i < mget_count(list) && d->rc == OK; i++) {
		element(d, json_item(list, i), key, &first, &last);
		for (uint64_t at = first; at <= last; at++)
			slot[(*n)++] = at;
	}
	return slot;
}

void slots_get(struct decoder *d, const struct json *o)
{
	struct manifest *m = d->m;
	m->retained = get_slots(d, o, "retained", &m->n_retained);
	m->pinned = get_slots(d, o, "pinned", &m->n_pinned);
	m->quarantined = get_slots(d, o, "quarantined", &m->n_quarantined);
}
