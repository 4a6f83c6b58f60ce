/* skip.c - see skip.h. */
#include "operators/skip.h"

#include "base/check.h"
#include "runtime/batch.h"

void skip_count(struct op_ctx *ctx, const struct batch *b, uint32_t row, const struct err *e)
{
	if (ctx->skipped++)
		return;
	char place[512];
	ctx->skip_error = *e;
	if (!b)
		return;
	batch_origin_text(b, row, place, sizeof place);
	err_in(&ctx->skip_error, "%s", place);
}

/* Records [from, end) of those b had; never none. */
struct part {
	uint16_t from, end;
};

struct sieve {
	struct op_ctx *ctx;
	struct batch *b;
	skip_try *try;
	void *self;
	uint32_t n_parts, n_good;
	struct part part[BATCH_ROWS]; /* the next one last; they do not overlap */
	uint16_t row[BATCH_ROWS], good[BATCH_ROWS];
};

static void part_add(struct sieve *s, uint32_t from, uint32_t end)
{
	if (from == end)
		return;
	CHECK(s->n_parts < BATCH_ROWS);
	s->part[s->n_parts++] = (struct part){(uint16_t)from, (uint16_t)end};
}

/* The part without its bad record, in its order: the last one is added first. */
static void part_split(struct sieve *s, struct part p, uint32_t bad_row)
{
	uint32_t at = p.from;
	while (at < p.end && s->row[at] != bad_row)
		at++;
	CHECK(at < p.end);
	uint32_t middle = at + 1 + ((uint32_t)p.end - at - 1) / 2;
	part_add(s, middle, p.end);
	part_add(s, at + 1, middle);
	part_add(s, p.from, at);
}

static RC part_try(struct sieve *s, struct part p)
{
	struct err e = {OK};
	uint32_t bad_row = 0, n = (uint32_t)(p.end - p.from);
	s->b->n_sel = n;
	memcpy(s->b->sel, s->row + p.from, n * sizeof *s->row);
	enum rc rc = s->try(s->self, s->ctx, s->b, &bad_row, &e);
	if (rc == OK) {
		memcpy(s->good + s->n_good, s->row + p.from, n * sizeof *s->row);
		s->n_good += n;
	} else if (rc == E_RECORD) {
		skip_count(s->ctx, s->b, bad_row, &e);
		part_split(s, p, bad_row);
		rc = OK;
	} else {
		s->ctx->error = e;
	}
	return rc;
}

bool skip_bad(struct op_ctx *ctx, struct batch *b, skip_try *try, void *self)
{
	if (!ctx->skip || ctx->error.code != E_RECORD)
		return false;
	struct sieve s = {.ctx = ctx, .b = b, .try = try, .self = self};
	uint32_t n = batch_count(b);
	for (uint32_t i = 0; i < n; i++)
		s.row[i] = b->selected ? b->sel[i] : (uint16_t)i;
	err_clear(&ctx->error);
	b->selected = true;
	part_add(&s, 0, n);
	while (s.n_parts)
		if (part_try(&s, s.part[--s.n_parts]) != OK)
			return false;
	memcpy(b->sel, s.good, s.n_good * sizeof *s.good);
	b->n_sel = s.n_good;
	return true;
}
