/* address.h - where `weir serve --http` listens: a port, or an address and a port, as people write
 * it. Numbers only: a name may mean another machine tomorrow. Pure. */
#pragma once
#include "base/err.h"

#include <netinet/in.h>
#include <sys/socket.h>

struct address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} at;
	socklen_t len;
	char host[INET6_ADDRSTRLEN]; /* the number as it is written: "127.0.0.1", "::1" */
	bool is_v6, is_loopback;
	bool is_any;                 /* 0.0.0.0 or :: */
};

/* "8080" (on 127.0.0.1), "127.0.0.1:8080", "localhost:8080", "[::1]:8080"; port 0: the kernel's
 * choice. E_USAGE: it is none of these. */
RC address_parse(struct address *a, const char *text, struct err *e);
uint16_t address_port(const struct address *a);
/* "http://127.0.0.1:8080", "https://[::1]:8080". */
#define ADDRESS_URL_MAX (INET6_ADDRSTRLEN + 24)
const char *address_url(const struct address *a, bool tls, char to[ADDRESS_URL_MAX]);
/* Whether text (n bytes, a URL's host: "[::1]", "127.0.0.1", "localhost") names this machine to
 * itself. 127.0.0.0/8 all of it. */
bool address_is_loopback_name(const char *text, size_t n);
/* Whether it is a number, of either kind: "10.0.0.1", "[fe80::1]". */
bool address_is_number(const char *text, size_t n);
