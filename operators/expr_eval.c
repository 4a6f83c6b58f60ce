/* expr_eval.c - runs a typed expression over the rows of a batch.
 * A kernel node runs its arguments, joins their nulls by words and hands its kernel the rows that
 * count. All-constant nodes run once a batch, for one row.
 * The first bad row: kernels go column by column, so the error met first need not be the one of the
 * first row. After an error everything is run again for the rows before it, until that is clean;
 * only a failing batch pays for it. */
#include "operators/kernels.h"
#include "operators/simd.h"

#include <stdio.h>

void val_drop(struct val *v)
{
	column_drop(v->col);
	v->col = NULL;
}

enum rc run_fail(struct run *r, uint32_t row, const char *fmt, ...)
{
	char what[400];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	r->bad_row = row;
	int cut = strlen(r->x->text) > 200 ? 200 : (int)strlen(r->x->text);
	return ERR(r->e, E_RECORD, "expression '%.*s'%s: %s", cut, r->x->text,
		   r->x->text[cut] ? "..." : "", what);
}

enum rc run_no_memory(struct run *r)
{
	return ERR(r->e, E_NO_MEMORY, "no memory for the columns of an expression");
}

enum rc run_column(struct run *r, enum type type, struct column **c)
{
	*c = pool_column(r->pool, type);
	if (!*c)
		return run_no_memory(r);
	(*c)->rows = r->n_rows;
	return OK;
}

struct val val_of_column(struct column *c)
{
	return (struct val){.type = c->type,
			    .mask = ~0u,
			    .data = c->data,
			    .valid = c->has_valid ? c->valid : NULL,
			    .texts = c->text,
			    .n_texts = c->n_texts,
			    .col = c};
}

/* Byte k of entry m: the place of the k-th bit of m that is 1. */
#define PLACE(m, bit)                                                                              \
	((m) >> (bit) & 1                                                                          \
		 ? (uint64_t)(bit) << 8 * __builtin_popcount((unsigned)(m) & ((1u << (bit)) - 1))  \
		 : 0)
#define PLACES(m)                                                                                  \
	(PLACE(m, 0) | PLACE(m, 1) | PLACE(m, 2) | PLACE(m, 3) | PLACE(m, 4) | PLACE(m, 5) |       \
	 PLACE(m, 6) | PLACE(m, 7))
#define PLACES_4(m) PLACES(m), PLACES(m + 1), PLACES(m + 2), PLACES(m + 3)
#define PLACES_16(m) PLACES_4(m), PLACES_4(m + 4), PLACES_4(m + 8), PLACES_4(m + 12)
#define PLACES_64(m) PLACES_16(m), PLACES_16(m + 16), PLACES_16(m + 32), PLACES_16(m + 48)
static const uint64_t places[256] = {PLACES_64(0), PLACES_64(64), PLACES_64(128), PLACES_64(192)};

/* How many bits of a byte are 1: plain x86-64 has no instruction for it. */
static inline uint32_t ones(uint32_t byte)
{
	byte -= byte >> 1 & 0x55;
	byte = (byte & 0x33) + (byte >> 2 & 0x33);
	return (byte + (byte >> 4)) & 0x0F;
}

typedef uint8_t eight_u8 __attribute__((vector_size(8)));
typedef uint16_t eight_u16 __attribute__((vector_size(16), aligned(2), may_alias));

/* Eight rows are written whatever the bits are: nothing is decided. Never more than all rows so
 * far, so sel has room. */
struct rows rows_of_words(const uint64_t *words, uint32_t n_rows, uint16_t *sel)
{
	uint32_t n = 0;
	for (uint32_t w = 0; w * 64 < n_rows; w++) {
		uint64_t bits = words[w];
		if (n_rows - w * 64 < 64)
			bits &= (1ull << (n_rows - w * 64)) - 1;
		for (uint32_t row = w * 64; bits; bits >>= 8, row += 8) {
			eight_u8 at = (eight_u8)places[bits & 0xFF];
			*(eight_u16 *)&sel[n] =
				__builtin_convertvector(at, eight_u16) + (uint16_t)row;
			n += ones(bits & 0xFF);
		}
	}
	return (struct rows){sel, n};
}

void rows_words(struct rows rows, uint32_t n_rows, uint64_t *words)
{
	uint32_t n_words = (n_rows + 63) / 64;
	if (!rows.idx) {
		memset(words, 0, n_words * 8);
		memset(words, 0xFF, rows.n / 64 * 8);
		if (rows.n % 64)
			words[rows.n / 64] = (1ull << (rows.n % 64)) - 1;
		return;
	}
	/* A byte a row first: bits of one word, one after another, would each wait for the last. */
	uint8_t bytes[BATCH_ROWS];
	memset(bytes, 0, n_words * 64);
	for (uint32_t k = 0; k < rows.n; k++)
		bytes[rows.idx[k]] = 0xFF;
	for (uint32_t w = 0; w < n_words; w++) {
		uint64_t word = 0;
		for (uint32_t j = 0; j < 64; j += 16) {
			__m128i some = simd_load(bytes + w * 64 + j);
			word |= (uint64_t)(uint32_t)_mm_movemask_epi8(some) << j;
		}
		words[w] = word;
	}
}

struct rows rows_choose(struct rows rows, const uint64_t *words, bool want, uint16_t *sel)
{
	uint64_t not[VALID_WORDS];
	uint32_t n = 0;
	if (rows.idx) {
		for (uint32_t k = 0; k < rows.n; k++) {
			sel[n] = rows.idx[k];
			n += bit_get(words, rows.idx[k]) == want;
		}
		return (struct rows){sel, n};
	}
	if (want)
		return rows_of_words(words, rows.n, sel);
	for (uint32_t w = 0; w * 64 < rows.n; w++)
		not[w] = ~words[w];
	return rows_of_words(not, rows.n, sel);
}

/* The nulls of the arguments, together, become those of out. False: every row is null. */
static bool join_nulls(const struct node *n, uint32_t n_rows, struct column *out)
{
	uint32_t words = (n_rows + 63) / 64;
	bool any = false;
	for (uint32_t a = 0; a < n->n; a++) {
		const struct val *v = &n->vals[a];
		if (!v->valid)
			continue;
		if (val_is_const(v)) {
			if (bit_get(v->valid, 0))
				continue;
			memset(out->valid, 0, words * 8);
			out->has_valid = true;
			return false;
		}
		for (uint32_t w = 0; w < words; w++)
			out->valid[w] = any ? out->valid[w] & v->valid[w] : v->valid[w];
		any = true;
	}
	out->has_valid = any;
	return true;
}

static enum rc call_kernel(struct run *r, const struct node *n, struct rows rows,
			   struct column *out)
{
	r->asked = rows;
	if (!(n->flags & K_NULLS) && !join_nulls(n, r->n_rows, out))
		return OK;
	if (n->flags & K_DENSE) {
		if (!rows.idx || rows.n * 4 > r->n_rows)
			rows = (struct rows){NULL, r->n_rows};
	} else if (!(n->flags & K_NULLS) && out->has_valid) {
		rows = rows_choose(rows, out->valid, true, r->x->live);
	}
	return rows.n ? n->kernel(r, n, rows, n->vals, out) : OK;
}

static enum rc run_kernel(struct run *r, const struct node *n, struct rows rows, struct val *to)
{
	bool constant = true;
	enum rc rc = OK;
	uint32_t done = 0;
	for (; done < n->n && rc == OK; done++) {
		rc = node_run(r, n->arg[done], rows, &n->vals[done]);
		constant = constant && rc == OK && val_is_const(&n->vals[done]);
	}
	struct column *out = NULL;
	uint32_t n_rows = r->n_rows;
	if (rc == OK && constant)
		r->n_rows = 1;
	if (rc == OK)
		rc = run_column(r, n->type, &out);
	if (rc == OK) {
		rc = call_kernel(r, n, constant ? (struct rows){NULL, rows.n > 0} : rows, out);
		if (rc == E_RECORD && constant)
			r->bad_row = rows_at(rows, 0);
	}
	r->n_rows = n_rows;
	while (done)
		val_drop(&n->vals[--done]);
	if (rc != OK) {
		column_drop(out);
		return rc;
	}
	*to = val_of_column(out);
	if (constant)
		to->mask = 0;
	return OK;
}

static struct val literal_val(struct expr *x, const struct node *n)
{
	return (struct val){.type = n->type,
			    .data = &n->lit,
			    .valid = n->is_null ? &n->lit_valid : NULL,
			    .texts = &x->lits_text,
			    .n_texts = n->type == T_STRING && !n->is_null &&
				       n->lit_len > STRVIEW_INLINE};
}

enum rc node_run(struct run *r, const struct node *n, struct rows rows, struct val *to)
{
	*to = (struct val){0};
	switch (n->kind) {
	case NODE_FIELD:
		CHECK((uint32_t)n->field < r->b->n_cols && r->b->col[n->field]->type == n->type);
		*to = val_of_column(r->b->col[n->field]);
		to->col = NULL; /* the batch holds it for as long as the run goes on */
		return OK;
	case NODE_LITERAL:
		*to = literal_val(r->x, n);
		return OK;
	case NODE_CONTROL:
		return n->control(r, n, rows, to);
	case NODE_KERNEL:
		return run_kernel(r, n, rows, to);
	}
	CHECK(!"node kind");
	return E_INVALID;
}

static enum rc lits_get(struct expr *x, struct pool *pool, struct err *e)
{
	if (!x->lits_len || x->lits_text)
		return OK;
	x->lits_text = pool_text(pool, x->lits_len);
	if (!x->lits_text)
		return ERR(e, E_NO_MEMORY, "no memory for the texts of an expression");
	memcpy(x->lits_text->data, x->lits, x->lits_len);
	x->lits_text->used = x->lits_len;
	return OK;
}

RC expr_run(struct expr *x, const struct node *n, const struct batch *b, struct pool *pool,
	    struct val *to, uint32_t *bad_row, struct err *e)
{
	struct rows rows = {b->selected ? b->sel : NULL, b->selected ? b->n_sel : b->rows};
	struct err first, again;
	struct run r = {.x = x, .b = b, .pool = pool, .e = &first, .n_rows = b->rows};
	*to = (struct val){0};
	err_clear(&first); /* not the whole text: this is done for every batch */
	enum rc rc = lits_get(x, pool, &first);
	if (rc == OK)
		rc = node_run(&r, n, rows, to);
	while (rc == E_RECORD) { /* is there an error in an earlier row? */
		uint32_t before = 0;
		*bad_row = r.bad_row;
		for (uint32_t k = 0; k < rows.n && rows_at(rows, k) < *bad_row; k++)
			x->upto[before++] = (uint16_t)rows_at(rows, k);
		rows = (struct rows){x->upto, before};
		if (!before)
			break;
		err_clear(&again);
		r.e = &again;
		rc = node_run(&r, n, rows, to);
		val_drop(to);
		if (rc == E_RECORD)
			first = again;
	}
	if (first.code != OK)
		return ERR(e, first.code, "%s", first.text);
	if (n->kind == NODE_FIELD)
		to->col = column_share(b->col[n->field]); /* the caller may keep it */
	return OK;
}

static void fill(struct column *c, const struct val *v)
{
	switch (v->type) {
	case T_BOOL:
		memset(c->bits, bit_get(v->bits, 0) ? 0xFF : 0, BATCH_ROWS / 8);
		break;
	case T_STRING:
		texts_share(c, v);
		for (uint32_t i = 0; i < BATCH_ROWS; i++)
			c->str[i] = v->str[0];
		break;
	default: /* the eight bytes are copied, whatever they mean */
		for (uint32_t i = 0; i < BATCH_ROWS; i++)
			c->i64[i] = v->i64[0];
	}
	c->has_valid = val_is_null(v, 0);
	if (c->has_valid)
		memset(c->valid, 0, sizeof c->valid);
}

/* A literal's column is kept and handed out again: it is the same for every batch. */
static enum rc broadcast(struct expr *x, const struct val *v, uint32_t rows, struct pool *pool,
			 bool keep, struct column **out, struct err *e)
{
	struct column *c = x->broadcast;
	if (!keep || !c ||
	    (c->rows != rows && atomic_load_explicit(&c->refs, memory_order_acquire) != 1)) {
		c = pool_column(pool, v->type);
		if (!c)
			return ERR(e, E_NO_MEMORY, "no memory for the columns of an expression");
		fill(c, v);
		if (keep) {
			column_drop(x->broadcast);
			x->broadcast = c;
		}
	}
	c->rows = rows;
	*out = keep ? column_share(c) : c;
	return OK;
}

RC expr_eval(struct expr *x, const struct batch *b, struct pool *pool, struct column **out,
	     uint32_t *bad_row, struct err *e)
{
	struct val v;
	*out = NULL;
	enum rc rc = expr_run(x, x->root, b, pool, &v, bad_row, e);
	if (rc != OK)
		return rc;
	if (!val_is_const(&v)) {
		*out = v.col;
		return OK;
	}
	rc = broadcast(x, &v, b->rows, pool, x->root->kind == NODE_LITERAL, out, e);
	val_drop(&v);
	return rc;
}

RC expr_filter(struct expr *x, const struct batch *b, struct pool *pool, uint16_t *sel, uint32_t *n,
	       uint32_t *bad_row, struct err *e)
{
	struct val v;
	uint64_t yes[VALID_WORDS], no[VALID_WORDS];
	CHECK(x->root->type == T_BOOL);
	*n = 0;
	enum rc rc = expr_run(x, x->root, b, pool, &v, bad_row, e);
	if (rc != OK)
		return rc;
	bool_words(&v, b->rows, yes, no);
	struct rows all = {b->selected ? b->sel : NULL, b->selected ? b->n_sel : b->rows};
	*n = rows_choose(all, yes, true, sel).n;
	val_drop(&v);
	return OK;
}
