/* checks_names.c - see checks_names.h. Every fault says where in the text it is. */
#include "jobs/checks_names.h"

#include "base/check.h"

#include <stdio.h>
#include <strings.h>

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

void check_value_text(const struct plan *p, struct check_value v, char *to, size_t size)
{
	const struct plan_stage *st = &p->stage[v.stage];
	bool is_sum = v.what == CHECK_SUM;
	snprintf(to, size, "%s(%s%s%s)", check_what_name(v.what), st->spec->id, is_sum ? "." : "",
		 is_sum ? st->p.out.field[st->p.key.n + v.word].name : "");
}

void reader_skip_blanks(struct check_reader *r)
{
	r->at += strspn(r->text + r->at, " \t\n\r\f\v"); /* as in expressions */
}

bool reader_take_sign(struct check_reader *r, const char *sign)
{
	reader_skip_blanks(r);
	if (strncmp(r->text + r->at, sign, strlen(sign)))
		return false;
	r->at += strlen(sign);
	return true;
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
static bool take_name(struct check_reader *r, bool dashes, struct name *to)
{
	reader_skip_blanks(r);
	bool quoted = r->text[r->at] == '"';
	size_t n = 0;
	to->at = r->at;
	for (r->at += quoted;; r->at++) {
		char c = r->text[r->at];
		if (quoted ? !c || c == '"' : !is_word(c) && !(dashes && c == '-'))
			break;
		if (n + 1 < sizeof to->word)
			to->word[n++] = c;
	}
	to->word[n] = '\0';
	if (quoted && r->text[r->at] == '"')
		r->at++;
	to->len = r->at - to->at;
	return n > 0;
}

static int find_stage(struct check_reader *r, const struct name *name)
{
	const char *ids[SPEC_STAGES_MAX];
	size_t n = 0;
	for (uint32_t i = 0; i < r->plan->n_stages; i++) {
		const char *id = r->plan->stage[i].spec->id;
		if (!strcmp(id, name->word) && id[0])
			return (int)i;
		if (id[0] && n < ARRAY_LEN(ids))
			ids[n++] = id;
	}
	const char *close = closest_name(name->word, ids, n);
	char hint[120];
	snprintf(hint, sizeof hint, "did you mean '%s'?", close ? close : "");
	READER_FAULT(r, name->at, name->len, close ? hint : "the id of a stage",
		     "no stage has the id '%.64s'", name->word);
	return -1;
}

/* Which word of the stage's values the field is: as its output calls it. */
static void find_word(struct check_reader *r, struct check_value *v, const struct name *name)
{
	const struct plan_stage *st = &r->plan->stage[v->stage];
	int field = schema_find(&st->p.out, name->word);
	uint32_t word = (uint32_t)field - st->p.key.n; /* behind the keys stand the values */
	if (field >= 0 && word < st->p.value_bytes / 8 && st->p.aggregates >> word & 1) {
		v->word = word;
		return;
	}
	if (field >= 0 && st->p.out.field[field].type == T_FLOAT64)
		READER_FAULT(r, name->at, name->len, "a sum of doubles depends on their order",
			     "'%s' is float64: only sums of int64 can be checked", name->word);
	else
		READER_FAULT(r, name->at, name->len,
			     field < 0 ? "a field that the stage sums up" : NULL,
			     "stage '%s' keeps no sum called '%s'", st->spec->id, name->word);
}

static int take_stage(struct check_reader *r, struct name *name)
{
	if (!take_name(r, true, name)) {
		READER_FAULT(r, r->at, 1, NULL, "the id of a stage is missing");
		return -1;
	}
	int found = find_stage(r, name);
	if (found < 0 || r->plan->stage[found].planned)
		return found;
	r->failed = true; /* its own faults are told */
	return -1;
}

int reader_take_stage(struct check_reader *r)
{
	struct name name;
	return take_stage(r, &name);
}

/* ---- values ---- */

static void check_stage(struct check_reader *r, const struct check_value *v,
			const struct name *name)
{
	const struct plan_stage *st = &r->plan->stage[v->stage];
	bool keyed = v->what == CHECK_SUM || v->what == CHECK_COUNT;
	if (keyed && !st->p.keyed)
		READER_FAULT(r, name->at, name->len, NULL, "stage '%s' has no keyed state",
			     name->word);
	else if (v->what == CHECK_POSITION && st->ops->role != OP_SOURCE)
		READER_FAULT(r, name->at, name->len, NULL, "stage '%s' is no source", name->word);
	else if (v->what == CHECK_RECORDS_IN && st->ops->role == OP_SOURCE)
		READER_FAULT(r, name->at, name->len, "position(...), or records_out(...)",
			     "stage '%s' is a source: no records go in", name->word);
	else if (v->what == CHECK_RECORDS_OUT && st->ops->role == OP_SINK)
		READER_FAULT(r, name->at, name->len, "records_in(...)",
			     "stage '%s' is a sink: no records go out", name->word);
}

/* What stands in the parentheses. */
static void take_argument(struct check_reader *r, struct check_value *v)
{
	struct name stage, field;
	int found = take_stage(r, &stage);
	if (found < 0)
		return;
	v->stage = (uint32_t)found;
	check_stage(r, v, &stage);
	if (v->what != CHECK_SUM || r->failed)
		return;
	if (!reader_take_sign(r, ".") || !take_name(r, false, &field))
		READER_FAULT(r, r->at, 1, "sum(STAGE.FIELD)", "the field to sum is missing");
	else
		find_word(r, v, &field);
}

static bool take_what(struct check_reader *r, enum check_what *to)
{
	struct name name;
	size_t what = 0;
	if (!take_name(r, false, &name)) {
		READER_FAULT(r, r->at, 1, NULL, "a number or a value is missing");
		return false;
	}
	while (what < ARRAY_LEN(what_names) && strcasecmp(what_names[what], name.word))
		what++;
	*to = (enum check_what)what;
	if (what < ARRAY_LEN(what_names))
		return true;
	const char *close = closest_name(name.word, what_names, ARRAY_LEN(what_names));
	char hint[120];
	snprintf(hint, sizeof hint, "did you mean '%s'?", close ? close : "");
	READER_FAULT(r, name.at, name.len,
		     close ? hint
			   : "sum, count, records_in, records_out, records_skipped or position",
		     "'%.64s' is no value of a checkpoint", name.word);
	return false;
}

bool reader_take_value(struct check_reader *r, struct check_value *to)
{
	*to = (struct check_value){0};
	if (!take_what(r, &to->what))
		return false;
	if (!reader_take_sign(r, "("))
		READER_FAULT(r, r->at, 1, NULL, "'(' is missing");
	if (!r->failed)
		take_argument(r, to);
	if (!r->failed && !reader_take_sign(r, ")"))
		READER_FAULT(r, r->at, 1, NULL, "')' is missing");
	return !r->failed;
}
