/* test_http_admit.c - a listening place that looks at who comes: turned away at once or late, and
 * who makes room for whom on a port. */
#include "tests/unit/server/http_rig.h"

#define KNOWN "GET /echo HTTP/1.1\r\nHost: w\r\nX-Known: 1\r\n\r\n"
#define LATE "GET /echo HTTP/1.1\r\nHost: w\r\nX-Late: 1\r\n\r\n"
#define STRANGER "GET /echo HTTP/1.1\r\nHost: w\r\n\r\n"

/* X-Known comes in; X-Late is told no a while after; who has neither, at once. */
static bool admit(void *arg, struct http_request *r)
{
	(void)arg;
	if (http_header(r, "X-Known")) {
		http_know(r);
		return true;
	}
	http_set_header(r, "X-Why", "stranger");
	http_turn_away(r, 401, "E_REFUSED", "who are you", http_header(r, "X-Late") ? 50000 : 0);
	return false;
}

static void open_port(struct rig *g, struct address *a, struct http_tcp *tcp)
{
	struct err e = {0};
	EXPECT_OK(address_parse(a, "0", &e), &e);
	*tcp = (struct http_tcp){.at = a};
	rig_open_with(g, "", &(struct http_config){.tcp = tcp, .admit = admit});
	EXPECT(http_port(g->http) > 0);
}

TEST(who_is_turned_away_has_the_error_the_header_and_no_handler)
{
	struct rig g;
	struct address at;
	struct http_tcp tcp;
	char a[4096];
	static const char *const t[] = {STRANGER, LATE, STRANGER STRANGER};
	open_port(&g, &at, &tcp);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct client c;
		client_open(&c, &g);
		client_say(&g, &c, t[i]);
		assert_int_equal(client_hear(&g, &c, a, sizeof a), 401);
		EXPECT(strstr(a, "X-Why: stranger\r\n") && strstr(a, "Connection: close\r\n"));
		EXPECT(strstr(a, "\"message\": \"who are you\""));
		EXPECT(strstr(a, "Content-Security-Policy: default-src 'self';"));
		EXPECT(rig_wait(&g, client_is_closed, &c)); /* and no second answer */
		EXPECT(c.len == 0);
		client_close(&c);
	}
	EXPECT(g.requests == 0 && g.gone == 0);
	assert_int_equal(ask(&g, KNOWN, strlen(KNOWN), a, sizeof a), 200);
	EXPECT(g.requests == 1);
	rig_close(&g);
}

TEST(a_body_of_who_is_turned_away_is_not_taken)
{
	static const char *const methods[] = {"POST", "DELETE", "PUT"};
	struct rig g;
	struct address at;
	struct http_tcp tcp;
	char request[256], a[4096];
	open_port(&g, &at, &tcp);
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		struct client c;
		snprintf(request, sizeof request, "%s /echo HTTP/1.1\r\nHost: w\r\n"
			 "Content-Length: 1000000\r\n\r\n", methods[i]);
		client_open(&c, &g);
		client_say(&g, &c, request);
		assert_int_equal(client_hear(&g, &c, a, sizeof a), 401);
		EXPECT(rig_wait(&g, client_is_closed, &c));
		client_close(&c);
	}
	EXPECT(g.requests == 0);
	rig_close(&g);
}

/* Whatever happens while one waits for its late answer. */
TEST(who_waits_for_a_late_answer_may_go_or_see_the_end)
{
	struct rig g;
	struct address at;
	struct http_tcp tcp;
	struct client c[20];
	open_port(&g, &at, &tcp);
	for (unsigned i = 0; i < ARRAY_LEN(c); i++) {
		client_open(&c[i], &g);
		client_say(&g, &c[i], LATE);
	}
	rig_turns(&g, 3);
	for (unsigned i = 0; i < 10; i++)
		client_close(&c[i]);
	EXPECT(rig_wait(&g, rig_is_empty, &g) && g.gone == 0);
	for (unsigned i = 0; i < 10; i++) {
		client_open(&c[i], &g);
		client_say(&g, &c[i], LATE);
	}
	rig_turns(&g, 3);
	rig_close(&g); /* while ten wait */
	for (unsigned i = 0; i < ARRAY_LEN(c); i++)
		client_close(&c[i]);
}

struct crowd {
	struct rig *g;
	struct client c[HTTP_CONNECTIONS_MAX];
	struct client friend;
};

static bool crowd_is_in(void *arg)
{
	struct crowd *w = arg;
	return http_counts(w->g->http).connections == HTTP_CONNECTIONS_MAX;
}

TEST(on_a_full_port_the_oldest_stranger_makes_room_and_who_is_known_stays)
{
	struct rig g;
	struct address at;
	struct http_tcp tcp;
	struct crowd *w = calloc(1, sizeof *w);
	char a[4096];
	open_port(&g, &at, &tcp);
	w->g = &g;
	client_open(&w->friend, &g);
	client_say(&g, &w->friend, KNOWN);
	assert_int_equal(client_hear(&g, &w->friend, a, sizeof a), 200);
	for (unsigned i = 0; i + 1 < HTTP_CONNECTIONS_MAX; i++) {
		client_open(&w->c[i], &g);
		if (i % 50 == 0) /* those who wait to be accepted are bounded too */
			rig_turns(&g, 10);
	}
	EXPECT(rig_wait(&g, crowd_is_in, w));
	assert_int_equal(ask(&g, KNOWN, strlen(KNOWN), a, sizeof a), 200);
	EXPECT(rig_wait(&g, client_is_closed, &w->c[0]));
	EXPECT(!client_is_closed(&w->c[2]));
	client_say(&g, &w->friend, KNOWN);
	assert_int_equal(client_hear(&g, &w->friend, a, sizeof a), 200);
	for (unsigned i = 0; i + 1 < HTTP_CONNECTIONS_MAX; i++)
		client_close(&w->c[i]);
	client_close(&w->friend);
	free(w);
	rig_close(&g);
}

TEST(a_header_that_another_reader_would_end_elsewhere_is_refused)
{
	static const char *const t[] = {
		"Content-Length: 2\r\nContent-Length: 2\r\n",
		"Content-Length: 2\r\nContent-Length: 3\r\n",
		"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
		"Transfer-Encoding : chunked\r\n", "Content-Length : 2\r\n", "(a): b\r\n", "a b: c\r\n",
	};
	struct rig g;
	char request[256], a[4096];
	rig_open(&g); /* on the Unix socket too */
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		snprintf(request, sizeof request, "POST /echo HTTP/1.1\r\nHost: w\r\n%s\r\n", t[i]);
		int status = ask(&g, request, strlen(request), a, sizeof a);
		if (status != 400)
			fail_msg("%s: %d", t[i], status);
	}
	EXPECT(g.requests == 0);
	rig_close(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(who_is_turned_away_has_the_error_the_header_and_no_handler),
		T(a_body_of_who_is_turned_away_is_not_taken),
		T(who_waits_for_a_late_answer_may_go_or_see_the_end),
		T(on_a_full_port_the_oldest_stranger_makes_room_and_who_is_known_stays),
		T(a_header_that_another_reader_would_end_elsewhere_is_refused),
	};
	return RUN(tests);
}
