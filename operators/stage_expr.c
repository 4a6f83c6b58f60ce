/* stage_expr.c - see stage_expr.h. */
#include "operators/stage_expr.h"

#include <inttypes.h>
#include <stdio.h>

bool stage_no_memory(struct op_plan *p)
{
	opt_error(p->report, p->options, NULL, "no memory to plan it");
	return false;
}

/* "unknown field 'wrod'; it reads: word; did you mean 'word'?": what follows the first part is said
 * under the caret. */
void expr_report(struct opt_report *r, const struct json *node, size_t offset, struct expr_at at,
		 const char *cure, struct err *e)
{
	char *hint = strstr(e->text, "; it reads: ");
	if (!hint)
		hint = strstr(e->text, "; did you mean");
	if (hint) {
		*hint = '\0';
		hint += 2;
	}
	const char *said = cure ? cure : hint;
	if (at.len && json_kind(node) == JSON_STRING)
		opt_error_in(r, node, offset + at.offset, at.len, said, "%s", e->text);
	else
		opt_error(r, node, said, "%s", e->text);
}

bool stage_expr_plan_text(struct stage_expr *x, struct op_plan *p, const struct json *node,
			  const char *text, const struct schema *in, enum expr_want want)
{
	struct expr *compiled = NULL;
	struct expr_at at = {0};
	struct err e = {0};
	*x = (struct stage_expr){.field = -1};
	if (expr_compile(&compiled, text, in, want, p->mem, &at, &e) != OK) {
		expr_report(p->report, node, 0, at, NULL, &e);
		return false;
	}
	x->type = expr_type(compiled);
	x->nullable = expr_nullable(compiled);
	x->field = want == EXPR_VALUE ? expr_field(compiled) : -1;
	expr_close(compiled);
	x->text = mem_string(p->mem, text);
	return x->text ? true : stage_no_memory(p);
}

bool stage_expr_plan(struct stage_expr *x, struct op_plan *p, const struct json *node,
		     const struct schema *in, enum expr_want want)
{
	char number[64];
	if (json_kind(node) == JSON_STRING)
		return stage_expr_plan_text(x, p, node, json_string(node, NULL), in, want);
	if (json_kind(node) == JSON_INT) {
		snprintf(number, sizeof number, "%" PRId64, json_int(node));
	} else {
		snprintf(number, sizeof number, "%.17g", json_real(node));
		if (!strpbrk(number, ".e")) /* 2.0 is no whole number */
			strcat(number, ".0");
	}
	return stage_expr_plan_text(x, p, node, number, in, want);
}

void stage_expr_close(struct stage_expr *x, struct mem *mem)
{
	mem_put(mem, x->text);
	x->text = NULL;
}

RC stage_expr_open(const struct stage_expr *x, struct expr **to, const struct schema *in,
		   enum expr_want want, struct mem *mem, struct err *e)
{
	return expr_compile(to, x->text, in, want, mem, NULL, e);
}

int stage_field(struct op_plan *p, const struct json *node, const char *name,
		const struct schema *in)
{
	int i = schema_find(in, name);
	if (i >= 0)
		return i;
	const char *names[FIELDS_MAX];
	char reads[400], hint[600];
	size_t at = 0;
	reads[0] = '\0';
	for (uint32_t f = 0; f < in->n; f++) {
		names[f] = in->field[f].name;
		if (at + FIELD_NAME_MAX + 8 < sizeof reads)
			at += (size_t)snprintf(reads + at, sizeof reads - at, "%s%s", f ? ", " : "",
					       names[f]);
		else if (reads[at - 1] != '.')
			at += (size_t)snprintf(reads + at, sizeof reads - at, ", ...");
	}
	const char *close = closest_name(name, names, in->n);
	snprintf(hint, sizeof hint, "it reads: %s%s%s%s", reads, close ? "; did you mean '" : "",
		 close ? close : "", close ? "'?" : "");
	opt_error(p->report, node, hint, "unknown field '%.100s'", name);
	return -1;
}

bool stage_out_add(struct op_plan *p, const struct json *node, const char *name, enum type type,
		   bool nullable)
{
	struct err e = {0};
	if (schema_add(&p->out, name, type, nullable, &e) == OK)
		return true;
	opt_error(p->report, node, NULL, "%s", e.text);
	return false;
}
