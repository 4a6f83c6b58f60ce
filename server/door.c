/* door.c - see door.h. What is refused, and why, is decided in guard.c. */
#include "server/door.h"

#include "base/secret_file.h"
#include "server/guard.h"
#include "server/routes.h"

#include <string.h>

#define PEM_MAX (256u << 10) /* a chain of a few certificates has 10 KiB */

struct door {
	struct env *env;
	struct address at;
	struct bytes token, key;
	uint8_t *cert;
	struct guard guard;
	struct http_tcp tcp;
	struct http *http;
	char url[ADDRESS_URL_MAX];
};

/* ---- what it needs ---- */

/* Without --http, what is for it is a slip. */
static RC check_closed(const struct door_options *o, struct err *e)
{
	const char *name = o->token_file ? "--token-file" : o->tls_cert ? "--tls-cert" :
			   o->tls_key ? "--tls-key" : o->n_hosts ? "--allow-host" : NULL;
	return name ? ERR(e, E_USAGE, "%s is for --http [ADDR:]PORT", name) : OK;
}

static RC check_options(const struct door_options *o, const struct address *at, struct err *e)
{
	static const char make[] = "(umask 077; head -c 24 /dev/urandom | base64 > FILE)";
	if (!o->tls_cert != !o->tls_key)
		return ERR(e, E_USAGE, "--tls-cert and --tls-key belong together: a certificate and its "
			   "key, as PEM files");
	if (!at->is_loopback && !(o->tls_cert && o->token_file))
		return ERR(e, E_USAGE, "--http %s can be reached from other machines, which takes a token "
			   "and TLS: say --token-file FILE, --tls-cert FILE and --tls-key FILE; or listen on "
			   "127.0.0.1 (--http %u), and come through a tunnel (ssh -L). A token: %s",
			   o->http, address_port(at), make);
	if (!o->token_file)
		return ERR(e, E_USAGE, "--http needs --token-file FILE, for every program of this machine "
			   "can reach a port. To make one: %s", make);
	return OK;
}

static RC read_token(struct door *d, const char *path, struct err *e)
{
	size_t len;
	if (secret_file_read(&d->token, path, "token file", GUARD_TOKEN_MOST + 2, e) != OK)
		return e->code;
	const char *text = bytes_text(&d->token);
	if (!bytes_ok(&d->token))
		return ERR(e, E_NO_MEMORY, "no memory for the token");
	if (guard_token_check(text, d->token.len, &len, e) != OK)
		return err_in(e, "token file '%s'", path);
	d->guard.token = text;
	d->guard.token_len = len;
	return OK;
}

/* The certificate is for everybody to see. */
static RC read_tls(struct door *d, const struct door_options *o, struct err *e)
{
	size_t len;
	if (fs_read_all(d->env->fs, o->tls_cert, PEM_MAX, &d->cert, &len, e) != OK)
		return err_in(e, "certificate");
	if (secret_file_read(&d->key, o->tls_key, "TLS key", PEM_MAX, e) != OK)
		return e->code;
	d->tcp.cert = (const char *)d->cert;
	d->tcp.key = bytes_text(&d->key);
	d->guard.tls = true;
	return bytes_ok(&d->key) ? OK : ERR(e, E_NO_MEMORY, "no memory for the TLS key");
}

RC door_open(struct door **out, const struct door_options *o, struct env *env, struct err *e)
{
	struct address at;
	*out = NULL;
	if (!o->http)
		return check_closed(o, e);
	if (address_parse(&at, o->http, e) != OK || check_options(o, &at, e) != OK)
		return e->code;
	struct door *d = mem_get(env->mem, sizeof *d);
	if (!d)
		return ERR(e, E_NO_MEMORY, "no memory for a door");
	d->env = env;
	d->at = at;
	d->tcp.at = d->guard.at = &d->at;
	d->guard.hosts = o->hosts;
	d->guard.n_hosts = o->n_hosts;
	bytes_init(&d->token, env->mem);
	bytes_init(&d->key, env->mem);
	if (read_token(d, o->token_file, e) != OK || (o->tls_cert && read_tls(d, o, e) != OK)) {
		door_close(d);
		return e->code;
	}
	*out = d;
	return OK;
}

/* ---- who may come in ---- */

static const char *code_of(unsigned status)
{
	return status == 401 || status == 403 ? "E_REFUSED" : "E_USAGE";
}

static bool admit(void *arg, struct http_request *r)
{
	const struct door *d = arg;
	const char *path = http_path(r);
	const struct guard_request asked = {
		.method = http_method(r), .path = path ? path : "", .host = http_header(r, "Host"),
		.origin = http_header(r, "Origin"), .authorization = http_header(r, "Authorization"),
		.type = http_header(r, "Content-Type"), .n_hosts = http_header_count(r, "Host"),
		.n_origins = http_header_count(r, "Origin"),
		.n_authorizations = http_header_count(r, "Authorization"),
		.has_body = http_has_body(r)};
	struct guard_verdict v = guard_look(&d->guard, &asked);
	if (v.shown)
		http_know(r);
	if (!v.status)
		return true;
	if (v.challenge)
		http_set_header(r, "WWW-Authenticate", "Bearer");
	struct route_match m;
	struct err unused = {0};
	if (v.status == 405) {
		bool has_path = route_find(&m, asked.method, asked.path, &unused) != OK && m.method_wrong;
		http_set_header(r, "Allow", has_path ? m.allow : "GET, HEAD, POST, DELETE");
	}
	http_turn_away(r, v.status, code_of(v.status), v.message, v.guessed ? DOOR_GUESS_US : 0);
	return false;
}

/* ---- open and close ---- */

RC door_listen(struct door *d, const struct http_config *c, struct err *e)
{
	if (!d)
		return OK;
	const struct http_config mine = {
		.loop = c->loop, .mem = c->mem, .clock = c->clock, .handler = c->handler,
		.gone = c->gone, .arg = c->arg, .tcp = &d->tcp, .admit = admit, .admit_arg = d};
	if (http_open(&d->http, &mine, e) != OK)
		return e->code;
	struct address at = d->at;
	if (at.is_v6)
		at.at.v6.sin6_port = htons(http_port(d->http));
	else
		at.at.v4.sin_port = htons(http_port(d->http));
	address_url(&at, d->tcp.cert != NULL, d->url);
	return OK;
}

const char *door_url(const struct door *d)
{
	return d ? d->url : NULL;
}

static void forget(struct bytes *secret)
{
	if (secret->data)
		explicit_bzero(secret->data, secret->len);
	bytes_close(secret);
}

void door_close(struct door *d)
{
	if (!d)
		return;
	http_close(d->http);
	forget(&d->token);
	forget(&d->key);
	mem_put(d->env->fs->mem, d->cert);
	mem_put(d->env->mem, d);
}
