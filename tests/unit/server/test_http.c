/* test_http.c - requests and answers over real sockets: whole, pipelined, kept for later, wrong. */
#include "tests/unit/server/http_rig.h"

#define SAYS(g, c, text) client_say((g), (c), (text))

TEST(a_request_is_answered_with_length_type_and_no_store)
{
	struct rig g;
	struct client c;
	char a[4096];
	rig_open(&g);
	client_open(&c, &g);
	SAYS(&g, &c, "GET /echo?a=1&b=x%20y+z HTTP/1.1\r\nHost: weir\r\n\r\n");
	assert_int_equal(client_hear(&g, &c, a, sizeof a), 200);
	assert_string_equal(body_of(a), "GET /echo [a=1] [b=x y+z] <>");
	EXPECT(strstr(a, "Content-Type: text/plain\r\n"));
	EXPECT(strstr(a, "Cache-Control: no-store\r\n"));
	EXPECT(strstr(a, "Content-Length: 28\r\n"));
	EXPECT(!c.closed);
	struct http_counts n = http_counts(g.http);
	EXPECT(n.connections == 1 && n.requests == 1 && n.refused == 0);
	client_close(&c);
	EXPECT(rig_wait(&g, rig_is_empty, &g));
	rig_close(&g);
}

TEST(the_socket_is_for_its_owner_alone)
{
	struct rig g;
	struct stat st;
	char path[700];
	mode_t before = umask(0);
	rig_open(&g);
	umask(before);
	snprintf(path, sizeof path, "%s/weir.sock", g.dir);
	EXPECT(lstat(path, &st) == 0 && S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0600);
	rig_close(&g);
}

TEST(a_connection_serves_request_after_request)
{
	struct rig g;
	struct client c;
	char a[4096];
	rig_open(&g);
	client_open(&c, &g);
	for (int i = 0; i < 20; i++) {
		SAYS(&g, &c, "POST /echo HTTP/1.1\r\nHost: w\r\nContent-Length: 4\r\n\r\nbody");
		assert_int_equal(client_hear(&g, &c, a, sizeof a), 200);
		assert_string_equal(body_of(a), "POST /echo <body>");
	}
	EXPECT(http_counts(g.http).connections == 1);
	client_close(&c);
	rig_close(&g);
}

TEST(pipelined_requests_are_answered_in_order)
{
	struct rig g;
	struct client c;
	char a[4096], want[64];
	rig_open(&g);
	client_open(&c, &g);
	for (int i = 0; i < 10; i++) {
		char text[200];
		snprintf(text, sizeof text,
			 "POST /echo/%d HTTP/1.1\r\nHost: w\r\nContent-Length: 1\r\n\r\n%d", i, i);
		SAYS(&g, &c, text);
	}
	for (int i = 0; i < 10; i++) {
		assert_int_equal(client_hear(&g, &c, a, sizeof a), 200);
		snprintf(want, sizeof want, "POST /echo/%d <%d>", i, i);
		assert_string_equal(body_of(a), want);
	}
	client_close(&c);
	rig_close(&g);
}

TEST(what_is_pipelined_behind_a_kept_request_waits_for_it)
{
	struct rig g;
	struct client c;
	char a[4096];
	rig_open(&g);
	client_open(&c, &g);
	SAYS(&g, &c, "GET /keep HTTP/1.1\r\nHost: w\r\n\r\nGET /echo HTTP/1.1\r\nHost: w\r\n\r\n");
	EXPECT(rig_wait(&g, rig_has_kept, &g));
	rig_turns(&g, 5);
	EXPECT(g.requests == 1 && !client_has_answer(&c));
	http_answer(g.kept[0], 202, "text/plain", "later", 5);
	assert_int_equal(client_hear(&g, &c, a, sizeof a), 202);
	assert_string_equal(body_of(a), "later");
	assert_int_equal(client_hear(&g, &c, a, sizeof a), 200);
	client_close(&c);
	EXPECT(rig_wait(&g, rig_is_empty, &g));
	EXPECT(g.gone == 0);
	rig_close(&g);
}

TEST(a_client_that_goes_while_its_request_is_kept_is_noticed_once)
{
	struct rig g;
	struct client c;
	rig_open(&g);
	client_open(&c, &g);
	/* Bytes behind the request hide the end of the connection from who only reads. */
	SAYS(&g, &c, "GET /keep HTTP/1.1\r\nHost: w\r\n\r\nGET /echo HTTP/1.1\r\nHost: w\r\n\r\n");
	EXPECT(rig_wait(&g, rig_has_kept, &g));
	client_close(&c);
	EXPECT(rig_wait(&g, rig_has_gone, &g));
	EXPECT(g.gone_request == g.kept[0]);
	EXPECT(rig_wait(&g, rig_is_empty, &g));
	EXPECT(g.gone == 1 && g.requests == 1);
	rig_close(&g);
}

TEST(a_hundred_kept_requests_are_answered_in_any_order)
{
	struct rig g;
	struct client c[100];
	char a[4096];
	rig_open(&g);
	for (unsigned i = 0; i < ARRAY_LEN(c); i++) {
		client_open(&c[i], &g);
		SAYS(&g, &c[i], "POST /keep HTTP/1.1\r\nHost: w\r\nContent-Length: 2\r\n\r\nhi");
		g.n_kept = i;
		g.kept[i] = NULL;
		while (!g.kept[i])
			rig_turns(&g, 1);
	}
	for (unsigned i = 0; i < ARRAY_LEN(c); i++) {
		unsigned k = i * 37 % ARRAY_LEN(c);
		snprintf(a, sizeof a, "%u", k);
		http_answer(g.kept[k], 200, "text/plain", a, strlen(a));
	}
	for (unsigned i = 0; i < ARRAY_LEN(c); i++) {
		assert_int_equal(client_hear(&g, &c[i], a, sizeof a), 200);
		EXPECT((unsigned)atoi(body_of(a)) == i);
		client_close(&c[i]);
	}
	EXPECT(rig_wait(&g, rig_is_empty, &g));
	EXPECT(g.gone == 0);
	rig_close(&g);
}

TEST(an_answer_of_8_mib_arrives_whole)
{
	struct rig g;
	struct client c;
	rig_open(&g);
	client_open(&c, &g);
	SAYS(&g, &c, "GET /keep HTTP/1.1\r\nHost: w\r\n\r\n");
	EXPECT(rig_wait(&g, rig_has_kept, &g));
	size_t len = 8u << 20;
	char *body = malloc(len), *a = malloc(len + 4096);
	for (size_t i = 0; i < len; i++)
		body[i] = (char)('a' + i % 23);
	http_answer(g.kept[0], 200, "text/plain", body, len);
	assert_int_equal(client_hear(&g, &c, a, len + 4096), 200);
	EXPECT(memcmp(body_of(a), body, len) == 0 && strlen(body_of(a)) == len);
	free(body);
	free(a);
	client_close(&c);
	rig_close(&g);
}

/* The head of GET's answer, and not a byte of its body: what follows is the next answer. */
static bool client_may_continue(void *arg)
{
	struct client *c = arg;
	client_listen(c);
	return c->len && !strcmp(c->text, "HTTP/1.1 100 Continue\r\n\r\n");
}

/* It waits for the word to go on, which has no room before it reads; and then nobody else's request
 * gives the library a turn. */
TEST(a_client_whose_queue_is_full_is_told_to_continue_once_it_reads)
{
	struct rig g;
	struct client c;
	char path[8001], request[9000], a[9000];
	memset(path, 'x', sizeof path - 1);
	path[sizeof path - 1] = '\0';
	int n = snprintf(request, sizeof request, "GET /echo/%s HTTP/1.1\r\nHost: w\r\n\r\n", path);
	rig_open(&g);
	for (unsigned full = 1; full <= 28; full++) { /* one of these is all of a queue: 23 or so */
		client_open(&c, &g);
		for (unsigned i = 0; i < full; i++)
			client_say_n(&g, &c, request, (size_t)n);
		client_say(&g, &c, "POST /echo HTTP/1.1\r\nHost: w\r\nExpect: 100-continue\r\n"
				   "Content-Length: 1\r\n\r\n");
		rig_turns(&g, 5);
		for (unsigned i = 0; i < full; i++)
			assert_int_equal(client_hear(&g, &c, a, sizeof a), 200);
		EXPECT(rig_wait(&g, client_may_continue, &c));
		client_close(&c);
	}
	rig_close(&g);
}

TEST(head_is_get_without_the_body)
{
	struct rig g;
	struct client c;
	rig_open(&g);
	client_open(&c, &g);
	SAYS(&g, &c, "HEAD /echo HTTP/1.1\r\nHost: w\r\n\r\nHEAD /stream HTTP/1.1\r\nHost: w\r\n\r\n"
		    "GET /none HTTP/1.1\r\nHost: w\r\nConnection: close\r\n\r\n");
	EXPECT(rig_wait(&g, client_is_closed, &c));
	char *second = strstr(c.text, "\r\n\r\n");
	EXPECT(second && strstr(c.text, "Content-Length: 12\r\n") < second);
	EXPECT(strncmp(second + 4, "HTTP/1.1 200 ", 13) == 0);
	char *third = strstr(second + 4, "\r\n\r\n");
	EXPECT(third && strncmp(third + 4, "HTTP/1.1 404 ", 13) == 0);
	EXPECT(g.streams_gone == 1);
	client_close(&c);
	rig_close(&g);
}

TEST(paths_are_passed_on_as_they_were_sent)
{
	static const struct { const char *target, *body; } t[] = {
		{"/echo/../../etc/passwd", "GET /echo/../../etc/passwd <>"},
		{"/echo/%2e%2e%2f%00", "GET /echo/%2e%2e%2f%00 <>"},
		{"/echo//a/./b/", "GET /echo//a/./b/ <>"},
		{"/echo+x", "GET /echo+x <>"},
		{"/echo?", "GET /echo <>"},
		{"/echo?a", "GET /echo [a=] <>"},
		{"/echo?a=%3D&&set=P%3DV%26", "GET /echo [a==] [set=P=V&] <>"},
		{"/echo?file=/h%c3%a9/\xc3\xa9.json", "GET /echo [file=/h\xc3\xa9/\xc3\xa9.json] <>"},
	};
	struct rig g;
	char request[200], a[4096];
	rig_open(&g);
	for (unsigned i = 0; i < ARRAY_LEN(t); i++) {
		int n = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: w\r\n\r\n",
				 t[i].target);
		assert_int_equal(ask(&g, request, (size_t)n, a, sizeof a), 200);
		assert_string_equal(body_of(a), t[i].body);
	}
	rig_close(&g);
}

TEST(methods_are_the_handlers_to_judge)
{
	static const char *const methods[] = {"DELETE", "PUT", "OPTIONS", "PATCH", "BREW", "get"};
	struct rig g;
	char request[200], a[4096], want[64];
	rig_open(&g);
	for (unsigned i = 0; i < ARRAY_LEN(methods); i++) {
		int n = snprintf(request, sizeof request, "%s /echo HTTP/1.1\r\nHost: w\r\n\r\n",
				 methods[i]);
		assert_int_equal(ask(&g, request, (size_t)n, a, sizeof a), 200);
		snprintf(want, sizeof want, "%s /echo <>", methods[i]);
		assert_string_equal(body_of(a), want);
	}
	rig_close(&g);
}

/* Each is answered with 4xx or 5xx, or hung up on; the handler sees none; the next is served. */
TEST(malformed_requests_do_not_reach_the_handler)
{
#define BAD(text) {text, sizeof(text) - 1}
	static const struct { const char *text; size_t len; } bad[] = {
		BAD("GET /ec\0ho HTTP/1.1\r\nHost: w\r\n\r\n"),
		BAD("GET /echo?a=\0b HTTP/1.1\r\nHost: w\r\n\r\n"),
		BAD("GET /echo?a=%00b HTTP/1.1\r\nHost: w\r\n\r\n"),
		BAD("GET /echo?a%00=b HTTP/1.1\r\nHost: w\r\n\r\n"),
		BAD("GET /echo?a=%4 HTTP/1.1\r\nHost: w\r\n\r\n"),
		BAD("GET /echo?a=%xy HTTP/1.1\r\nHost: w\r\n\r\n"),
		BAD("GET /echo?%= HTTP/1.1\r\nHost: w\r\n\r\n"),
		BAD("G\0T /echo HTTP/1.1\r\nHost: w\r\n\r\n"),
		BAD("GET /a b HTTP/1.1\r\nHost: w\r\n\r\n"),
		BAD("GET /a\tb HTTP/1.1\r\nHost: w\r\n\r\n"),
		BAD("GET /a\x7f HTTP/1.1\r\nHost: w\r\n\r\n"),
		BAD("POST /echo?a=%00 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"),
		BAD("GET\r\n\r\n"), BAD("GET /echo\r\n\r\n"), BAD("GET /echo HTTP/3.0\r\n\r\n"),
		BAD("GET /echo HTTP/1.1 x\r\n\r\n"), BAD("\x16\x03\x01\x02\r\n\r\n"),
		BAD(" / HTTP/1.1\r\n\r\n"),
		BAD("GET /echo HTTP/1.1\r\nno colon\r\n\r\n"),
		BAD("POST /echo HTTP/1.1\r\nContent-Length: x\r\n\r\n"),
		BAD("POST /echo HTTP/1.1\r\nContent-Length: -1\r\n\r\n"),
		BAD("POST /echo HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n"),
		BAD("POST /echo HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\nabc"),
		BAD("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n"),
		BAD("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n"),
		BAD("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n"),
	};
	struct rig g;
	struct client c;
	char a[8192];
	rig_open(&g);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		client_open(&c, &g);
		client_say_n(&g, &c, bad[i].text, bad[i].len);
		if (!rig_wait(&g, client_is_closed, &c) || g.requests != i)
			fail_msg("request %u: handled %u, %s, heard: %s", i, g.requests,
				 c.closed ? "closed" : "open", c.text);
		EXPECT(!c.len || c.text[9] == '4' || c.text[9] == '5');
		EXPECT(i >= 12 || strstr(c.text, "{\"code\": \"E_USAGE\", \"message\": \""));
		client_close(&c);
		client_open(&c, &g);
		SAYS(&g, &c, "GET /none HTTP/1.1\r\nHost: w\r\n\r\n");
		assert_int_equal(client_hear(&g, &c, a, sizeof a), 404);
		client_close(&c);
		EXPECT(g.requests == i + 1);
	}
	rig_close(&g);
}

TEST(http_1_0_is_served_and_closed)
{
	struct rig g;
	struct client c;
	rig_open(&g);
	client_open(&c, &g);
	SAYS(&g, &c, "GET /echo HTTP/1.0\r\n\r\n");
	EXPECT(rig_wait(&g, client_is_closed, &c));
	EXPECT(strncmp(c.text, "HTTP/1.1 200 ", 13) == 0 && strstr(c.text, "GET /echo <>"));
	client_close(&c);
	rig_close(&g);
}

TEST(chunked_bodies_are_put_together)
{
	struct rig g;
	char a[4096];
	const char request[] = "POST /echo HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n"
			       "3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\nTrailer: x\r\n\r\n";
	rig_open(&g);
	assert_int_equal(ask(&g, request, sizeof request - 1, a, sizeof a), 200);
	assert_string_equal(body_of(a), "POST /echo <abcde>");
	rig_close(&g);
}

TEST(a_close_gives_up_kept_requests_and_idle_clients)
{
	struct rig g;
	struct client c[3];
	rig_open(&g);
	for (unsigned i = 0; i < 3; i++)
		client_open(&c[i], &g);
	SAYS(&g, &c[0], "GET /keep HTTP/1.1\r\nHost: w\r\n\r\n");
	SAYS(&g, &c[1], "POST /echo HTTP/1.1\r\nHost: w\r\nContent-Length: 10\r\n\r\nabc");
	EXPECT(rig_wait(&g, rig_has_kept, &g));
	rig_close(&g);
	EXPECT(g.gone == 1 && g.requests == 1);
	for (unsigned i = 0; i < 3; i++) {
		client_listen(&c[i]);
		EXPECT(c[i].closed);
		client_close(&c[i]);
	}
}

TEST(an_answer_given_just_before_the_close_is_sent)
{
	struct rig g;
	struct client c;
	rig_open(&g);
	client_open(&c, &g);
	SAYS(&g, &c, "GET /keep HTTP/1.1\r\nHost: w\r\n\r\n");
	EXPECT(rig_wait(&g, rig_has_kept, &g));
	http_answer(g.kept[0], 200, "text/plain", "last words", 10);
	rig_close(&g);
	EXPECT(client_is_closed(&c));
	assert_string_equal(body_of(c.text), "last words");
	EXPECT(g.gone == 0);
	client_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_request_is_answered_with_length_type_and_no_store),
		T(the_socket_is_for_its_owner_alone),
		T(a_connection_serves_request_after_request),
		T(pipelined_requests_are_answered_in_order),
		T(what_is_pipelined_behind_a_kept_request_waits_for_it),
		T(a_client_that_goes_while_its_request_is_kept_is_noticed_once),
		T(a_hundred_kept_requests_are_answered_in_any_order),
		T(an_answer_of_8_mib_arrives_whole),
		T(a_client_whose_queue_is_full_is_told_to_continue_once_it_reads),
		T(head_is_get_without_the_body),
		T(paths_are_passed_on_as_they_were_sent),
		T(methods_are_the_handlers_to_judge),
		T(malformed_requests_do_not_reach_the_handler),
		T(http_1_0_is_served_and_closed),
		T(chunked_bodies_are_put_together),
		T(a_close_gives_up_kept_requests_and_idle_clients),
		T(an_answer_given_just_before_the_close_is_sent),
	};
	return RUN(tests);
}
