/* checks_parse.c - an invariant's text to a program: see checks.h for the grammar. Every fault says
 * where in the text it is. */
#include "jobs/checks_in.h"

#include "base/check.h"

#include <stdio.h>
#include <strings.h>

struct parser {
	const struct plan *plan;
	struct opt_report *report;
	const struct json *node;
	const char *text;
	size_t at;
	uint32_t nesting, depth; /* depth: numbers on the stack once it has run so far */
	uint32_t n, values;
	bool failed;
	struct check_op op[CHECK_OPS_MAX];
};

static const char *const what_names[] = {
	[CHECK_SUM] = "sum",
	[CHECK_COUNT] = "count",
	[CHECK_RECORDS_IN] = "records_in",
	[CHECK_RECORDS_OUT] = "records_out",
	[CHECK_RECORDS_SKIPPED] = "records_skipped",
	[CHECK_POSITION] = "position",
};

const char *check_what_name(enum check_what what)
{
	return what_names[what];
}

/* Only the first fault of a text is told: the rest of it is not understood. */
#define FAULT(p, from, len, hint, ...)                                                             \
	do {                                                                                       \
		if (!(p)->failed)                                                                  \
			opt_error_in((p)->report, (p)->node, from, (len) ? (len) : 1, hint,        \
				     __VA_ARGS__);                                                 \
		(p)->failed = true;                                                                \
	} while (0)

static void skip_blanks(struct parser *p)
{
	while (p->text[p->at] == ' ' || p->text[p->at] == '\t' || p->text[p->at] == '\n')
		p->at++;
}

static bool take(struct parser *p, const char *sign)
{
	skip_blanks(p);
	if (strncmp(p->text + p->at, sign, strlen(sign)))
		return false;
	p->at += strlen(sign);
	return true;
}

static struct check_op *put(struct parser *p, enum check_op_kind kind)
{
	uint32_t takes = kind <= OP_VALUE ? 0 : kind == OP_NEGATE ? 1 : 2;
	if (p->failed)
		return NULL;
	p->depth = p->depth - takes + 1;
	if (p->n == CHECK_OPS_MAX || p->depth > CHECK_STACK_MAX) {
		FAULT(p, p->at, 1, "make two of it", "the invariant is too long");
		return NULL;
	}
	p->op[p->n] = (struct check_op){.kind = kind};
	return &p->op[p->n++];
}

/* ---- names ---- */

struct name {
	size_t at, len; /* in the text, quotes and all */
	char word[SPEC_NAME_MAX + FIELD_NAME_MAX + 2];
};

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* A bare word, or anything in double quotes. dashes: a stage's id may have them. */
static bool take_name(struct parser *p, bool dashes, struct name *to)
{
	skip_blanks(p);
	bool quoted = p->text[p->at] == '"';
	size_t n = 0;
	to->at = p->at;
	for (p->at += quoted;; p->at++) {
		char c = p->text[p->at];
		if (quoted ? !c || c == '"' : !is_word(c) && !(dashes && c == '-'))
			break;
		if (n + 1 < sizeof to->word)
			to->word[n++] = c;
	}
	to->word[n] = '\0';
	if (quoted && p->text[p->at] == '"')
		p->at++;
	to->len = p->at - to->at;
	return n > 0;
}

static int find_stage(struct parser *p, const struct name *name)
{
	const char *ids[SPEC_STAGES_MAX];
	size_t n = 0;
	for (uint32_t i = 0; i < p->plan->n_stages; i++) {
		const char *id = p->plan->stage[i].spec->id;
		if (!strcmp(id, name->word) && id[0])
			return (int)i;
		if (id[0] && n < ARRAY_LEN(ids))
			ids[n++] = id;
	}
	const char *close = closest_name(name->word, ids, n);
	char hint[120];
	snprintf(hint, sizeof hint, "did you mean '%s'?", close ? close : "");
	FAULT(p, name->at, name->len, close ? hint : "the id of a stage",
	      "no stage has the id '%.64s'", name->word);
	return -1;
}

/* Which word of the stage's values the field is: as its output calls it. */
static void find_word(struct parser *p, struct check_op *op, const struct name *name)
{
	const struct plan_stage *st = &p->plan->stage[op->stage];
	int field = schema_find(&st->p.out, name->word);
	uint32_t word = (uint32_t)field - st->p.key.n; /* behind the keys stand the values */
	if (field >= 0 && word < st->p.value_bytes / 8 && st->p.aggregates >> word & 1) {
		op->word = word;
		return;
	}
	if (field >= 0 && st->p.out.field[field].type == T_FLOAT64)
		FAULT(p, name->at, name->len, "a sum of doubles depends on their order",
		      "'%s' is float64: only sums of int64 can be checked", name->word);
	else
		FAULT(p, name->at, name->len, field < 0 ? "a field that the stage sums up" : NULL,
		      "stage '%s' keeps no sum called '%s'", st->spec->id, name->word);
}

/* ---- values ---- */

static void check_stage(struct parser *p, const struct check_op *op, const struct name *name)
{
	const struct plan_stage *st = &p->plan->stage[op->stage];
	bool keyed = op->what == CHECK_SUM || op->what == CHECK_COUNT;
	if (keyed && !st->p.keyed)
		FAULT(p, name->at, name->len, NULL, "stage '%s' has no keyed state", name->word);
	else if (op->what == CHECK_POSITION && st->ops->role != OP_SOURCE)
		FAULT(p, name->at, name->len, NULL, "stage '%s' is no source", name->word);
	else if (op->what == CHECK_RECORDS_IN && st->ops->role == OP_SOURCE)
		FAULT(p, name->at, name->len, "position(...), or records_out(...)",
		      "stage '%s' is a source: no records go in", name->word);
	else if (op->what == CHECK_RECORDS_OUT && st->ops->role == OP_SINK)
		FAULT(p, name->at, name->len, "records_in(...)",
		      "stage '%s' is a sink: no records go out", name->word);
}

/* What stands in the parentheses. */
static void parse_argument(struct parser *p, enum check_what what)
{
	struct name stage, field;
	struct check_op *op = put(p, OP_VALUE);
	if (!op)
		return;
	op->what = what;
	p->values++;
	if (!take_name(p, true, &stage)) {
		FAULT(p, p->at, 1, NULL, "the id of a stage is missing");
		return;
	}
	int found = find_stage(p, &stage);
	if (found < 0)
		return;
	op->stage = (uint32_t)found;
	if (!p->plan->stage[found].planned) {
		p->failed = true; /* its own faults are told */
		return;
	}
	check_stage(p, op, &stage);
	if (what != CHECK_SUM || p->failed)
		return;
	if (!take(p, ".") || !take_name(p, false, &field))
		FAULT(p, p->at, 1, "sum(STAGE.FIELD)", "the field to sum is missing");
	else
		find_word(p, op, &field);
}

static void parse_value(struct parser *p)
{
	struct name name;
	size_t what = 0;
	if (!take_name(p, false, &name)) {
		FAULT(p, p->at, 1, NULL, "a number or a value is missing");
		return;
	}
	while (what < ARRAY_LEN(what_names) && strcasecmp(what_names[what], name.word))
		what++;
	if (what == ARRAY_LEN(what_names)) {
		const char *close = closest_name(name.word, what_names, ARRAY_LEN(what_names));
		char hint[120];
		snprintf(hint, sizeof hint, "did you mean '%s'?", close ? close : "");
		FAULT(p, name.at, name.len,
		      close ? hint
			    : "sum, count, records_in, records_out, records_skipped or position",
		      "'%.64s' is no value of a checkpoint", name.word);
		return;
	}
	if (!take(p, "("))
		FAULT(p, p->at, 1, NULL, "'(' is missing");
	parse_argument(p, (enum check_what)what);
	if (!p->failed && !take(p, ")"))
		FAULT(p, p->at, 1, NULL, "')' is missing");
}

/* ---- arithmetic ---- */

static void parse_sum(struct parser *p);

static void parse_number(struct parser *p)
{
	size_t from = p->at;
	int64_t value = 0;
	bool fits = true;
	for (; p->text[p->at] >= '0' && p->text[p->at] <= '9'; p->at++)
		fits = fits && !__builtin_mul_overflow(value, 10, &value) &&
		       !__builtin_add_overflow(value, p->text[p->at] - '0', &value);
	struct check_op *op = put(p, OP_NUMBER);
	if (op)
		op->number = value;
	if (p->text[p->at] == '.' || !fits)
		FAULT(p, from, p->at - from, NULL, fits ? "only whole numbers can be compared"
							: "the number does not fit into 64 bits");
}

static void parse_factor(struct parser *p)
{
	skip_blanks(p);
	char c = p->text[p->at];
	if (++p->nesting > CHECK_NESTING_MAX) {
		FAULT(p, p->at, 1, NULL, "the invariant is nested too deeply");
	} else if (c >= '0' && c <= '9') {
		parse_number(p);
	} else if (take(p, "-")) {
		parse_factor(p);
		put(p, OP_NEGATE);
	} else if (take(p, "(")) {
		parse_sum(p);
		if (!p->failed && !take(p, ")"))
			FAULT(p, p->at, 1, NULL, "')' is missing");
	} else {
		parse_value(p);
	}
	p->nesting--;
}

static void parse_product(struct parser *p)
{
	parse_factor(p);
	while (!p->failed && take(p, "*")) {
		parse_factor(p);
		put(p, OP_MULTIPLY);
	}
}

static void parse_sum(struct parser *p)
{
	parse_product(p);
	while (!p->failed) {
		enum check_op_kind kind = take(p, "+") ? OP_ADD : OP_SUBTRACT;
		if (kind == OP_SUBTRACT && !take(p, "-"))
			return;
		parse_product(p);
		put(p, kind);
	}
}

/* ---- the whole ---- */

static enum compare parse_compare(struct parser *p)
{
	static const struct {
		const char *sign;
		enum compare compare;
	} signs[] = {{"<=", IS_AT_MOST}, {">=", IS_AT_LEAST}, {"<>", IS_NOT}, {"!=", IS_NOT},
		     {"==", IS_EQUAL},   {"=", IS_EQUAL},     {"<", IS_LESS}, {">", IS_MORE}};
	for (size_t i = 0; i < ARRAY_LEN(signs) && !p->failed; i++)
		if (take(p, signs[i].sign))
			return signs[i].compare;
	FAULT(p, p->at, 1, "sum(count.n) = records_out(words)", "=, <>, <, <=, > or >= is missing");
	return IS_EQUAL;
}

static RC keep(struct checks *c, const struct parser *p, struct check *x, struct err *e)
{
	x->text = mem_string(c->mem, p->text);
	x->op = mem_get(c->mem, p->n * sizeof *x->op);
	c->n++;
	if (!x->text || !x->op)
		return ERR(e, E_NO_MEMORY, "no memory for the job's invariants");
	memcpy(x->op, p->op, p->n * sizeof *x->op);
	return OK;
}

static RC parse_one(struct checks *c, struct parser *p, struct err *e)
{
	struct check *x = &c->check[c->n];
	size_t len;
	p->text = json_string(p->node, &len);
	if (len > CHECK_TEXT_MAX)
		FAULT(p, 0, 1, "make two of it", "the invariant is longer than %d bytes",
		      CHECK_TEXT_MAX);
	if (!p->failed)
		parse_sum(p);
	x->n_left = p->n;
	p->depth = 0;
	x->compare = parse_compare(p);
	if (!p->failed)
		parse_sum(p);
	x->n_right = p->n - x->n_left;
	skip_blanks(p);
	if (!p->failed && p->at < len)
		FAULT(p, p->at, len - p->at, NULL, "the invariant should end here");
	if (!p->failed && !p->values)
		FAULT(p, 0, len, NULL, "the invariant says nothing of the job");
	return p->failed ? OK : keep(c, p, x, e);
}

RC checks_parse(struct checks **to, const struct json *list, const struct plan *plan,
		struct opt_report *r, struct mem *mem, struct err *e)
{
	*to = NULL;
	if (!list || !json_count(list))
		return OK;
	struct checks *c = mem_get(mem, sizeof *c);
	if (!c)
		return ERR(e, E_NO_MEMORY, "no memory for the job's invariants");
	c->mem = mem;
	c->plan = plan;
	*to = c;
	for (size_t i = 0; i < json_count(list); i++) {
		struct parser p = {.plan = plan, .report = r, .node = json_item(list, i)};
		if (json_kind(p.node) != JSON_STRING)
			continue; /* told when the list was checked */
		if (c->n == CHECKS_MAX) {
			opt_error(r, p.node, NULL, "more than %d invariants", CHECKS_MAX);
			break;
		}
		if (parse_one(c, &p, e) != OK) {
			checks_close(c);
			*to = NULL;
			return e->code;
		}
	}
	return OK;
}
