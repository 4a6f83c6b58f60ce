/* guard.c - see guard.h. */
#include "server/guard.h"

#include <string.h>
#include <strings.h>

static struct guard_verdict refuse(unsigned status, const char *message)
{
	return (struct guard_verdict){.status = status, .message = message};
}

/* The host of "host:port": its length; a port that is none: 0. */
static size_t host_len(const char *text)
{
	const char *end = text[0] == '[' ? strchr(text, ']') : NULL;
	size_t n = end ? (size_t)(end + 1 - text) : strcspn(text, ":");
	if (text[n] == ':' && strspn(text + n + 1, "0123456789") != strlen(text + n + 1))
		return 0;
	return text[n] && text[n] != ':' ? 0 : n;
}

/* The port does not matter: what comes through a tunnel names the tunnel's. A number cannot be made
 * to lead elsewhere, so that all are good where all addresses are listened on. */
static bool is_own_host(const struct guard *g, const char *text)
{
	size_t n = host_len(text), own = strlen(g->at->host);
	const char *bare = text;
	size_t bare_n = n;
	if (n > 2 && text[0] == '[') {
		bare++;
		bare_n -= 2;
	}
	if (!n)
		return false;
	if (bare_n == own && !strncasecmp(bare, g->at->host, own))
		return true;
	if (address_is_loopback_name(text, n) || (g->at->is_any && address_is_number(text, n)))
		return true;
	for (unsigned i = 0; i < g->n_hosts; i++)
		if (strlen(g->hosts[i]) == n && !strncasecmp(text, g->hosts[i], n))
			return true;
	return false;
}

/* A page of the same scheme, host and port. Without TLS of our own, a proxy may have it. */
static bool is_own_origin(const struct guard *g, const char *origin, const char *host)
{
	if (!strncasecmp(origin, "https://", 8))
		return !strcasecmp(origin + 8, host);
	return !g->tls && !strncasecmp(origin, "http://", 7) && !strcasecmp(origin + 7, host);
}

static bool is_read(const char *method)
{
	return !strcmp(method, "GET") || !strcmp(method, "HEAD");
}

static bool is_page(const char *path)
{
	return !strcmp(path, "/") || !strncmp(path, "/ui/", 4) || !strcmp(path, "/favicon.ico");
}

/* Takes as long whatever of it is right. */
static bool is_token(const struct guard *g, const char *text)
{
	size_t n = strlen(text);
	unsigned differ = n != g->token_len;
	for (size_t i = 0; i < n; i++)
		differ |= (unsigned char)text[i] ^ (unsigned char)g->token[i % g->token_len];
	return !differ;
}

static struct guard_verdict look_at_token(const struct guard *g, const struct guard_request *r)
{
	struct guard_verdict v = refuse(401, "a token is needed: the header 'Authorization: Bearer "
					"TOKEN', or --token-file of weir's verbs");
	v.challenge = true;
	if (r->n_authorizations > 1)
		return refuse(400, "one Authorization is expected");
	if (!r->authorization || strncasecmp(r->authorization, "Bearer ", 7))
		return v;
	const char *token = r->authorization + 7;
	token += strspn(token, " ");
	if (is_token(g, token))
		return (struct guard_verdict){.shown = true};
	v.message = "this is not the token of this server: it is in the file that weir serve was given "
		    "as --token-file";
	v.guessed = true;
	return v;
}

static bool is_json(const char *type)
{
	static const char json[] = "application/json";
	if (!type || strncasecmp(type, json, sizeof json - 1))
		return false;
	const char *more = type + sizeof json - 1;
	more += strspn(more, " \t");
	return !*more || *more == ';';
}

struct guard_verdict guard_look(const struct guard *g, const struct guard_request *r)
{
	bool reads = is_read(r->method);
	if (r->n_hosts != 1 || !r->host || r->n_origins > 1)
		return refuse(400, r->n_origins > 1 ? "one Origin is expected"
						    : "one Host is expected, and no more");
	if (!is_own_host(g, r->host))
		return refuse(403, "the Host of this request is no name of this server: ask it by its "
			      "address, or start it with --allow-host NAME");
	if (!reads && strcmp(r->method, "POST") && strcmp(r->method, "DELETE"))
		return refuse(405, "there are GET, HEAD, POST and DELETE");
	if (!reads && r->origin && !is_own_origin(g, r->origin, r->host))
		return refuse(403, "this request comes from another page, and those may not ask here");
	if (reads && is_page(r->path) && !r->has_body)
		return (struct guard_verdict){0};
	struct guard_verdict v = look_at_token(g, r);
	if (v.status)
		return v;
	if (r->has_body && !is_json(r->type)) {
		v.status = 415;
		v.message = "a body is JSON: the header 'Content-Type: application/json'";
	}
	return v;
}

RC guard_token_check(const char *text, size_t size, size_t *len, struct err *e)
{
	size_t n = size;
	if (n && text[n - 1] == '\n')
		n--;
	if (n < size && n && text[n - 1] == '\r')
		n--;
	*len = n;
	for (size_t i = 0; i < n; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return ERR(e, E_INVALID, "a token is one line of visible ASCII, and byte %zu is none",
				   i);
	if (n < GUARD_TOKEN_LEAST || n > GUARD_TOKEN_MOST)
		return ERR(e, E_INVALID, "a token has %d to %d bytes, and this one has %zu",
			   GUARD_TOKEN_LEAST, GUARD_TOKEN_MOST, n);
	return OK;
}
