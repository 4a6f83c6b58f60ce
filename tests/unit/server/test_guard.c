/* test_guard.c - who may ask what over TCP, row by row: a request's header, and the verdict. */
#include "server/guard.h"

#include "base/check.h"
#include "tests/lib/test.h"

#define TOKEN "0123456789abcdef"
#define SHOWN "Bearer " TOKEN

static const char *const names[] = {"weir.example.org", "[2001:db8::7]"};

struct row {
	const char *what, *method, *path, *host, *origin, *authorization, *type;
	bool body;
	unsigned status;
};

/* Listens on `at`, with or without TLS. */
static struct guard_verdict look(const char *at, bool tls, const struct row *row)
{
	struct address a;
	struct err e = {0};
	EXPECT_OK(address_parse(&a, at, &e), &e);
	const struct guard g = {.token = TOKEN "\n", .token_len = strlen(TOKEN), .tls = tls, .at = &a,
				.hosts = names, .n_hosts = ARRAY_LEN(names)};
	const struct guard_request r = {
		.method = row->method, .path = row->path, .host = row->host, .origin = row->origin,
		.authorization = row->authorization, .type = row->type, .n_hosts = row->host != NULL,
		.n_origins = row->origin != NULL, .n_authorizations = row->authorization != NULL,
		.has_body = row->body};
	struct guard_verdict v = guard_look(&g, &r);
	EXPECT(!v.status == !v.message);
	return v;
}

static void expect_rows(const char *at, bool tls, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct guard_verdict v = look(at, tls, &rows[i]);
		if (v.status != rows[i].status)
			fail_msg("%s (%s %s): %u, not %u", rows[i].what, rows[i].method, rows[i].path,
				 v.status, rows[i].status);
	}
}

TEST(the_token_is_asked_for_by_everything_but_the_pages_own_files)
{
	static const struct row rows[] = {
		{"the page", "GET", "/", "localhost", NULL, NULL, NULL, false, 0},
		{"its files", "GET", "/ui/app.js", "localhost", NULL, NULL, NULL, false, 0},
		{"HEAD of them", "HEAD", "/ui/app.js", "localhost", NULL, NULL, NULL, false, 0},
		{"not a post to them", "POST", "/ui/app.js", "localhost", NULL, NULL, NULL, false, 401},
		{"nor a body", "GET", "/", "localhost", NULL, NULL, NULL, true, 401},
		{"about", "GET", "/v1", "localhost", NULL, NULL, NULL, false, 401},
		{"metrics", "GET", "/metrics", "localhost", NULL, NULL, NULL, false, 401},
		{"the interface's text", "GET", "/openapi.json", "localhost", NULL, NULL, NULL, false, 401},
		{"what is not there", "GET", "/no", "localhost", NULL, NULL, NULL, false, 401},
		{"a path that begins alike", "GET", "/uix", "localhost", NULL, NULL, NULL, false, 401},
		{"with the token", "GET", "/v1", "localhost", NULL, SHOWN, NULL, false, 0},
		{"bearer in any case", "GET", "/v1", "localhost", NULL, "bEARER " TOKEN, NULL, false, 0},
		{"a wrong token", "GET", "/v1", "localhost", NULL,
		 "Bearer 0123456789abcdeF", NULL, false, 401},
		{"its beginning", "GET", "/v1", "localhost", NULL,
		 "Bearer 0123456789abcde", NULL, false, 401},
		{"twice", "GET", "/v1", "localhost", NULL, SHOWN TOKEN, NULL, false, 401},
		{"none at all", "GET", "/v1", "localhost", NULL, "Bearer ", NULL, false, 401},
		{"another kind", "GET", "/v1", "localhost", NULL, "Basic " TOKEN, NULL, false, 401},
		{"without a kind", "GET", "/v1", "localhost", NULL, TOKEN, NULL, false, 401},
		{"with more behind it", "GET", "/v1", "localhost", NULL, SHOWN " x", NULL, false, 401},
	};
	expect_rows("8080", false, rows, ARRAY_LEN(rows));
}

TEST(a_guess_is_answered_late_and_a_missing_token_at_once)
{
	struct row row = {"", "GET", "/v1", "localhost", NULL, NULL, NULL, false, 401};
	struct guard_verdict v = look("8080", false, &row);
	EXPECT(v.challenge && !v.guessed && !v.shown);
	row.authorization = "Bearer 0123456789abcdeg";
	v = look("8080", false, &row);
	EXPECT(v.challenge && v.guessed && !v.shown);
	EXPECT(!strstr(v.message, TOKEN));
	row.authorization = SHOWN;
	v = look("8080", false, &row);
	EXPECT(!v.status && v.shown && !v.guessed && !v.challenge);
}

TEST(a_request_must_name_this_server)
{
	static const struct row rows[] = {
		{"its address", "GET", "/", "127.0.0.1:8080", NULL, NULL, NULL, false, 0},
		{"through a tunnel", "GET", "/", "localhost:9999", NULL, NULL, NULL, false, 0},
		{"v6", "GET", "/", "[::1]:8080", NULL, NULL, NULL, false, 0},
		{"in capitals", "GET", "/", "LOCALHOST", NULL, NULL, NULL, false, 0},
		{"a name it was given", "GET", "/", "weir.example.org", NULL, NULL, NULL, false, 0},
		{"with a port", "GET", "/", "Weir.Example.Org:443", NULL, NULL, NULL, false, 0},
		{"a number it was given", "GET", "/", "[2001:db8::7]:1", NULL, NULL, NULL, false, 0},
		{"none", "GET", "/", NULL, NULL, NULL, NULL, false, 400},
		{"an empty one", "GET", "/", "", NULL, NULL, NULL, false, 403},
		{"a stranger's", "GET", "/", "evil.example", NULL, NULL, NULL, false, 403},
		{"a stranger's, with the token", "GET", "/v1", "evil.example", NULL,
		 SHOWN, NULL, false, 403},
		{"one that begins alike", "GET", "/", "localhost.evil.example", NULL,
		 NULL, NULL, false, 403},
		{"one that ends alike", "GET", "/", "evil-localhost", NULL, NULL, NULL, false, 403},
		{"one that ends alike", "GET", "/", "x.weir.example.org", NULL, NULL, NULL, false, 403},
		{"somebody at us", "GET", "/", "evil@localhost", NULL, NULL, NULL, false, 403},
		{"a port that is none", "GET", "/", "localhost:x", NULL, NULL, NULL, false, 403},
		{"two ports", "GET", "/", "localhost:1:2", NULL, NULL, NULL, false, 403},
		{"a path", "GET", "/", "localhost/", NULL, NULL, NULL, false, 403},
		{"a bracket only", "GET", "/", "[", NULL, NULL, NULL, false, 403},
		{"behind a bracket", "GET", "/", "[::1]evil", NULL, NULL, NULL, false, 403},
		{"another address", "GET", "/", "10.0.0.1", NULL, NULL, NULL, false, 403},
		{"two of them", "GET", "/", "localhost, evil.example", NULL, NULL, NULL, false, 403},
	};
	expect_rows("8080", false, rows, ARRAY_LEN(rows));
	/* A number leads to nobody else, and who listens everywhere has many. */
	static const struct row any[] = {
		{"a number", "GET", "/", "10.0.0.1:8443", NULL, NULL, NULL, false, 0},
		{"a v6 number", "GET", "/", "[fe80::1]", NULL, NULL, NULL, false, 0},
		{"a name", "GET", "/", "evil.example", NULL, NULL, NULL, false, 403},
	};
	expect_rows("0.0.0.0:8443", true, any, ARRAY_LEN(any));
	static const struct row one[] = {
		{"its number", "GET", "/", "10.0.0.1:8443", NULL, NULL, NULL, false, 0},
		{"another", "GET", "/", "10.0.0.2:8443", NULL, NULL, NULL, false, 403},
	};
	expect_rows("10.0.0.1:8443", true, one, ARRAY_LEN(one));
}

TEST(what_changes_anything_comes_from_its_own_page_or_from_none)
{
	static const struct row rows[] = {
		{"no page", "POST", "/v1/jobs", "localhost:8080", NULL, SHOWN, NULL, false, 0},
		{"its own", "POST", "/v1/jobs", "localhost:8080", "http://localhost:8080",
		 SHOWN, NULL, false, 0},
		{"its own, before a proxy", "POST", "/v1/jobs", "localhost:8080", "https://localhost:8080",
		 SHOWN, NULL, false, 0},
		{"another's", "POST", "/v1/jobs", "localhost:8080", "http://evil.example",
		 SHOWN, NULL, false, 403},
		{"another port", "POST", "/v1/jobs", "localhost:8080", "http://localhost:8081", SHOWN, NULL,
		 false, 403},
		{"nobody's", "POST", "/v1/jobs", "localhost:8080", "null", SHOWN, NULL, false, 403},
		{"an empty one", "DELETE", "/v1/jobs/a", "localhost:8080", "", SHOWN, NULL, false, 403},
		{"a file's", "DELETE", "/v1/jobs/a", "localhost:8080", "file://", SHOWN, NULL, false, 403},
		{"one that begins alike", "POST", "/v1/jobs", "localhost", "http://localhost.evil", SHOWN,
		 NULL, false, 403},
		{"a read is harmless: nobody else is let see it", "GET", "/v1", "localhost:8080",
		 "http://evil.example", SHOWN, NULL, false, 0},
	};
	expect_rows("8080", false, rows, ARRAY_LEN(rows));
	static const struct row secure[] = {
		{"its own", "POST", "/v1/jobs", "localhost:8080", "https://localhost:8080",
		 SHOWN, NULL, false, 0},
		{"not what anybody on the way may change", "POST", "/v1/jobs", "localhost:8080",
		 "http://localhost:8080", SHOWN, NULL, false, 403},
	};
	expect_rows("8080", true, secure, ARRAY_LEN(secure));
}

TEST(a_body_is_json_and_nothing_asks_before)
{
	static const char path[] = "/v1/jobs", at[] = "localhost";
	static const struct row rows[] = {
		{"json", "POST", path, at, NULL, SHOWN, "application/json", true, 0},
		{"with a charset", "POST", path, at, NULL,
		 SHOWN, "Application/JSON ; charset=utf-8", true, 0},
		{"none said", "POST", path, at, NULL, SHOWN, NULL, true, 415},
		{"a form", "POST", path, at, NULL, SHOWN, "application/x-www-form-urlencoded", true, 415},
		{"a text", "POST", path, at, NULL, SHOWN, "text/plain", true, 415},
		{"one that begins alike", "POST", path, at, NULL, SHOWN, "application/json5", true, 415},
		{"no body", "POST", "/v1/jobs/a/stop", at, NULL, SHOWN, NULL, false, 0},
		{"the token first", "POST", path, at, NULL, NULL, "text/plain", true, 401},
		{"a preflight", "OPTIONS", path, at, "http://evil.example", NULL, NULL, false, 405},
		{"of all", "OPTIONS", "*", at, NULL, NULL, NULL, false, 405},
		{"TRACE", "TRACE", path, at, NULL, SHOWN, NULL, false, 405},
		{"CONNECT", "CONNECT", "x:1", at, NULL, SHOWN, NULL, false, 405},
		{"PUT", "PUT", path, at, NULL, SHOWN, "application/json", true, 405},
		{"small letters", "post", path, at, NULL, SHOWN, NULL, false, 405},
	};
	expect_rows("8080", false, rows, ARRAY_LEN(rows));
}

TEST(what_stands_twice_in_a_header_is_refused)
{
	struct address a;
	struct err e = {0};
	EXPECT_OK(address_parse(&a, "8080", &e), &e);
	const struct guard g = {.token = TOKEN, .token_len = strlen(TOKEN), .at = &a};
	const struct guard_request fine = {
		.method = "GET", .path = "/v1", .host = "localhost", .n_hosts = 1,
		.authorization = SHOWN, .n_authorizations = 1};
	assert_int_equal(guard_look(&g, &fine).status, 0);
	struct guard_request r = fine;
	r.n_hosts = 2;
	assert_int_equal(guard_look(&g, &r).status, 400);
	r = fine;
	r.n_authorizations = 2;
	assert_int_equal(guard_look(&g, &r).status, 400);
	r = fine;
	r.origin = "http://localhost";
	r.n_origins = 2;
	assert_int_equal(guard_look(&g, &r).status, 400);
}

TEST(a_token_file_has_one_line_of_visible_ascii)
{
	char long_one[600];
	memset(long_one, 'x', sizeof long_one);
	const struct { const char *text; size_t n, len; } fine[] = {
		{TOKEN, 16, 16}, {TOKEN "\n", 17, 16}, {TOKEN "\r\n", 18, 16}, {long_one, 512, 512},
	};
	for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
		struct err e = {0};
		size_t len;
		EXPECT_OK(guard_token_check(fine[i].text, fine[i].n, &len, &e), &e);
		assert_int_equal(len, fine[i].len);
	}
	const struct { const char *text; size_t n; } odd[] = {
		{"", 0}, {"\n", 1}, {"short", 5}, {"0123456789abcde\n", 16}, {long_one, 513},
		{TOKEN " " TOKEN, 33}, {TOKEN "\n\n", 18}, {TOKEN "\n" TOKEN, 33}, {TOKEN "\0", 17},
		{TOKEN "\x7f", 17}, {TOKEN "\xc3\xbc", 18}, {TOKEN "\r", 17},
	};
	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		struct err e = {0};
		size_t len;
		if (guard_token_check(odd[i].text, odd[i].n, &len, &e) != E_INVALID)
			fail_msg("row %zu was taken", i);
		EXPECT(!strstr(e.text, "0123"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_token_is_asked_for_by_everything_but_the_pages_own_files),
		T(a_guess_is_answered_late_and_a_missing_token_at_once),
		T(a_request_must_name_this_server),
		T(what_changes_anything_comes_from_its_own_page_or_from_none),
		T(a_body_is_json_and_nothing_asks_before),
		T(what_stands_twice_in_a_header_is_refused),
		T(a_token_file_has_one_line_of_visible_ascii),
	};
	return RUN(tests);
}
