/* run.c - one block: encode and decode, next to each other.
 *
 * OFFSET SIZE        MEANING
 * 0      2           rows n, 1 to RUN_BLOCK_ROWS
 * 2      1           key form (enum key_form)
 * 3      1           value bytes, 8 or 16
 * 4      1           flags; bit 0: there are deletions
 * 5      3           zero
 * 8      4           bytes of key text (KEY_BYTES), else zero
 * 12     4           zero
 * 16     (n + 7) / 8 only with flag bit 0: a bit a row, 1: deletion; bits beyond n are zero
 * then   8 planes    KEY_FIX8: the keys
 *        4 planes, text  KEY_BYTES: lengths; then the keys' texts, one after the other
 * then   8 or 16 planes  values (of a deletion: zero)
 *
 * Plane p of a column of numbers has byte p of each, lowest first: a byte 0 and the one value all
 * rows have, or a byte 1 and n bytes. LZ4 finds more, and sooner, in planes than in rows
 * (PEERS.md). Rows ascend strictly by (hash, key); hashes follow from keys and are not stored. */
#include "state/planes.h"
#include "state/run_in.h"

#include <string.h>

#define HEADER_BYTES 16u
#define FLAG_DELETIONS 1u

static void lengths_put(struct bytes *b, const uint32_t *len, uint32_t n)
{
	uint32_t differ = 0;
	for (uint32_t i = 0; i < n; i++)
		differ |= len[i] ^ len[0];
	for (unsigned shift = 0; shift < 32; shift += 8) {
		uint8_t *to = b->data + b->len;
		bool same = !(differ >> shift & 0xFF);
		to[0] = !same;
		for (uint32_t i = 0; i < (same ? 1 : n); i++)
			to[1 + i] = (uint8_t)(len[i] >> shift);
		b->len += 1 + (same ? 1 : n);
	}
}

void run_encode(const struct run_columns *c, const struct keyed_shape *shape, struct bytes *b)
{
	CHECK(c->rows > 0 && c->rows <= RUN_BLOCK_ROWS && b->cap >= RUN_BLOCK_BYTES);
	bytes_clear(b);
	bytes_put_u16(b, (uint16_t)c->rows);
	bytes_put_u8(b, (uint8_t)shape->form);
	bytes_put_u8(b, (uint8_t)shape->value_bytes);
	bytes_put_u32(b, c->deletions ? FLAG_DELETIONS : 0);
	bytes_put_u32(b, shape->form == KEY_BYTES ? c->text_bytes : 0);
	bytes_put_u32(b, 0);
	if (c->deletions)
		bytes_put(b, c->op_bits, (c->rows + 7) / 8);
	if (shape->form == KEY_FIX8) {
		planes_put(b, c->fix8, 1, c->rows, simd_have());
	} else {
		lengths_put(b, c->len, c->rows);
		bytes_put(b, c->text, c->text_bytes);
	}
	uint32_t words = shape->value_bytes / 8;
	for (uint32_t w = 0; w < words; w++)
		planes_put(b, c->value + w, words, c->rows, simd_have());
	CHECK(bytes_ok(b) && b->len <= RUN_BLOCK_BYTES);
}

static const char *ops_take(struct run_block *b, struct reader *r, uint32_t n, uint32_t flags)
{
	memset(b->op, ROW_PUT, n);
	if (!(flags & FLAG_DELETIONS))
		return NULL;
	const uint8_t *bits = reader_take(r, (n + 7) / 8);
	if (!bits)
		return "its operations are cut off";
	for (uint32_t i = 0; i < n; i++)
		b->op[i] = bits[i / 8] >> (i % 8) & 1 ? ROW_DELETE : ROW_PUT;
	return n % 8 && bits[n / 8] >> (n % 8) ? "its operations have bits beyond its rows" : NULL;
}

/* Lengths are summed with room to spare: n * 2^32 < 2^64. */
static const char *texts_take(struct run_block *b, struct reader *r, uint32_t n,
			      uint32_t text_bytes)
{
	uint64_t *len = b->hash; /* free until hashes are computed */
	uint64_t sum = 0;
	if (!planes_take(r, len, 1, n, 4))
		return "its key lengths are cut off";
	for (uint32_t i = 0; i < n; i++) {
		if (len[i] > KEY_MAX_BYTES)
			return "a key is too long";
		b->key_at[i] = (uint32_t)sum;
		sum += len[i];
		if (sum > text_bytes)
			return "its keys are longer than their text";
	}
	b->key_at[n] = (uint32_t)sum;
	b->text = reader_take(r, text_bytes);
	return !b->text || sum != text_bytes ? "its keys and their text differ in length" : NULL;
}

/* Hashes of all keys; whether they ascend strictly, which is nearly always all there is to see. */
static bool hashes_of(struct run_block *b, uint32_t n)
{
	uint64_t *hash = b->hash;
	if (b->shape.form == KEY_FIX8 && !b->shape.hash)
		for (uint32_t i = 0; i < n; i++)
			hash[i] = hash_fold64(b->fix8[i]);
	else
		for (uint32_t i = 0; i < n; i++) {
			uint32_t len;
			const uint8_t *key = run_key(b, i, &len);
			hash[i] = shape_hash(&b->shape, key, len);
		}
	bool ascend = true;
	for (uint32_t i = 1; i < n; i++)
		ascend &= hash[i - 1] < hash[i];
	return ascend;
}

static const char *keys_order(struct run_block *b, uint32_t n)
{
	if (hashes_of(b, n))
		return NULL;
	for (uint32_t i = 1; i < n; i++) {
		uint32_t len, was_len;
		if (b->hash[i] > b->hash[i - 1])
			continue;
		const uint8_t *key = run_key(b, i, &len), *was = run_key(b, i - 1, &was_len);
		if (b->hash[i] < b->hash[i - 1] || key_compare(was, was_len, key, len) >= 0)
			return "its rows do not ascend";
	}
	return NULL;
}

static const char *decode(struct run_block *b, const uint8_t *bytes, size_t len)
{
	struct reader r = reader_of(bytes, len);
	uint32_t n = reader_u16(&r);
	uint8_t form = reader_u8(&r), value_bytes = reader_u8(&r);
	uint32_t flags = reader_u32(&r), text_bytes = reader_u32(&r), zero = reader_u32(&r);
	if (r.failed)
		return "it is too short";
	if (form != b->shape.form || value_bytes != b->shape.value_bytes)
		return "its keys or values are of another type";
	if (n == 0 || n > RUN_BLOCK_ROWS)
		return "it has an impossible number of rows";
	if (flags > FLAG_DELETIONS || zero || (form == KEY_FIX8 && text_bytes))
		return "its header has unknown flags";
	const char *wrong = ops_take(b, &r, n, flags);
	if (wrong)
		return wrong;
	if (form == KEY_BYTES)
		wrong = texts_take(b, &r, n, text_bytes);
	else if (!planes_take(&r, b->fix8, 1, n, 8))
		wrong = "its keys are cut off";
	if (wrong)
		return wrong;
	uint32_t words = value_bytes / 8;
	for (uint32_t w = 0; w < words; w++)
		if (!planes_take(&r, (uint64_t *)b->value + w, words, n, 8))
			return "its values are cut off";
	if (reader_left(&r))
		return "it is too long";
	wrong = keys_order(b, n);
	if (!wrong)
		b->rows = n;
	return wrong;
}

RC run_decode(struct run_block *b, const uint8_t *bytes, size_t len, struct err *e)
{
	b->rows = 0;
	const char *wrong = len > RUN_BLOCK_BYTES ? "it is too large" : decode(b, bytes, len);
	if (wrong)
		return ERR(e, E_CORRUPT, "a block of keyed state is not one: %s", wrong);
	return OK;
}

RC run_block_open(struct run_block *b, const struct keyed_shape *shape, struct mem *mem,
		  struct err *e)
{
	memset(b, 0, sizeof *b);
	b->mem = mem;
	b->shape = *shape;
	b->hash = mem_get_aligned(mem, 16, RUN_BLOCK_ROWS * 8);
	b->op = mem_get_aligned(mem, 16, RUN_BLOCK_ROWS);
	b->value = mem_get_aligned(mem, 16, (size_t)RUN_BLOCK_ROWS * shape->value_bytes);
	if (shape->form == KEY_FIX8)
		b->fix8 = mem_get_aligned(mem, 16, RUN_BLOCK_ROWS * 8);
	else
		b->key_at = mem_get_aligned(mem, 16, (RUN_BLOCK_ROWS + 1) * 4);
	if (b->hash && b->op && b->value && (b->fix8 || b->key_at))
		return OK;
	run_block_close(b);
	return ERR(e, E_NO_MEMORY, "no memory for a block of keyed state");
}

void run_block_close(struct run_block *b)
{
	if (!b->mem)
		return;
	mem_put(b->mem, b->hash);
	mem_put(b->mem, b->op);
	mem_put(b->mem, b->value);
	mem_put(b->mem, b->fix8);
	mem_put(b->mem, b->key_at);
	memset(b, 0, sizeof *b);
}

uint32_t hashes_below(const uint64_t *hash, uint32_t n, uint64_t least)
{
	uint32_t from = 0;
	while (n) {
		uint32_t half = n / 2;
		bool below = hash[from + half] < least;
		from = below ? from + half + 1 : from;
		n = below ? n - half - 1 : half;
	}
	return from;
}

uint32_t run_row_from(const struct run_block *b, uint64_t hash)
{
	return hashes_below(b->hash, b->rows, hash);
}

int run_find(const struct run_block *b, uint64_t hash, const void *key, uint32_t key_len)
{
	uint32_t from = run_row_from(b, hash);
	for (; from < b->rows && b->hash[from] == hash; from++) {
		uint32_t len;
		const uint8_t *at = run_key(b, from, &len);
		if (key_compare(at, len, key, key_len) == 0)
			return (int)from;
	}
	return -1;
}
