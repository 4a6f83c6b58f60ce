/* audit.c - see audit.h: what must hold of each interval, between two lines of the ledger. */
#include "base/bytes.h"
#include "base/check.h"
#include "checkpoint/audit_in.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

void audit_fault(struct audit *a, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	a->r->faults++;
	if (a->r->fault)
		a->r->fault(a->r->arg, text);
}

/* What holds between two lines, or does not; before NULL: the beginning. */
struct interval {
	struct audit *a;
	const struct audit_line *before, *now;
};

static void wrong(const struct interval *x, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void wrong(const struct interval *x, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	audit_fault(x->a, "interval %" PRIu64 "-%" PRIu64 ": %s", x->before ? x->before->m.id : 0,
		    x->now->m.id, text);
}

/* What was counted in it; nothing counts backwards. */
static uint64_t more(const struct interval *x, const char *who, uint64_t before, uint64_t now)
{
	if (now >= before)
		return now - before;
	wrong(x, "'%s' counts backwards: %" PRIu64 ", and then %" PRIu64, who, before, now);
	return 0;
}

static const struct manifest_op *op_before(const struct interval *x, const char *id)
{
	static const struct manifest_op none;
	const struct manifest_op *op = x->before ? manifest_find_op(&x->before->m, id) : NULL;
	return op ? op : &none;
}

/* ---- edges ---- */

/* What came in, or was sent, over an edge. */
static struct manifest_total over(const struct interval *x, const struct manifest_edge *g,
				  bool sent)
{
	const struct manifest_edge *was =
		x->before ? manifest_find_edge(&x->before->m, g->from, g->to, g->input) : NULL;
	struct manifest_total from = {0}, to = sent ? g->sent : g->received;
	if (was)
		from = sent ? was->sent : was->received;
	return (struct manifest_total){more(x, sent ? g->from : g->to, from.n, to.n),
				       to.hash - from.hash};
}

static void check_edge(const struct interval *x, const struct manifest_edge *g)
{
	struct manifest_total out = over(x, g, true), in = over(x, g, false);
	x->a->r->records += in.n;
	x->a->r->hashed |= in.hash != 0;
	if (out.n != in.n)
		wrong(x, "'%s' sent %" PRIu64 " records, '%s' received %" PRIu64, g->from, out.n, g->to,
		      in.n);
	else if (out.hash != in.hash)
		wrong(x, "the %" PRIu64 " records that '%s' received are not those that '%s' sent", in.n,
		      g->to, g->from);
	const struct manifest_op *op = manifest_find_op(&x->now->m, g->from);
	uint64_t left = op ? more(x, op->id, op_before(x, op->id)->out, op->out) : 0;
	if (op && left != out.n)
		wrong(x, "%" PRIu64 " records left '%s', and %" PRIu64 " were sent to '%s'", left, op->id,
		      out.n, g->to);
}

/* ---- stages ---- */

/* All that a stage received. */
static struct manifest_total into(const struct interval *x, const char *id)
{
	struct manifest_total all = {0};
	for (uint32_t i = 0; i < x->now->m.n_edges; i++) {
		if (strcmp(x->now->m.edge[i].to, id))
			continue;
		struct manifest_total t = over(x, &x->now->m.edge[i], false);
		all.n += t.n;
		all.hash += t.hash;
	}
	return all;
}

static void check_sink(const struct interval *x, const struct manifest_op *op,
		       struct manifest_total given, uint64_t skipped)
{
	struct manifest_total was = op_before(x, op->id)->kept;
	uint64_t kept = more(x, op->id, was.n, op->kept.n);
	if (kept != given.n - skipped)
		wrong(x, "'%s' was given %" PRIu64 " records and wrote %" PRIu64, op->id,
		      given.n - skipped, kept);
	else if (!skipped && op->kept.hash - was.hash != given.hash)
		wrong(x, "the %" PRIu64 " records that '%s' wrote are not those it was given", kept,
		      op->id);
}

static void check_law(const struct interval *x, const struct manifest_op *op, const char *law)
{
	const struct manifest_op *was = op_before(x, op->id);
	uint64_t in = more(x, op->id, was->in, op->in), out = more(x, op->id, was->out, op->out);
	uint64_t skipped = more(x, op->id, was->skipped, op->skipped);
	struct manifest_total given = into(x, op->id);
	if (given.n != in)
		wrong(x, "'%s' counted %" PRIu64 " records, its inputs %" PRIu64, op->id, in, given.n);
	if (!law)
		return;
	if (skipped > in)
		wrong(x, "'%s' left out more records than came", op->id);
	else if ((!strcmp(law, "same") && out != in - skipped) ||
		 (!strcmp(law, "at_most") && out > in - skipped))
		wrong(x, "%" PRIu64 " records went into '%s', %" PRIu64 " of them were left out, and "
		      "%" PRIu64 " came out", in, op->id, skipped, out);
	else if (!strcmp(law, "sink"))
		check_sink(x, op, given, skipped);
}

/* ---- lines ---- */

/* All that x counts is so in y, too. (A start may leave out a stage whose state was dropped.) */
static bool totals_are_in(const struct manifest *x, const struct manifest *y)
{
	bool same = x->id == y->id;
	for (uint32_t i = 0; i < x->n_ops && same; i++) {
		const struct manifest_op *p = &x->op[i], *q = manifest_find_op(y, p->id);
		same = q && p->in == q->in && p->out == q->out && p->skipped == q->skipped &&
		       p->kept.n == q->kept.n && p->kept.hash == q->kept.hash;
	}
	for (uint32_t i = 0; i < x->n_edges && same; i++) {
		const struct manifest_edge *p = &x->edge[i],
					   *q = manifest_find_edge(y, p->from, p->to, p->input);
		same = q && p->sent.n == q->sent.n && p->sent.hash == q->sent.hash &&
		       p->received.n == q->received.n && p->received.hash == q->received.hash;
	}
	return same;
}

struct whole {
	struct audit a; /* first */
	const struct manifest *m;
};

static RC on_line(struct audit *a, const struct audit_line *before, const struct audit_line *now,
		  struct err *e)
{
	const struct whole *w = CONTAINER_OF(a, struct whole, a);
	if (!now) { /* the last one is what the manifest says */
		if (!totals_are_in(&before->m, w->m) || !totals_are_in(w->m, &before->m))
			audit_fault(a, "the ledger ends with other counts than checkpoint %" PRIu64 " has",
				    w->m->id);
		return OK;
	}
	if (now->begins) {
		if (before && !totals_are_in(&now->m, &before->m))
			audit_fault(a, "a ledger goes on from checkpoint %" PRIu64 ", and begins with other "
				    "counts than that one had", now->m.id);
		return OK;
	}
	if (before && before->m.id != now->parent)
		audit_fault(a, "the ledger has no line of checkpoint %" PRIu64 ", which %" PRIu64
			    " goes on from", now->parent, now->m.id);
	if (!a->r->intervals++)
		a->r->from_id = now->parent;
	a->r->to_id = now->m.id;
	a->r->edges = now->m.n_edges;
	struct interval x = {a, before, now};
	for (uint32_t i = 0; i < now->m.n_edges; i++)
		check_edge(&x, &now->m.edge[i]);
	for (uint32_t i = 0; i < now->m.n_ops; i++)
		check_law(&x, &now->m.op[i], now->law[i]);
	return audit_pieces(a, now, e);
}

RC audit_check(struct fs *fs, struct mem *mem, const char *dir, const struct manifest *m,
	       struct audit_report *r, struct err *e)
{
	if (!m->ledger.file)
		return ERR(e, E_NOT_FOUND, "checkpoint %" PRIu64 " of '%s' was taken without an audit: "
			   "say \"audit\": true in the job's block checkpoint", m->id, dir);
	struct whole w = {.m = m};
	w.a = (struct audit){.fs = fs, .mem = mem, .dir = dir, .r = r, .lineage = m->lineage};
	bytes_init(&w.a.names, mem);
	bytes_init(&w.a.known, mem);
	enum rc rc = audit_lines(&w.a, m, on_line, e);
	if (rc == OK)
		rc = audit_strangers(&w.a, e);
	bytes_close(&w.a.names);
	bytes_close(&w.a.known);
	return rc;
}

static RC no_look(struct audit *a, const struct audit_line *before, const struct audit_line *now,
		  struct err *e)
{
	(void)a, (void)before, (void)now, (void)e;
	return OK;
}

RC audit_ledgers(struct fs *fs, struct mem *mem, const char *dir, const struct manifest *m,
		 struct audit_report *r, struct err *e)
{
	struct audit a = {.fs = fs, .mem = mem, .dir = dir, .r = r, .lineage = m->lineage};
	return m->ledger.file ? audit_lines(&a, m, no_look, e) : OK;
}
