/* pack.c - raw rows of chunks, sorted and written as blocks: what the packing thread does. A
 * chunk of the ordered stream is almost sorted (only clusters are out of order): insertion. A
 * chunk of saved rows is not, but its hashes are spread evenly: one distribution by their high
 * bits leaves them almost sorted, then insertion. What resists both (forced collisions) is
 * merged. */
#include "state/run_in.h"

#include <string.h>

#define ROWS_MAX (CHUNK_BYTES / 12) /* the smallest row: an empty key and 8 bytes of value */
#define BUCKETS 8192u
#define MOVES_A_ROW 16u /* insertion gives up beyond, by feel */

struct run_place {
	uint64_t hash;
	uint32_t at; /* offset in the chunk's data */
	uint32_t len; /* of the whole row */
};

struct row {
	uint64_t hash;
	enum row_op op;
	const uint8_t *key, *value;
	uint32_t key_len, row_len;
};

static inline struct row row_at(const struct keyed_shape *s, const uint8_t *data)
{
	struct row r;
	if (s->form == KEY_FIX8) {
		r.key = data;
		r.key_len = 8;
		r.value = data + 8;
		r.op = data[8 + s->value_bytes];
		r.row_len = 8 + s->value_bytes + 1;
	} else {
		uint32_t head = load_u32(data);
		r.op = head >> 31;
		r.key = data + 4;
		r.key_len = head & 0x7FFFFFFF;
		r.value = r.key + r.key_len;
		r.row_len = 4 + r.key_len + s->value_bytes;
	}
	r.hash = shape_hash(s, r.key, r.key_len);
	return r;
}

/* --- sorting one chunk --- */

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

static bool place_after(const struct keyed_shape *s, const uint8_t *data, const struct run_place *a,
			const struct run_place *b)
{
	if (a->hash != b->hash)
		return a->hash > b->hash;
	struct row x = row_at(s, data + a->at), y = row_at(s, data + b->at);
	return key_compare(x.key, x.key_len, y.key, y.key_len) > 0;
}

/* False when it took too many moves: the places are some permutation, not sorted. */
static bool insertion(const struct keyed_shape *s, const uint8_t *data, struct run_place *p,
		      uint32_t n)
{
	uint64_t moves = (uint64_t)n * MOVES_A_ROW;
	for (uint32_t i = 1; i < n; i++) {
		struct run_place x = p[i];
		uint32_t j = i;
		while (j > 0 && place_after(s, data, &p[j - 1], &x)) {
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
static void merge_sort(const struct keyed_shape *s, const uint8_t *data, struct run_place *p,
		       struct run_place *to, uint32_t n)
{
	for (uint32_t width = 1; width < n; width *= 2) {
		for (uint32_t from = 0; from < n; from += 2 * width) {
			uint32_t mid = from + width < n ? from + width : n;
			uint32_t end = mid + width < n ? mid + width : n, a = from, b = mid;
			for (uint32_t i = from; i < end; i++) {
				bool right = a == mid ||
					     (b < end && place_after(s, data, &p[a], &p[b]));
				to[i] = right ? p[b++] : p[a++];
			}
		}
		memcpy(p, to, n * sizeof *p);
	}
}

/* The chunk's rows in the order of the places. */
static void rows_gather(struct run_scratch *s, const struct chunk *c, uint32_t n)
{
	const struct run_place *p = s->places;
	uint8_t *to = s->rows;
	if (s->shape.form == KEY_FIX8 && s->shape.value_bytes == 8) {
		for (uint32_t i = 0; i < n; i++, to += 17) {
			memcpy(to, c->data + p[i].at, 16);
			to[16] = c->data[p[i].at + 16];
		}
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		memcpy(to, c->data + p[i].at, p[i].len);
		to += p[i].len;
	}
}

void run_sort(struct run_scratch *s, struct chunk *c)
{
	struct run_place *p = s->places;
	uint32_t n = 0;
	bool sorted = true;
	for (uint32_t at = 0; at < c->used_bytes; n++) {
		struct row r = row_at(&s->shape, c->data + at);
		CHECK(n < ROWS_MAX && r.row_len <= c->used_bytes - at);
		p[n] = (struct run_place){r.hash, at, r.row_len};
		sorted = sorted && (n == 0 || p[n - 1].hash < r.hash);
		at += r.row_len;
	}
	CHECK(n == c->rows);
	if (sorted)
		return;
	if (!insertion(&s->shape, c->data, p, n)) {
		distribute(p, p + ROWS_MAX, n);
		if (!insertion(&s->shape, c->data, p, n))
			merge_sort(&s->shape, c->data, p, p + ROWS_MAX, n);
	}
	rows_gather(s, c, n);
	memcpy(c->data, s->rows, c->used_bytes);
}

/* --- writing blocks --- */

struct run_head {
	const struct chunk *c;
	uint32_t at; /* offset of the row after this one */
	struct row row;
};

struct run_writer {
	struct mem *mem;
	struct keyed_shape shape;
	struct bytes block;
	struct run_columns col;
	bool any;              /* this run has a last row */
	uint64_t last_hash;
	struct bytes last_key; /* when it stands in a block that is gone */
	uint32_t heads;
	struct run_head head[RUN_LISTS];
};

RC run_writer_open(struct run_writer **to, const struct keyed_shape *shape, struct mem *mem,
		   struct err *e)
{
	struct run_writer *w = *to = mem_get(mem, sizeof *w);
	if (!w)
		return ERR(e, E_NO_MEMORY, "no memory to write keyed state");
	w->mem = mem;
	w->shape = *shape;
	bytes_init(&w->block, mem);
	bytes_init(&w->last_key, mem);
	if (bytes_reserve(&w->block, RUN_BLOCK_BYTES) && bytes_reserve(&w->last_key, KEY_MAX_BYTES))
		return OK;
	run_writer_close(w);
	*to = NULL;
	return ERR(e, E_NO_MEMORY, "no memory to write keyed state");
}

void run_writer_close(struct run_writer *w)
{
	if (!w)
		return;
	bytes_close(&w->block);
	bytes_close(&w->last_key);
	mem_put(w->mem, w);
}

static void columns_add(struct run_columns *c, const struct keyed_shape *s, const struct row *r)
{
	uint32_t i = c->rows++;
	uint32_t words = s->value_bytes / 8;
	if (i == 0)
		c->first_hash = r->hash;
	c->last_hash = r->hash;
	if (s->form == KEY_FIX8) {
		c->fix8[i] = load_u64(r->key);
	} else {
		c->len[i] = r->key_len;
		memcpy(c->text + c->text_bytes, r->key, r->key_len);
		c->text_bytes += r->key_len;
	}
	if (i % 8 == 0)
		c->op_bits[i / 8] = 0;
	if (r->op == ROW_DELETE) {
		c->op_bits[i / 8] |= (uint8_t)(1u << (i % 8));
		c->deletions++;
		memset(&c->value[(size_t)i * words], 0, s->value_bytes);
	} else {
		memcpy(&c->value[(size_t)i * words], r->value, s->value_bytes);
	}
}

static bool columns_full(const struct run_columns *c, uint32_t key_len)
{
	return c->rows == RUN_BLOCK_ROWS || c->text_bytes + key_len > RUN_TEXT_BYTES;
}

static const uint8_t *last_key(const struct run_writer *w, uint32_t *len)
{
	const struct run_columns *c = &w->col;
	if (!c->rows) {
		*len = (uint32_t)w->last_key.len;
		return w->last_key.data;
	}
	*len = w->shape.form == KEY_FIX8 ? 8 : c->len[c->rows - 1];
	return w->shape.form == KEY_FIX8 ? (const uint8_t *)&c->fix8[c->rows - 1]
					 : c->text + c->text_bytes - *len;
}

static enum run_did block_close(struct run_writer *w, struct run_out *out)
{
	struct run_columns *c = &w->col;
	*out = (struct run_out){0};
	if (!c->rows)
		return RUN_NEED;
	uint32_t len;
	const uint8_t *key = last_key(w, &len);
	bytes_clear(&w->last_key);
	bytes_put(&w->last_key, key, len);
	run_encode(c, &w->shape, &w->block);
	*out = (struct run_out){w->block.data, w->block.len, c->rows, c->first_hash, c->last_hash};
	c->rows = c->deletions = c->text_bytes = 0;
	return RUN_BLOCK;
}

static enum run_did row_add(struct run_writer *w, const struct row *r, struct run_out *out)
{
	enum run_did did = RUN_NEED;
	if (columns_full(&w->col, w->shape.form == KEY_BYTES ? r->key_len : 0))
		did = block_close(w, out);
	columns_add(&w->col, &w->shape, r);
	w->any = true;
	w->last_hash = r->hash;
	return did;
}

enum run_did run_add(struct run_writer *w, uint64_t hash, enum row_op op, const uint8_t *key,
		     uint32_t key_len, const void *value, struct run_out *out)
{
	struct row r = {hash, op, key, value, key_len, 0};
	CHECK(key_len <= KEY_MAX_BYTES);
	return row_add(w, &r, out);
}

static bool row_above_last(const struct run_writer *w, const struct row *r)
{
	if (!w->any || r->hash > w->last_hash)
		return true;
	uint32_t len;
	const uint8_t *key = last_key(w, &len);
	return r->hash == w->last_hash && key_compare(key, len, r->key, r->key_len) < 0;
}

/* The head's next row; false: the chunk is at its end. */
static bool head_next(struct run_head *h, const struct keyed_shape *s)
{
	if (h->at >= h->c->used_bytes)
		return false;
	h->row = row_at(s, h->c->data + h->at);
	h->at += h->row.row_len;
	return true;
}

void run_feed(struct run_writer *w, struct chunk *list)
{
	CHECK(w->heads == 0);
	for (struct chunk *c = list; c; c = c->next) {
		CHECK(w->heads < RUN_LISTS);
		w->head[w->heads] = (struct run_head){.c = c};
		w->heads += head_next(&w->head[w->heads], &w->shape);
	}
}

static uint32_t head_least(const struct run_writer *w)
{
	uint32_t best = 0;
	for (uint32_t i = 1; i < w->heads; i++) {
		const struct row *a = &w->head[i].row, *b = &w->head[best].row;
		if (a->hash < b->hash ||
		    (a->hash == b->hash && key_compare(a->key, a->key_len, b->key, b->key_len) < 0))
			best = i;
	}
	return best;
}

/* Puts of numbers from the only head, as many as the block takes: what most of a snapshot is. Ends
 * at a row that is special in any way. */
static void rows_bulk(struct run_writer *w)
{
	struct run_head *h = &w->head[0];
	struct run_columns *c = &w->col;
	const uint8_t *at = h->row.key, *end = h->c->data + h->c->used_bytes;
	uint64_t last = w->last_hash;
	uint32_t i = c->rows;
	for (; i < RUN_BLOCK_ROWS && at < end; i++, at += 17) {
		uint64_t key = load_u64(at), hash = shape_hash(&w->shape, &key, 8);
		if (at[16] != ROW_PUT || hash <= last)
			break;
		c->fix8[i] = key;
		c->value[i] = load_u64(at + 8);
		if (i % 8 == 0)
			c->op_bits[i / 8] = 0;
		last = hash;
	}
	c->rows = i;
	c->last_hash = w->last_hash = last;
	h->at = (uint32_t)(at - h->c->data);
	w->heads = head_next(h, &w->shape);
}

enum run_did run_step(struct run_writer *w, struct run_out *out)
{
	bool plain = w->shape.form == KEY_FIX8 && w->shape.value_bytes == 8;
	while (w->heads) {
		if (w->heads == 1 && plain && w->any && w->col.rows)
			rows_bulk(w);
		if (!w->heads)
			break;
		uint32_t i = head_least(w);
		if (!row_above_last(w, &w->head[i].row)) {
			(void)block_close(w, out);
			w->any = false;
			return RUN_BREAK;
		}
		enum run_did did = row_add(w, &w->head[i].row, out);
		if (!head_next(&w->head[i], &w->shape))
			w->head[i] = w->head[--w->heads];
		if (did == RUN_BLOCK)
			return did;
	}
	return RUN_NEED;
}

enum run_did run_finish(struct run_writer *w, struct run_out *out)
{
	CHECK(w->heads == 0);
	w->any = false;
	return block_close(w, out);
}
