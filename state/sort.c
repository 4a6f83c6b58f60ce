/* sort.c - the order of the rows of one chunk: what the packing thread finds out first.
 * A chunk of the ordered stream is almost sorted (only neighbours are out of order): one pass
 * without a branch puts most of it right. A chunk of saved rows is not, but its hashes are spread
 * evenly: one distribution by their high bits leaves them almost sorted. What resists both (forced
 * collisions) is merged. */
#include "state/run_in.h"

#include <string.h>

#define ROWS_MAX (CHUNK_BYTES / 17) /* the smallest row: a number and 8 bytes of value */
_Static_assert(CHUNK_TEXT_HEAD + 8 >= 17, "a row of text is not smaller");
_Static_assert(CHUNK_BYTES <= WORD_AT_MASK + 1, "a word has room for every place");
#define WORDS_AT_ONCE 512u /* so that hashes are in the first-level cache when words are made */
#define MOVES_A_ROW 16u /* insertion gives up beyond, by feel */

#define INLINE static inline __attribute__((always_inline))

RC run_scratch_open(struct run_scratch *s, const struct keyed_shape *shape, struct mem *mem,
		    struct err *e)
{
	*s = (struct run_scratch){.mem = mem, .shape = *shape};
	s->words = mem_get_aligned(mem, 64, sizeof *s->words * ROWS_MAX * 2);
	s->rows = mem_get_aligned(mem, 16, CHUNK_BYTES + CHUNK_SLACK);
	if (s->words && s->rows)
		return OK;
	run_scratch_close(s);
	return ERR(e, E_NO_MEMORY, "no memory to sort rows");
}

void run_scratch_close(struct run_scratch *s)
{
	if (!s->mem)
		return;
	mem_put(s->mem, s->words);
	mem_put(s->mem, s->rows);
	memset(s, 0, sizeof *s);
}

/* --- the words of a chunk's rows --- */

static void fix_words(struct run_scratch *s, struct chunk *c)
{
	struct chunk_columns x = chunk_columns(c, s->shape.value_bytes);
	CHECK(c->rows <= x.room && c->rows <= ROWS_MAX);
	for (uint32_t from = 0, n; from < c->rows; from += n) {
		uint64_t *word = s->words + from;
		n = c->rows - from < WORDS_AT_ONCE ? c->rows - from : WORDS_AT_ONCE;
		if (s->shape.hash)
			for (uint32_t i = 0; i < n; i++)
				word[i] = s->shape.hash(&x.key[from + i], 8);
		else
			hash_numbers(simd_have(), x.key + from, NULL, n, word);
		for (uint32_t i = 0; i < n; i++)
			word[i] = word_of(word[i], from + i);
	}
}

/* Of a text of the row format: what stands behind it may be looked at. HASH_STRING in registers
 * where it is short. */
INLINE uint64_t text_hash(const struct keyed_shape *s, const uint8_t *key, uint32_t len,
			  bool strings)
{
	if (!strings || len > HASH_SHORT_BYTES)
		return shape_hash(s, key, len);
	unsigned __int128 text;
	memcpy(&text, key, sizeof text);
	text <<= 128 - 8 * HASH_SHORT_BYTES; /* 12 bytes, below them room for a length */
	text = text << 8 * (HASH_SHORT_BYTES - len) >> 8 * (HASH_SHORT_BYTES - len); /* its own */
	return hash_short((uint64_t)text | len, (uint64_t)(text >> 64));
}

static void text_words(struct run_scratch *s, struct chunk *c)
{
	const bool strings = !s->shape.hash && shape_hash_id(&s->shape) == HASH_STRING;
	uint32_t n = 0, len;
	for (uint32_t at = 0; at < c->used_bytes; n++) {
		uint8_t *row = c->data + at;
		len = load_u32(row + 8) & 0x7FFFFFFF;
		uint32_t row_len = CHUNK_TEXT_HEAD + len + s->shape.value_bytes;
		CHECK(n < ROWS_MAX && row_len <= c->used_bytes - at);
		uint64_t hash = text_hash(&s->shape, row + CHUNK_TEXT_HEAD, len, strings);
		memcpy(row, &hash, sizeof hash);
		s->words[n] = word_of(hash, at);
		at += row_len;
	}
	CHECK(n == c->rows);
}

/* --- their order --- */

/* Whether row a belongs behind row b. */
static bool word_after(const struct run_scratch *s, const struct chunk *c, uint64_t a, uint64_t b)
{
	if (a >> WORD_AT_BITS != b >> WORD_AT_BITS)
		return a > b;
	struct row x = row_at(&s->shape, c, word_at(a)), y = row_at(&s->shape, c, word_at(b));
	if (x.hash != y.hash)
		return x.hash > y.hash;
	return key_compare(x.key, x.key_len, y.key, y.key_len) > 0;
}

static bool words_ascend(const uint64_t *word, uint32_t n)
{
	uint32_t i = 1;
	while (i < n && word[i - 1] >> WORD_AT_BITS < word[i] >> WORD_AT_BITS)
		i++;
	return i >= n;
}

/* What is still out of order is moved. False when that is too much: then they are in some order. */
static bool words_insert(struct run_scratch *s, const struct chunk *c)
{
	uint64_t *word = s->words, moves = (uint64_t)c->rows * MOVES_A_ROW;
	for (uint32_t i = 1; i < c->rows; i++) {
		uint64_t x = word[i];
		uint32_t j = i;
		if (__builtin_expect(word[i - 1] >> WORD_AT_BITS < x >> WORD_AT_BITS, 1))
			continue;
		for (; j > 0 && word_after(s, c, word[j - 1], x); j--)
			word[j] = word[j - 1];
		word[j] = x;
		if (moves < i - j)
			return false;
		moves -= i - j;
	}
	return true;
}

/* Bottom up; the result is in s->words. */
static void words_merge(struct run_scratch *s, const struct chunk *c)
{
	uint64_t *p = s->words, *to = s->words + ROWS_MAX;
	const uint32_t n = c->rows;
	for (uint32_t width = 1; width < n; width *= 2) {
		for (uint32_t from = 0; from < n; from += 2 * width) {
			uint32_t mid = from + width < n ? from + width : n;
			uint32_t end = mid + width < n ? mid + width : n, a = from, b = mid;
			for (uint32_t i = from; i < end; i++) {
				bool right = a == mid || (b < end && word_after(s, c, p[a], p[b]));
				to[i] = right ? p[b++] : p[a++];
			}
		}
		memcpy(p, to, n * sizeof *p);
	}
}

void run_order(struct run_scratch *s, struct chunk *c)
{
	c->order = NULL;
	if (s->shape.form == KEY_BYTES)
		text_words(s, c);
	else
		fix_words(s, c);
	if (words_ascend(s->words, c->rows))
		return;
	if (c->stream == CHUNK_SAVED)
		words_distribute(s->words, s->words + ROWS_MAX, c->rows);
	words_near(s->words, c->rows, simd_have());
	if (!words_insert(s, c))
		words_merge(s, c);
	c->order = s->words;
}

/* --- rows in place --- */

INLINE void fix_move(const struct run_scratch *s, struct chunk *c, uint32_t words)
{
	struct chunk_columns x = chunk_columns(c, words * 8);
	const uint64_t *order = c->order;
	uint64_t *to = (uint64_t *)s->rows;
	for (uint32_t i = 0; i < c->rows; i++)
		to[i] = x.key[word_at(order[i])];
	memcpy(x.key, to, (size_t)c->rows * 8);
	for (uint32_t i = 0; i < c->rows; i++)
		for (uint32_t w = 0; w < words; w++)
			to[(size_t)i * words + w] = x.value[(size_t)word_at(order[i]) * words + w];
	memcpy(x.value, to, (size_t)c->rows * 8 * words);
	for (uint32_t i = 0; i < c->rows; i++)
		s->rows[i] = x.op[word_at(order[i])];
	memcpy(x.op, s->rows, c->rows);
}

static void text_move(const struct run_scratch *s, struct chunk *c)
{
	uint8_t *to = s->rows;
	for (uint32_t i = 0; i < c->rows; i++) {
		uint32_t at = word_at(c->order[i]), len = row_at(&s->shape, c, at).row_len;
		chunk_copy(to, c->data + at, len);
		to += len;
	}
	memcpy(c->data, s->rows, c->used_bytes);
}

void run_sort(struct run_scratch *s, struct chunk *c)
{
	run_order(s, c);
	if (c->order && s->shape.form == KEY_BYTES)
		text_move(s, c);
	else if (c->order && s->shape.value_bytes == 8)
		fix_move(s, c, 1);
	else if (c->order)
		fix_move(s, c, 2);
	c->order = NULL;
}
