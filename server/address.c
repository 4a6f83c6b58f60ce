/* address.c - see address.h. */
#include "server/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static RC unknown(const char *text, struct err *e)
{
	return ERR(e, E_USAGE, "--http takes a PORT, or ADDR:PORT with a number for ADDR "
		   "(127.0.0.1:8080, [::1]:8080), not '%.100s'", text);
}

static bool parse_port(const char *text, uint16_t *port)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);
	*port = htons((uint16_t)n);
	return *text >= '0' && *text <= '9' && !*end && end - text <= 5 && n <= 65535;
}

/* As a URL has it: a v6 one stands in brackets. */
static bool parse_host(const char *text, size_t n, struct in_addr *v4, struct in6_addr *v6,
		       bool *is_v6)
{
	char host[INET6_ADDRSTRLEN];
	*is_v6 = n > 2 && text[0] == '[' && text[n - 1] == ']';
	if (*is_v6) {
		text++;
		n -= 2;
	}
	if (!n || n >= sizeof host || memchr(text, '\0', n))
		return false;
	memcpy(host, text, n);
	host[n] = '\0';
	return *is_v6 ? inet_pton(AF_INET6, host, v6) == 1 : inet_pton(AF_INET, host, v4) == 1;
}

static bool is_loopback(const struct in_addr *v4, const struct in6_addr *v6, bool is_v6)
{
	return is_v6 ? IN6_IS_ADDR_LOOPBACK(v6) : ntohl(v4->s_addr) >> 24 == 127;
}

RC address_parse(struct address *a, const char *text, struct err *e)
{
	const char *colon = strrchr(text, ':');
	const char *host = colon ? text : "127.0.0.1";
	size_t n = colon ? (size_t)(colon - text) : strlen(host);
	struct in_addr v4 = {0};
	struct in6_addr v6 = {0};
	uint16_t port;
	if (n == 9 && !strncasecmp(host, "localhost", 9)) {
		host = "127.0.0.1";
		n = 9; /* by chance as long */
	}
	*a = (struct address){0};
	if (!parse_port(colon ? colon + 1 : text, &port) || !parse_host(host, n, &v4, &v6, &a->is_v6))
		return unknown(text, e);
	if (a->is_v6) {
		a->at.v6 = (struct sockaddr_in6){
			.sin6_family = AF_INET6, .sin6_port = port, .sin6_addr = v6};
		a->len = sizeof a->at.v6;
	} else {
		a->at.v4 = (struct sockaddr_in){
			.sin_family = AF_INET, .sin_port = port, .sin_addr = v4};
		a->len = sizeof a->at.v4;
	}
	a->is_loopback = is_loopback(&v4, &v6, a->is_v6);
	a->is_any = a->is_v6 ? IN6_IS_ADDR_UNSPECIFIED(&v6) : v4.s_addr == 0;
	(void)inet_ntop(a->at.any.sa_family, a->is_v6 ? (void *)&v6 : (void *)&v4, a->host,
			sizeof a->host); /* it has room for every one */
	return OK;
}

uint16_t address_port(const struct address *a)
{
	return ntohs(a->is_v6 ? a->at.v6.sin6_port : a->at.v4.sin_port);
}

const char *address_url(const struct address *a, bool tls, char to[ADDRESS_URL_MAX])
{
	snprintf(to, ADDRESS_URL_MAX, "http%s://%s%s%s:%u", tls ? "s" : "", a->is_v6 ? "[" : "",
		 a->host, a->is_v6 ? "]" : "", address_port(a));
	return to;
}

bool address_is_loopback_name(const char *text, size_t n)
{
	struct in_addr v4;
	struct in6_addr v6;
	bool is_v6;
	if (n == 9 && !strncasecmp(text, "localhost", 9))
		return true;
	return parse_host(text, n, &v4, &v6, &is_v6) && is_loopback(&v4, &v6, is_v6);
}

bool address_is_number(const char *text, size_t n)
{
	struct in_addr v4;
	struct in6_addr v6;
	bool is_v6;
	return parse_host(text, n, &v4, &v6, &is_v6);
}
