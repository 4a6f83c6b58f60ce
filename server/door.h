/* door.h - a server's door to the network: closed unless it is asked for, and then only to who has
 * the token. What it needs (address, token, certificate) is looked at before anything is served.
 * Threads: the loop's. */
#pragma once
#include "base/env.h"
#include "server/http.h"

#define DOOR_HOSTS_MAX 64
#define DOOR_GUESS_US 1000000 /* a wrong token is told so late; by feel: a person hardly notices */

/* Texts as of the command line; all but the first are NULL where nothing was said. */
struct door_options {
	const char *http; /* --http; NULL: there is no door */
	const char *token_file, *tls_cert, *tls_key;
	const char *hosts[DOOR_HOSTS_MAX]; /* --allow-host */
	unsigned n_hosts;
};

struct door;
/* Nothing listens yet. *d is NULL where no door is asked for. E_USAGE: an option is missing, or
 * needs another; E_INVALID: the token or the key is not fit; the text says the cure. The options
 * are borrowed until door_close. */
RC door_open(struct door **d, const struct door_options *o, struct env *env, struct err *e);
/* Listens; `c` says who answers: of it loop, mem, clock, handler, gone and arg are taken. Legal on
 * NULL. */
RC door_listen(struct door *d, const struct http_config *c, struct err *e);
/* "http://127.0.0.1:8080", once it listens; NULL on NULL. Borrowed. */
const char *door_url(const struct door *d);
void door_close(struct door *d); /* legal on NULL */
