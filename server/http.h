/* http.h - HTTP/1.1 for a few hundred clients, on the control thread's loop: the one door to
 * libmicrohttpd. One struct http is one listening place, a Unix socket or a TCP port, with
 * connections of its own: who fills one up is not in the way of the other.
 * Why a door: routes and jobs know requests and answers, not a library's callbacks; and the library
 * (with the TLS library it draws in) is opened when the first server is, or its first client comes,
 * so that job processes do not carry it.
 *
 *   handler(request) -> http_answer, now or later
 *                     | http_stream_open -> http_stream_put* -> http_stream_end
 *
 * A request that is not answered at once is suspended and costs nothing. Bounds (REST.md) are kept
 * here: what breaks one never reaches the handler.
 * Threads: the loop's. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include "jobs/loop.h"
#include "server/address.h"

#define HTTP_BODY_MAX (1u << 20)
#define HTTP_HEADER_MAX (16u << 10)
#define HTTP_CONNECTIONS_MAX 256
#define HTTP_STREAM_MAX (1u << 20)        /* unread bytes of one stream */
#define HTTP_HEADER_DEADLINE_US 10000000  /* from accept, or from the answer before */
#define HTTP_BODY_DEADLINE_US 30000000

struct http;
struct http_request;
struct http_stream;

/* A listening place on TCP. Borrowed while it is open. */
struct http_tcp {
	const struct address *at;
	const char *cert, *key; /* PEM, both or neither: TLS, 1.2 and newer */
};

struct http_config {
	struct loop *loop;
	struct mem *mem;
	struct clock *clock;
	const char *dir, *name; /* the socket's folder and its name in it; the path may be longer than
				 * the system's limit for sockets. An old socket there is replaced */
	const struct http_tcp *tcp; /* instead of them; NULL: the Unix socket */
	/* Looks at a request's header, before its body is taken. False: it has answered. NULL:
	 * everybody who could connect may come in. */
	bool (*admit)(void *arg, struct http_request *r);
	void *admit_arg;
	/* Answers, streams, or keeps the request for later. */
	void (*handler)(void *arg, struct http_request *r);
	/* The client of a request that was kept is gone: forget it, do not answer. May be NULL. */
	void (*gone)(void *arg, struct http_request *r);
	void *arg;
	bool late; /* the library is opened for the first client: who may never have one (4 ms, 4 MB) */
	/* For tests: 0 means the bounds above. */
	uint64_t header_deadline_us, body_deadline_us;
};

/* On a Unix socket: listens with mode 0600 and serves only peers of this process's uid, or root.
 * E_INVALID: the certificate and its key cannot be used. */
RC http_open(struct http **h, const struct http_config *c, struct err *e);
/* Sends what was answered, as far as clients read it now; closes all connections (`gone` is called
 * for each request that was kept and each stream that was not ended); removes the socket. NULL is
 * legal. Not from a callback of h. */
void http_close(struct http *h);
uint16_t http_port(const struct http *h); /* of TCP, as it listens; 0: it does not */

/* HEAD is shown as GET; its answer goes without the body. */
const char *http_method(const struct http_request *r);
/* As sent, up to '?': nothing is unescaped, so '%' and '/' mean themselves; no NUL is inside. */
const char *http_path(const struct http_request *r);
/* The i-th value (from 0) of a query parameter, unescaped ('+' is a plus); NULL when there is none.
 * One with a NUL inside was refused before. Borrowed until the answer. */
const char *http_query(const struct http_request *r, const char *key, unsigned i);
/* The i-th parameter's name, NULL at the end: to refuse unknown ones. */
const char *http_query_name(const struct http_request *r, unsigned i);
const char *http_header(const struct http_request *r, const char *name); /* NULL: absent */
unsigned http_header_count(const struct http_request *r, const char *name);
bool http_has_body(const struct http_request *r); /* it says that one follows */
/* From `admit`: who sent r is known. When connections run out, the oldest whose client is not
 * known makes room; on a Unix socket all are known. */
void http_know(struct http_request *r);
/* NUL follows. Borrowed until the answer, which may be made of it. */
const char *http_body(const struct http_request *r, size_t *len);
/* Where an answer is put together. */
struct mem *http_mem(const struct http_request *r);
/* The handler's own, to tie things to a request. */
void http_set_context(struct http_request *r, void *context);
void *http_context(const struct http_request *r);

/* The answer will have this header. Cache-Control, given so, is instead of 'no-store'. Both are
 * borrowed until the answer; at most HTTP_OWN_HEADERS_MAX. */
#define HTTP_OWN_HEADERS_MAX 6
void http_set_header(struct http_request *r, const char *name, const char *value);
/* Exactly one of these and http_stream_open, once; r is over then. The body is copied. */
void http_answer(struct http_request *r, unsigned status, const char *type, const char *body,
		 size_t len);
/* The same with a body that stays as long as the process. */
void http_answer_constant(struct http_request *r, unsigned status, const char *type,
			  const char *body, size_t len);
/* The error shape of REST.md. code and message need no escaping. */
void http_answer_error(struct http_request *r, unsigned status, const char *code,
		       const char *message);
/* From `admit` only: the answer is an error, and the connection ends with it: what else the client
 * sends is not read. after_us: it comes so much later; code and message are borrowed till then. */
void http_turn_away(struct http_request *r, unsigned status, const char *code,
		    const char *message, uint64_t after_us);
/* Begins a chunked answer of unknown length. *s lives until http_stream_end, or until `gone` was
 * called: the client went, read too slowly, or the server closes. E_NO_MEMORY: r was answered with
 * 503. */
RC http_stream_open(struct http_stream **s, struct http_request *r, const char *type,
		    void (*gone)(void *arg), void *arg, struct err *e);
/* False: its unread output would pass HTTP_STREAM_MAX, or no memory: the stream is broken off, gone
 * comes in the loop's next turn. */
bool http_stream_put(struct http_stream *s, const char *data, size_t len);
/* What was put and is not yet on its way, in bytes: who can wait puts more when it is little. */
size_t http_stream_unread(const struct http_stream *s);
/* What was put is still sent. */
void http_stream_end(struct http_stream *s);

struct http_counts {
	uint64_t connections, requests, refused; /* now; since the start; for a bound */
};
struct http_counts http_counts(const struct http *h);
