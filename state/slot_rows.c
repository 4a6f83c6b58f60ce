/* slot_rows.c - see slot_rows.h. */
#include "state/slot_rows.h"

#define INLINE static inline __attribute__((always_inline))
#define FETCH_TEXTS 16u /* rows before its row is written, a long text is fetched */

uint32_t slot_row_size(const struct keyed *k, const uint8_t *slot)
{
	if (k->shape.form == KEY_FIX8)
		return k->row_bytes;
	return CHUNK_TEXT_HEAD + ((const struct slot_key *)slot)->len + k->shape.value_bytes;
}

/* More than KEY_INLINE_BYTES, from the arena, which has nothing to spare behind it: two copies
 * overlap. */
INLINE void long_copy(uint8_t *to, const uint8_t *from, uint32_t len)
{
	if (len > 32) {
		memcpy(to, from, len);
	} else if (len > 16) {
		memcpy(to, from, 16);
		memcpy(to + len - 16, from + len - 16, 16);
	} else {
		memcpy(to, from, 8);
		memcpy(to + len - 8, from + len - 8, 8);
	}
}

/* Returns its size. to has room for it and CHUNK_SLACK. */
INLINE uint32_t text_row(uint8_t *to, const uint8_t *slot, uint8_t tag, uint32_t value_bytes)
{
	const struct slot_key *sk = (const struct slot_key *)slot;
	uint32_t len = sk->len, head = len | (uint32_t)(tag & TAG_DEAD ? ROW_DELETE : ROW_PUT) << 31;
	memcpy(to + 8, &head, 4);
	if (__builtin_expect(len > KEY_INLINE_BYTES, 0))
		long_copy(to + CHUNK_TEXT_HEAD, sk->text, len);
	else /* with what stands behind it in the slot */
		memcpy(to + CHUNK_TEXT_HEAD, sk->first, KEY_INLINE_BYTES);
	memcpy(to + CHUNK_TEXT_HEAD + len, slot + value_offset(KEY_BYTES, value_bytes), value_bytes);
	return CHUNK_TEXT_HEAD + len + value_bytes;
}

INLINE void number_rows(const struct keyed *k, struct chunk *c, const struct table *t,
			const uint64_t *slots, uint32_t n, uint32_t words)
{
	struct chunk_columns x = chunk_columns(c, words * 8);
	uint64_t *key = x.key + c->rows, *value = x.value + (size_t)c->rows * words;
	uint8_t *op = x.op + c->rows;
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *slot = t->slots + slot_offset(slots[i], 8 + 8 * words);
		memcpy(&key[i], slot, 8);
		memcpy(&value[(size_t)i * words], slot + value_offset(KEY_FIX8, 8 * words), 8 * words);
		op[i] = t->tags[slots[i]] & TAG_DEAD ? ROW_DELETE : ROW_PUT;
	}
	c->rows += n;
	c->used_bytes += n * k->row_bytes;
}

INLINE uint32_t text_rows(struct chunk *c, const struct table *t, const uint64_t *slots, uint32_t n,
			  uint32_t value_bytes)
{
	const uint32_t slot_bytes = 16 + value_bytes;
	uint32_t used = c->used_bytes, i;
	for (i = 0; i < n; i++) {
		const uint8_t *slot = t->slots + slots[i] * slot_bytes;
		const struct slot_key *sk = (const struct slot_key *)slot;
		if (i + FETCH_TEXTS < n) { /* of a short one: bytes of its own, of no use */
			const struct slot_key *next =
				(const struct slot_key *)(t->slots + slots[i + FETCH_TEXTS] * slot_bytes);
			__builtin_prefetch(next->len > KEY_INLINE_BYTES ? next->text : slot);
		}
		if (CHUNK_TEXT_HEAD + sk->len + value_bytes > c->size_bytes - used)
			break;
		used += text_row(c->data + used, slot, t->tags[slots[i]], value_bytes);
	}
	c->used_bytes = used;
	c->rows += i;
	return i;
}

void slot_row_put(const struct keyed *k, struct chunk *c, const uint8_t *slot, uint8_t tag)
{
	CHECK(slot_row_size(k, slot) <= chunk_room(c));
	uint32_t value_bytes = k->shape.value_bytes;
	if (k->shape.form == KEY_FIX8) {
		struct chunk_columns x = chunk_columns(c, value_bytes);
		memcpy(&x.key[c->rows], slot, 8);
		memcpy(&x.value[(size_t)c->rows * (value_bytes / 8)], slot_value(slot, &k->shape),
		       value_bytes);
		x.op[c->rows] = tag & TAG_DEAD ? ROW_DELETE : ROW_PUT;
		c->used_bytes += k->row_bytes;
	} else {
		c->used_bytes += value_bytes == 8 ? text_row(c->data + c->used_bytes, slot, tag, 8)
						  : text_row(c->data + c->used_bytes, slot, tag, 16);
	}
	c->rows++;
}

uint32_t slot_rows_put(const struct keyed *k, struct chunk *c, const struct table *t,
		       const uint64_t *slots, uint32_t n)
{
	const bool small = k->shape.value_bytes == 8;
	if (k->shape.form == KEY_BYTES)
		return small ? text_rows(c, t, slots, n, 8) : text_rows(c, t, slots, n, 16);
	uint32_t room = chunk_room(c) / k->row_bytes;
	n = n < room ? n : room;
	if (small)
		number_rows(k, c, t, slots, n, 1);
	else
		number_rows(k, c, t, slots, n, 2);
	return n;
}
