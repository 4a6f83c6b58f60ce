/* guard.h - who may ask what over TCP: decided on a request's header, before its body is read.
 * Why: any page in a browser, any program of any user can connect to a port, even on loopback. So a
 * request must name this server (else a name that is made to lead here, DNS rebinding, makes a
 * stranger's page one of ours), must not come from another page (Origin), and must show the token,
 * which no page but ours is given: there are no cookies, and no header ever lets another page read.
 * The page's own files hold nothing secret and need no token.
 * Pure. */
#pragma once
#include "server/address.h"

#define GUARD_TOKEN_LEAST 16
#define GUARD_TOKEN_MOST 512

struct guard {
	const char *token;         /* GUARD_TOKEN_LEAST..MOST bytes */
	size_t token_len;
	bool tls;
	const struct address *at;  /* where it listens */
	const char *const *hosts;  /* more names of this server, without ports */
	unsigned n_hosts;
};

/* What a header says; texts as sent. n_x: how often the field stands there. */
struct guard_request {
	const char *method, *path; /* the path up to '?' */
	const char *host, *origin, *authorization, *type; /* NULL: absent */
	unsigned n_hosts, n_origins, n_authorizations;
	bool has_body;
};

struct guard_verdict {
	unsigned status;           /* 0: it may come in */
	const char *message;       /* needs no escaping in JSON */
	bool shown;                /* the token was shown, and is right */
	bool challenge;            /* WWW-Authenticate: Bearer */
	/* A token was guessed: answered late, so that guessing takes as long as there are connections.
	 * Not refused without a look: a stranger could lock the owner out. */
	bool guessed;
};

struct guard_verdict guard_look(const struct guard *g, const struct guard_request *r);

/* The token in a file's text: visible ASCII, GUARD_TOKEN_LEAST..MOST bytes, one line end behind it
 * at most. Sets *len; text is not changed. E_INVALID says what is wrong, and never what stands
 * there. */
RC guard_token_check(const char *text, size_t size, size_t *len, struct err *e);
