/* column.h - one column of a batch, in the Arrow memory layout, and the text its views look into.
 *
 *   column ── type, rows ── valid ─> bitmap, bit i: row i is not null (NULL: none is null)
 *                        ── data ──> int64 | double | strview | bitmap (bool)
 *                        ── text[] ─> shared text buffers: lines of a file, results of lower()
 *
 * Why views: splitting a line copies no text, and a short word compares and hashes in registers.
 * Columns are immutable once their batch was pushed, and reference-counted: filter, hash exchange
 * and keyed_sum share them. Only a batch may hold a view into a text buffer; state copies.
 * Owns: its data, one reference on each of its text buffers. Memory comes from a pool (pool.h).
 * Threads: references are atomic; the data has one writer, before the first share. */
#pragma once
#include "base/schema.h"

#include <stdatomic.h>
#include <string.h>

#define BATCH_ROWS 1024      /* PEERS.md: 64 halves the speed, 8,192 leaves the cache */
#define VALID_WORDS (BATCH_ROWS / 64)
#define COLUMN_TEXTS_MAX 16  /* text buffers one column looks into; a result that would need more
                              * copies its text into one of its own */

struct pool;

/* Text that views look into. Large: a block of a file, or one long record. */
struct text {
	_Atomic uint32_t refs;
	uint32_t cap;       /* bytes of data */
	uint32_t used;      /* bytes written; its one writer appends before sharing */
	struct pool *home;  /* takes it back when the last reference goes */
	struct text *next;  /* in the pool */
	uint8_t *data;
};

/* Arrow's string view: up to 12 bytes stand inline (zero-padded to 12), else a prefix and a
 * place. */
struct strview {
	uint32_t len;
	union {
		char inl[12];
		struct {
			char prefix[4];
			uint32_t text; /* which of the column's text buffers */
			uint32_t off;
		};
	};
};
_Static_assert(sizeof(struct strview) == 16, "Arrow's view is 16 bytes");
#define STRVIEW_INLINE 12

struct column {
	_Atomic uint32_t refs;
	enum type type;
	uint32_t rows;
	uint32_t n_texts;
	bool wide;             /* room for 16-byte values, else for 8-byte ones */
	bool has_valid;        /* false: no row is null, and valid is not looked at */
	struct pool *home;
	struct column *next;
	struct text *text[COLUMN_TEXTS_MAX];
	uint64_t valid[VALID_WORDS]; /* only where has_valid */
	union {                /* room for BATCH_ROWS values, 64-byte aligned, in the same allocation */
		int64_t *i64;      /* T_INT64, T_TIMESTAMP */
		double *f64;
		struct strview *str;
		uint64_t *bits;    /* T_BOOL: bit i is row i */
		void *data;
	};
};

static inline struct column *column_share(struct column *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}
void column_drop_last(struct column *c);
/* Gives up one reference; the last one returns the column to its pool. NULL is legal. */
static inline void column_drop(struct column *c)
{
	if (c && atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1)
		column_drop_last(c);
}

static inline struct text *text_share(struct text *t)
{
	atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
	return t;
}
void text_drop_last(struct text *t);
static inline void text_drop(struct text *t)
{
	if (t && atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) == 1)
		text_drop_last(t);
}

static inline bool bit_get(const uint64_t *bits, uint32_t i)
{
	return bits[i >> 6] >> (i & 63) & 1;
}
static inline void bit_set(uint64_t *bits, uint32_t i)
{
	bits[i >> 6] |= 1ull << (i & 63);
}
static inline void bit_clear(uint64_t *bits, uint32_t i)
{
	bits[i >> 6] &= ~(1ull << (i & 63));
}
static inline bool column_is_null(const struct column *c, uint32_t row)
{
	return c->has_valid && !bit_get(c->valid, row);
}

/* The bytes of a view of column c. Borrowed: valid while the column is. */
static inline const char *column_str(const struct column *c, const struct strview *v)
{
	return v->len <= STRVIEW_INLINE ? v->inl : (const char *)c->text[v->text]->data + v->off;
}

/* The view of len bytes at off of text number text, whose data is at base. */
static inline struct strview strview_of(const uint8_t *base, uint32_t text, uint32_t off,
					uint32_t len)
{
	struct strview v = {.len = len};
	if (len <= STRVIEW_INLINE) {
		memcpy(v.inl, base + off, len);
	} else {
		memcpy(v.prefix, base + off, 4);
		v.text = text;
		v.off = off;
	}
	return v;
}

/* The number that views of c use for t: an existing one, or a new one that takes a reference.
 * -1 when COLUMN_TEXTS_MAX are taken. */
int column_text_add(struct column *c, struct text *t);
