/* remote.c - see remote.h. */
#include "cli/remote.h"

#include "base/check.h"
#include "base/json.h"
#include "cli/remote_names.h"

#include <stdlib.h>

static RC open_at(struct remote *r, struct cli *c, const struct args *a, const char *place_dir,
		  struct err *e)
{
	const char *home = getenv("WEIR_DIR"), *token = getenv("WEIR_TOKEN_FILE");
	*r = (struct remote){.cli = c, .args = a, .json = args_has(a, "--json"),
			     .server = args_text(a, "--server", NULL), .place_dir = place_dir,
			     .dir = args_text(a, "--dir", home && *home ? home : REMOTE_DIR)};
	bytes_init(&r->refusal, c->env->mem);
	if (r->server && args_has(a, "--dir"))
		return ERR(e, E_USAGE, "--dir and --server: one of them");
	for (unsigned i = 0; i < 2 && !r->server; i++)
		if (args_has(a, i ? "--tls-ca" : "--token-file"))
			return ERR(e, E_USAGE, "%s is for --server URL", i ? "--tls-ca" : "--token-file");
	if (place_dir)
		r->dir = place_dir;
	const struct client_place at = {
		.dir = r->dir, .server = r->server, .tls_ca = args_text(a, "--tls-ca", NULL),
		.token_file = args_text(a, "--token-file", token && *token ? token : NULL)};
	return client_open(&r->client, &at, c->env->mem, e);
}

RC remote_open(struct remote *r, struct cli *c, const struct args *a, struct err *e)
{
	return open_at(r, c, a, NULL, e);
}

/* Whether somebody listens, or did, in the folder called name. */
static bool is_listened_in(struct cli *c, const char *name)
{
	struct fs_stat st;
	struct err ignored = {0};
	char path[REMOTE_NAME_MAX + 32];
	snprintf(path, sizeof path, "%.*s/weir.sock", REMOTE_NAME_MAX, name);
	return fs_stat(c->env->fs, path, &st, &ignored) == OK;
}

RC remote_open_job(struct remote *r, struct cli *c, const struct args *a, struct err *e)
{
	const char *place = a->n_places ? a->place[0] : NULL;
	bool elsewhere = args_has(a, "--dir") || args_has(a, "--server");
	bool is_dir = place && !elsewhere &&
		      (strchr(place, '/') || place[0] == '.' || is_listened_in(c, place));
	if (open_at(r, c, a, is_dir ? place : NULL, e) != OK)
		return e->code;
	return remote_job(r, e);
}

void remote_close(struct remote *r)
{
	client_close(r->client);
	bytes_close(&r->refusal);
	*r = (struct remote){0};
}

/* ---- asking ---- */

enum rc remote_code(const char *name)
{
	enum rc code;
	return err_parse(name, &code) && code != OK ? code : E_IO;
}

static enum rc refused(struct remote *r, struct client_reply *reply, struct err *e)
{
	struct json_doc *doc = NULL;
	struct err ignored = {0}; /* what is no JSON is said as it came */
	const char *code = NULL, *message = NULL;
	size_t len;
	bytes_clear(&r->refusal);
	bytes_put(&r->refusal, reply->body.data, reply->body.len);
	if (json_parse(&doc, bytes_text(&reply->body), reply->body.len, r->cli->env->mem, NULL,
		       &ignored) == OK &&
	    json_kind(json_root(doc)) == JSON_OBJECT) {
		const struct json *c = json_get(json_root(doc), "code");
		const struct json *m = json_get(json_root(doc), "message");
		if (c && json_kind(c) == JSON_STRING && m && json_kind(m) == JSON_STRING) {
			code = json_string(c, &len);
			message = json_string(m, &len);
		}
	}
	enum rc rc = code ? ERR(e, remote_code(code), "%s", message)
			  : ERR(e, E_IO, "the server answered with status %ld: %.200s", reply->status,
				bytes_text(&reply->body));
	if (!code)
		bytes_clear(&r->refusal);
	json_close(doc);
	return rc;
}

RC remote_call(struct remote *r, const struct client_request *q, struct client_reply *reply,
	       struct err *e)
{
	bytes_clear(&r->refusal);
	r->status = 0;
	if (client_call(r->client, q, reply, e) != OK)
		return e->code == OK ? E_STOPPED : e->code;
	r->status = reply->status;
	if (reply->status >= 400)
		return refused(r, reply, e);
	if (reply->status / 100 != 2)
		return ERR(e, E_IO, "the server answered with status %ld", reply->status);
	return OK;
}

RC remote_get(struct remote *r, const char *path, struct client_reply *reply, struct err *e)
{
	struct client_request q = {.method = "GET", .path = path, .stop_fd = -1};
	return remote_call(r, &q, reply, e);
}

/* ---- which job ---- */

static bool name_can_be(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
	return n && !name[n] && n <= REMOTE_NAME_MAX;
}

static enum rc only_job(struct remote *r, struct err *e)
{
	struct names l;
	if (names_get(&l, r, e) != OK)
		return e->code;
	enum rc rc = OK;
	if (l.n == 1 && name_can_be(l.at[0])) {
		memcpy(r->job, l.at[0], strlen(l.at[0]) + 1);
	} else if (!l.n) {
		rc = ERR(e, E_NOT_FOUND, "there is no job");
	} else {
		struct bytes some;
		bytes_init(&some, r->cli->env->mem);
		for (size_t i = 0; i < l.n && i < 10; i++)
			bytes_printf(&some, "%s%s", i ? ", " : "", l.at[i]);
		if (l.n > 10)
			bytes_printf(&some, " and %zu more", l.n - 10);
		rc = ERR(e, E_USAGE, "which job? there are %zu: %s", l.n, bytes_text(&some));
		bytes_close(&some);
	}
	names_close(&l, r->cli->env->mem);
	return rc;
}

RC remote_job(struct remote *r, struct err *e)
{
	if (!r->args->n_places || r->place_dir)
		return only_job(r, e);
	const char *name = r->args->place[0];
	if (!name_can_be(name)) {
		struct bytes shown;
		bytes_init(&shown, r->cli->env->mem);
		remote_put_plain(&shown, name, 80);
		enum rc rc = ERR(e, E_NOT_FOUND, "there can be no job '%s': a name has at most %d letters, "
				 "digits, - and _", bytes_text(&shown), REMOTE_NAME_MAX);
		bytes_close(&shown);
		return rc;
	}
	memcpy(r->job, name, strlen(name) + 1);
	return OK;
}

void remote_path(const struct remote *r, struct bytes *to, const char *more)
{
	CHECK(r->job[0]);
	bytes_printf(to, "/v1/jobs/%s%s", r->job, more);
}
