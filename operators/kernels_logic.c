/* kernels_logic.c - three-valued logic by words, and the nodes that choose the rows for their
 * sides. A boolean is kept as two bitmaps here: "is true" and "is false"; what is null is neither.
 * So AND is one & and one |, whatever the nulls.
 * AND, OR, CASE and COALESCE evaluate a side only for the rows that need it, so that
 * `case when x = 0 then 0 else 1 / x end` never fails. Sides that are cheap and cannot fail are
 * evaluated for all rows: choosing would cost more. */
#include "operators/kernels.h"

void bool_words(const struct val *v, uint32_t n_rows, uint64_t *is_true, uint64_t *is_false)
{
	uint32_t words = (n_rows + 63) / 64;
	if (val_is_const(v)) {
		bool null = val_is_null(v, 0), yes = !null && bit_get(v->bits, 0);
		memset(is_true, yes ? 0xFF : 0, words * 8);
		memset(is_false, !null && !yes ? 0xFF : 0, words * 8);
		return;
	}
	for (uint32_t w = 0; w < words; w++) {
		uint64_t known = v->valid ? v->valid[w] : ~0ull;
		is_true[w] = v->bits[w] & known;
		is_false[w] = ~v->bits[w] & known;
	}
}

enum rc kernel_not(struct run *r, const struct node *n, struct rows rows, const struct val *arg,
		   struct column *out)
{
	(void)n, (void)rows;
	if (val_is_const(&arg[0])) {
		out->bits[0] = ~arg[0].bits[0];
		return OK;
	}
	for (uint32_t w = 0; w * 64 < r->n_rows; w++)
		out->bits[w] = ~arg[0].bits[w];
	return OK;
}

/* op 1: is null; 0: is not null. */
enum rc kernel_is_null(struct run *r, const struct node *n, struct rows rows, const struct val *arg,
		       struct column *out)
{
	(void)rows;
	uint64_t flip = n->op ? ~0ull : 0;
	for (uint32_t w = 0; w * 64 < r->n_rows; w++)
		out->bits[w] = (arg[0].valid ? arg[0].valid[w] : ~0ull) ^ flip;
	return OK;
}

/* op: 0 is true, 1 is false, 2 is unknown; + 4: is not. */
enum rc kernel_is_bool(struct run *r, const struct node *n, struct rows rows, const struct val *arg,
		       struct column *out)
{
	(void)rows;
	uint64_t yes[VALID_WORDS], no[VALID_WORDS];
	bool_words(&arg[0], r->n_rows, yes, no);
	for (uint32_t w = 0; w * 64 < r->n_rows; w++) {
		uint64_t word = (n->op & 3) == 0   ? yes[w]
				: (n->op & 3) == 1 ? no[w]
						   : ~(yes[w] | no[w]);
		out->bits[w] = n->op & 4 ? ~word : word;
	}
	return OK;
}

static enum rc run_logic(struct run *r, const struct node *n, struct rows rows, bool is_and,
			 struct val *to)
{
	struct column *out;
	uint64_t yes[VALID_WORDS], no[VALID_WORDS];
	if (run_column(r, T_BOOL, &out) != OK)
		return r->e->code;
	uint64_t *is_true = out->bits, *is_false = out->valid;
	const uint64_t *decided = is_and ? is_false : is_true;
	uint32_t words = (r->n_rows + 63) / 64;
	memset(is_true, is_and ? 0xFF : 0, words * 8);
	memset(is_false, is_and ? 0 : 0xFF, words * 8);
	for (uint32_t a = 0; a < n->n; a++) {
		if (a > 0 && !n->arg[a]->eager)
			rows = rows_choose(rows, decided, false, n->sel[0]);
		if (a > 0 && !rows.n)
			break;
		struct val v;
		if (node_run(r, n->arg[a], rows, &v) != OK) {
			column_drop(out);
			return r->e->code;
		}
		/* Rows that were not asked for are decided already: garbage cannot undo that. */
		bool_words(&v, r->n_rows, yes, no);
		val_drop(&v);
		for (uint32_t w = 0; w < words; w++) {
			is_true[w] = is_and ? is_true[w] & yes[w] : is_true[w] | yes[w];
			is_false[w] = is_and ? is_false[w] | no[w] : is_false[w] & no[w];
		}
	}
	for (uint32_t w = 0; w < words; w++)
		out->valid[w] = is_true[w] | is_false[w];
	out->has_valid = true;
	*to = val_of_column(out);
	return OK;
}

enum rc control_and(struct run *r, const struct node *n, struct rows rows, struct val *to)
{
	return run_logic(r, n, rows, true, to);
}

enum rc control_or(struct run *r, const struct node *n, struct rows rows, struct val *to)
{
	return run_logic(r, n, rows, false, to);
}

/* Rows where v is true. */
static void true_words(const struct val *v, uint32_t n_rows, uint64_t *yes)
{
	uint64_t no[VALID_WORDS];
	bool_words(v, n_rows, yes, no);
}

/* Which of rows satisfy a `when`: a condition, or a value equal to the operand's. Nothing is said
 * about others. */
static enum rc run_when(struct run *r, const struct node *when, const struct val *operand,
			struct rows rows, uint64_t *yes)
{
	struct val v;
	if (node_run(r, when, rows, &v) != OK)
		return r->e->code;
	if (operand)
		rows_equal(r, rows, operand, &v, yes);
	else
		true_words(&v, r->n_rows, yes);
	val_drop(&v);
	return OK;
}

/* A list of chosen rows is made only for what needs one: sides that choose or can fail, and texts.
 * Others are computed for all rows, and picked by words. */
static bool needs_list(const struct node *n)
{
	return !n->eager || n->type == T_STRING;
}

/* Evaluates a side for the chosen ones of rows and puts it into out. */
static enum rc put_side(struct run *r, const struct node *n, const struct node *side,
			struct rows rows, const uint64_t *chosen, struct column *out)
{
	struct val v;
	if (needs_list(side))
		rows = rows_of_words(chosen, r->n_rows, n->sel[0]);
	if (node_run(r, side, rows, &v) != OK)
		return r->e->code;
	enum rc rc = merge_put(r, out, rows, chosen, &v);
	val_drop(&v);
	return rc;
}

/* Takes those of words out of rest; what is left in words was in rest. Whether there are some. */
static bool words_take(uint64_t *rest, uint64_t *words, uint32_t n_rows)
{
	uint64_t any = 0;
	for (uint32_t w = 0; w * 64 < n_rows; w++) {
		words[w] &= rest[w];
		rest[w] &= ~words[w];
		any |= words[w];
	}
	return any;
}

static bool words_any(const uint64_t *words, uint32_t n_rows)
{
	uint64_t any = 0;
	for (uint32_t w = 0; w * 64 < n_rows; w++)
		any |= words[w];
	return any;
}

/* A merged column is done: without nulls among rows it says so, which spares those behind. */
static enum rc merge_end(struct run *r, struct rows rows, enum rc rc, struct column *out,
			 struct val *to)
{
	uint64_t asked[VALID_WORDS], nulls = 0;
	if (rc != OK) {
		column_drop(out);
		return rc;
	}
	if (out->has_valid) {
		rows_words(rows, r->n_rows, asked);
		for (uint32_t w = 0; w * 64 < r->n_rows; w++)
			nulls |= asked[w] & ~out->valid[w];
		out->has_valid = nulls;
	}
	*to = val_of_column(out);
	return OK;
}

enum rc control_case(struct run *r, const struct node *n, struct rows rows, struct val *to)
{
	struct val operand = {0};
	struct column *out = NULL;
	uint64_t rest[VALID_WORDS], yes[VALID_WORDS];
	uint32_t otherwise = n->n - 1;
	bool left = rows.n;
	if (n->arg[0] && node_run(r, n->arg[0], rows, &operand) != OK)
		return r->e->code;
	rows_words(rows, r->n_rows, rest);
	enum rc rc = merge_begin(r, n->type, n->nullable, &out);
	for (uint32_t a = 1; a < otherwise && left && rc == OK; a += 2) {
		struct rows asked = rows;
		if (a > 1 && needs_list(n->arg[a]))
			asked = rows_of_words(rest, r->n_rows, n->sel[1]);
		rc = run_when(r, n->arg[a], n->arg[0] ? &operand : NULL, asked, yes);
		if (rc == OK && words_take(rest, yes, r->n_rows)) {
			rc = put_side(r, n, n->arg[a + 1], rows, yes, out);
			left = words_any(rest, r->n_rows);
		}
	}
	if (rc == OK && left && n->arg[otherwise]) /* else every row left is null, as it began */
		rc = put_side(r, n, n->arg[otherwise], rows, rest, out);
	val_drop(&operand);
	return merge_end(r, rows, rc, out, to);
}

enum rc control_coalesce(struct run *r, const struct node *n, struct rows rows, struct val *to)
{
	struct column *out;
	uint64_t rest[VALID_WORDS];
	bool left = rows.n;
	rows_words(rows, r->n_rows, rest);
	enum rc rc = merge_begin(r, n->type, true, &out);
	for (uint32_t a = 0; a < n->n && left && rc == OK; a++) {
		rc = put_side(r, n, n->arg[a], rows, rest, out);
		for (uint32_t w = 0; w * 64 < r->n_rows; w++)
			rest[w] &= ~out->valid[w];
		left = words_any(rest, r->n_rows);
	}
	return merge_end(r, rows, rc, out, to);
}

/* greatest (op 1) and least (op -1): nulls do not take part. */
enum rc control_extreme(struct run *r, const struct node *n, struct rows rows, struct val *to)
{
	struct column *out;
	uint64_t chosen[VALID_WORDS];
	enum rc rc = merge_begin(r, n->type, true, &out);
	for (uint32_t a = 0; a < n->n && rc == OK; a++) {
		struct val v;
		rc = node_run(r, n->arg[a], rows, &v);
		if (rc != OK)
			break;
		struct val best = val_of_column(out);
		struct rows better = {n->sel[0], 0};
		FOR_ROWS(i, rows)
			if (!val_is_null(&v, i) &&
			    (val_is_null(&best, i) || val_compare(&v, i, &best, i) * n->op > 0))
				n->sel[0][better.n++] = (uint16_t)i;
		rows_words(better, r->n_rows, chosen);
		rc = merge_put(r, out, better, chosen, &v);
		val_drop(&v);
	}
	return merge_end(r, rows, rc, out, to);
}

/* nullif(a, b): a, but null where a = b. */
enum rc control_nullif(struct run *r, const struct node *n, struct rows rows, struct val *to)
{
	struct val a = {0}, b = {0};
	struct column *out = NULL;
	uint64_t words[VALID_WORDS];
	enum rc rc = merge_begin(r, n->type, true, &out);
	if (rc == OK)
		rc = node_run(r, n->arg[0], rows, &a);
	if (rc == OK)
		rc = node_run(r, n->arg[1], rows, &b);
	rows_words(rows, r->n_rows, words);
	if (rc == OK)
		rc = merge_put(r, out, rows, words, &a);
	if (rc == OK) {
		rows_equal(r, rows, &a, &b, words);
		for (uint32_t w = 0; w * 64 < r->n_rows; w++)
			out->valid[w] &= ~words[w];
	}
	val_drop(&a);
	val_drop(&b);
	return merge_end(r, rows, rc, out, to);
}
