/* id_ranges.c - see id_ranges.h. */
#include "runtime/id_ranges.h"

#include <string.h>

#include "base/check.h"

/* The first range that ends at or above id; n: there is none. */
static uint32_t place_of(const struct id_ranges *r, uint64_t id)
{
	uint32_t i = r->n; /* the newest are asked for most */
	while (i > 0 && r->range[i - 1].last >= id)
		i--;
	return i;
}

bool id_ranges_have(const struct id_ranges *r, uint64_t id)
{
	uint32_t i = place_of(r, id);
	return i < r->n && r->range[i].first <= id;
}

void id_ranges_add(struct id_ranges *r, uint64_t id)
{
	uint32_t i = place_of(r, id);
	if (i < r->n && r->range[i].first <= id)
		return;
	bool below = i > 0 && r->range[i - 1].last + 1 == id;
	bool above = i < r->n && r->range[i].first == id + 1;
	if (below && above) {
		r->range[i - 1].last = r->range[i].last;
		r->n--;
		memmove(&r->range[i], &r->range[i + 1], (r->n - i) * sizeof r->range[0]);
	} else if (below) {
		r->range[i - 1].last = id;
	} else if (above) {
		r->range[i].first = id;
	} else {
		CHECK(r->n < ID_RANGES_MAX);
		memmove(&r->range[i + 1], &r->range[i], (r->n - i) * sizeof r->range[0]);
		r->range[i] = (struct id_range){id, id};
		r->n++;
	}
}
