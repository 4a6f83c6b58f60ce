/* expr_functions.c - see expr_functions.h. */
#include "operators/expr_functions.h"

#include "base/bytes.h"
#include "operators/kernels.h"

#include <stdio.h>

#define MATH (K_DENSE | K_FAILS)

static const struct function functions[] = {
	{"+", "II", T_INT64, kernel_add_i64, MATH},
	{"+", "FF", T_FLOAT64, kernel_add_f64, MATH},
	{"-", "II", T_INT64, kernel_sub_i64, MATH},
	{"-", "FF", T_FLOAT64, kernel_sub_f64, MATH},
	{"*", "II", T_INT64, kernel_mul_i64, MATH},
	{"*", "FF", T_FLOAT64, kernel_mul_f64, MATH},
	{"/", "II", T_INT64, kernel_div_i64, MATH},
	{"/", "FF", T_FLOAT64, kernel_div_f64, MATH},
	{"%", "II", T_INT64, kernel_mod_i64, MATH},
	{"mod", "II", T_INT64, kernel_mod_i64, MATH},
	{"neg", "I", T_INT64, kernel_neg_i64, MATH},
	{"neg", "F", T_FLOAT64, kernel_neg_f64, K_DENSE},
	{"abs", "I", T_INT64, kernel_abs_i64, MATH},
	{"abs", "F", T_FLOAT64, kernel_abs_f64, K_DENSE},
	{"splitmix64", "II", T_INT64, kernel_splitmix64, MATH},
	{"like", "SS", T_BOOL, kernel_like, K_FAILS},
	{"lower", "S", T_STRING, kernel_case_map, K_COSTLY, -1},
	{"upper", "S", T_STRING, kernel_case_map, K_COSTLY, 1},
	{"length", "S", T_INT64, kernel_length, K_COSTLY},
	{"char_length", "S", T_INT64, kernel_length, K_COSTLY},
	{"character_length", "S", T_INT64, kernel_length, K_COSTLY},
	{"octet_length", "S", T_INT64, kernel_octet_length, 0},
	{"ltrim", "S", T_STRING, kernel_trim, K_COSTLY, 1},
	{"ltrim", "SS", T_STRING, kernel_trim, K_COSTLY, 1},
	{"rtrim", "S", T_STRING, kernel_trim, K_COSTLY, 2},
	{"rtrim", "SS", T_STRING, kernel_trim, K_COSTLY, 2},
	{"btrim", "S", T_STRING, kernel_trim, K_COSTLY, 3},
	{"btrim", "SS", T_STRING, kernel_trim, K_COSTLY, 3},
	{"substr", "SI", T_STRING, kernel_substr, K_COSTLY},
	{"substr", "SII", T_STRING, kernel_substr, K_FAILS},
	{"substring", "SI", T_STRING, kernel_substr, K_COSTLY},
	{"substring", "SII", T_STRING, kernel_substr, K_FAILS},
	{"strpos", "SS", T_INT64, kernel_strpos, K_COSTLY},
	{"split_part", "SSI", T_STRING, kernel_split_part, K_FAILS},
	{"replace", "SSS", T_STRING, kernel_replace, K_COSTLY},
};

/* Names that are known elsewhere, for "did you mean". */
static const char *const others[] = {"coalesce", "nullif", "greatest", "least", "concat",
				     "split",	 "trim",   "position"};

static enum type type_of_letter(char c)
{
	switch (c) {
	case 'B': return T_BOOL;
	case 'I': return T_INT64;
	case 'F': return T_FLOAT64;
	case 'T': return T_TIMESTAMP;
	default:  return T_STRING;
	}
}

enum type function_arg(const struct function *f, uint32_t i)
{
	return type_of_letter(f->args[i]);
}

/* How well f takes these arguments; -1: not at all. */
static int score(const struct function *f, struct node *const *arg, uint32_t n)
{
	int sum = 0;
	if (strlen(f->args) != n)
		return -1;
	for (uint32_t i = 0; i < n; i++) {
		enum type want = function_arg(f, i);
		if (arg[i]->untyped)
			continue;
		if (arg[i]->type == want)
			sum += 2;
		else if (arg[i]->type == T_INT64 && want == T_FLOAT64)
			sum += 1;
		else
			return -1;
	}
	return sum;
}

static bool is_operator(const char *name)
{
	return strchr("+-*/%<>=~!@#^&|`?", name[0]) || !strcmp(name, "neg") ||
	       !strcmp(name, "like");
}

static const char *shown(const char *name)
{
	return strcmp(name, "neg") ? name : "-";
}

static void types_text(struct node *const *arg, uint32_t n, char *to, size_t size)
{
	size_t at = 0;
	to[0] = '\0';
	for (uint32_t i = 0; i < n && at < size; i++)
		at += (size_t)snprintf(to + at, size - at, "%s%s", i ? ", " : "",
				       arg[i]->untyped ? arg[i]->is_null ? "null" : "'...'"
						       : type_name(arg[i]->type));
}

/* "(int64, int64) or (float64, float64)" */
static void takes_text(const char *name, char *to, size_t size)
{
	size_t at = 0;
	to[0] = '\0';
	for (size_t f = 0; f < ARRAY_LEN(functions); f++) {
		if (strcmp(functions[f].name, name))
			continue;
		if (at < size)
			at += (size_t)snprintf(to + at, size - at, "%s(", at ? " or " : "");
		for (uint32_t i = 0; functions[f].args[i] && at < size; i++)
			at += (size_t)snprintf(to + at, size - at, "%s%s", i ? ", " : "",
					       type_name(function_arg(&functions[f], i)));
		if (at < size)
			at += (size_t)snprintf(to + at, size - at, ")");
	}
}

static enum rc refuse_unknown(const char *name, struct err *e)
{
	static const char *const aggregates[] = {"count", "sum", "avg", "min", "max"};
	const char *names[ARRAY_LEN(functions) + ARRAY_LEN(others)];
	size_t n = 0;
	if (is_operator(name))
		return ERR(e, E_INVALID, "unknown operator '%s'", shown(name));
	for (size_t i = 0; i < ARRAY_LEN(aggregates); i++)
		if (!strcmp(name, aggregates[i]))
			return ERR(e, E_INVALID,
				   "%s() is an aggregate: a stage (keyed_sum), not a function",
				   name);
	for (size_t i = 0; i < ARRAY_LEN(functions); i++)
		if (!is_operator(functions[i].name))
			names[n++] = functions[i].name;
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		names[n++] = others[i];
	const char *close = closest_name(name, names, n);
	return ERR(e, E_INVALID, "unknown function '%s'%s%s%s", name,
		   close ? "; did you mean '" : "", close ? close : "", close ? "'?" : "");
}

RC function_find(const char *name, struct node *const *arg, uint32_t n, const struct function **f,
		 struct err *e)
{
	int best = -1;
	bool known = false, typed = false, tie = false;
	for (uint32_t i = 0; i < n; i++)
		typed |= !arg[i]->untyped;
	for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
		if (strcmp(functions[i].name, name))
			continue;
		known = true;
		int s = score(&functions[i], arg, n);
		tie = s == best && s >= 0;
		if (s > best) {
			best = s;
			*f = &functions[i];
		}
	}
	if (!known)
		return refuse_unknown(name, e);
	if (best >= 0 && (typed || !tie))
		return OK;
	char have[200], takes[300];
	types_text(arg, n, have, sizeof have);
	takes_text(name, takes, sizeof takes);
	if (best >= 0)
		return ERR(e, E_INVALID,
			   "the types for '%s' are not known; it takes %s: cast one side",
			   shown(name), takes);
	return ERR(e, E_INVALID, "'%s' takes %s, not (%s); perhaps a cast is missing", shown(name),
		   takes, have);
}
