/* test_client.c - one request after the other to a peer that answers what a test wrote: whole,
 * cut, too late, and with no memory at any point. */
#include "tests/lib/test.h"

#include "cli/client.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A peer in a thread of its own: reads one request a connection, answers, and closes. */
struct peer {
	char dir[64], path[100];
	int fd;
	const char *answer;
	char heard[8192]; /* the newest request */
	pthread_t thread;
};

static void *peer_run(void *arg)
{
	struct peer *p = arg;
	for (;;) {
		int fd = accept(p->fd, NULL, NULL);
		if (fd < 0)
			return NULL;
		size_t n = 0;
		ssize_t got;
		while (n < sizeof p->heard - 1 &&
		       (got = read(fd, p->heard + n, sizeof p->heard - 1 - n)) > 0) {
			n += (size_t)got;
			p->heard[n] = '\0';
			if (strstr(p->heard, "\r\n\r\n"))
				break;
		}
		if (n && write(fd, p->answer, strlen(p->answer)) < 0)
			p->heard[0] = '\0';
		close(fd);
	}
}

static void peer_open(struct peer *p, const char *answer)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	*p = (struct peer){.answer = answer};
	strcpy(p->dir, "/tmp/weir-client-XXXXXX");
	EXPECT(mkdtemp(p->dir));
	snprintf(p->path, sizeof p->path, "%s/weir.sock", p->dir);
	memcpy(at.sun_path, p->path, strlen(p->path) + 1);
	p->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	EXPECT(p->fd >= 0 && bind(p->fd, (struct sockaddr *)&at, sizeof at) == 0);
	EXPECT(listen(p->fd, 16) == 0);
	EXPECT(pthread_create(&p->thread, NULL, peer_run, p) == 0);
}

static void peer_close(struct peer *p)
{
	shutdown(p->fd, SHUT_RDWR);
	pthread_join(p->thread, NULL);
	close(p->fd);
	unlink(p->path);
	rmdir(p->dir);
}

struct got {
	char text[256];
	size_t n, enough;
};

static bool on_data(void *arg, const char *data, size_t len)
{
	struct got *g = arg;
	EXPECT(g->n + len < sizeof g->text);
	memcpy(g->text + g->n, data, len);
	g->n += len;
	return !g->enough || g->n < g->enough;
}

static enum rc get(struct peer *p, struct client_request q, struct client_reply *r, struct mem *mem,
		   struct err *e)
{
	struct client *c;
	*r = (struct client_reply){0};
	q.method = q.method ? q.method : "GET";
	q.path = q.path ? q.path : "/v1/jobs";
	if (client_open(&c, &(struct client_place){.dir = p->dir}, mem, e) != OK)
		return e->code;
	enum rc rc = client_call(c, &q, r, e);
	client_close(c);
	return rc;
}

#define HEAD "HTTP/1.1 200 OK\r\nConnection: close\r\n"

TEST(an_answer_is_collected_and_the_request_says_what_it_must)
{
	struct peer p;
	struct mem mem;
	struct client_reply r;
	struct err e = {0};
	mem_init(&mem, 0);
	peer_open(&p, HEAD "Content-Length: 5\r\n\r\nhello");
	EXPECT_OK(get(&p, (struct client_request){.stop_fd = -1}, &r, &mem, &e), &e);
	EXPECT(r.status == 200 && !r.stream);
	assert_string_equal(bytes_text(&r.body), "hello");
	client_reply_close(&r);
	EXPECT(!strncmp(p.heard, "GET /v1/jobs HTTP/1.1\r\n", 23));
	struct client_request post = {.method = "POST", .path = "/v1/x?a=%20", .stop_fd = -1,
				      .accept = "text/event-stream"};
	EXPECT_OK(get(&p, post, &r, &mem, &e), &e);
	client_reply_close(&r);
	EXPECT(!strncmp(p.heard, "POST /v1/x?a=%20 HTTP/1.1\r\n", 27));
	EXPECT(strstr(p.heard, "\r\nAccept: text/event-stream\r\n"));
	EXPECT(strstr(p.heard, "\r\nContent-Length: 0\r\n") && !strstr(p.heard, "Expect"));
	peer_close(&p);
	EXPECT(mem.used_bytes == 0);
}

TEST(a_stream_is_handed_on_until_it_is_enough)
{
	struct peer p;
	struct mem mem;
	struct client_reply r;
	mem_init(&mem, 0);
	peer_open(&p, HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n");
	for (size_t enough = 0; enough <= 1; enough++) {
		struct got g = {.enough = enough};
		struct err e = {0};
		struct client_request q = {.stop_fd = -1, .on_data = on_data, .arg = &g};
		EXPECT(get(&p, q, &r, &mem, &e) == (enough ? E_STOPPED : OK) && e.code == OK);
		EXPECT(r.stream && !r.body.len && !strncmp(g.text, "onetwo", enough ? 3 : 6));
		client_reply_close(&r);
	}
	peer_close(&p);
	EXPECT(mem.used_bytes == 0);
}

TEST(an_error_is_collected_even_where_a_stream_was_wanted)
{
	struct peer p;
	struct mem mem;
	struct client_reply r;
	struct err e = {0};
	struct got g = {0};
	mem_init(&mem, 0);
	peer_open(&p, "HTTP/1.1 409 Conflict\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
	struct client_request q = {.stop_fd = -1, .on_data = on_data, .arg = &g};
	EXPECT_OK(get(&p, q, &r, &mem, &e), &e);
	EXPECT(r.status == 409 && !r.stream && !g.n);
	assert_string_equal(bytes_text(&r.body), "no");
	client_reply_close(&r);
	peer_close(&p);
}

TEST(a_cut_answer_is_none)
{
	static const char *const cut[] = {
		"",
		"HTTP/1.1 200",
		HEAD "Content-Length: 5\r\n\r\nhel",
		HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\non",
		"220 mail.example.org\r\n",
	};
	for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
		struct peer p;
		struct mem mem;
		struct client_reply r;
		struct err e = {0};
		mem_init(&mem, 0);
		peer_open(&p, cut[i]);
		EXPECT(get(&p, (struct client_request){.stop_fd = -1}, &r, &mem, &e) == E_UNREACHABLE);
		EXPECT(strstr(e.text, p.path));
		client_reply_close(&r);
		peer_close(&p);
		EXPECT(mem.used_bytes == 0);
	}
}

TEST(what_can_be_read_on_the_stop_descriptor_ends_the_waiting)
{
	struct peer p = {.fd = -1};
	struct mem mem;
	struct client_reply r;
	struct err e = {0};
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int stop[2];
	mem_init(&mem, 0);
	/* Nobody accepts: the connection stands in the backlog, the answer never comes. */
	strcpy(p.dir, "/tmp/weir-client-XXXXXX");
	EXPECT(mkdtemp(p.dir) && pipe(stop) == 0 && write(stop[1], "x", 1) == 1);
	snprintf(at.sun_path, sizeof at.sun_path, "%s/weir.sock", p.dir);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	EXPECT(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 4) == 0);
	EXPECT(get(&p, (struct client_request){.stop_fd = stop[0]}, &r, &mem, &e) == E_STOPPED);
	client_reply_close(&r);
	close(fd);
	close(stop[0]);
	close(stop[1]);
	unlink(at.sun_path);
	rmdir(p.dir);
	EXPECT(mem.used_bytes == 0);
}

TEST(without_memory_it_fails_in_words_and_gives_back_what_it_had)
{
	struct peer p;
	peer_open(&p, HEAD "Content-Length: 5\r\n\r\nhello");
	for (uint64_t n = 1;; n++) {
		struct mem mem;
		struct client_reply r;
		struct err e = {0};
		mem_init(&mem, 0);
		mem.fail_at = n;
		enum rc rc = get(&p, (struct client_request){.stop_fd = -1}, &r, &mem, &e);
		client_reply_close(&r);
		EXPECT(mem.used_bytes == 0);
		if (mem.calls < n) {
			EXPECT_OK(rc, &e);
			break;
		}
		EXPECT(rc == E_NO_MEMORY && strstr(e.text, "memory"));
	}
	peer_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_answer_is_collected_and_the_request_says_what_it_must),
		T(a_stream_is_handed_on_until_it_is_enough),
		T(an_error_is_collected_even_where_a_stream_was_wanted),
		T(a_cut_answer_is_none),
		T(what_can_be_read_on_the_stop_descriptor_ends_the_waiting),
		T(without_memory_it_fails_in_words_and_gives_back_what_it_had),
	};
	return RUN(tests);
}
