/* restore.c - filling an empty table from merged runs, in order, and walking a table.
 * Rows come in hash order, which is slot order: each goes to its home or to the next free slot, and
 * memory is written forward once. No probing: keys are distinct, for the order is strict. */
#include "state/keyed_in.h"

RC keyed_restore_begin(struct keyed *k, uint64_t expected, struct err *e)
{
	CHECK(k->live + k->dead == 0 && !k->f.running && !k->restoring);
	k->restoring = true;
	k->restore_next = 0;
	k->restore_last_hash = 0;
	return expected ? keyed_reserve(k, expected, e) : OK;
}

/* More keys than expected: a larger table, at once; the next slot is behind the last entry. */
static RC restore_grow(struct keyed *k, struct err *e)
{
	if (grow_to(k, grow_cap_for(k->live * 2 + 1), e) != OK)
		return E_NO_MEMORY;
	uint64_t s = k->t.total;
	while (s > 0 && k->t.tags[s - 1] == TAG_EMPTY)
		s--;
	k->restore_next = s;
	return OK;
}

RC restore_put(struct keyed *k, struct table *t, uint64_t s, const struct run_block *b,
	       uint32_t row, struct err *e)
{
	uint8_t *slot = table_slot(t, s);
	uint32_t len;
	const uint8_t *key = run_key(b, row, &len);
	if (k->shape.form == KEY_FIX8) {
		memcpy(slot, key, 8);
	} else {
		struct slot_key sk = {.len = len};
		memcpy(sk.first, key, len < 4 ? len : 4);
		uint64_t word = long_key_word(len, b->hash[row]);
		if (len > KEY_INLINE_BYTES) {
			sk.text = arena_add(&k->texts, key, len);
			if (!sk.text)
				return ERR(e, E_NO_MEMORY, "no memory for a key of %u bytes", len);
			memcpy(&sk, &word, sizeof word);
		} else if (len > 4) {
			memcpy(sk.rest, key + 4, len - 4);
		}
		memcpy(slot, &sk, sizeof sk);
	}
	memcpy(slot_value(slot, &k->shape), b->value + (size_t)row * k->shape.value_bytes,
	       k->shape.value_bytes);
	t->tags[s] = TAG_LIVE;
	t->sums[s / GROUP_SLOTS] |= 1;
	table_took(t, s);
	k->list[0].count++;
	k->live++;
	k->live_key_bytes += len;
	return OK;
}

static RC restore_one(struct keyed *k, const struct run_block *b, uint32_t row, struct err *e)
{
	uint64_t hash = b->hash[row];
	if (hash - k->lo > k->hi - k->lo || (k->live && hash < k->restore_last_hash))
		return ERR(e, E_CORRUPT, "a row's hash is out of %s",
			   hash - k->lo > k->hi - k->lo ? "this subtask's range" : "order");
	if (k->t.used >= k->t.cap / 8 * 7 && restore_grow(k, e) != OK)
		return E_NO_MEMORY;
	uint64_t s = table_home(&k->t, hash);
	if (s < k->restore_next)
		s = k->restore_next;
	while (s >= k->t.total)
		if (!table_extend(&k->t))
			return ERR(e, E_NO_MEMORY, "no memory for overflow slots");
	if (restore_put(k, &k->t, s, b, row, e) != OK)
		return E_NO_MEMORY;
	k->restore_next = s + 1;
	k->restore_last_hash = hash;
	return OK;
}

/* The same for KEY_FIX8 while nothing is special: returns the row where something is. */
static inline __attribute__((always_inline)) uint32_t restore_fast(struct keyed *k,
								   const struct run_block *b,
								   uint32_t from, uint32_t to,
								   uint32_t words)
{
	struct table *t = &k->t;
	uint64_t next = k->restore_next, last = k->restore_last_hash, n = 0;
	uint64_t room = t->cap / 8 * 7 > t->used ? t->cap / 8 * 7 - t->used : 0;
	const uint64_t *value = (const uint64_t *)b->value;
	for (; from < to && n < room; from++) {
		uint64_t hash = b->hash[from];
		if (b->op[from] == ROW_DELETE || hash - k->lo > k->hi - k->lo || hash < last)
			break;
		uint64_t s = table_home(t, hash);
		s = s < next ? next : s;
		if (s >= t->cap)
			break;
		table_put8(t, s, b->fix8[from], value + (size_t)from * words, words);
		t->tags[s] = TAG_LIVE;
		t->sums[s / GROUP_SLOTS] = 1;
		next = s + 1;
		last = hash;
		n++;
	}
	k->restore_next = next;
	k->restore_last_hash = last;
	t->used += n;
	k->list[0].count += n;
	k->live += n;
	k->live_key_bytes += 8 * n;
	return from;
}

RC keyed_restore_rows(struct keyed *k, const struct run_block *b, uint32_t from, uint32_t to,
		      struct err *e)
{
	CHECK(k->restoring && to <= b->rows);
	if (k->watch.words)
		totals_add_rows(k, b, from, to, k->watch.sum);
	for (uint32_t row = from; row < to; row++) {
		if (k->shape.form == KEY_FIX8)
			row = k->shape.value_bytes == 8 ? restore_fast(k, b, row, to, 1)
							: restore_fast(k, b, row, to, 2);
		if (row == to)
			break;
		if (b->op[row] == ROW_DELETE)
			continue;
		enum rc rc = restore_one(k, b, row, e);
		if (rc != OK)
			return rc;
	}
	return OK;
}

void keyed_restore_end(struct keyed *k, uint64_t checkpoint)
{
	CHECK(k->restoring);
	k->restoring = false;
	k->floor = checkpoint;
	k->last_id = checkpoint;
}

/* --- walking --- */

uint32_t keyed_next(const struct keyed *k, struct keyed_iter *it, struct keyed_entry *out,
		    uint32_t max)
{
	uint32_t n = 0;
	for (; it->slot < k->t.total && n < max; it->slot++) {
		if (!(k->t.tags[it->slot] & TAG_LIVE))
			continue;
		uint8_t *slot = table_slot(&k->t, it->slot);
		out[n].key = slot_key(slot, k->shape.form, &out[n].key_len);
		out[n].value = slot_value(slot, &k->shape);
		n++;
	}
	return n;
}

uint64_t keyed_checksum(const struct keyed *k)
{
	struct keyed_iter it = {0};
	struct keyed_entry x[64];
	uint64_t sum = 0;
	uint32_t n;
	while ((n = keyed_next(k, &it, x, ARRAY_LEN(x))))
		for (uint32_t i = 0; i < n; i++) {
			uint8_t row[256 + 16];
			uint64_t h;
			if (x[i].key_len <= 256) {
				memcpy(row, x[i].key, x[i].key_len);
				memcpy(row + x[i].key_len, x[i].value, k->shape.value_bytes);
				h = hash_bytes(row, x[i].key_len + k->shape.value_bytes);
			} else { /* a long key stands for itself by its hash */
				h = hash_bytes(x[i].key, x[i].key_len);
				memcpy(row, &h, 8);
				memcpy(row + 8, x[i].value, k->shape.value_bytes);
				h = hash_bytes(row, 8 + k->shape.value_bytes);
			}
			sum += h;
		}
	return sum;
}
