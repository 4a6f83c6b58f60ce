/* pack.c - sorted chunks, written as blocks: what the packing thread does after sort.c. Rows of one
 * chunk ascend, so those of the only one go over as columns, a block at a time. */
#include "state/run_in.h"

#include <string.h>

struct run_head {
	struct chunk *c;
	uint32_t next;     /* the number of the row after this one */
	uint32_t next_at;  /* where it stands, as row_at counts, if rows stand in order */
	bool has_deletions; /* only told of KEY_FIX8 */
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

/* ours: the key stands in a chunk. */
static void columns_add(struct run_columns *c, const struct keyed_shape *s, const struct row *r,
			bool ours)
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
		if (ours)
			chunk_copy(c->text + c->text_bytes, r->key, r->key_len);
		else
			memcpy(c->text + c->text_bytes, r->key, r->key_len);
		c->text_bytes += r->key_len;
	}
	if (r->op == ROW_DELETE) {
		c->op_bits[i / 8] |= (uint8_t)(1u << (i % 8));
		c->deletions++;
		memset(&c->value[(size_t)i * words], 0, s->value_bytes);
	} else {
		memcpy(&c->value[(size_t)i * words], r->value, s->value_bytes);
	}
}

/* The operations of rows from `first` on, whose values are there; those of deletions become
 * zero. */
static void columns_delete(struct run_columns *c, const struct keyed_shape *s, uint32_t first,
			   const uint8_t *op, const uint64_t *order, uint32_t n)
{
	uint32_t words = s->value_bytes / 8;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t row = first + i;
		if (op[order ? word_at(order[i]) : i] != ROW_DELETE)
			continue;
		c->op_bits[row / 8] |= (uint8_t)(1u << (row % 8));
		c->deletions++;
		memset(&c->value[(size_t)row * words], 0, s->value_bytes);
	}
}

/* Rows of numbers (KEY_FIX8): as many as the block takes, at most n. */
static uint32_t columns_add_many(struct run_columns *c, const struct keyed_shape *s,
				 const uint64_t *key, const uint64_t *value, const uint8_t *op,
				 uint32_t n)
{
	uint32_t first = c->rows, words = s->value_bytes / 8;
	n = n < RUN_BLOCK_ROWS - first ? n : RUN_BLOCK_ROWS - first;
	memcpy(&c->fix8[first], key, (size_t)n * 8);
	memcpy(&c->value[(size_t)first * words], value, (size_t)n * s->value_bytes);
	uint8_t any = 0;
	for (uint32_t i = 0; i < n; i++)
		any |= op[i];
	if (any)
		columns_delete(c, s, first, op, NULL, n);
	c->rows = first + n;
	return n;
}

/* The same of a chunk's rows in the order of words. */
static inline __attribute__((always_inline)) void
columns_gather(struct run_columns *c, const struct chunk_columns *x, const uint64_t *order,
	       uint32_t n, uint32_t words)
{
	uint64_t *key = c->fix8 + c->rows, *value = c->value + (size_t)c->rows * words;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = word_at(order[i]);
		key[i] = x->key[at];
		for (uint32_t w = 0; w < words; w++)
			value[(size_t)i * words + w] = x->value[(size_t)at * words + w];
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
	if (c->deletions)
		memset(c->op_bits, 0, sizeof c->op_bits);
	c->rows = c->deletions = c->text_bytes = 0;
	return RUN_BLOCK;
}

static enum run_did row_add(struct run_writer *w, const struct row *r, bool ours,
			    struct run_out *out)
{
	enum run_did did = RUN_NEED;
	if (columns_full(&w->col, w->shape.form == KEY_BYTES ? r->key_len : 0))
		did = block_close(w, out);
	columns_add(&w->col, &w->shape, r, ours);
	w->any = true;
	w->last_hash = r->hash;
	return did;
}

enum run_did run_add(struct run_writer *w, uint64_t hash, enum row_op op, const uint8_t *key,
		     uint32_t key_len, const void *value, struct run_out *out)
{
	struct row r = {hash, op, key, value, key_len, 0};
	CHECK(key_len <= KEY_MAX_BYTES);
	return row_add(w, &r, false, out);
}

enum run_did run_add_rows(struct run_writer *w, const struct run_block *b, uint32_t *from,
			  uint32_t to, struct run_out *out)
{
	struct run_columns *c = &w->col;
	uint32_t words = w->shape.value_bytes / 8, row = *from;
	if (w->shape.form == KEY_BYTES) {
		uint32_t len;
		const uint8_t *key = run_key(b, row, &len);
		*from = row + 1;
		return run_add(w, b->hash[row], b->op[row], key, len,
			       b->value + (size_t)row * w->shape.value_bytes, out);
	}
	enum run_did did = columns_full(c, 0) ? block_close(w, out) : RUN_NEED;
	if (!c->rows)
		c->first_hash = b->hash[row];
	row += columns_add_many(c, &w->shape, b->fix8 + row,
				(const uint64_t *)b->value + (size_t)row * words, b->op + row,
				to - row);
	w->any = true;
	w->last_hash = c->last_hash = b->hash[row - 1];
	*from = row;
	return did;
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
	const struct chunk *c = h->c;
	if (h->next >= c->rows)
		return false;
	h->row = row_at(s, c, c->order ? word_at(c->order[h->next]) : h->next_at);
	h->next_at += h->row.row_len;
	h->next++;
	return true;
}

static bool chunk_has_deletions(struct chunk *c, const struct keyed_shape *s)
{
	uint8_t any = 0;
	if (s->form == KEY_BYTES)
		return false;
	struct chunk_columns x = chunk_columns(c, s->value_bytes);
	for (uint32_t i = 0; i < c->rows; i++)
		any |= x.op[i];
	return any == ROW_DELETE;
}

void run_feed(struct run_writer *w, struct chunk *list)
{
	CHECK(w->heads == 0);
	for (struct chunk *c = list; c; c = c->next) {
		struct run_head *h = &w->head[w->heads];
		CHECK(w->heads < RUN_LISTS && (!c->order || (c == list && !c->next)));
		*h = (struct run_head){.c = c, .has_deletions = chunk_has_deletions(c, &w->shape)};
		w->heads += head_next(h, &w->shape);
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

/* The rest of the only head, as far as the block takes it. The chunk is sorted and its first row
 * was above the last one, so all are. */
static void head_numbers(struct run_writer *w)
{
	struct run_head *h = &w->head[0];
	struct run_columns *c = &w->col;
	struct chunk_columns x = chunk_columns(h->c, w->shape.value_bytes);
	uint32_t words = w->shape.value_bytes / 8, first = c->rows, from = h->next - 1;
	uint32_t n = h->c->rows - from, room = RUN_BLOCK_ROWS - first;
	const uint64_t *order = h->c->order ? h->c->order + from : NULL;
	n = n < room ? n : room;
	if (!order) {
		n = columns_add_many(c, &w->shape, x.key + from, x.value + (size_t)from * words,
				     x.op + from, n);
	} else {
		if (words == 1)
			columns_gather(c, &x, order, n, 1);
		else
			columns_gather(c, &x, order, n, 2);
		if (h->has_deletions)
			columns_delete(c, &w->shape, first, x.op, order, n);
		c->rows += n;
	}
	h->next = h->next_at = from + n;
	if (n)
		w->last_hash = c->last_hash = shape_hash(&w->shape, &c->fix8[c->rows - 1], 8);
	w->heads = head_next(h, &w->shape);
}

/* The same of texts: the head's row and those after it. */
static void head_texts(struct run_writer *w)
{
	struct run_head *h = &w->head[0];
	struct run_columns *c = &w->col;
	const uint64_t *order = h->c->order;
	const uint32_t value_bytes = w->shape.value_bytes, words = value_bytes / 8;
	const uint8_t *row = (const uint8_t *)h->row.key - CHUNK_TEXT_HEAD, *last = NULL;
	uint32_t next = h->next - 1;
	for (; next < h->c->rows; next++) {
		row = order ? h->c->data + word_at(order[next]) : row;
		uint32_t head = load_u32(row + 8), len = head & 0x7FFFFFFF, i = c->rows;
		if (columns_full(c, len))
			break;
		chunk_copy(c->text + c->text_bytes, row + CHUNK_TEXT_HEAD, len);
		c->len[i] = len;
		c->text_bytes += len;
		c->rows = i + 1;
		const uint8_t *value = row + CHUNK_TEXT_HEAD + len;
		if (words == 1)
			memcpy(&c->value[i], value, 8);
		else
			memcpy(&c->value[(size_t)i * 2], value, 16);
		if (__builtin_expect(head >> 31 == ROW_DELETE, 0)) {
			c->op_bits[i / 8] |= (uint8_t)(1u << (i % 8));
			c->deletions++;
			memset(&c->value[(size_t)i * words], 0, value_bytes);
		}
		last = row;
		row = value + value_bytes;
	}
	if (last)
		w->last_hash = c->last_hash = load_u64(last);
	h->next = next;
	h->next_at = (uint32_t)(row - h->c->data);
	w->heads = head_next(h, &w->shape);
}

enum run_did run_step(struct run_writer *w, struct run_out *out)
{
	while (w->heads) {
		uint32_t i = head_least(w);
		struct run_head *h = &w->head[i];
		if (!row_above_last(w, &h->row)) {
			(void)block_close(w, out);
			w->any = false;
			return RUN_BREAK;
		}
		enum run_did did = row_add(w, &h->row, true, out);
		if (!head_next(h, &w->shape))
			w->head[i] = w->head[--w->heads];
		if (did == RUN_BLOCK)
			return did;
		if (w->heads == 1 && w->shape.form == KEY_FIX8)
			head_numbers(w);
		else if (w->heads == 1)
			head_texts(w);
	}
	return RUN_NEED;
}

enum run_did run_finish(struct run_writer *w, struct run_out *out)
{
	CHECK(w->heads == 0);
	w->any = false;
	return block_close(w, out);
}
