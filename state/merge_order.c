/* merge_order.c - see merge_order.h. */
#include "state/merge_order.h"

#include "base/check.h"

#include <string.h>

/* Two arrays on their way into one; `old` has the lower inputs. */
struct pair {
	const uint64_t *old, *new;
	const uint32_t *new_ref;
	uint64_t *to;
	uint32_t *to_ref;
	uint32_t ref; /* of old[0] */
};

/* A stretch of each that is merged for itself: what is next, and where it ends. */
struct stretch {
	size_t old, new, old_end, new_end;
};

static inline __attribute__((always_inline)) void step(const struct pair *p, size_t *old,
						       size_t *new)
{
	uint64_t x = p->old[*old], y = p->new[*new];
	uint32_t rx = p->ref + (uint32_t)*old, ry = p->new_ref[*new];
	size_t at = *old + *new, newer = y < x;
	uint64_t mask = 0 - (uint64_t)newer;
	p->to[at] = x ^ ((x ^ y) & mask);
	p->to_ref[at] = rx ^ ((rx ^ ry) & (uint32_t)mask);
	*new += newer;
	*old += 1 - newer;
}

/* Steps that surely stay within both. */
static inline size_t safe_steps(const struct stretch *s)
{
	size_t a = s->old_end - s->old, b = s->new_end - s->new;
	return a < b ? a : b;
}

static void stretch_end(const struct pair *p, struct stretch *s)
{
	for (size_t n; (n = safe_steps(s)) != 0;)
		for (; n; n--)
			step(p, &s->old, &s->new);
	for (; s->old < s->old_end; s->old++) {
		p->to[s->old + s->new] = p->old[s->old];
		p->to_ref[s->old + s->new] = p->ref + (uint32_t)s->old;
	}
	size_t n = s->new_end - s->new;
	memcpy(p->to + s->old + s->new, p->new + s->new, n * sizeof *p->to);
	memcpy(p->to_ref + s->old + s->new, p->new_ref + s->new, n * sizeof *p->to_ref);
}

/* What one step finds decides where the next one looks: two stretches side by side fill that
 * wait. */
static void stretches_merge(const struct pair *to, struct stretch *low, struct stretch *high)
{
	const struct pair p = *to;
	for (;;) {
		size_t a = safe_steps(low), b = safe_steps(high), n = a < b ? a : b;
		size_t old = low->old, new = low->new, old2 = high->old, new2 = high->new;
		if (!n)
			break;
		for (; n; n--) {
			step(&p, &old, &new);
			step(&p, &old2, &new2);
		}
		low->old = old, low->new = new;
		high->old = old2, high->new = new2;
	}
	stretch_end(&p, low);
	stretch_end(&p, high);
}

/* Puts `old` beneath what stands in side `from` of o, into the other side. */
static void order_under(struct merge_order *o, uint32_t from, uint32_t n, const uint64_t *old,
			uint32_t n_old, uint32_t ref)
{
	uint32_t half = n_old / 2, split = half ? hashes_below(o->hash[from], n, old[half]) : 0;
	struct pair p = {.old = old, .new = o->hash[from], .new_ref = o->ref[from],
			 .to = o->hash[!from], .to_ref = o->ref[!from], .ref = ref};
	struct stretch low = {.old_end = half, .new_end = split};
	struct stretch high = {.old = half, .old_end = n_old, .new = split, .new_end = n};
	stretches_merge(&p, &low, &high);
}

void merge_order(struct merge_order *o, const uint64_t *const *hash, const uint32_t *n,
		 uint32_t inputs, const uint64_t **hashes, const uint32_t **refs)
{
	uint32_t side = 0, input = inputs - 1, rows = n[input];
	CHECK(inputs && inputs <= ORDER_INPUTS && rows <= ORDER_ROWS);
	memcpy(o->hash[0], hash[input], rows * sizeof *o->hash[0]);
	for (uint32_t i = 0; i < rows; i++)
		o->ref[0][i] = ORDER_REF(input, i);
	while (input--) {
		CHECK(n[input] <= ORDER_ROWS - rows);
		order_under(o, side, rows, hash[input], n[input], ORDER_REF(input, 0));
		rows += n[input];
		side = !side;
	}
	*hashes = o->hash[side];
	*refs = o->ref[side];
}
