/* when.c - see when.h: the condition's text made one that SQL can read. What it is at run time is
 * when_eval.c. */
#include "jobs/when.h"

#include "base/check.h"
#include "operators/expr.h"
#include "operators/expr_scan.h"
#include "operators/stage_expr.h"

#include <stdio.h>

/* In the order of struct when_now. */
static const struct {
	const char *name;
	enum type type;
	bool of_state; /* keyed: else it is 0 for ever */
} metrics[] = {
	{"records_since", T_INT64, false}, {"keys_changed", T_INT64, true},
	{"bytes_changed", T_INT64, true},  {"state_bytes", T_INT64, true},
	{"seconds_since", T_FLOAT64, false},
};
static const char metric_names[] =
	"records_since, keys_changed, bytes_changed, state_bytes, seconds_since; sum(STAGE.FIELD), "
	"count(STAGE), records_in(STAGE), records_out(STAGE), passed(STAGE, condition)";

#define REPLACED_MAX 256 /* names in one text, by feel; the same value again is one column */

/* Where a piece of the new text comes from. */
struct moved {
	size_t from, len, was, was_len;
};

struct writer {
	struct check_reader r;
	struct when *w;
	struct bytes text;
	struct moved moved[REPLACED_MAX];
	uint32_t n_moved;
	size_t copied; /* so far of the text as it was written */
};

void when_close(struct when *w)
{
	if (!w)
		return;
	for (uint32_t i = 0; i < w->n_taps; i++)
		mem_put(w->mem, w->tap[i].text);
	mem_put(w->mem, w->said);
	mem_put(w->mem, w->text);
	mem_put(w->mem, w);
}

uint32_t when_sums(const struct when *w, uint32_t stage)
{
	uint32_t words = 0;
	for (uint32_t i = 0; w && i < w->n_values; i++)
		if (w->value[i].what == CHECK_SUM && w->value[i].stage == stage)
			words |= 1u << w->value[i].word;
	return words;
}

/* ---- columns ---- */

/* A column that is called as what it stands for is written, where that fits. */
static uint32_t add_column(struct when *w, const char *name, enum type type)
{
	struct err e = {0};
	char plain[FIELD_NAME_MAX + 1];
	uint32_t at = w->row.n;
	if (schema_add(&w->row, name, type, false, &e) == OK)
		return at;
	err_clear(&e);
	snprintf(plain, sizeof plain, "value %u", at);
	enum rc rc = schema_add(&w->row, plain, type, false, &e);
	CHECK(rc == OK); /* there is room: their number is bounded */
	return at;
}

static uint32_t column_of(struct writer *x, const struct check_value *v)
{
	struct when *w = x->w;
	char name[3 * FIELD_NAME_MAX];
	for (uint32_t i = 0; i < w->n_values; i++)
		if (!memcmp(&w->value[i], v, sizeof *v))
			return w->column_of_value[i];
	check_value_text(x->r.plan, *v, name, sizeof name);
	w->value[w->n_values] = *v;
	return w->column_of_value[w->n_values++] = add_column(w, name, T_INT64);
}

/* Up to `from` as it was, then the name of the column for what stood there, up to x->r.at. */
static void replace(struct writer *x, size_t from, uint32_t column)
{
	struct moved *m = &x->moved[x->n_moved++];
	bytes_put(&x->text, x->r.text + x->copied, from - x->copied);
	m->from = x->text.len;
	bytes_put_u8(&x->text, '"');
	for (const char *c = x->w->row.field[column].name; *c; c++) {
		if (*c == '"')
			bytes_put_u8(&x->text, '"');
		bytes_put_u8(&x->text, (uint8_t)*c);
	}
	bytes_put_u8(&x->text, '"');
	m->len = x->text.len - m->from;
	m->was = from;
	m->was_len = x->r.at - from;
	x->copied = x->r.at;
}

/* An offset in the new text, as one in the text that was written; inside a name: that name's
 * begin, or its end. */
static size_t written(const struct writer *x, size_t offset, bool is_end)
{
	size_t ahead = 0, behind = 0;
	for (uint32_t i = 0; i < x->n_moved; i++) {
		const struct moved *m = &x->moved[i];
		if (offset + !is_end > m->from && offset < m->from + m->len)
			return m->was + is_end * m->was_len;
		if (offset >= m->from + m->len) {
			ahead += m->len;
			behind += m->was_len;
		}
	}
	return offset - ahead + behind;
}

static struct expr_at written_at(const struct writer *x, struct expr_at at)
{
	size_t from = written(x, at.offset, false);
	return (struct expr_at){from, at.len ? written(x, at.offset + at.len, true) - from : 0};
}

/* ---- passed(STAGE, expr) ---- */

/* To the parenthesis that closes it; false: there is none. */
static bool find_end(const char *text, size_t from, size_t *end)
{
	uint32_t depth = 0;
	for (struct token t = token_at(text, from); t.kind != TOK_END;
	     t = token_at(text, t.offset + t.len)) {
		if (t.kind != TOK_PUNCT)
			continue;
		depth += text[t.offset] == '(';
		*end = t.offset;
		if (text[t.offset] == ')' && !depth--)
			return true;
	}
	return false;
}

static RC check_tap(struct writer *x, const char *text, size_t offset, uint32_t stage,
		    struct err *e)
{
	struct expr *compiled = NULL;
	struct expr_at at = {0};
	struct err fault = {0};
	const struct schema *in = &x->r.plan->stage[stage].p.out;
	enum rc rc = expr_compile(&compiled, text, in, EXPR_VALUE, x->w->mem, &at, &fault);
	if (rc == E_NO_MEMORY)
		return ERR(e, rc, "%s", fault.text);
	if (rc != OK) {
		expr_report(x->r.report, x->r.node, offset, at, NULL, &fault);
		x->r.failed = true;
	} else if (expr_type(compiled) != T_BOOL) {
		READER_FAULT(&x->r, offset, strlen(text), "a condition such as line = 'end of day'",
			     "the condition of passed() is %s, not bool",
			     type_name(expr_type(compiled)));
	}
	expr_close(compiled);
	return OK;
}

static RC put_tap(struct writer *x, uint32_t stage, size_t from, size_t end, struct err *e)
{
	struct when *w = x->w;
	char name[FIELD_NAME_MAX + 24];
	struct when_tap *tap = &w->tap[w->n_taps];
	char *text = mem_get(w->mem, end - from + 1);
	if (!text)
		return ERR(e, E_NO_MEMORY, "no memory for the job's trigger");
	memcpy(text, x->r.text + from, end - from);
	text[end - from] = '\0';
	*tap = (struct when_tap){stage, text};
	snprintf(name, sizeof name, "passed(%.50s)", x->r.plan->stage[stage].spec->id);
	w->of_records = true;
	w->column_of_tap[w->n_taps++] = add_column(w, name, T_BOOL);
	return check_tap(x, text, from, stage, e);
}

/* bracket: the one behind "passed", with comments between them for all we know. */
static RC take_tap(struct writer *x, size_t begin, struct token bracket, struct err *e)
{
	struct check_reader *r = &x->r;
	r->at = bracket.offset + bracket.len;
	size_t name_at = token_at(r->text, r->at).offset, end = 0;
	int stage = reader_take_stage(r);
	if (stage < 0)
		return OK;
	if (r->plan->stage[stage].ops->role == OP_SINK)
		READER_FAULT(r, name_at, r->at - name_at, "the stage before it",
			     "stage '%s' is a sink: no records go out",
			     r->plan->stage[stage].spec->id);
	else if (!reader_take_sign(r, ","))
		READER_FAULT(r, r->at, 1, "passed(lines, line = 'end of day')",
			     "passed() needs a stage and a condition");
	else if (!find_end(r->text, r->at, &end))
		READER_FAULT(r, begin, strlen("passed"), NULL, "')' is missing");
	else if (x->w->n_taps == WHEN_TAPS_MAX)
		READER_FAULT(r, begin, strlen("passed"), "join conditions with OR",
			     "passed() more than %d times", WHEN_TAPS_MAX);
	if (r->failed)
		return OK;
	size_t from = r->at;
	r->at = end + 1;
	if (put_tap(x, (uint32_t)stage, from, end, e) != OK)
		return e->code;
	replace(x, begin, x->w->column_of_tap[x->w->n_taps - 1]);
	return OK;
}

/* ---- the whole ---- */

/* A value by its name; or by what stands in its parentheses, and then its name is wrong. */
static bool is_value(const struct check_reader *r, struct token t, struct token bracket)
{
	for (enum check_what w = 0; w < CHECK_WHATS; w++)
		if (token_is(r->text, t, check_what_name(w)))
			return true;
	struct token arg = token_at(r->text, bracket.offset + bracket.len);
	for (uint32_t i = 0; i < r->plan->n_stages; i++)
		if (token_is(r->text, arg, r->plan->stage[i].spec->id) &&
		    !token_is(r->text, t, "passed"))
			return true;
	return false;
}

static void take_value(struct writer *x, size_t begin)
{
	struct check_value v;
	x->r.at = begin;
	if (!reader_take_value(&x->r, &v))
		return;
	x->w->of_state |= v.what == CHECK_SUM || v.what == CHECK_COUNT;
	x->w->of_records |= v.what != CHECK_SUM && v.what != CHECK_COUNT;
	if (x->w->n_values == WHEN_VALUES_MAX)
		READER_FAULT(&x->r, begin, 1, NULL, "more than %d values", WHEN_VALUES_MAX);
	else
		replace(x, begin, column_of(x, &v));
}

static void note_metric(struct writer *x, struct token t)
{
	bool quoted = t.kind == TOK_QUOTED;
	struct token word = {TOK_WORD, t.offset + quoted, t.len - 2 * quoted};
	for (size_t i = 0; i < ARRAY_LEN(metrics) && (quoted || t.kind == TOK_WORD); i++)
		if (token_is(x->r.text, word, metrics[i].name))
			*(metrics[i].of_state ? &x->w->of_state : &x->w->of_records) = true;
}

/* Names of values become names of columns. */
static RC rewrite(struct writer *x, struct err *e)
{
	const char *text = x->r.text;
	for (struct token t = token_at(text, 0); t.kind != TOK_END && !x->r.failed;
	     t = token_at(text, x->r.at)) {
		struct token next = token_at(text, t.offset + t.len);
		x->r.at = t.offset + t.len;
		note_metric(x, t);
		if (t.kind != TOK_WORD || next.kind != TOK_PUNCT || text[next.offset] != '(')
			continue;
		if (x->n_moved == REPLACED_MAX)
			READER_FAULT(&x->r, t.offset, t.len, NULL, "more than %d values", REPLACED_MAX);
		else if (is_value(&x->r, t, next))
			take_value(x, t.offset);
		else if (token_is(text, t, "passed") && take_tap(x, t.offset, next, e) != OK)
			return e->code;
	}
	bytes_put_text(&x->text, text + x->copied);
	if (!bytes_ok(&x->text))
		return ERR(e, E_NO_MEMORY, "no memory for the job's trigger");
	return OK;
}

/* What a name that nobody knows may have meant: the columns of values are not to be listed. */
static const char *cure(const char *fault, char *to, size_t size)
{
	const char *names[ARRAY_LEN(metrics) + CHECK_WHATS + 1];
	size_t n = 0;
	char name[FIELD_NAME_MAX + 1];
	if (sscanf(fault, "unknown f%*[a-z] '%63[^']'", name) != 1)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(metrics); i++)
		names[n++] = metrics[i].name;
	for (enum check_what w = 0; w < CHECK_WHATS; w++)
		names[n++] = check_what_name(w);
	names[n++] = "passed";
	const char *close = closest_name(name, names, n);
	if (!close)
		return metric_names;
	snprintf(to, size, "did you mean '%s'?", close);
	return to;
}

/* Compiled once, so that what is wrong is known now. */
static RC check_whole(struct writer *x, struct err *e)
{
	const struct when *w = x->w;
	struct expr *compiled = NULL;
	struct expr_at at = {0};
	struct err fault = {0};
	char hint[120];
	enum rc rc = expr_compile(&compiled, w->text, &w->row, EXPR_VALUE, w->mem, &at, &fault);
	if (rc == E_NO_MEMORY)
		return ERR(e, rc, "%s", fault.text);
	if (rc != OK) {
		expr_report(x->r.report, x->r.node, 0, written_at(x, at),
			    cure(fault.text, hint, sizeof hint), &fault);
		x->r.failed = true;
		return OK;
	}
	enum type type = expr_type(compiled);
	expr_close(compiled);
	size_t len = strlen(x->r.text);
	if (type != T_BOOL)
		READER_FAULT(&x->r, 0, len, "a condition such as records_since >= 1000000",
			     "the condition is %s, not bool", type_name(type));
	else if (!w->of_state && !w->of_records)
		READER_FAULT(&x->r, 0, len, metric_names, "the condition says nothing of the job");
	return OK;
}

/* White space of any kind and length becomes one blank. */
static char *in_one_line(const char *text, struct mem *mem)
{
	char *to = mem_string(mem, text), *p = to;
	for (const char *c = text; to && *c; c++)
		if ((unsigned char)*c > ' ')
			*p++ = *c;
		else if (p > to && p[-1] != ' ')
			*p++ = ' ';
	while (p > to && p[-1] == ' ')
		p--;
	if (to)
		*p = '\0';
	return to;
}

static RC parse(struct writer *x, struct err *e)
{
	struct when *w = x->w;
	for (size_t i = 0; i < ARRAY_LEN(metrics); i++)
		add_column(w, metrics[i].name, metrics[i].type);
	if (rewrite(x, e) != OK)
		return e->code;
	w->said = in_one_line(x->r.text, w->mem);
	w->text = mem_string(w->mem, bytes_text(&x->text));
	if (!w->said || !w->text)
		return ERR(e, E_NO_MEMORY, "no memory for the job's trigger");
	return x->r.failed ? OK : check_whole(x, e);
}

RC when_parse(struct when **to, const struct json *node, const struct plan *p,
	      struct opt_report *r, struct mem *mem, struct err *e)
{
	*to = NULL;
	if (!node || json_kind(node) != JSON_STRING || !json_string(node, NULL)[0])
		return OK; /* what is none was told */
	struct writer x = {.r = {.plan = p, .report = r, .node = node,
				 .text = json_string(node, NULL)}};
	struct when *w = x.w = mem_get(mem, sizeof *w);
	if (!w)
		return ERR(e, E_NO_MEMORY, "no memory for the job's trigger");
	w->mem = mem;
	bytes_init(&x.text, mem);
	enum rc rc = parse(&x, e);
	bytes_close(&x.text);
	if (rc == OK && !x.r.failed) {
		*to = w;
		return OK;
	}
	when_close(w);
	return rc;
}
