/* test_schema.c - fields, and "did you mean". */
#include "base/schema.h"
#include "tests/lib/test.h"

TEST(fields_are_found_by_name_in_their_order)
{
	struct schema s = {0};
	struct err e = {OK};
	EXPECT_OK(schema_add(&s, "line", T_STRING, false, &e), &e);
	EXPECT_OK(schema_add(&s, "n", T_INT64, true, &e), &e);
	EXPECT(schema_find(&s, "line") == 0 && schema_find(&s, "n") == 1);
	EXPECT(schema_find(&s, "lin") == -1 && schema_find(&s, "") == -1);
}

TEST(a_field_that_cannot_be_is_refused_by_name)
{
	struct schema s = {0};
	struct err e = {OK};
	char name[FIELD_NAME_MAX + 2];
	EXPECT(schema_add(&s, "", T_BOOL, false, NULL) == E_INVALID);
	memset(name, 'a', sizeof name);
	name[FIELD_NAME_MAX + 1] = '\0';
	EXPECT(schema_add(&s, name, T_BOOL, false, NULL) == E_INVALID);
	name[FIELD_NAME_MAX] = '\0';
	EXPECT_OK(schema_add(&s, name, T_BOOL, false, &e), &e);
	EXPECT(schema_add(&s, name, T_INT64, false, NULL) == E_INVALID);
	for (unsigned i = 1; i < FIELDS_MAX; i++) {
		snprintf(name, sizeof name, "f%u", i);
		EXPECT_OK(schema_add(&s, name, T_BOOL, false, &e), &e);
	}
	EXPECT(schema_add(&s, "more", T_BOOL, false, &e) == E_INVALID && strstr(e.text, "'more'"));
	EXPECT(s.n == FIELDS_MAX);
}

TEST(equal_schemas_agree_in_name_type_null_and_order)
{
	struct schema a = {0}, b = {0};
	EXPECT(schema_equal(&a, &b));
	EXPECT(schema_add(&a, "x", T_INT64, false, NULL) == OK);
	EXPECT(!schema_equal(&a, &b));
	static const struct field others[] = {
		{"y", T_INT64, false}, {"x", T_STRING, false}, {"x", T_INT64, true}};
	for (unsigned i = 0; i < 3; i++) {
		b = (struct schema){.n = 1, .field[0] = others[i]};
		EXPECT(!schema_equal(&a, &b));
	}
	b.field[0] = a.field[0];
	EXPECT(schema_equal(&a, &b));
}

TEST(a_schema_reads_as_text_and_is_cut_where_room_ends)
{
	struct schema s = {0};
	char text[64], small[8], none[1] = {'x'};
	schema_text(&s, text, sizeof text);
	EXPECT(!strcmp(text, ""));
	EXPECT(schema_add(&s, "line", T_STRING, false, NULL) == OK);
	EXPECT(schema_add(&s, "n", T_INT64, true, NULL) == OK);
	schema_text(&s, text, sizeof text);
	EXPECT(!strcmp(text, "line string, n int64?"));
	schema_text(&s, small, sizeof small);
	EXPECT(!strcmp(small, "line st"));
	schema_text(&s, none, 0);
	EXPECT(none[0] == 'x');
}

TEST(type_names_read_back)
{
	for (enum type t = T_BOOL; t <= T_TIMESTAMP; t++) {
		enum type back;
		EXPECT(type_parse(type_name(t), &back) && back == t);
	}
	enum type t = T_STRING;
	EXPECT(!type_parse("int32", &t) && !type_parse("", &t) && t == T_STRING);
}

TEST(the_closest_name_is_what_was_meant)
{
	static const char *const names[] = {"word", "count", "min_pause", "interval", "on_error"};
	static const struct {
		const char *word, *meant;
	} cases[] = {
		{"wrod", "word"},           /* neighbours swapped: one step */
		{"wor", "word"},            /* a third of three letters is one */
		{"words", "word"},          {"min-pause", "min_pause"},
		{"minpause", "min_pause"},  {"intervall", "interval"},
		{"inetrvla", "interval"},   /* two of eight */
		{"wxyz", NULL},             {"cnut", NULL}, /* two steps of four letters */
		{"", NULL},                 {"timeout", NULL},
		{"a_word_of_more_than_sixty_four_letters_is_no_slip_of_the_fingers_at_all", NULL},
	};
	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *found = closest_name(cases[i].word, names, 5);
		if (found != cases[i].meant &&
		    (!found || !cases[i].meant || strcmp(found, cases[i].meant)))
			fail_msg("'%s': got %s", cases[i].word, found ? found : "nothing");
	}
	EXPECT(!closest_name("word", names, 0));
	EXPECT(closest_name("on-error", names, 5) == names[4]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(fields_are_found_by_name_in_their_order),
		T(a_field_that_cannot_be_is_refused_by_name),
		T(equal_schemas_agree_in_name_type_null_and_order),
		T(a_schema_reads_as_text_and_is_cut_where_room_ends),
		T(type_names_read_back),
		T(the_closest_name_is_what_was_meant),
	};
	return RUN(tests);
}
