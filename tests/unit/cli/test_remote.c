/* test_remote.c - what goes from the command line into a URL, and from a server to a terminal. */
#include "tests/lib/test.h"

#include "cli/job_view.h"
#include "cli/remote.h"

static struct mem mem;

static void escapes(const char *text, const char *expected)
{
	struct bytes to;
	bytes_init(&to, &mem);
	client_escape(&to, text);
	assert_string_equal(bytes_text(&to), expected);
	bytes_close(&to);
}

TEST(what_means_something_in_a_url_is_escaped)
{
	escapes("/home/me/job-1_a.json~", "/home/me/job-1_a.json~");
	escapes("a b&c=d#e%f+g?h\"\n", "a%20b%26c%3Dd%23e%25f%2Bg%3Fh%22%0A");
	escapes("\xc3\xbc\x01\xff", "%C3%BC%01%FF");
	escapes("", "");
}

static void plain(const char *text, size_t columns, const char *expected)
{
	struct bytes to;
	bytes_init(&to, &mem);
	remote_put_plain(&to, text, columns);
	assert_string_equal(bytes_text(&to), expected);
	bytes_close(&to);
}

TEST(no_control_byte_reaches_a_terminal)
{
	plain("a\033[2Jb\x7f\tc\nd", 0, "a?[2Jb??c d");
	plain("\xc2\x9b" "31m \xc3\xbc", 0, "?31m \xc3\xbc");
	plain("\xc2", 0, "\xc2");
}

TEST(a_text_is_cut_by_characters)
{
	plain("abcdef", 6, "abcdef");
	plain("abcdefg", 6, "abc...");
#define UE "\xc3\xbc"
	plain(UE UE UE UE UE, 5, UE UE UE UE UE);
	plain(UE UE UE UE UE UE, 5, UE UE "...");
	plain("abcdef", 2, "..");
	plain("", 3, "");
}

static void commands(const char *dir, const char *expected)
{
	static const struct arg_def defs[] = {REMOTE_OPTIONS, {0}};
	struct args a;
	struct err e = {0};
	char to[REMOTE_COMMAND];
	char *argv[] = {"--dir", (char *)dir};
	EXPECT_OK(args_parse(&a, defs, dir ? 2 : 0, argv, &e), &e);
	struct remote r = {.args = &a};
	assert_string_equal(remote_command(&r, to, "show", "word-count"), expected);
}

TEST(a_command_in_a_message_works_as_it_stands)
{
	commands(NULL, "weir show word-count");
	commands("../data", "weir show word-count --dir ../data");
	commands("my data", "weir show word-count --dir 'my data'");
	commands("it's $HOME", "weir show word-count --dir 'it'\\''s $HOME'");
}

TEST(a_path_too_long_for_a_command_is_cut_within_it)
{
	char dir[6000];
	char to[REMOTE_COMMAND];
	memset(dir, '\'', sizeof dir - 1);
	dir[sizeof dir - 1] = '\0';
	static const struct arg_def defs[] = {REMOTE_OPTIONS, {0}};
	struct args a;
	struct err e = {0};
	char *argv[] = {"--dir", dir};
	EXPECT_OK(args_parse(&a, defs, 2, argv, &e), &e);
	struct remote r = {.args = &a};
	EXPECT(strlen(remote_command(&r, to, "show", "word-count")) < REMOTE_COMMAND);
}

TEST(a_job_is_read_whatever_else_is_missing_or_odd)
{
	static const char *const sound[] = {
		"{\"name\":\"a\",\"state\":\"RUNNING\"}",
		"{\"name\":\"a\",\"state\":\"RUNNING\",\"pid\":\"x\",\"error\":5,\"exit\":null,"
		"\"facts\":[]}",
	};
	static const char *const odd[] = {"[]", "5", "{}", "{\"name\":\"a\"}",
					  "{\"name\":1,\"state\":2}", "{\"name\":\"\",\"state\":\"X\"}"};
	struct json_doc *doc;
	struct job_view v;
	for (size_t i = 0; i < sizeof sound / sizeof *sound; i++) {
		struct err e = {0};
		EXPECT_OK(json_parse(&doc, sound[i], strlen(sound[i]), &mem, NULL, &e), &e);
		EXPECT_OK(job_view_read(&v, json_root(doc), &e), &e);
		EXPECT(!strcmp(v.name, "a") && !*v.error && v.exit == -1 && !v.pid && !v.facts);
		json_close(doc);
	}
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		struct err e = {0};
		EXPECT_OK(json_parse(&doc, odd[i], strlen(odd[i]), &mem, NULL, &e), &e);
		EXPECT(job_view_read(&v, json_root(doc), &e) == E_INVALID);
		json_close(doc);
	}
}

TEST(a_record_says_its_time_in_either_unit)
{
	static const char *const texts[] = {
		"{\"id\":7,\"state\":\"completed\",\"bytes_written\":41000,\"keys_changed\":1,"
		"\"total_us\":3100}",
		"{\"id\":7,\"state\":\"completed\",\"bytes_written\":41000,\"keys_changed\":1,"
		"\"total_ms\":3.1}",
	};
	for (size_t i = 0; i < 2; i++) {
		struct json_doc *doc;
		struct record_view r;
		struct err e = {0};
		char to[RECORD_TEXT];
		EXPECT_OK(json_parse(&doc, texts[i], strlen(texts[i]), &mem, NULL, &e), &e);
		EXPECT_OK(record_view_read(&r, json_root(doc), &e), &e);
		EXPECT(r.id == 7 && r.completed);
		assert_string_equal(record_view_text(&r, to), "41 kB, 1 key changed, 3.1 ms");
		json_close(doc);
	}
}

int main(void)
{
	mem_init(&mem, 0);
	const struct CMUnitTest tests[] = {
		T(what_means_something_in_a_url_is_escaped),
		T(no_control_byte_reaches_a_terminal),
		T(a_text_is_cut_by_characters),
		T(a_command_in_a_message_works_as_it_stands),
		T(a_path_too_long_for_a_command_is_cut_within_it),
		T(a_job_is_read_whatever_else_is_missing_or_odd),
		T(a_record_says_its_time_in_either_unit),
	};
	return RUN(tests);
}
