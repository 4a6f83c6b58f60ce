/* sort.c - puts the rows of one chunk into run order, in place: what the packing thread does first.
 * A chunk of the ordered stream is almost sorted (only neighbours are out of order): texts by
 * insertion, numbers by words that one pass puts right without a branch. A chunk of saved rows is
 * not, but its hashes are spread evenly: one distribution by their high bits leaves them almost
 * sorted. What resists both (forced collisions) is merged. */
#include "state/run_in.h"

#include <string.h>

#define ROWS_MAX (CHUNK_BYTES / 17) /* the smallest row: a number and 8 bytes of value */
_Static_assert(CHUNK_TEXT_HEAD + 8 >= 17, "a row of text is not smaller");
#define BUCKETS 8192u
#define MOVES_A_ROW 16u /* insertion gives up beyond, by feel */

#define INLINE static inline __attribute__((always_inline))

struct run_place {
	uint64_t hash;
	uint32_t at;  /* KEY_FIX8: the row; else its offset in the chunk's data */
	uint32_t len; /* KEY_BYTES: of the whole row */
};

RC run_scratch_open(struct run_scratch *s, const struct keyed_shape *shape, struct mem *mem,
		    struct err *e)
{
	*s = (struct run_scratch){.mem = mem, .shape = *shape};
	s->places = mem_get_aligned(mem, 16, sizeof(struct run_place) * ROWS_MAX * 2);
	s->rows = mem_get_aligned(mem, 16, CHUNK_BYTES + CHUNK_SLACK);
	if (s->places && s->rows)
		return OK;
	run_scratch_close(s);
	return ERR(e, E_NO_MEMORY, "no memory to sort rows");
}

void run_scratch_close(struct run_scratch *s)
{
	if (!s->mem)
		return;
	mem_put(s->mem, s->places);
	mem_put(s->mem, s->rows);
	memset(s, 0, sizeof *s);
}

/* --- any rows, by places --- */

static bool place_after(const struct keyed_shape *s, const struct chunk *c,
			const struct run_place *a, const struct run_place *b)
{
	if (a->hash != b->hash)
		return a->hash > b->hash;
	struct row x = row_at(s, c, a->at), y = row_at(s, c, b->at);
	return key_compare(x.key, x.key_len, y.key, y.key_len) > 0;
}

/* False when it took too many moves: the places are some permutation, not sorted. */
static bool insertion(const struct keyed_shape *s, const struct chunk *c, struct run_place *p,
		      uint32_t n)
{
	uint64_t moves = (uint64_t)n * MOVES_A_ROW;
	for (uint32_t i = 1; i < n; i++) {
		struct run_place x = p[i];
		uint32_t j = i;
		while (j > 0 && place_after(s, c, &p[j - 1], &x)) {
			p[j] = p[j - 1];
			j--;
		}
		p[j] = x;
		if (moves < i - j)
			return false;
		moves -= i - j;
	}
	return true;
}

static void distribute(struct run_place *p, struct run_place *to, uint32_t n)
{
	uint32_t start[BUCKETS] = {0}, sum = 0;
	uint64_t lo = UINT64_MAX, hi = 0;
	for (uint32_t i = 0; i < n; i++) {
		lo = p[i].hash < lo ? p[i].hash : lo;
		hi = p[i].hash > hi ? p[i].hash : hi;
	}
	unsigned shift = 0;
	while ((hi - lo) >> shift >= BUCKETS)
		shift++;
	for (uint32_t i = 0; i < n; i++)
		start[(p[i].hash - lo) >> shift]++;
	for (uint32_t b = 0; b < BUCKETS; b++) {
		uint32_t count = start[b];
		start[b] = sum;
		sum += count;
	}
	for (uint32_t i = 0; i < n; i++)
		to[start[(p[i].hash - lo) >> shift]++] = p[i];
	memcpy(p, to, n * sizeof *p);
}

/* Bottom up; the result is in p. */
static void merge_sort(const struct keyed_shape *s, const struct chunk *c, struct run_place *p,
		       struct run_place *to, uint32_t n)
{
	for (uint32_t width = 1; width < n; width *= 2) {
		for (uint32_t from = 0; from < n; from += 2 * width) {
			uint32_t mid = from + width < n ? from + width : n;
			uint32_t end = mid + width < n ? mid + width : n, a = from, b = mid;
			for (uint32_t i = from; i < end; i++) {
				bool right = a == mid ||
					     (b < end && place_after(s, c, &p[a], &p[b]));
				to[i] = right ? p[b++] : p[a++];
			}
		}
		memcpy(p, to, n * sizeof *p);
	}
}

/* almost: only neighbours are expected to be out of order. */
static void places_sort(struct run_scratch *s, const struct chunk *c, uint32_t n, bool almost)
{
	struct run_place *p = s->places;
	if (almost && insertion(&s->shape, c, p, n))
		return;
	distribute(p, p + ROWS_MAX, n);
	if (!insertion(&s->shape, c, p, n))
		merge_sort(&s->shape, c, p, p + ROWS_MAX, n);
}

/* --- texts --- */

static void bytes_sort(struct run_scratch *s, struct chunk *c)
{
	struct run_place *p = s->places;
	uint32_t n = 0;
	bool sorted = true;
	for (uint32_t at = 0; at < c->used_bytes; n++) {
		struct row r = row_at(&s->shape, c, at);
		r.hash = shape_hash(&s->shape, r.key, r.key_len);
		memcpy(c->data + at, &r.hash, sizeof r.hash);
		CHECK(n < ROWS_MAX && r.row_len <= c->used_bytes - at);
		p[n] = (struct run_place){r.hash, at, r.row_len};
		sorted = sorted && (n == 0 || p[n - 1].hash < r.hash);
		at += r.row_len;
	}
	CHECK(n == c->rows);
	if (sorted)
		return;
	places_sort(s, c, n, c->stream == CHUNK_ORDERED);
	uint8_t *to = s->rows;
	for (uint32_t i = 0; i < n; i++) {
		chunk_copy(to, c->data + p[i].at, p[i].len);
		to += p[i].len;
	}
	memcpy(c->data, s->rows, c->used_bytes);
}

/* --- numbers: a row is one word, the high bits of its hash above its number --- */

#define NUMBER_BITS 14
#define NUMBER_MASK ((1ull << NUMBER_BITS) - 1)
_Static_assert(CHUNK_BYTES / 17 <= NUMBER_MASK, "every row of a chunk has a number");

/* Puts right what at most 8 greater words stand before, in one pass without a branch: the 8 words
 * that wait are sorted, and each new one pushes the least out. */
static void words_near(uint64_t *word, uint32_t n)
{
	uint64_t w[8] = {0};
	for (uint32_t i = 0; i < n + 8; i++) {
		uint64_t x = i < n ? word[i] : UINT64_MAX;
		uint64_t least = x < w[0] ? x : w[0];
		x = x < w[0] ? w[0] : x;
#pragma GCC unroll 7
		for (unsigned j = 1; j < 8; j++) {
			uint64_t other = w[j];
			w[j - 1] = x < other ? x : other;
			x = x < other ? other : x;
		}
		w[7] = x;
		if (i >= 8) /* before, what the window was filled with comes out */
			word[i - 8] = least;
	}
}

/* By their high bits, which are spread evenly: leaves them almost sorted. */
static void words_distribute(uint64_t *word, uint64_t *to, uint32_t n)
{
	uint32_t start[BUCKETS] = {0}, sum = 0;
	uint64_t lo = UINT64_MAX, hi = 0;
	for (uint32_t i = 0; i < n; i++) {
		lo = word[i] < lo ? word[i] : lo;
		hi = word[i] > hi ? word[i] : hi;
	}
	unsigned shift = 0;
	while ((hi - lo) >> shift >= BUCKETS)
		shift++;
	for (uint32_t i = 0; i < n; i++)
		start[(word[i] - lo) >> shift]++;
	for (uint32_t b = 0; b < BUCKETS; b++) {
		uint32_t count = start[b];
		start[b] = sum;
		sum += count;
	}
	for (uint32_t i = 0; i < n; i++)
		to[start[(word[i] - lo) >> shift]++] = word[i];
	memcpy(word, to, n * sizeof *word);
}

/* What is still out of order is moved. False when that is too much, or when two rows have the same
 * high bits, so that words do not say which is first. */
static bool words_insert(uint64_t *word, uint32_t n)
{
	uint64_t moves = (uint64_t)n * MOVES_A_ROW;
	bool same = false;
	for (uint32_t i = 1; i < n; i++) {
		if (__builtin_expect(word[i - 1] > word[i], 0)) {
			uint64_t x = word[i];
			uint32_t j = i;
			for (; j > 0 && word[j - 1] > x; j--)
				word[j] = word[j - 1];
			word[j] = x;
			if (moves < i - j)
				return false;
			moves -= i - j;
		}
	}
	for (uint32_t i = 1; i < n; i++)
		same |= (word[i - 1] ^ word[i]) <= NUMBER_MASK;
	return !same;
}

/* The words of a chunk's rows; whether they ascend already. */
static bool words_of(const struct keyed_shape *s, const uint64_t *key, uint64_t *word, uint32_t n)
{
	if (s->hash)
		for (uint32_t i = 0; i < n; i++)
			word[i] = (shape_hash(s, &key[i], 8) & ~NUMBER_MASK) | i;
	else
		for (uint32_t i = 0; i < n; i++)
			word[i] = (hash_fold64(key[i]) & ~NUMBER_MASK) | i;
	uint32_t i = 1;
	while (i < n && word[i - 1] < word[i] && (word[i - 1] ^ word[i]) > NUMBER_MASK)
		i++;
	return i >= n;
}

/* The columns in the order of the rows' numbers. */
INLINE void fix_gather(const uint64_t *word, const struct chunk_columns *x, uint8_t *rows,
		       uint32_t n, uint32_t words)
{
	uint64_t *to = (uint64_t *)rows;
	for (uint32_t i = 0; i < n; i++)
		to[i] = x->key[word[i] & NUMBER_MASK];
	memcpy(x->key, to, (size_t)n * 8);
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t w = 0; w < words; w++)
			to[(size_t)i * words + w] =
				x->value[(size_t)(word[i] & NUMBER_MASK) * words + w];
	memcpy(x->value, to, (size_t)n * 8 * words);
	uint8_t any = 0;
	for (uint32_t i = 0; i < n; i++)
		any |= x->op[i];
	if (!any)
		return;
	for (uint32_t i = 0; i < n; i++)
		rows[i] = x->op[word[i] & NUMBER_MASK];
	memcpy(x->op, rows, n);
}

INLINE void fix_sort(struct run_scratch *s, struct chunk *c, uint32_t words)
{
	struct chunk_columns x = chunk_columns(c, words * 8);
	uint64_t *word = (uint64_t *)(s->places + ROWS_MAX), *other = (uint64_t *)s->places;
	uint32_t n = c->rows;
	CHECK(n <= x.room && n <= NUMBER_MASK && (size_t)n * 8 * words <= CHUNK_BYTES);
	if (words_of(&s->shape, x.key, word, n))
		return;
	if (c->stream == CHUNK_SAVED)
		words_distribute(word, other, n);
	words_near(word, n);
	if (!words_insert(word, n)) { /* forced collisions, or a chunk in no order at all */
		for (uint32_t i = 0; i < n; i++)
			s->places[i] = (struct run_place){
				.hash = shape_hash(&s->shape, &x.key[i], 8), .at = i};
		places_sort(s, c, n, false);
		for (uint32_t i = 0; i < n; i++)
			word[i] = s->places[i].at;
	}
	fix_gather(word, &x, s->rows, n, words);
}

void run_sort(struct run_scratch *s, struct chunk *c)
{
	if (s->shape.form == KEY_BYTES)
		bytes_sort(s, c);
	else if (s->shape.value_bytes == 8)
		fix_sort(s, c, 1);
	else
		fix_sort(s, c, 2);
}
