/* sort.c - puts the rows of one chunk into run order, in place: what the packing thread does first.
 * A chunk of the ordered stream is almost sorted (only clusters are out of order): insertion. A
 * chunk of saved rows is not, but its hashes are spread evenly: one distribution by their high
 * bits leaves them almost sorted, then insertion. What resists both (forced collisions) is
 * merged. */
#include "state/run_in.h"

#include <string.h>

#define ROWS_MAX (CHUNK_BYTES / 12) /* the smallest row: an empty key and 8 bytes of value */
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
	s->rows = mem_get_aligned(mem, 16, CHUNK_BYTES);
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
		memcpy(to, c->data + p[i].at, p[i].len);
		to += p[i].len;
	}
	memcpy(c->data, s->rows, c->used_bytes);
}

/* --- numbers: the columns themselves are sorted by insertion, and no place is ever made --- */

static bool fix_after(const uint64_t *hash, const uint64_t *key, uint32_t i, uint64_t h, uint64_t k)
{
	return hash[i] > h || (hash[i] == h && key_compare(&key[i], 8, &k, 8) > 0);
}

/* False when it took too many moves: hashes and columns are some permutation, not sorted. */
INLINE bool fix_insertion(const struct chunk_columns *x, uint64_t *hash, uint32_t n, uint32_t words)
{
	uint64_t moves = (uint64_t)n * MOVES_A_ROW;
	for (uint32_t i = 1; i < n; i++) {
		if (hash[i - 1] < hash[i])
			continue;
		uint64_t h = hash[i], k = x->key[i], v[2];
		uint8_t op = x->op[i];
		uint32_t j = i;
		for (uint32_t w = 0; w < words; w++)
			v[w] = x->value[(size_t)i * words + w];
		for (; j > 0 && fix_after(hash, x->key, j - 1, h, k); j--) {
			hash[j] = hash[j - 1];
			x->key[j] = x->key[j - 1];
			x->op[j] = x->op[j - 1];
			for (uint32_t w = 0; w < words; w++)
				x->value[(size_t)j * words + w] =
					x->value[(size_t)(j - 1) * words + w];
		}
		hash[j] = h;
		x->key[j] = k;
		x->op[j] = op;
		for (uint32_t w = 0; w < words; w++)
			x->value[(size_t)j * words + w] = v[w];
		if (moves < i - j)
			return false;
		moves -= i - j;
	}
	return true;
}

/* The columns in the order of the places. */
INLINE void fix_gather(const struct run_place *p, const struct chunk_columns *x, uint8_t *rows,
		       uint32_t n, uint32_t words)
{
	uint64_t *to = (uint64_t *)rows;
	for (uint32_t i = 0; i < n; i++)
		to[i] = x->key[p[i].at];
	memcpy(x->key, to, (size_t)n * 8);
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t w = 0; w < words; w++)
			to[(size_t)i * words + w] = x->value[(size_t)p[i].at * words + w];
	memcpy(x->value, to, (size_t)n * 8 * words);
	for (uint32_t i = 0; i < n; i++)
		rows[i] = x->op[p[i].at];
	memcpy(x->op, rows, n);
}

INLINE void fix_sort(struct run_scratch *s, struct chunk *c, uint32_t words)
{
	struct chunk_columns x = chunk_columns(c, words * 8);
	uint64_t *hash = (uint64_t *)s->rows;
	uint32_t n = c->rows;
	bool sorted = true;
	CHECK(n <= x.room && (size_t)n * 16 <= CHUNK_BYTES);
	if (s->shape.hash)
		for (uint32_t i = 0; i < n; i++)
			hash[i] = shape_hash(&s->shape, &x.key[i], 8);
	else
		for (uint32_t i = 0; i < n; i++)
			hash[i] = hash_fold64(x.key[i]);
	for (uint32_t i = 1; i < n; i++)
		sorted &= hash[i - 1] < hash[i];
	if (sorted || (c->stream == CHUNK_ORDERED && fix_insertion(&x, hash, n, words)))
		return;
	for (uint32_t i = 0; i < n; i++)
		s->places[i] = (struct run_place){.hash = hash[i], .at = i};
	places_sort(s, c, n, false);
	fix_gather(s->places, &x, s->rows, n, words);
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
