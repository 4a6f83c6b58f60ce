/* test_args.c - the command line against its table: what is taken, and what is refused how. */
#include "tests/lib/test.h"

#include "cli/args.h"

static const struct arg_def defs[] = {
	{"--dir", ARG_TEXT, "DIR", "a directory"},
	{"--fresh", ARG_FLAG, NULL, "a flag"},
	{"--set", ARG_TEXTS, "PATH=VALUE", "values"},
	{"--parallelism", ARG_NUMBER, "N", "a number", 1, 128},
	{"--every", ARG_DURATION, "TIME", "a duration", 1000, 60000000},
	{"--log-format", ARG_WORD, "text|json", "a word", .one_of = "text json"},
	{"--restore", ARG_LATER, "ID", ""},
	{"--follow", ARG_FLAG, NULL, "a flag with a letter", .letter = 'f'},
	{"--lines", ARG_NUMBER, "N", "a number with a letter", 0, 100, .letter = 'n'},
	{0},
};

#define PARSE(a, e, ...)                                                                           \
	args_parse((a), defs, (int)(sizeof((char *[]){__VA_ARGS__}) / sizeof(char *)),               \
		   (char *[]){__VA_ARGS__}, (e))

TEST(places_and_options_stand_in_any_order)
{
	struct args a;
	struct err e = {0};
	EXPECT_OK(PARSE(&a, &e, "--dir", "d", "job.json", "--fresh", "more"), &e);
	EXPECT(a.n_places == 2 && !strcmp(a.place[0], "job.json") && !strcmp(a.place[1], "more"));
	EXPECT(!strcmp(args_text(&a, "--dir", "no"), "d"));
	EXPECT(args_has(&a, "--fresh"));
	EXPECT(!args_has(&a, "--every"));
}

TEST(a_value_may_follow_an_equals_sign_and_hold_more_of_them)
{
	struct args a;
	struct err e = {0};
	const char *sets[4];
	EXPECT_OK(PARSE(&a, &e, "--set=a.b=1=2", "--dir=x=y", "--set", "c=d"), &e);
	EXPECT(args_texts(&a, "--set", sets, 4) == 2);
	EXPECT(!strcmp(sets[0], "a.b=1=2") && !strcmp(sets[1], "c=d"));
	EXPECT(!strcmp(args_text(&a, "--dir", ""), "x=y"));
	/* How many there are is said even when they do not fit. */
	EXPECT(args_texts(&a, "--set", sets, 1) == 2);
}

TEST(numbers_and_durations_are_read_and_bounded)
{
	struct args a;
	struct err e = {0};
	EXPECT_OK(PARSE(&a, &e, "--parallelism", "128", "--every", "10ms"), &e);
	EXPECT(args_number(&a, "--parallelism", 7) == 128);
	EXPECT(args_duration_us(&a, "--every", 7) == 10000);
	EXPECT_OK(PARSE(&a, &e, "job.json"), &e);
	EXPECT(args_number(&a, "--parallelism", 7) == 7);
	EXPECT(args_duration_us(&a, "--every", 7) == 7);
}

TEST(letters_stand_alone_or_together_with_their_value_at_once_or_behind)
{
	static const struct {
		char *arg[4];
		int n;
		bool follow;
		int64_t lines;
	} cases[] = {
		{{"-f"}, 1, true, -1},         {{"-n", "5"}, 2, false, 5}, {{"-n5"}, 1, false, 5},
		{{"-fn5"}, 1, true, 5},        {{"-fn", "5"}, 2, true, 5}, {{"-f", "-n", "5"}, 3, true, 5},
		{{"--lines=5", "-f"}, 2, true, 5}, {{"-ff"}, 1, true, -1},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct args a;
		struct err e = {0};
		EXPECT_OK(args_parse(&a, defs, cases[i].n, (char **)cases[i].arg, &e), &e);
		EXPECT(args_has(&a, "--follow") == cases[i].follow);
		EXPECT(args_number(&a, "--lines", -1) == cases[i].lines && !a.n_places);
	}
}

TEST(after_two_dashes_everything_is_a_place)
{
	struct args a;
	struct err e = {0};
	EXPECT_OK(PARSE(&a, &e, "--", "--dir", "-"), &e);
	EXPECT(a.n_places == 2 && !strcmp(a.place[0], "--dir") && a.n_options == 0);
	EXPECT_OK(PARSE(&a, &e, "-"), &e);
	EXPECT(a.n_places == 1);
}

TEST(help_is_found_before_what_is_wrong_behind_it)
{
	struct args a;
	struct err e = {0};
	EXPECT_OK(PARSE(&a, &e, "-h", "--nonsense"), &e);
	EXPECT(a.help);
}

TEST(what_is_wrong_is_refused_and_named)
{
	static const struct {
		char *arg[4];
		int n;
		const char *says;
	} cases[] = {
		{{"--nonsense"}, 1, "unknown option '--nonsense'"},
		{{"--fersh"}, 1, "did you mean '--fresh'?"},
		{{"--paralelism=3"}, 1, "did you mean '--parallelism'?"},
		{{"--dir"}, 1, "--dir needs a value: --dir DIR"},
		{{"--dir", ""}, 2, "--dir takes a value that is not empty"},
		{{"--dir=a", "--dir=b"}, 2, "--dir is given twice"},
		{{"--fresh=1"}, 1, "--fresh takes no value"},
		{{"--parallelism", "0"}, 2, "from 1 to 128, not '0'"},
		{{"--parallelism", "many"}, 2, "--parallelism takes a whole number"},
		{{"--parallelism", "3x"}, 2, "not '3x'"},
		{{"--parallelism", "99999999999999999999"}, 2, "--parallelism takes"},
		{{"--every", "soon"}, 2, "--every: 'soon': "},
		{{"--every", "2m"}, 2, "from 1ms to 1m"},
		{{"--log-format", "tex"}, 2, "one of: text json; not 'tex'"},
		{{"-x"}, 1, "unknown option '-x'"},
		{{"-fx"}, 1, "unknown option '-fx'"},
		{{"-n"}, 1, "--lines needs a value: --lines N"},
		{{"-n", "5", "--lines", "6"}, 4, "--lines is given twice"},
		{{"-n5f"}, 1, "--lines takes a whole number from 0 to 100, not '5f'"},
		{{"--restore", "3"}, 2, "--restore comes with a later version"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct args a;
		struct err e = {0};
		enum rc rc = args_parse(&a, defs, cases[i].n, (char **)cases[i].arg, &e);
		if (rc != E_USAGE || !strstr(e.text, cases[i].says))
			fail_msg("case %zu: %s: '%s'", i, err_name(rc), e.text);
	}
}

TEST(the_table_documents_itself_and_hides_what_comes_later)
{
	struct mem mem;
	struct bytes text;
	mem_init(&mem, 0);
	bytes_init(&text, &mem);
	args_document(defs, &text);
	EXPECT(strstr(bytes_text(&text), "--dir DIR"));
	EXPECT(strstr(bytes_text(&text), "--set PATH=VALUE"));
	EXPECT(strstr(bytes_text(&text), "  -n, --lines N"));
	EXPECT(!strstr(bytes_text(&text), "--restore"));
	bytes_close(&text);
	EXPECT(mem.used_bytes == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(places_and_options_stand_in_any_order),
		T(a_value_may_follow_an_equals_sign_and_hold_more_of_them),
		T(numbers_and_durations_are_read_and_bounded),
		T(letters_stand_alone_or_together_with_their_value_at_once_or_behind),
		T(after_two_dashes_everything_is_a_place),
		T(help_is_found_before_what_is_wrong_behind_it),
		T(what_is_wrong_is_refused_and_named),
		T(the_table_documents_itself_and_hides_what_comes_later),
	};
	return RUN(tests);
}
