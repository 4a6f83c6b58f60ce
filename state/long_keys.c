/* long_keys.c - see long_keys.h. */
#include "state/long_keys.h"
#include "state/probe.h"

#define AHEAD 32u /* rows from one look at memory to the next; of 64 not all lines stay in L1 */
#define SAMPLE 16u /* one row of so many */
#define MIDDLE_BYTES 48u /* six words cover up to so many */

bool long_keys_are_many(const struct key_rows *r)
{
	uint32_t n = 0, looked = 0;
	for (uint32_t i = 0; i < r->n; i += SAMPLE, looked++)
		n += r->views[r->sel ? r->sel[i] : i].len > KEY_INLINE_BYTES;
	return n > looked / 4;
}

/* Begins to fetch all that says where a row's entry stands. */
INLINE void fetch_home(const struct keyed *k, uint64_t hash, uint32_t slot_bytes)
{
	const struct table *t = &k->t;
	uint64_t s = table_home(t, hash);
	const uint8_t *at = t->slots + home_offset(s, slot_bytes);
	__builtin_prefetch(at, 1);
	__builtin_prefetch(at + LINE_SLOTS * slot_bytes - 1, 1);
	__builtin_prefetch(&t->marks[s / GROUP_SLOTS]);
}

/* Which slot is likely, and begins to fetch the text it points at. Nothing need stand there: what
 * it points at is not followed. */
INLINE void look_at_home(const struct keyed *k, const struct long_rows *r, uint32_t i,
			 struct key_place *to, uint32_t slot_bytes)
{
	const struct key_view *v = &r->view[i];
	const struct table *t = &k->t;
	const uint64_t s = table_home(t, r->hash[i]);
	const uint8_t *at = t->slots + home_offset(s, slot_bytes);
	const bool is_long = v->len > KEY_INLINE_BYTES;
	const uint64_t a = key_word(v, r->hash[i]), b = load_u64((const uint8_t *)v + 8);
	uint32_t found = 0;
	for (uint32_t w = 0; w < LINE_SLOTS; w++) {
		bool same = load_u64(at + w * slot_bytes + 8) == b;
		found |= (uint32_t)((load_u64(at + w * slot_bytes) == a) & (same | is_long)) << w;
	}
	uint32_t same = found & table_marks_from(t, s);
	uint32_t w = (uint32_t)__builtin_ctz((same ? same : found) | 1u << LINE_SLOTS);
	const struct slot_key *sk = (const struct slot_key *)(at + w * slot_bytes);
	*to = (struct key_place){
		.value = same ? (uint8_t *)sk + value_offset(KEY_BYTES, 8) : NULL,
		.slot = found ? s + w : s,
		.likely = found,
	};
	__builtin_prefetch(same ? (const void *)at : t->tags + to->slot, 1); /* to be marked */
	__builtin_prefetch(same ? (const void *)at : &t->sums[s / GROUP_SLOTS], 1);
	/* Nothing likely: the slots behind, which is where sk is. */
	const uint8_t *next = found && is_long ? sk->text : (const uint8_t *)sk;
	uint32_t more = found ? v->len - 1 : LINE_SLOTS * slot_bytes - 1;
	__builtin_prefetch(next);
	__builtin_prefetch(next + (more < MIDDLE_BYTES || !found ? more : MIDDLE_BYTES));
}

/* Of 13 to MIDDLE_BYTES, as hash_string reads them. */
INLINE bool middle_equal(const uint8_t *a, const uint8_t *b, uint32_t len)
{
	uint32_t last = len - 8, end = len > 16 ? len - 16 : 0, mid = end / 2;
	uint32_t second = last < 8 ? last : 8, fourth = last < mid + 8 ? last : mid + 8;
	uint64_t differ = load_u64(a) ^ load_u64(b);
	differ |= load_u64(a + second) ^ load_u64(b + second);
	differ |= load_u64(a + mid) ^ load_u64(b + mid);
	differ |= load_u64(a + fourth) ^ load_u64(b + fourth);
	differ |= load_u64(a + end) ^ load_u64(b + end);
	differ |= load_u64(a + last) ^ load_u64(b + last);
	return !differ;
}

/* What stands in the slot that was found has this text, if it is a long one: else, no value. */
INLINE void look_at_text(const struct long_rows *r, uint32_t i, struct key_place *to)
{
	const struct key_view *v = &r->view[i];
	const bool asks = v->len > KEY_INLINE_BYTES && to->value;
	const struct slot_key *sk = (const struct slot_key *)(const void *)v;
	if (asks)
		sk = (const struct slot_key *)((const uint8_t *)to->value -
					       value_offset(KEY_BYTES, 8));
	/* Where there is nothing to ask, the view is compared with itself. */
	const uint8_t *const *base = &r->bases[asks ? v->ref.buf : 0];
	const uint8_t *a = asks ? *base + v->ref.off : (const uint8_t *)v;
	const uint8_t *b = asks ? sk->text : (const uint8_t *)v;
	uint32_t len = asks ? v->len : sizeof *v;
	bool same = __builtin_expect(len <= MIDDLE_BYTES, 1) ? middle_equal(a, b, len)
							      : !memcmp(a, b, len);
	to->value = same ? to->value : NULL;
}

INLINE void find(const struct keyed *k, const struct long_rows *r, struct key_place *place,
		 uint32_t slot_bytes)
{
	for (uint32_t i = 0; i < r->n + 2 * AHEAD; i++) {
		if (i <= r->last) /* of the next call's rows, too */
			fetch_home(k, r->hash[i], slot_bytes);
		if (i >= AHEAD && i - AHEAD < r->n)
			look_at_home(k, r, i - AHEAD, &place[i - AHEAD], slot_bytes);
		if (i >= 2 * AHEAD)
			look_at_text(r, i - 2 * AHEAD, &place[i - 2 * AHEAD]);
	}
}

void long_keys_find(const struct keyed *k, const struct long_rows *r, struct key_place *place)
{
	bool outside = false;
	for (uint32_t i = 0; i < r->n; i++)
		outside |= r->hash[i] - k->lo > k->hi - k->lo;
	CHECK(!outside);
	if (k->slot_bytes == 24)
		find(k, r, place, 24);
	else
		find(k, r, place, 32);
}
