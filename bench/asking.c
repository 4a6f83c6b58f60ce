/* asking.c - both ends of bench/asked.py that cost nothing worth measuring: a client, and a server
 * that does no more than the kernel asks of any: wait, read, send.
 *
 *   asking ask PLACE CONNECTIONS TOKEN    then a line "N PATH" on standard input asks N times, and
 *                                         is answered with the length of the last answer
 *   asking answer SOCKET LENGTH           answers whatever comes with LENGTH bytes, on a Unix
 *                                         socket and a port, which it prints, until it is killed
 *
 * PLACE is a path or a port. All connections have asked before the first is read. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECTIONS_MAX 64
#define ANSWER_MAX (1 << 20)

static void need(bool is, const char *what)
{
	if (is)
		return;
	perror(what);
	exit(1);
}

static struct sockaddr_un at_path(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	need(strlen(path) < sizeof at.sun_path, "a path too long for a socket");
	memcpy(at.sun_path, path, strlen(path));
	return at;
}

static struct sockaddr_in at_port(int port)
{
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void no_delay(int fd)
{
	int on = 1;
	need(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0, "TCP_NODELAY");
}

/* ---- the client ---- */

static int connect_to(const char *place)
{
	bool is_path = strchr(place, '/');
	struct sockaddr_un path = is_path ? at_path(place) : at_path("");
	struct sockaddr_in port = at_port(is_path ? 0 : atoi(place));
	int fd = socket(is_path ? AF_UNIX : AF_INET, SOCK_STREAM, 0);
	need(fd >= 0, "socket");
	need(connect(fd, is_path ? (void *)&path : (void *)&port,
		     is_path ? sizeof path : sizeof port) == 0, place);
	if (!is_path)
		no_delay(fd);
	return fd;
}

/* Its length, head and all. */
static size_t read_answer(int fd, char *text)
{
	size_t len = 0;
	for (;;) {
		ssize_t n = read(fd, text + len, ANSWER_MAX - 1 - len);
		need(n > 0, "an answer");
		text[len += (size_t)n] = '\0';
		const char *end = strstr(text, "\r\n\r\n"), *said = strstr(text, "Content-Length: ");
		size_t whole = 0;
		if (end && said)
			whole = (size_t)(end + 4 - text) + strtoul(said + 16, NULL, 10);
		if (whole && len >= whole) {
			need(len == whole && !strncmp(text + 9, "200", 3), "an answer that is one");
			return len;
		}
	}
}

static void ask(const char *place, int connections, const char *token)
{
	static char text[ANSWER_MAX];
	char path[200], request[600];
	int fd[CONNECTIONS_MAX];
	long requests;
	for (int i = 0; i < connections; i++)
		fd[i] = connect_to(place);
	while (scanf("%ld %199s", &requests, path) == 2) {
		size_t len = 0;
		int n = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n"
				 "Authorization: Bearer %s\r\n\r\n", path, token);
		for (long done = 0; done < requests; done += connections) {
			for (int i = 0; i < connections; i++)
				need(write(fd[i], request, (size_t)n) == n, "a request");
			for (int i = 0; i < connections; i++)
				len = read_answer(fd[i], text);
		}
		printf("%zu\n", len);
		fflush(stdout);
	}
}

/* ---- the floor ---- */

static int listen_at(void *at, socklen_t len, int epoll)
{
	const struct sockaddr *any = at;
	int fd = socket(any->sa_family, SOCK_STREAM, 0);
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};
	need(fd >= 0 && bind(fd, any, len) == 0 && listen(fd, CONNECTIONS_MAX) == 0, "listen");
	need(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) == 0, "epoll");
	return fd;
}

static void let_in(int listener, bool tcp, int epoll)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};
	need(fd >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) == 0, "a client");
	if (tcp)
		no_delay(fd);
}

static void serve(int fd, const char *text, size_t len)
{
	char in[4096];
	ssize_t n = recv(fd, in, sizeof in, 0);
	if (n > 0)
		need(send(fd, text, len, MSG_NOSIGNAL) == (ssize_t)len, "an answer");
	else if (n == 0 || errno != EAGAIN)
		close(fd);
}

static void answer(const char *path, size_t len)
{
	static char text[ANSWER_MAX];
	struct epoll_event ev[CONNECTIONS_MAX];
	struct sockaddr_un at = at_path(path);
	struct sockaddr_in port = at_port(0);
	socklen_t size = sizeof port;
	need(len >= 100 && len < sizeof text, "an answer of that length");
	memset(text, 'x', len);
	int head = snprintf(text, 100, "HTTP/1.1 200 OK\r\nContent-Length: %06zu\r\n\r\n", len);
	head = snprintf(text, 100, "HTTP/1.1 200 OK\r\nContent-Length: %06zu\r\n\r\n",
			len - (size_t)head);
	text[head] = 'x';
	int epoll = epoll_create1(0);
	int by_path = listen_at(&at, sizeof at, epoll), by_port = listen_at(&port, size, epoll);
	need(getsockname(by_port, (struct sockaddr *)&port, &size) == 0, "a port");
	printf("%d\n", ntohs(port.sin_port));
	fflush(stdout);
	for (;;) {
		int n = epoll_wait(epoll, ev, CONNECTIONS_MAX, -1);
		for (int i = 0; i < n; i++) {
			int fd = ev[i].data.fd;
			if (fd == by_path || fd == by_port)
				let_in(fd, fd == by_port, epoll);
			else
				serve(fd, text, len);
		}
	}
}

int main(int n, char **word)
{
	if (n == 5 && !strcmp(word[1], "ask") && atoi(word[3]) <= CONNECTIONS_MAX)
		ask(word[2], atoi(word[3]), word[4]);
	else if (n == 4 && !strcmp(word[1], "answer"))
		answer(word[2], strtoul(word[3], NULL, 10));
	else
		return 2;
	return 0;
}
