/* test_http_stream.c - answers of unknown length: in order, bounded, and told once when nobody
 * reads them any more. */
#include "tests/unit/server/http_rig.h"

static void begin(struct rig *g, struct client *c)
{
	client_open(c, g);
	client_say(g, c, "GET /stream HTTP/1.1\r\nHost: w\r\n\r\n");
	EXPECT(rig_wait(g, rig_has_stream, g));
}

struct wanted {
	struct client *c;
	const char *text;
};

static bool has_heard(void *arg)
{
	struct wanted *w = arg;
	client_listen(w->c);
	return w->c->len && strstr(w->c->text, w->text);
}

static bool hears(struct rig *g, struct client *c, const char *text)
{
	struct wanted w = {c, text};
	return rig_wait(g, has_heard, &w);
}

/* The numbered lines 0, 1, 2... in what was heard, without the chunks' borders: how many, or -1. */
static long count_lines(const char *answer)
{
	const char *at = body_of(answer);
	long want = 0;
	char *text = malloc(strlen(at) + 1), *to = text;
	for (;;) {
		char *data;
		unsigned long n = strtoul(at, &data, 16);
		if (!n)
			break;
		memcpy(to, data + 2, n);
		to += n;
		at = data + 2 + n + 2;
	}
	*to = '\0';
	for (char *line = text; *line; line = strchr(line, '\n') + 1)
		if (strtol(line + 5, NULL, 10) != want++) {
			want = -1;
			break;
		}
	free(text);
	return want;
}

/* Puts one numbered line of 100 bytes. */
static bool put_line(struct http_stream *s, unsigned i)
{
	char line[128];
	int n = snprintf(line, sizeof line, "line %-94u\n", i);
	EXPECT(n == 100);
	return http_stream_put(s, line, (size_t)n);
}

TEST(what_is_put_is_heard_at_once_and_the_connection_goes_on)
{
	struct rig g;
	struct client c;
	char a[4096];
	rig_open(&g);
	begin(&g, &c);
	EXPECT(hears(&g, &c, "\r\n\r\n")); /* the head, before there is anything to say */
	EXPECT(strstr(c.text, "Content-Type: text/event-stream\r\n"));
	EXPECT(http_stream_put(g.stream, "one\n", 4));
	EXPECT(hears(&g, &c, "one\n"));
	EXPECT(http_stream_put(g.stream, "two\n", 4));
	EXPECT(hears(&g, &c, "two\n"));
	http_stream_end(g.stream);
	assert_int_equal(client_hear(&g, &c, a, sizeof a), 200);
	client_say(&g, &c, "GET /echo HTTP/1.1\r\nHost: w\r\n\r\n");
	assert_int_equal(client_hear(&g, &c, a, sizeof a), 200);
	client_close(&c);
	EXPECT(rig_wait(&g, rig_is_empty, &g));
	EXPECT(g.streams_gone == 0);
	rig_close(&g);
}

TEST(a_client_that_goes_is_noticed_although_nothing_is_put)
{
	struct rig g;
	struct client c;
	rig_open(&g);
	begin(&g, &c);
	EXPECT(hears(&g, &c, "\r\n\r\n"));
	client_close(&c);
	EXPECT(rig_wait(&g, rig_stream_is_gone, &g));
	EXPECT(rig_wait(&g, rig_is_empty, &g));
	EXPECT(g.streams_gone == 1 && g.gone == 0);
	rig_close(&g);
}

static bool has_one_connection(void *arg)
{
	struct rig *g = arg;
	return http_counts(g->http).connections == 1;
}

/* After a piece was sent the library waits for something else, and it looks only at its oldest
 * connection: here that is another. */
TEST(a_connection_is_given_back_when_its_stream_was_between_two_pieces)
{
	struct rig g;
	struct client older, c;
	rig_open(&g);
	client_open(&older, &g);
	EXPECT(rig_wait(&g, has_one_connection, &g));
	for (unsigned old = 0; old < 2; old++) {
		g.stream = NULL;
		client_open(&c, &g);
		client_say(&g, &c, old ? "GET /stream HTTP/1.0\r\n\r\n" :
			   "GET /stream HTTP/1.1\r\n\r\n");
		EXPECT(rig_wait(&g, rig_has_stream, &g));
		EXPECT(hears(&g, &c, "\r\n\r\n"));
		EXPECT(http_stream_put(g.stream, "piece\n", 6));
		EXPECT(hears(&g, &c, "piece\n"));
		if (old)
			http_stream_end(g.stream);
		else
			client_close(&c);
		EXPECT(rig_wait(&g, has_one_connection, &g));
		EXPECT(g.streams_gone == 1);
	}
	client_close(&c);
	client_close(&older);
	rig_close(&g);
}

TEST(a_client_that_went_at_once_is_noticed)
{
	struct rig g;
	struct client c;
	rig_open(&g);
	for (unsigned i = 1; i <= 50; i++) {
		begin(&g, &c);
		EXPECT(http_stream_put(g.stream, "x", 1));
		client_close(&c);
		g.streams_gone = 0;
		EXPECT(rig_wait(&g, rig_stream_is_gone, &g));
		EXPECT(g.streams_gone == 1);
	}
	EXPECT(rig_wait(&g, rig_is_empty, &g));
	rig_close(&g);
}

/* The client reads nothing: the bound holds, the break is told once, others are served. */
TEST(a_stream_nobody_reads_is_broken_off)
{
	struct rig g;
	struct client c, other;
	char a[4096];
	rig_open(&g);
	begin(&g, &c);
	size_t before = g.mem.used_bytes;
	unsigned lines = 0;
	while (put_line(g.stream, lines)) {
		EXPECT(++lines < 100000);
		if (lines % 1000 == 0)
			rig_turns(&g, 1);
	}
	EXPECT(lines * 100u >= HTTP_STREAM_MAX - 100);
	EXPECT(g.mem.peak_bytes < before + 3 * HTTP_STREAM_MAX);
	EXPECT(!http_stream_put(g.stream, "x", 1) && g.streams_gone == 0);
	EXPECT(rig_wait(&g, rig_stream_is_gone, &g));
	assert_int_equal(http_counts(g.http).refused, 1);
	client_open(&other, &g);
	client_say(&g, &other, "GET /echo HTTP/1.1\r\nHost: w\r\n\r\n");
	assert_int_equal(client_hear(&g, &other, a, sizeof a), 200);
	client_close(&other);
	client_close(&c);
	EXPECT(rig_wait(&g, rig_is_empty, &g));
	EXPECT(g.streams_gone == 1);
	rig_close(&g);
}

TEST(a_slow_reader_gets_every_line_in_order)
{
	enum { LINES = 50000 };
	struct rig g;
	struct client c;
	rig_open(&g);
	begin(&g, &c);
	for (unsigned i = 0; i < LINES; i++) {
		EXPECT(put_line(g.stream, i));
		if (i % 5000 == 4999) { /* half of what may be unread */
			client_listen(&c);
			rig_turns(&g, 1);
			client_listen(&c);
			for (int k = 0; k < 10; k++) {
				rig_turns(&g, 1);
				client_listen(&c);
			}
		}
	}
	http_stream_end(g.stream);
	EXPECT(rig_wait(&g, client_has_answer, &c));
	assert_int_equal(count_lines(c.text), LINES);
	client_close(&c);
	EXPECT(rig_wait(&g, rig_is_empty, &g));
	EXPECT(g.streams_gone == 0);
	rig_close(&g);
}

TEST(an_ended_stream_is_still_sent_and_its_client_may_go)
{
	struct rig g;
	struct client c;
	rig_open(&g);
	begin(&g, &c);
	for (unsigned i = 0; i < 10000; i++)
		EXPECT(put_line(g.stream, i));
	http_stream_end(g.stream);
	EXPECT(rig_wait(&g, client_has_answer, &c));
	assert_int_equal(count_lines(c.text), 10000);
	client_close(&c);
	g.stream = NULL;
	begin(&g, &c);
	for (unsigned i = 0; i < 10000; i++)
		EXPECT(put_line(g.stream, i));
	http_stream_end(g.stream);
	client_close(&c);
	EXPECT(rig_wait(&g, rig_is_empty, &g));
	EXPECT(g.streams_gone == 0);
	rig_close(&g);
}

TEST(a_client_of_http_1_0_reads_to_the_end)
{
	struct rig g;
	struct client c;
	rig_open(&g);
	client_open(&c, &g);
	client_say(&g, &c, "GET /stream HTTP/1.0\r\n\r\n");
	EXPECT(rig_wait(&g, rig_has_stream, &g));
	EXPECT(http_stream_put(g.stream, "one\n", 4));
	EXPECT(hears(&g, &c, "one\n"));
	EXPECT(http_stream_put(g.stream, "two\n", 4));
	http_stream_end(g.stream);
	EXPECT(rig_wait(&g, client_is_closed, &c));
	assert_string_equal(body_of(c.text), "one\ntwo\n");
	EXPECT(rig_wait(&g, rig_is_empty, &g));
	client_close(&c);
	rig_close(&g);
}

TEST(a_kept_request_may_become_a_stream)
{
	struct rig g;
	struct client c;
	struct err e = {0};
	rig_open(&g);
	client_open(&c, &g);
	client_say(&g, &c, "POST /keep HTTP/1.1\r\nHost: w\r\nContent-Length: 3\r\n\r\nabc");
	EXPECT(rig_wait(&g, rig_has_kept, &g));
	EXPECT_OK(http_stream_open(&g.stream, g.kept[0], "text/plain", rig_stream_gone, &g, &e), &e);
	EXPECT(http_stream_put(g.stream, "late\n", 5));
	EXPECT(hears(&g, &c, "late\n"));
	client_close(&c);
	EXPECT(rig_wait(&g, rig_stream_is_gone, &g));
	EXPECT(rig_wait(&g, rig_is_empty, &g));
	EXPECT(g.streams_gone == 1 && g.gone == 0);
	rig_close(&g);
}

/* An answer and a stream for a client that has just been found gone. */
TEST(what_is_given_to_a_client_found_gone_is_dropped)
{
	struct rig g;
	struct client c[2];
	struct err e = {0};
	rig_open(&g);
	for (unsigned i = 0; i < 2; i++) {
		client_open(&c[i], &g);
		client_say(&g, &c[i], "GET /keep HTTP/1.1\r\nHost: w\r\n\r\n");
		while (g.n_kept <= i)
			rig_turns(&g, 1);
	}
	client_close(&c[0]);
	client_close(&c[1]);
	http_answer(g.kept[0], 200, "text/plain", "x", 1);
	EXPECT_OK(http_stream_open(&g.stream, g.kept[1], "text/plain", rig_stream_gone, &g, &e), &e);
	EXPECT(rig_wait(&g, rig_is_empty, &g));
	EXPECT(g.streams_gone == 1 && g.gone == 0);
	rig_close(&g);
}

TEST(a_close_tells_open_streams_and_flushes_ended_ones)
{
	struct rig g;
	struct client c[4];
	struct http_stream *s[4];
	rig_open(&g);
	for (unsigned i = 0; i < 4; i++) {
		g.stream = NULL;
		begin(&g, &c[i]);
		s[i] = g.stream;
	}
	EXPECT(http_stream_put(s[0], "open\n", 5));
	EXPECT(http_stream_put(s[1], "ended\n", 6));
	http_stream_end(s[1]);
	for (unsigned i = 0; i < 9000; i++)
		EXPECT(put_line(s[2], i)); /* more than the socket takes */
	rig_close(&g);
	EXPECT(g.streams_gone == 3);
	EXPECT(client_is_closed(&c[0]) && strstr(c[0].text, "open\n"));
	EXPECT(client_is_closed(&c[1]) && strstr(c[1].text, "ended\n\r\n0\r\n\r\n"));
	for (unsigned i = 0; i < 4; i++)
		client_close(&c[i]);
}

#define CROWD 40

struct crowd {
	struct rig g;
	struct http_stream *stream[CROWD];
	unsigned gone[CROWD];
};

struct member {
	struct crowd *crowd;
	unsigned i;
};

static void member_gone(void *arg)
{
	struct member *m = arg;
	m->crowd->gone[m->i]++;
	m->crowd->stream[m->i] = NULL;
}

/* Puts, ends, hang-ups and new clients at random: nobody is told twice, nothing is left. */
TEST(a_crowd_comes_and_goes)
{
	struct crowd w = {0};
	struct client c[CROWD];
	struct member m[CROWD];
	struct err e = {0};
	unsigned seed = (unsigned)getpid(), opened = 0, ended = 0, gone = 0;
	printf("seed %u\n", seed);
	srand(seed);
	rig_open(&w.g);
	for (unsigned i = 0; i < CROWD; i++) {
		c[i].fd = -1;
		m[i] = (struct member){&w, i};
	}
	for (unsigned step = 0; step < 6000; step++) {
		unsigned i = (unsigned)rand() % CROWD, what = (unsigned)rand() % 10;
		if (c[i].fd < 0) {
			gone += w.gone[i];
			EXPECT(w.gone[i] <= 1);
			if (w.stream[i])
				continue; /* gone, and not yet told */
			w.gone[i] = 0;
			client_open(&c[i], &w.g);
			client_say(&w.g, &c[i], "GET /keep HTTP/1.1\r\nHost: w\r\n\r\n");
			w.g.n_kept = 0;
			EXPECT(rig_wait(&w.g, rig_has_kept, &w.g));
			EXPECT_OK(http_stream_open(&w.stream[i], w.g.kept[0], "text/plain", member_gone,
						   &m[i], &e), &e);
			opened++;
		} else if (what == 0) {
			client_close(&c[i]);
		} else if (what == 1 && w.stream[i]) {
			http_stream_end(w.stream[i]);
			w.stream[i] = NULL;
			ended++;
		} else if (what < 6 && w.stream[i]) {
			(void)http_stream_put(w.stream[i], "0123456789", (unsigned)rand() % 11);
		} else if (what < 8) {
			client_listen(&c[i]);
		} else {
			rig_turns(&w.g, 1);
		}
	}
	http_close(w.g.http);
	w.g.http = NULL;
	for (unsigned i = 0; i < CROWD; i++) {
		gone += w.gone[i];
		EXPECT(w.gone[i] <= 1 && !w.stream[i]);
		if (c[i].fd >= 0)
			client_close(&c[i]);
	}
	EXPECT(opened > CROWD && ended > 10);
	assert_int_equal(gone, opened - ended);
	rig_close(&w.g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_put_is_heard_at_once_and_the_connection_goes_on),
		T(a_client_that_goes_is_noticed_although_nothing_is_put),
		T(a_connection_is_given_back_when_its_stream_was_between_two_pieces),
		T(a_client_that_went_at_once_is_noticed),
		T(a_stream_nobody_reads_is_broken_off),
		T(a_slow_reader_gets_every_line_in_order),
		T(an_ended_stream_is_still_sent_and_its_client_may_go),
		T(a_client_of_http_1_0_reads_to_the_end),
		T(a_kept_request_may_become_a_stream),
		T(what_is_given_to_a_client_found_gone_is_dropped),
		T(a_close_tells_open_streams_and_flushes_ended_ones),
		T(a_crowd_comes_and_goes),
	};
	return RUN(tests);
}
