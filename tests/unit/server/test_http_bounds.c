/* test_http_bounds.c - what clients may not do to a server: be slow, be large, be many, be somebody
 * else, send garbage; and what happens when descriptors or memory run out. */
#include "tests/unit/server/http_rig.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#define MIB (1u << 20)
#define GET "GET /echo HTTP/1.1\r\nHost: w\r\n\r\n"

static int ask_text(struct rig *g, const char *request, char *a, size_t size)
{
	return ask(g, request, strlen(request), a, size);
}

static void expect_served(struct rig *g)
{
	char a[4096];
	assert_int_equal(ask_text(g, GET, a, sizeof a), 200);
}

/* A byte each turn until it is hung up on. */
struct dribble {
	struct client *c;
	const char *text;
	size_t sent;
};

static bool dribbled_out(void *arg)
{
	struct dribble *d = arg;
	const char *at = d->sent < strlen(d->text) ? d->text + d->sent : "x";
	if (send(d->c->fd, at, 1, MSG_NOSIGNAL) == 1)
		d->sent++;
	return client_is_closed(d->c);
}

TEST(a_header_that_dribbles_in_is_cut_off)
{
	struct rig g;
	struct client c;
	rig_open_at(&g, "", 100000, 0);
	client_open(&c, &g);
	client_say(&g, &c, "GET /echo HTTP/1.1\r\n");
	struct dribble d = {&c, "Host: ", 0};
	EXPECT(rig_wait(&g, dribbled_out, &d));
	EXPECT(strncmp(c.text, "HTTP/1.1 408 ", 13) == 0 && strstr(c.text, "\"E_TIMEOUT\""));
	client_close(&c);
	client_open(&c, &g); /* and one that says nothing at all */
	EXPECT(rig_wait(&g, client_is_closed, &c));
	EXPECT(c.len == 0);
	client_close(&c);
	assert_int_equal(http_counts(g.http).refused, 2);
	EXPECT(g.requests == 0);
	expect_served(&g);
	rig_close(&g);
}

TEST(an_idle_connection_is_closed_a_deadline_after_its_last_answer)
{
	struct rig g;
	struct client c;
	char a[4096];
	struct clock *clock = clock_real();
	rig_open_at(&g, "", 600000, 0);
	client_open(&c, &g);
	uint64_t t0 = clock_mono_us(clock);
	while (clock_mono_us(clock) - t0 < 100000) /* of the first deadline, which must not count */
		rig_turns(&g, 1);
	client_say(&g, &c, GET);
	assert_int_equal(client_hear(&g, &c, a, sizeof a), 200);
	uint64_t t1 = clock_mono_us(clock);
	EXPECT(rig_wait(&g, client_is_closed, &c));
	EXPECT(clock_mono_us(clock) - t1 > 550000);
	EXPECT(c.len == 0 && http_counts(g.http).refused == 0);
	client_close(&c);
	rig_close(&g);
}

TEST(a_body_that_dribbles_in_is_cut_off)
{
	struct rig g;
	struct client c;
	rig_open_at(&g, "", 0, 100000);
	client_open(&c, &g);
	struct dribble d = {&c, "POST /echo HTTP/1.1\r\nHost: w\r\nContent-Length: 1000000\r\n\r\n", 0};
	EXPECT(rig_wait(&g, dribbled_out, &d));
	EXPECT(d.sent > strlen(d.text));
	EXPECT(strncmp(c.text, "HTTP/1.1 408 ", 13) == 0);
	EXPECT(g.requests == 0 && http_counts(g.http).refused == 1);
	client_close(&c);
	rig_close(&g);
}

TEST(a_kept_request_has_no_deadline)
{
	struct rig g;
	struct client c;
	char a[4096];
	rig_open_at(&g, "", 100000, 100000);
	client_open(&c, &g);
	client_say(&g, &c, "POST /keep HTTP/1.1\r\nHost: w\r\nContent-Length: 1\r\n\r\nx");
	EXPECT(rig_wait(&g, rig_has_kept, &g));
	rig_turns(&g, 150); /* each a millisecond or more */
	http_answer(g.kept[0], 200, "text/plain", "ok", 2);
	assert_int_equal(client_hear(&g, &c, a, sizeof a), 200);
	client_close(&c);
	rig_close(&g);
}

TEST(a_body_of_1_gib_is_refused_by_its_header)
{
	struct rig g;
	char a[4096];
	rig_open(&g);
	assert_int_equal(ask_text(&g, "POST /echo HTTP/1.1\r\nHost: w\r\nExpect: 100-continue\r\n"
				  "Content-Length: 1073741824\r\n\r\n", a, sizeof a), 413);
	EXPECT(strstr(a, "{\"code\": \"E_LIMIT\", \"message\": \"the body has over 1 MiB\", "
			 "\"at\": null}"));
	EXPECT(strstr(a, "Connection: close\r\n"));
	EXPECT(g.requests == 0 && http_counts(g.http).refused == 1);
	rig_close(&g);
}

TEST(a_chunked_body_without_an_end_is_cut_off_and_takes_no_memory)
{
	struct rig g;
	struct client c;
	char *piece = malloc(MIB);
	memset(piece, 'x', MIB);
	rig_open(&g);
	client_open(&c, &g);
	client_say(&g, &c, "POST /echo HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n"
		   "40000000\r\n");
	for (unsigned i = 0; i < 8; i++)
		client_say_n(&g, &c, piece, MIB); /* the rest is not taken: it is hung up on */
	EXPECT(rig_wait(&g, client_is_closed, &c));
	EXPECT(strncmp(c.text, "HTTP/1.1 413 ", 13) == 0 && strstr(c.text, "\"E_LIMIT\""));
	EXPECT(g.requests == 0 && http_counts(g.http).refused == 1);
	EXPECT(g.mem.peak_bytes < 4 * MIB);
	client_close(&c);
	free(piece);
	rig_close(&g);
}

TEST(a_body_of_1_mib_is_the_largest)
{
	struct rig g;
	char a[4096];
	char *request = malloc(MIB + 200);
	rig_open(&g);
	for (unsigned more = 0; more < 2; more++) {
		int n = snprintf(request, 200, "POST /echo HTTP/1.1\r\nHost: w\r\n"
				 "Content-Length: %u\r\n\r\n", MIB + more);
		memset(request + n, 'x', MIB);
		assert_int_equal(ask(&g, request, (size_t)n + MIB, a, sizeof a), more ? 413 : 200);
		n = snprintf(request, 200, "POST /echo HTTP/1.1\r\nHost: w\r\n"
			     "Transfer-Encoding: chunked\r\n\r\n%x\r\n", MIB + more);
		memset(request + n, 'x', MIB + more);
		size_t end = (size_t)n + MIB + more;
		memcpy(request + end, "\r\n0\r\n\r\n", 8);
		assert_int_equal(ask(&g, request, end + 7, a, sizeof a), more ? 413 : 200);
	}
	EXPECT(g.requests == 2 && g.body_len == MIB);
	free(request);
	rig_close(&g);
}

TEST(headers_over_16_kib_are_refused)
{
	static const struct { unsigned lines, bytes; int status; } t[] = {
		{1, 15000, 200}, {20, 700, 200}, {1, 16400, 431}, {30, 600, 431}, {1, 100000, 431},
		{4000, 10, 431}, {300, 1000, 431},
	};
	struct rig g;
	struct client c;
	char a[4096];
	rig_open(&g);
	for (unsigned i = 0; i < ARRAY_LEN(t); i++) {
		char line[100100];
		client_open(&c, &g);
		client_say(&g, &c, "GET /echo HTTP/1.1\r\nHost: w\r\n");
		for (unsigned k = 0; k < t[i].lines; k++) {
			int n = snprintf(line, sizeof line, "X-%u: ", k);
			memset(line + n, 'y', t[i].bytes - (unsigned)n);
			memcpy(line + t[i].bytes, "\r\n", 3);
			client_say(&g, &c, line);
		}
		client_say(&g, &c, "\r\n");
		int status = client_hear(&g, &c, a, sizeof a);
		if (status != t[i].status)
			fail_msg("%u lines of %u: %d: %s", t[i].lines, t[i].bytes, status, a);
		client_close(&c);
	}
	char target[60000]; /* without an end of the line, even */
	memset(target, 'a', sizeof target);
	memcpy(target, "GET /", 5);
	assert_int_equal(ask(&g, target, sizeof target, a, sizeof a), 414);
	expect_served(&g);
	EXPECT(g.requests == 3);
	rig_close(&g);
}

static bool has_refused_44(void *arg)
{
	struct rig *g = arg;
	return http_counts(g->http).refused == 44;
}

static bool has_room(void *arg)
{
	struct rig *g = arg;
	return http_counts(g->http).connections < HTTP_CONNECTIONS_MAX - 9;
}

TEST(the_257th_client_is_told_so)
{
	enum { CLIENTS = 300 };
	struct rig g;
	static struct client c[CLIENTS];
	char a[4096];
	rig_open(&g);
	for (unsigned i = 0; i < CLIENTS; i++) {
		client_open(&c[i], &g); /* the queue is shorter than this crowd */
		if (i % 50 == 49)
			rig_turns(&g, 5);
	}
	EXPECT(rig_wait(&g, has_refused_44, &g));
	assert_int_equal(http_counts(g.http).connections, HTTP_CONNECTIONS_MAX);
	/* Who is refused may still say what it wanted: no broken pipe in place of the answer. */
	EXPECT(send(c[CLIENTS - 1].fd, GET, sizeof GET - 1, MSG_NOSIGNAL) == sizeof GET - 1);
	for (unsigned i = HTTP_CONNECTIONS_MAX; i < CLIENTS; i++) {
		assert_int_equal(client_hear(&g, &c[i], a, sizeof a), 503);
		EXPECT(strstr(a, "{\"code\": \"E_LIMIT\", \"message\": \""));
		EXPECT(rig_wait(&g, client_is_closed, &c[i]));
	}
	for (unsigned i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
		client_say(&g, &c[i], GET);
		assert_int_equal(client_hear(&g, &c[i], a, sizeof a), 200);
	}
	for (unsigned i = 0; i < 10; i++)
		client_close(&c[i]);
	EXPECT(rig_wait(&g, has_room, &g));
	expect_served(&g);
	for (unsigned i = 10; i < CLIENTS; i++)
		client_close(&c[i]);
	EXPECT(rig_wait(&g, rig_is_empty, &g));
	rig_close(&g);
}

static long sleeps(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return u.ru_nvcsw;
}

/* A busy loop never waits; this one waits for each tick. */
static void expect_idle(struct rig *g, unsigned ticks)
{
	long before = sleeps();
	rig_turns(g, ticks);
	EXPECT(sleeps() - before > (long)ticks / 2);
}

TEST(without_descriptors_clients_wait_and_the_loop_does_not_spin)
{
	struct rig g;
	struct client c;
	char a[4096];
	struct rlimit was, none;
	rig_open(&g);
	client_open(&c, &g); /* nothing has run since: it stands in the queue */
	client_say(&g, &c, GET);
	int lowest = dup(0);
	close(lowest);
	EXPECT(getrlimit(RLIMIT_NOFILE, &was) == 0);
	none = (struct rlimit){(rlim_t)lowest, was.rlim_max};
	EXPECT(setrlimit(RLIMIT_NOFILE, &none) == 0);
	expect_idle(&g, 400);
	EXPECT(g.requests == 0 && !client_has_answer(&c));
	EXPECT(setrlimit(RLIMIT_NOFILE, &was) == 0);
	assert_int_equal(client_hear(&g, &c, a, sizeof a), 200);
	client_close(&c);
	rig_close(&g);
}

/* The library has no room for it, waits for it to be taken, and asks to be run again and again. */
TEST(a_request_the_library_cannot_go_on_with_does_not_spin)
{
	struct rig g;
	struct client c;
	char *piece = malloc(MIB);
	memset(piece, 'x', MIB);
	rig_open_at(&g, "", 0, 600000);
	client_open(&c, &g);
	client_say(&g, &c, "POST /echo HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n1;");
	EXPECT(send(c.fd, piece, MIB, MSG_NOSIGNAL) > 0);
	rig_turns(&g, 20);
	expect_idle(&g, 300);
	expect_served(&g);
	EXPECT(rig_wait(&g, client_is_closed, &c));
	client_close(&c);
	free(piece);
	rig_close(&g);
}

/* What it sent meanwhile can be read all the time, and is not for now. */
TEST(a_client_that_sends_on_and_does_not_read_does_not_spin)
{
	struct rig g;
	struct client c;
	char path[8001], request[9000], a[9000];
	unsigned asked = 0;
	memset(path, 'x', sizeof path - 1);
	path[sizeof path - 1] = '\0';
	int n = snprintf(request, sizeof request, "GET /echo/%s HTTP/1.1\r\nHost: w\r\n\r\n", path);
	rig_open(&g);
	client_open(&c, &g);
	/* Until no more is read: its answers fill their queue, then its requests theirs. */
	while (send(c.fd, request, (size_t)n, MSG_NOSIGNAL) == n) {
		rig_turns(&g, 1);
		EXPECT(++asked < 10000);
	}
	EXPECT(errno == EAGAIN && g.requests < asked);
	expect_idle(&g, 300);
	expect_served(&g);
	while (asked--)
		assert_int_equal(client_hear(&g, &c, a, sizeof a), 200);
	client_close(&c);
	rig_close(&g);
}

/* What nobody may do but who may do everything. */
TEST(another_users_process_is_not_served)
{
	if (geteuid() != 0)
		skip();
	struct rig g;
	char path[700];
	rig_open(&g);
	snprintf(path, sizeof path, "%s/weir.sock", g.dir);
	EXPECT(chmod(g.dir, 0755) == 0 && chmod(path, 0666) == 0);
	pid_t child = fork();
	if (child == 0) {
		char a[16];
		if (setgid(65534) || setuid(65534))
			_exit(3);
		int fd = rig_connect(&g);
		if (fd < 0)
			_exit(4);
		fcntl(fd, F_SETFL, 0);
		(void)!send(fd, GET, sizeof GET - 1, MSG_NOSIGNAL);
		_exit(recv(fd, a, sizeof a, 0) > 0 ? 5 : 0);
	}
	int status = -1;
	for (unsigned i = 0; i < PATIENCE_MS && waitpid(child, &status, WNOHANG) == 0; i++)
		rig_turns(&g, 1);
	EXPECT(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	EXPECT(g.requests == 0 && http_counts(g.http).refused == 1);
	expect_served(&g);
	rig_close(&g);
}

TEST(a_folder_with_a_long_path_has_its_socket)
{
	struct rig g;
	char below[231] = {0};
	memset(below, 'd', sizeof below - 1);
	rig_open_at(&g, below, 0, 0);
	expect_served(&g);
	rig_close(&g);
}

/* Of the process as the kernel sees it: is a file of that name mapped? */
static bool is_mapped(const char *name)
{
	char line[1024];
	bool found = false;
	FILE *f = fopen("/proc/self/maps", "r");
	EXPECT(f != NULL);
	while (!found && fgets(line, sizeof line, f))
		found = strstr(line, name) != NULL;
	fclose(f);
	return found;
}

/* The first test of all here: a library stays open. */
TEST(who_is_late_opens_the_library_for_its_first_client_only)
{
	struct rig g;
	rig_open_as(&g, "", 0, 0, true);
	rig_close(&g); /* without one ever */
	rig_open_as(&g, "", 0, 0, true);
	EXPECT(!is_mapped("libmicrohttpd"));
	expect_served(&g);
	EXPECT(is_mapped("libmicrohttpd"));
	expect_served(&g);
	rig_close(&g);
}

static enum rc open_second(struct rig *g, struct http **h, struct err *e)
{
	const struct http_config c = {.loop = g->loop, .mem = &g->mem, .clock = clock_real(),
				      .dir = g->dir, .name = "weir.sock", .handler = rig_handle,
				      .arg = g};
	return http_open(h, &c, e);
}

TEST(an_old_socket_is_replaced_and_another_servers_left_alone)
{
	struct rig g;
	struct err e = {0};
	struct http *second;
	char path[700];
	rig_open(&g);
	EXPECT_OK(open_second(&g, &second, &e), &e);
	http_close(g.http); /* its socket is not there any more: that is the second's */
	g.http = second;
	expect_served(&g);
	snprintf(path, sizeof path, "%s/weir.sock", g.dir);
	EXPECT(unlink(path) == 0);
	int fd = open(path, O_CREAT | O_WRONLY, 0600);
	EXPECT(fd >= 0);
	close(fd);
	EXPECT(open_second(&g, &second, &e) == E_EXISTS && second == NULL);
	EXPECT(strstr(e.text, "is not a socket"));
	http_close(g.http);
	g.http = NULL;
	EXPECT(unlink(path) == 0); /* still there */
	rig_close(&g);
}

TEST(a_folder_that_is_not_there_is_named)
{
	struct rig g;
	struct err e = {0};
	struct http *h;
	rig_open(&g);
	strcat(g.dir, "/none");
	EXPECT(open_second(&g, &h, &e) == E_NOT_FOUND && strstr(e.text, "/none'"));
	*strrchr(g.dir, '/') = '\0';
	rig_close(&g);
}

/* The n-th allocation fails, of opening and of a request: nothing is left, the next is served. */
TEST(memory_may_run_out_anywhere)
{
	struct rig g;
	struct err e;
	struct http *h;
	struct client c;
	unsigned opened = 0;
	rig_open(&g);
	http_close(g.http);
	g.http = NULL;
	rig_turns(&g, 2); /* closed handles give their memory back a turn later */
	for (unsigned n = 1; !opened; n++) {
		size_t before = g.mem.used_bytes;
		err_clear(&e);
		g.mem.fail_at = g.mem.calls + n;
		if (open_second(&g, &h, &e) == OK) {
			opened = n;
			g.http = h;
		} else {
			EXPECT(e.code == E_NO_MEMORY && !h);
			rig_turns(&g, 2);
			assert_int_equal(g.mem.used_bytes, before);
		}
		g.mem.fail_at = 0;
	}
	EXPECT(opened > 8);
	unsigned refused = 0;
	for (unsigned n = 1; n < 12; n++) {
		g.mem.fail_at = g.mem.calls + n;
		client_open(&c, &g);
		client_say(&g, &c, "POST /echo?a=1 HTTP/1.1\r\nHost: w\r\nContent-Length: 3\r\n\r\nabc");
		EXPECT(rig_wait(&g, client_has_answer, &c) || c.closed);
		EXPECT(c.len > 9 && (c.text[9] == '5' || c.text[9] == '2'));
		refused += c.text[9] == '5';
		client_close(&c);
		g.mem.fail_at = 0;
		expect_served(&g);
		EXPECT(rig_wait(&g, rig_is_empty, &g));
	}
	EXPECT(refused >= 4);
	rig_close(&g);
}

static size_t mutate(char *text, size_t len, size_t size)
{
	for (unsigned k = (unsigned)rand() % 4 + 1; k && len > 1; k--) {
		size_t at = (size_t)rand() % len, n = (size_t)rand() % 8 + 1;
		switch (rand() % 6) {
		case 0:
			text[at] = (char)rand();
			break;
		case 1:
			text[at] = "\r\n\0 :%&=?/"[rand() % 10];
			break;
		case 2: /* cut out */
			n = n > len - at ? len - at : n;
			memmove(text + at, text + at + n, len - at - n);
			len -= n;
			break;
		case 3: /* said twice */
			n = n > len - at ? len - at : n;
			if (len + n > size)
				break;
			memmove(text + at + n, text + at, len - at);
			len += n;
			break;
		case 4:
			len = at;
			break;
		default:
			text[at] ^= (char)(1 << rand() % 8);
		}
	}
	return len;
}

TEST(random_mutations_of_a_request_harm_nobody_else)
{
	static const char *const valid[] = {
		"POST /echo?file=%2Fa%20b&set=P%3DV HTTP/1.1\r\nHost: w\r\nContent-Length: 5\r\n\r\nhello",
		"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"GET /stream HTTP/1.1\r\nHost: w\r\nAccept: text/event-stream\r\nConnection: close\r\n\r\n",
		"HEAD /echo HTTP/1.0\r\nCookie: a=b\r\nExpect: 100-continue\r\n\r\n" GET,
	};
	struct rig g;
	struct client c, good;
	char text[400], a[8192];
	unsigned seed = (unsigned)time(NULL) ^ (unsigned)getpid(), heard = 0;
	printf("seed %u\n", seed);
	srand(seed);
	rig_open(&g);
	client_open(&good, &g);
	for (unsigned i = 0; i < 2000; i++) {
		size_t len = strlen(strcpy(text, valid[i % ARRAY_LEN(valid)]));
		len = mutate(text, len, sizeof text);
		client_open(&c, &g);
		client_say_n(&g, &c, text, len);
		/* The good one comes later, so that the bad one has been looked at when it is answered. */
		client_say(&g, &good, GET);
		assert_int_equal(client_hear(&g, &good, a, sizeof a), 200);
		client_listen(&c);
		heard += c.len > 0;
		client_close(&c);
	}
	EXPECT(heard > 500);
	client_close(&good);
	EXPECT(rig_wait(&g, rig_is_empty, &g));
	rig_close(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(who_is_late_opens_the_library_for_its_first_client_only),
		T(a_header_that_dribbles_in_is_cut_off),
		T(an_idle_connection_is_closed_a_deadline_after_its_last_answer),
		T(a_body_that_dribbles_in_is_cut_off),
		T(a_kept_request_has_no_deadline),
		T(a_body_of_1_gib_is_refused_by_its_header),
		T(a_chunked_body_without_an_end_is_cut_off_and_takes_no_memory),
		T(a_body_of_1_mib_is_the_largest),
		T(headers_over_16_kib_are_refused),
		T(the_257th_client_is_told_so),
		T(without_descriptors_clients_wait_and_the_loop_does_not_spin),
		T(a_request_the_library_cannot_go_on_with_does_not_spin),
		T(a_client_that_sends_on_and_does_not_read_does_not_spin),
		T(another_users_process_is_not_served),
		T(a_folder_with_a_long_path_has_its_socket),
		T(an_old_socket_is_replaced_and_another_servers_left_alone),
		T(a_folder_that_is_not_there_is_named),
		T(memory_may_run_out_anywhere),
		T(random_mutations_of_a_request_harm_nobody_else),
	};
	return RUN(tests);
}
