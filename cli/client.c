/* client.c - see client.h. */
#include "cli/client.h"

#include "base/check.h"
#include "base/library.h"
#include "base/secret_file.h"
#include "server/guard.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_NAME "weir.sock"
#define CONNECT_MS 10000L
#define SILENT_S 60L /* a stream has a comment each 10 s, an answer begins at once */

/* What is asked of libcurl; set by library_open. */
struct curl {
	CURLcode (*global_init)(long flags);
	void (*global_cleanup)(void);
	CURL *(*easy_init)(void);
	void (*easy_reset)(CURL *h);
	void (*easy_cleanup)(CURL *h);
	CURLcode (*easy_setopt)(CURL *h, CURLoption o, ...);
	CURLcode (*easy_getinfo)(CURL *h, CURLINFO i, ...);
	const char *(*easy_strerror)(CURLcode code);
	struct curl_slist *(*slist_append)(struct curl_slist *l, const char *text);
	void (*slist_free_all)(struct curl_slist *l);
	CURLM *(*multi_init)(void);
	CURLMcode (*multi_add_handle)(CURLM *m, CURL *h);
	CURLMcode (*multi_remove_handle)(CURLM *m, CURL *h);
	CURLMcode (*multi_perform)(CURLM *m, int *running);
	CURLMcode (*multi_poll)(CURLM *m, struct curl_waitfd *fds, unsigned n, int ms, int *ready);
	CURLMsg *(*multi_info_read)(CURLM *m, int *left);
	CURLMcode (*multi_cleanup)(CURLM *m);
};

struct client {
	struct mem *mem;
	const char *dir, *server, *tls_ca;
	struct bytes bearer; /* "Authorization: Bearer TOKEN"; empty: none */
	bool secure;        /* https */
	struct curl curl;
	bool is_open;       /* libcurl is */
	CURL *handle;
	CURLM *multi;
	int dir_fd;         /* -1: none */
	char socket[128];   /* the socket's path, short enough for the system */
	char shown[4200];   /* how people know the server: "DIR/weir.sock", or the URL */
	char error[CURL_ERROR_SIZE];
};

/* One request under way. */
struct call {
	struct client *c;
	const struct client_request *q;
	struct client_reply *r;
	bool enough, too_long, no_memory;
};

void client_reply_close(struct client_reply *r)
{
	bytes_close(&r->body);
	*r = (struct client_reply){0};
}

void client_escape(struct bytes *to, const char *text)
{
	for (const char *p = text; *p; p++) {
		bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			     (*p >= '0' && *p <= '9') || (*p && strchr("-_.~/", *p));
		if (plain)
			bytes_put_u8(to, (uint8_t)*p);
		else
			bytes_printf(to, "%%%02X", (unsigned char)*p);
	}
}

/* ---- opening ---- */

/* A path longer than sockaddr_un has room for is reached through the folder's descriptor. */
static enum rc socket_find(struct client *c, struct err *e)
{
	size_t room = sizeof ((struct sockaddr_un *)NULL)->sun_path;
	snprintf(c->shown, sizeof c->shown, "%s/" SOCKET_NAME, c->dir);
	if (strlen(c->shown) < room) {
		memcpy(c->socket, c->shown, strlen(c->shown) + 1);
		return OK;
	}
	c->dir_fd = open(c->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->dir_fd < 0) {
		int why = errno;
		if (why == ENOENT || why == ENOTDIR)
			return ERR(e, E_UNREACHABLE, "no server answers on %s: there is no such folder; start "
				   "one: weir serve --dir %s", c->shown, c->dir);
		return err_errno(e, why, "'%s'", c->dir);
	}
	snprintf(c->socket, sizeof c->socket, "/proc/self/fd/%d/" SOCKET_NAME, c->dir_fd);
	return OK;
}

static bool is_secure(const char *url)
{
	return !strncmp(url, "https://", 8);
}

/* What stands behind "http://" or "https://"; NULL: neither does. */
static const char *url_host(const char *url)
{
	size_t scheme = is_secure(url) ? 8 : 7;
	return scheme == 8 || !strncmp(url, "http://", 7) ? url + scheme : NULL;
}

static enum rc url_check(const char *url, struct err *e)
{
	const char *host = url_host(url);
	bool sound = host && *host && strlen(url) < 1024;
	for (const char *p = host; sound && *p; p++)
		sound = (unsigned char)*p > ' ' && *p != 0x7F && !strchr("/?#@%\\", *p);
	if (!sound)
		return ERR(e, E_USAGE, "--server takes http://HOST:PORT or https://HOST:PORT, not '%s'",
			   url);
	return OK;
}

/* Who listens on the way would have the token. */
static RC url_is_private(const char *url, struct err *e)
{
	const char *host = url_host(url);
	size_t n = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
	if (is_secure(url) || address_is_loopback_name(host, n))
		return OK;
	return ERR(e, E_USAGE, "the token would go to %s for everybody on the way to read: ask "
		   "https://%s, or come through a tunnel (ssh -L)", url, host);
}

static RC read_bearer(struct client *c, const char *path, struct err *e)
{
	static const char head[] = "Authorization: Bearer ";
	size_t len;
	bytes_put_text(&c->bearer, head);
	if (secret_file_read(&c->bearer, path, "token file", GUARD_TOKEN_MOST + 2, e) != OK)
		return e->code;
	if (guard_token_check(bytes_text(&c->bearer) + sizeof head - 1,
			      c->bearer.len - (sizeof head - 1), &len, e) != OK)
		return err_in(e, "token file '%s'", path);
	c->bearer.len = sizeof head - 1 + len;
	return OK;
}

static RC find_server(struct client *c, const struct client_place *at, struct err *e)
{
	if (!at->server)
		return socket_find(c, e);
	snprintf(c->shown, sizeof c->shown, "%s", at->server);
	c->secure = is_secure(at->server);
	if (!at->token_file)
		return OK;
	if (url_is_private(at->server, e) != OK)
		return e->code;
	return read_bearer(c, at->token_file, e);
}

RC client_open(struct client **to, const struct client_place *at, struct mem *mem, struct err *e)
{
	*to = NULL;
	if (at->server && url_check(at->server, e) != OK)
		return e->code;
	if (!at->server && strlen(at->dir) > 4096)
		return ERR(e, E_USAGE, "--dir takes a path, not %zu bytes", strlen(at->dir));
	struct client *c = mem_get(mem, sizeof *c);
	if (!c)
		return ERR(e, E_NO_MEMORY, "no memory for a client");
	*c = (struct client){.mem = mem, .dir = at->dir, .server = at->server, .tls_ca = at->tls_ca,
			     .dir_fd = -1};
	bytes_init(&c->bearer, mem);
	if (find_server(c, at, e) != OK) {
		client_close(c);
		return e->code;
	}
	*to = c;
	return OK;
}

void client_close(struct client *c)
{
	if (!c)
		return;
	if (c->handle)
		c->curl.easy_cleanup(c->handle);
	if (c->multi)
		c->curl.multi_cleanup(c->multi);
	if (c->is_open)
		c->curl.global_cleanup();
	if (c->dir_fd >= 0)
		close(c->dir_fd);
	if (c->bearer.data)
		explicit_bzero(c->bearer.data, c->bearer.len);
	bytes_close(&c->bearer);
	mem_put(c->mem, c);
}

static enum rc curl_begin(struct client *c, struct err *e)
{
	struct curl *u = &c->curl;
	const struct library_symbol symbols[] = {
		{"curl_global_init", &u->global_init},
		{"curl_global_cleanup", &u->global_cleanup},
		{"curl_easy_init", &u->easy_init},
		{"curl_easy_reset", &u->easy_reset},
		{"curl_easy_cleanup", &u->easy_cleanup},
		{"curl_easy_setopt", &u->easy_setopt},
		{"curl_easy_getinfo", &u->easy_getinfo},
		{"curl_easy_strerror", &u->easy_strerror},
		{"curl_slist_append", &u->slist_append},
		{"curl_slist_free_all", &u->slist_free_all},
		{"curl_multi_init", &u->multi_init},
		{"curl_multi_add_handle", &u->multi_add_handle},
		{"curl_multi_remove_handle", &u->multi_remove_handle},
		{"curl_multi_perform", &u->multi_perform},
		{"curl_multi_poll", &u->multi_poll},
		{"curl_multi_info_read", &u->multi_info_read},
		{"curl_multi_cleanup", &u->multi_cleanup},
	};
	if (library_open("libcurl.so.4", "libcurl4", symbols, ARRAY_LEN(symbols), e) != OK)
		return e->code;
	if (u->global_init(c->secure ? CURL_GLOBAL_SSL : CURL_GLOBAL_NOTHING) != CURLE_OK)
		return ERR(e, E_NO_MEMORY, "libcurl cannot begin");
	c->is_open = true;
	c->handle = u->easy_init();
	c->multi = u->multi_init();
	return OK;
}

/* ---- one request ---- */

static size_t on_body(char *data, size_t one, size_t len, void *arg)
{
	struct call *k = arg;
	(void)one; /* 1, says its manual */
	k->c->curl.easy_getinfo(k->c->handle, CURLINFO_RESPONSE_CODE, &k->r->status);
	if (k->q->on_data && k->r->status / 100 == 2) {
		k->r->stream = true;
		k->enough = !k->q->on_data(k->q->arg, data, len);
		return k->enough ? 0 : len;
	}
	k->too_long = k->r->body.len + len > CLIENT_ANSWER_MAX;
	if (k->too_long)
		return 0;
	bytes_put(&k->r->body, data, len);
	k->no_memory = !bytes_ok(&k->r->body);
	return k->no_memory ? 0 : len;
}

/* Whose certificate it is cannot be told, or there is no TLS at the other end; else OK. */
static enum rc insecure(const struct client *c, CURLcode code, const char *why, struct err *e)
{
	if (code == CURLE_PEER_FAILED_VERIFICATION)
		return ERR(e, E_UNREACHABLE, "the certificate of %s is not believed (%s); if it is your "
			   "own: --tls-ca FILE", c->shown, why);
	if (code == CURLE_SSL_CACERT_BADFILE)
		return ERR(e, E_UNREACHABLE, "--tls-ca %s cannot be read as certificates: PEM is expected",
			   c->tls_ca ? c->tls_ca : "(none)");
	if (code == CURLE_SSL_CONNECT_ERROR)
		return ERR(e, E_UNREACHABLE, "%s speaks no TLS that is understood (%s); does it listen for "
			   "http://?", c->shown, why);
	return OK;
}

static enum rc unreachable(struct call *k, CURLcode code, struct err *e)
{
	struct client *c = k->c;
	const char *why = c->error[0] ? c->error : c->curl.easy_strerror(code);
	struct stat st;
	if (code == CURLE_OUT_OF_MEMORY)
		return ERR(e, E_NO_MEMORY, "libcurl has no memory");
	if (insecure(c, code, why, e) != OK)
		return e->code;
	if (k->r->status)
		return ERR(e, E_UNREACHABLE, "the server on %s went away: %s", c->shown, why);
	if (code == CURLE_OPERATION_TIMEDOUT)
		return ERR(e, E_UNREACHABLE, "the server on %s says nothing (%s)", c->shown, why);
	if (code != CURLE_COULDNT_CONNECT && code != CURLE_COULDNT_RESOLVE_HOST)
		return ERR(e, E_UNREACHABLE, "%s ended the connection without an answer: %s", c->shown,
			   why);
	if (c->server)
		return ERR(e, E_UNREACHABLE, "no server answers on %s: %s", c->shown, why);
	if (stat(c->socket, &st) == 0 && access(c->socket, W_OK) != 0)
		return ERR(e, E_UNREACHABLE, "%s belongs to another user (uid %u)", c->shown,
			   (unsigned)st.st_uid);
	return ERR(e, E_UNREACHABLE, "no server answers on %s; start one: weir serve --dir %s",
		   c->shown, c->dir);
}

static enum rc verdict(struct call *k, CURLcode code, struct err *e)
{
	struct client *c = k->c;
	c->curl.easy_getinfo(c->handle, CURLINFO_RESPONSE_CODE, &k->r->status);
	if (k->enough)
		return E_STOPPED;
	if (k->no_memory)
		return ERR(e, E_NO_MEMORY, "no memory for the answer of %s", c->shown);
	if (k->too_long)
		return ERR(e, E_LIMIT, "the answer of %s has more than %u MiB", c->shown,
			   CLIENT_ANSWER_MAX >> 20);
	if (code != CURLE_OK)
		return unreachable(k, code, e);
	return OK;
}

/* Until the transfer is over or stop_fd can be read. */
static enum rc transfer(struct call *k, struct err *e)
{
	struct client *c = k->c;
	struct curl *u = &c->curl;
	struct curl_waitfd stop = {.fd = k->q->stop_fd, .events = CURL_WAIT_POLLIN};
	unsigned n = k->q->stop_fd >= 0;
	int running = 1, left;
	while (running) {
		if (u->multi_perform(c->multi, &running) != CURLM_OK ||
		    u->multi_poll(c->multi, &stop, n, running ? 1000 : 0, NULL) != CURLM_OK)
			return ERR(e, E_NO_MEMORY, "libcurl cannot go on");
		if (running && n && stop.revents) {
			k->enough = true;
			return verdict(k, CURLE_OK, e);
		}
	}
	CURLMsg *m = u->multi_info_read(c->multi, &left);
	CHECK(m && m->msg == CURLMSG_DONE);
	return verdict(k, m->data.result, e);
}

/* Header by header; false: no memory (what there is, is freed). */
static bool header_add(struct client *c, struct curl_slist **l, const char *text)
{
	struct curl_slist *more = c->curl.slist_append(*l, text);
	if (!more)
		return false;
	*l = more;
	return true;
}

static bool headers(struct client *c, const struct client_request *q, struct curl_slist **l)
{
	char accept[128];
	snprintf(accept, sizeof accept, "Accept: %s", q->accept ? q->accept : "*/*");
	/* Without "Expect:" a long body would wait a second for leave to be sent. */
	return (!c->bearer.len || header_add(c, l, bytes_text(&c->bearer))) &&
	       header_add(c, l, accept) && header_add(c, l, "Expect:") &&
	       (!q->body || header_add(c, l, "Content-Type: application/json"));
}

static bool set_up(struct call *k, const char *url, struct curl_slist *h)
{
	struct client *c = k->c;
	const struct client_request *q = k->q;
	CURLcode (*set)(CURL *, CURLoption, ...) = c->curl.easy_setopt;
	CURL *u = c->handle;
	bool post = !strcmp(q->method, "POST");
	c->curl.easy_reset(u);
	c->error[0] = '\0';
	return !set(u, CURLOPT_URL, url) && !set(u, CURLOPT_ERRORBUFFER, c->error) &&
	       !set(u, CURLOPT_NOSIGNAL, 1L) && !set(u, CURLOPT_PROXY, "") &&
	       !set(u, CURLOPT_NOPROXY, "*") && !set(u, CURLOPT_PROTOCOLS_STR, "http,https") &&
	       (!c->tls_ca || !set(u, CURLOPT_CAINFO, c->tls_ca)) &&
	       !set(u, CURLOPT_PATH_AS_IS, 1L) && !set(u, CURLOPT_HTTPHEADER, h) &&
	       !set(u, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS) &&
	       (c->server || !set(u, CURLOPT_UNIX_SOCKET_PATH, c->socket)) &&
	       (q->endless || (!set(u, CURLOPT_LOW_SPEED_LIMIT, 1L) &&
			       !set(u, CURLOPT_LOW_SPEED_TIME, SILENT_S))) &&
	       (!post || (!set(u, CURLOPT_POST, 1L) &&
			  !set(u, CURLOPT_POSTFIELDS, q->body ? q->body : "") &&
			  !set(u, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(q->body ? q->len : 0)))) &&
	       (post || !strcmp(q->method, "GET") || !set(u, CURLOPT_CUSTOMREQUEST, q->method)) &&
	       !set(u, CURLOPT_WRITEFUNCTION, on_body) && !set(u, CURLOPT_WRITEDATA, k);
}

RC client_call(struct client *c, const struct client_request *q, struct client_reply *r,
	       struct err *e)
{
	struct call k = {.c = c, .q = q, .r = r};
	struct curl_slist *list = NULL;
	struct bytes url;
	*r = (struct client_reply){0};
	bytes_init(&r->body, c->mem);
	if (!c->is_open && curl_begin(c, e) != OK)
		return e->code;
	if (!c->handle || !c->multi)
		return ERR(e, E_NO_MEMORY, "libcurl has no memory");
	bytes_init(&url, c->mem);
	bytes_printf(&url, "%s%s", c->server ? c->server : "http://weir", q->path);
	enum rc rc = OK;
	if (!bytes_ok(&url) || !headers(c, q, &list) || !set_up(&k, bytes_text(&url), list) ||
	    c->curl.multi_add_handle(c->multi, c->handle) != CURLM_OK)
		rc = ERR(e, E_NO_MEMORY, "no memory for a request to %s", c->shown);
	if (rc == OK) {
		rc = transfer(&k, e);
		c->curl.multi_remove_handle(c->multi, c->handle);
	}
	c->curl.slist_free_all(list);
	bytes_close(&url);
	return rc;
}
