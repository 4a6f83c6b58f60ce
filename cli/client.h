/* client.h - one end of a server's protocol (docs/REST.md): requests over its Unix socket, or over
 * TCP to a URL. The door of libcurl, which is opened when the first request is made.
 * Why libcurl: timeouts, chunks, kept connections and early answers to long bodies are right in
 * it.
 * No proxy, no redirect, no signal, no protocol but HTTP and HTTPS. The token of a port
 * (OPERATING.md, "Opening the door") is never sent to another machine unless the way there is
 * encrypted.
 * Threads: one owner. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"

#define CLIENT_ANSWER_MAX (256u << 20) /* bytes of one answer; by feel: 10,000 jobs have 4 MB */

struct client;

struct client_reply {
	long status;       /* of HTTP; 0: none came */
	bool stream;       /* on_data was given what came; body is empty */
	struct bytes body;
};
void client_reply_close(struct client_reply *r); /* legal on the empty value */

struct client_request {
	const char *method, *path; /* "/v1/jobs?file=%2Fa": escaped as it is to be sent */
	const void *body;          /* borrowed during the call; NULL: none */
	size_t len;
	const char *accept;        /* NULL: anything */
	/* Is given the body of a 2xx as it comes; false: that is enough. NULL: it is collected. */
	bool (*on_data)(void *arg, const char *data, size_t len);
	void *arg;
	bool endless;              /* it may be silent for as long as it likes */
	int stop_fd;               /* gives up with E_STOPPED once this can be read; -1: none */
};

/* Whom to ask. Borrowed until client_close. */
struct client_place {
	const char *dir;        /* of the server, or of a running `weir run` */
	const char *server;     /* a URL, "http://host:port" or "https://...", instead; or NULL */
	const char *token_file; /* of the URL's server; NULL: no token is shown */
	const char *tls_ca;     /* PEM: whose certificates are believed; NULL: those of the system */
};

/* E_USAGE: not such a URL, or the token would be seen on the way. What else is wrong with the
 * token's file as base/secret_file.h says it. */
RC client_open(struct client **c, const struct client_place *at, struct mem *mem, struct err *e);
void client_close(struct client *c); /* legal on NULL */
/* OK: there is an answer, whatever its status. E_UNREACHABLE says who does not answer, and the
 * cure; when r->status is not 0, an answer had begun. E_STOPPED (with nothing in *e): stop_fd, or
 * on_data said so. Whatever is returned, the caller closes *r. */
RC client_call(struct client *c, const struct client_request *q, struct client_reply *r,
	       struct err *e);
/* Appends text as it may stand in a query's value. */
void client_escape(struct bytes *to, const char *text);
