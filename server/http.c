/* http.c - the library's life in our loop: its turns, and requests from their first line to the
 * handler. See http.h and http_in.h.
 * The library runs without threads and without a listening socket. When one of its connections has
 * something for it (inv 2), it has a turn: MHD_run performs all callbacks. Whoever changes
 * something outside of a callback asks for another turn. */
#include "server/http_in.h"

#include "base/library.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Over HTTP_CONNECTIONS_MAX, for those that are to close and have not. */
#define CLOSING_MAX 64
/* Of GnuTLS. What is older than 1.2 is broken. */
#define TLS_KINDS "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"
/* A connection's memory in the library: the header, read with some room, and the answer's head.
 * Over 32 KiB it is mapped, so that what is not touched costs nothing. */
#define CONNECTION_BYTES (40u << 10)
#define IDLE_TURNS 64         /* turns in which the library asks for the next and does nothing */
#define IDLE_DELAY_US 10000   /* then it waits: what it cannot go on with must not burn a core */
#define FLUSH_TURNS 64        /* at the close, for answers that clients are reading; by feel */

/* ---- turns ---- */

void http_turn_soon(struct http *h)
{
	loop_after_set(h->turn);
}

/* Whether it wants to be run again, whatever comes. */
static bool run(struct http *h)
{
	h->running = true;
	h->turn_us = clock_mono_us(h->config.clock);
	h->mhd.run(h->daemon);
	h->running = false;
	conn_watch_inner(h);
	MHD_UNSIGNED_LONG_LONG after_ms;
	return h->mhd.get_timeout(h->daemon, &after_ms) == MHD_YES && after_ms == 0;
}

static void on_turn(void *arg)
{
	struct http *h = arg;
	if (!run(h)) {
		h->idle_turns = 0;
		return;
	}
	h->idle_turns = h->progress == h->progress_seen ? h->idle_turns + 1 : 0;
	h->progress_seen = h->progress;
	if (h->idle_turns < IDLE_TURNS)
		http_turn_soon(h);
	else
		loop_timer_set(h->turn_later, IDLE_DELAY_US);
}

static void on_epoll(void *arg, int events, int error)
{
	(void)events;
	(void)error; /* whatever it is, the library looks for itself */
	http_turn_soon(arg);
}

/* ---- requests ---- */

/* The request line is there: the only moment at which the target is seen as it was sent. */
static void *on_target(void *arg, const char *raw, struct MHD_Connection *mhd)
{
	struct http *h = arg;
	struct conn *c = conn_of(h, mhd);
	h->progress++;
	struct http_request *r = mem_get(h->mem, sizeof *r);
	if (!r)
		return NULL;
	r->http = h;
	r->conn = c;
	r->raw = raw;
	r->raw_len = strlen(raw);
	bytes_init(&r->body, h->mem);
	r->fault = http_target_parse(&r->target, raw, h->mem);
	c->request = r;
	h->n_busy++;
	return r;
}

static size_t no_unescape(void *arg, struct MHD_Connection *mhd, char *text)
{
	(void)arg;
	(void)mhd;
	return strlen(text);
}

/* The library cuts texts at a NUL, and leaves the pieces where they were. */
static bool has_nul(const struct http_request *r, const char *method, const char *version)
{
	const char *at = method + strlen(method) + 1;
	while (at < r->raw && *at == ' ')
		at++;
	return at != r->raw || r->raw + r->raw_len + 1 != version;
}

static bool is_too_long(const char *content_length)
{
	char *end;
	errno = 0;
	unsigned long long n = strtoull(content_length, &end, 10);
	return errno || n > HTTP_BODY_MAX;
}

struct header_look {
	unsigned lengths;
	bool odd;
};

static enum MHD_Result look_at_header(void *arg, enum MHD_ValueKind kind, const char *name,
				      const char *value)
{
	struct header_look *l = arg;
	(void)kind;
	l->lengths += !strcasecmp(name, "Content-Length") || !strcasecmp(name, "Transfer-Encoding");
	l->odd |= !http_is_token(name) || (value && strpbrk(value, "\r\n"));
	return MHD_YES;
}

/* Who else reads this request, a proxy, may see another end of it; NULL: it is as it should be. */
static const char *header_fault(const struct http_request *r)
{
	struct header_look l = {0};
	r->http->mhd.values(r->conn->mhd, MHD_HEADER_KIND, look_at_header, &l);
	if (l.odd)
		return "the header has a field whose name or value is none";
	return l.lengths > 1 ? "the header gives the body two lengths" : NULL;
}

static void on_header(struct http_request *r, const char *method, const char *version)
{
	struct http *h = r->http;
	r->begun = true;
	r->head = strcmp(method, "HEAD") == 0;
	r->method = r->head ? "GET" : method;
	r->old = strcmp(version, "HTTP/1.0") == 0;
	const char *odd = header_fault(r);
	const char *encoding = http_header(r, "Transfer-Encoding");
	const char *length = http_header(r, "Content-Length");
	if (r->fault != http_target_no_memory && has_nul(r, method, version))
		r->fault = "the request line holds a NUL";
	size_t header = h->mhd.connection_info(r->conn->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)
				->header_size;
	if (header > HTTP_HEADER_MAX) {
		h->counts.refused++;
		http_answer_error(r, 431, "E_LIMIT", "the header has over 16 KiB");
	} else if (r->fault == http_target_no_memory) {
		http_answer_error(r, 503, "E_LIMIT", r->fault);
	} else if (odd) {
		http_turn_away(r, 400, "E_USAGE", odd, 0);
	} else if (encoding && strcasecmp(encoding, "chunked") != 0) {
		http_answer_error(r, 400, "E_USAGE", "of transfer encodings only 'chunked' is known");
	} else if (!encoding && length && is_too_long(length)) {
		h->counts.refused++;
		http_answer_error(r, 413, "E_LIMIT", "the body has over 1 MiB");
	} else if (!h->config.admit || h->config.admit(h->config.admit_arg, r)) {
		conn_deadline(r->conn, h->config.body_deadline_us);
	}
}

/* Here the library takes no answer, so it is given past it. */
static void on_body(struct http_request *r, const char *data, size_t len)
{
	struct http *h = r->http;
	if (len > HTTP_BODY_MAX - r->body.len) {
		h->counts.refused++;
		http_raw(h, r->conn->fd, "413 Content Too Large", "E_LIMIT", "the body has over 1 MiB");
		conn_break(r->conn);
		return;
	}
	bytes_put(&r->body, data, len);
	if (!bytes_ok(&r->body)) {
		http_raw(h, r->conn->fd, "503 Service Unavailable", "E_LIMIT", http_target_no_memory);
		conn_break(r->conn);
	}
}

static void on_request(struct http_request *r)
{
	struct http *h = r->http;
	CHECK(r->state == REQUEST_RECEIVED);
	conn_deadline(r->conn, 0);
	(void)bytes_text(&r->body);
	if (!bytes_ok(&r->body)) {
		http_answer_error(r, 503, "E_LIMIT", http_target_no_memory);
		return;
	}
	if (r->fault) { /* not before its body came: who still sends would not see the answer */
		http_answer_error(r, 400, "E_USAGE", r->fault);
		return;
	}
	r->state = REQUEST_HANDLED;
	h->counts.requests++;
	h->config.handler(h->config.arg, r);
	if (r->state == REQUEST_HANDLED) {
		r->state = REQUEST_KEPT;
		request_suspend(r);
	}
}

/* Called with the header, then with each piece of the body, then once more; and again when a kept
 * request is resumed without an answer. */
static enum MHD_Result on_access(void *arg, struct MHD_Connection *mhd, const char *url,
				 const char *method, const char *version, const char *data,
				 size_t *len, void **context)
{
	struct http *h = arg;
	struct http_request *r = *context;
	(void)url;
	h->progress++;
	if (!r) {
		http_raw(h, conn_of(h, mhd)->fd, "503 Service Unavailable", "E_LIMIT",
			 http_target_no_memory);
		return MHD_NO;
	}
	if (h->closing || r->conn->broken)
		return MHD_NO;
	if (!r->begun) {
		on_header(r, method, version);
	} else if (*len) {
		on_body(r, data, *len);
		*len = 0;
	} else {
		on_request(r);
	}
	return r->conn->broken ? MHD_NO : MHD_YES;
}

static void on_completed(void *arg, struct MHD_Connection *mhd, void **context,
			 enum MHD_RequestTerminationCode why)
{
	struct http *h = arg;
	struct http_request *r = *context;
	struct conn *c = conn_of(h, mhd);
	(void)why;
	h->progress++;
	*context = NULL;
	c->request = NULL;
	c->served = true;
	conn_deadline(c, h->config.header_deadline_us);
	conn_direct(c, !c->broken);
	if (c->broken)
		http_turn_soon(h);
	if (!r)
		return;
	h->n_busy--;
	if (r->stream)
		stream_over(r->stream);
	else if (r->state == REQUEST_KEPT && h->config.gone)
		h->config.gone(h->config.arg, r);
	bytes_close(&r->body);
	http_target_close(&r->target, h->mem);
	mem_put(h->mem, r);
}

/* ---- open and close ---- */

static RC load(struct http_library *m, struct err *e)
{
	const struct library_symbol symbols[] = {
		{"MHD_start_daemon", &m->start},
		{"MHD_stop_daemon", &m->stop},
		{"MHD_run", &m->run},
		{"MHD_get_timeout", &m->get_timeout},
		{"MHD_get_daemon_info", &m->daemon_info},
		{"MHD_get_connection_info", &m->connection_info},
		{"MHD_set_connection_option", &m->set_option},
		{"MHD_add_connection", &m->add},
		{"MHD_suspend_connection", &m->suspend},
		{"MHD_resume_connection", &m->resume},
		{"MHD_lookup_connection_value", &m->lookup},
		{"MHD_get_connection_values", &m->values},
		{"MHD_queue_response", &m->queue},
		{"MHD_create_response_from_buffer", &m->buffer_response},
		{"MHD_create_response_from_callback", &m->callback_response},
		{"MHD_add_response_header", &m->add_header},
		{"MHD_destroy_response", &m->destroy},
	};
	return library_open("libmicrohttpd.so.12", "libmicrohttpd12", symbols, ARRAY_LEN(symbols), e);
}

/* Why a certificate cannot be used is said nowhere else. Later it is about clients: no news. */
__attribute__((format(printf, 2, 0)))
static void on_complaint(void *arg, const char *format, va_list more)
{
	struct http *h = arg;
	if (h->daemon)
		return;
	vsnprintf(h->complaint, sizeof h->complaint, format, more);
	h->complaint[strcspn(h->complaint, "\n")] = '\0';
}

static RC cannot_start(const struct http *h, struct err *e)
{
	if (h->complaint[0])
		return ERR(e, E_INVALID, "TLS cannot begin: a certificate and its key are expected, both "
			   "as PEM (libmicrohttpd: %s)", h->complaint);
	return ERR(e, E_LIMIT, "HTTP: libmicrohttpd cannot start (descriptors, memory)");
}

RC http_start_library(struct http *h, struct err *e)
{
	const struct http_tcp *tcp = h->config.tcp;
	bool tls = tcp && tcp->cert;
	if (h->daemon)
		return OK;
	if (load(&h->mhd, e) != OK)
		return err_in(e, "HTTP");
	struct MHD_OptionItem secure[] = {
		{tls ? MHD_OPTION_HTTPS_MEM_CERT : MHD_OPTION_END, 0, tls ? (void *)tcp->cert : NULL},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, tls ? (void *)tcp->key : NULL},
		{MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)TLS_KINDS},
		{MHD_OPTION_END, 0, NULL},
	};
	h->daemon = h->mhd.start(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET |
		(tls ? MHD_USE_TLS | MHD_USE_ERROR_LOG : 0), 0, NULL, NULL,
		on_access, h, MHD_OPTION_EXTERNAL_LOGGER, on_complaint, h,
		MHD_OPTION_ARRAY, secure, MHD_OPTION_NOTIFY_CONNECTION, conn_notified, h,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, h, MHD_OPTION_URI_LOG_CALLBACK, on_target, h,
		MHD_OPTION_UNESCAPE_CALLBACK, no_unescape, h, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)CONNECTION_BYTES, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)HTTP_CONNECTIONS_MAX + CLOSING_MAX, MHD_OPTION_END);
	if (!h->daemon)
		return cannot_start(h, e);
	const union MHD_DaemonInfo *info =
		h->mhd.daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	CHECK(info); /* it was started with MHD_USE_EPOLL */
	if (loop_watch_open(&h->watch, h->config.loop, info->epoll_fd, on_epoll, h, e) != OK) {
		h->mhd.stop(h->daemon);
		h->daemon = NULL;
		return e->code;
	}
	return OK;
}

static RC start(struct http *h, struct err *e)
{
	struct loop *l = h->config.loop;
	enum rc rc;
	h->hup_fd = epoll_create1(EPOLL_CLOEXEC);
	if (h->hup_fd < 0)
		return err_errno(e, errno, "HTTP: epoll");
	if ((rc = loop_watch_open(&h->hup_watch, l, h->hup_fd, conn_on_hup, h, e)) != OK ||
	    (rc = loop_after_open(&h->turn, l, on_turn, h, e)) != OK ||
	    (rc = loop_timer_open(&h->turn_later, l, on_turn, h, e)) != OK ||
	    (rc = loop_timer_open(&h->deadline, l, conn_on_deadline, h, e)) != OK)
		return rc;
	loop_watch_for(h->hup_watch, LOOP_READ);
	if (!h->config.late && (rc = http_start_library(h, e)) != OK)
		return rc;
	return acceptor_open(h, e);
}

RC http_open(struct http **out, const struct http_config *c, struct err *e)
{
	struct http *h = *out = mem_get(c->mem, sizeof *h);
	if (!h)
		return ERR(e, E_NO_MEMORY, "no memory for HTTP");
	h->config = *c;
	h->mem = c->mem;
	h->acceptor.dir_fd = h->acceptor.fd = h->hup_fd = -1;
	h->deadline_at_us = UINT64_MAX;
	if (!h->config.header_deadline_us)
		h->config.header_deadline_us = HTTP_HEADER_DEADLINE_US;
	if (!h->config.body_deadline_us)
		h->config.body_deadline_us = HTTP_BODY_DEADLINE_US;
	enum rc rc = start(h, e);
	if (rc != OK) {
		http_close(h);
		*out = NULL;
	}
	return rc;
}

/* The library aborts when it is stopped with suspended connections. */
static void stop(struct http *h)
{
	h->closing = true;
	/* What was answered is still sent, as far as clients read it now. */
	for (int i = 0; i < FLUSH_TURNS && run(h); i++)
		;
	for (struct conn *c = h->first; c; c = c->next)
		if (c->request)
			request_resume(c->request);
	h->running = true;
	h->mhd.stop(h->daemon);
	CHECK(!h->first);
}

void http_close(struct http *h)
{
	if (!h)
		return;
	CHECK(!h->running);
	acceptor_close(h);
	loop_watch_close(&h->watch);
	loop_watch_close(&h->hup_watch);
	if (h->daemon)
		stop(h);
	loop_after_close(&h->turn);
	loop_timer_close(&h->turn_later);
	loop_timer_close(&h->deadline);
	if (h->hup_fd >= 0)
		close(h->hup_fd);
	mem_put(h->mem, h);
}

struct http_counts http_counts(const struct http *h)
{
	return h->counts;
}
