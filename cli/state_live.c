/* state_live.c - `weir state get --live`: one key, asked of the job that runs (docs/REST.md, state)
 * instead of read from its files. */
#include "base/json.h"
#include "checkpoint/layout.h"
#include "cli/remote.h"
#include "cli/state.h"

#include <string.h>

/* The only stage that has keyed state, of what the job says of itself. */
static RC only_stage(struct remote *r, struct bytes *to, struct err *e)
{
	struct client_reply reply = {0};
	struct bytes path, said;
	struct json_doc *doc = NULL;
	unsigned n = 0;
	size_t len;
	bytes_init(&path, r->cli->env->mem);
	bytes_init(&said, r->cli->env->mem);
	remote_path(r, &path, "");
	enum rc rc = remote_get(r, bytes_text(&path), &reply, e);
	if (rc == OK)
		rc = json_parse(&doc, bytes_text(&reply.body), reply.body.len, r->cli->env->mem, NULL, e);
	const struct json *facts = rc == OK ? json_get(json_root(doc), "facts") : NULL;
	const struct json *list = facts && json_kind(facts) == JSON_OBJECT ? json_get(facts, "stages")
									   : NULL;
	for (size_t i = 0; list && i < json_count(list); i++) {
		const struct json *keyed = json_get(json_item(list, i), "keyed");
		const struct json *id = json_get(json_item(list, i), "id");
		if (!keyed || !id || json_kind(keyed) != JSON_BOOL || !json_bool(keyed))
			continue;
		bytes_printf(&said, "%s%s", n++ ? ", " : "", json_string(id, &len));
	}
	if (rc == OK && !list)
		rc = ERR(e, E_REFUSED, "the job is not running (without --live its newest checkpoint is "
			 "read)");
	else if (rc == OK && n != 1)
		rc = ERR(e, E_USAGE, "say of which stage (--stage): %s",
			 n ? bytes_text(&said) : "none keeps anything under keys");
	if (rc == OK)
		bytes_put(to, said.data, said.len);
	json_close(doc);
	bytes_close(&said);
	bytes_close(&path);
	client_reply_close(&reply);
	return rc;
}

/* ---- the row, as `weir state get` writes one ---- */

static void put_csv(struct bytes *to, const char *s, size_t len)
{
	bool quotes = !len || memchr(s, ',', len) || memchr(s, '"', len) || memchr(s, '\n', len) ||
		      memchr(s, '\r', len);
	if (quotes)
		bytes_put_u8(to, '"');
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '"')
			bytes_put_u8(to, '"');
		bytes_put_u8(to, (uint8_t)s[i]);
	}
	if (quotes)
		bytes_put_u8(to, '"');
}

static void put_value(struct bytes *to, const struct json *v)
{
	struct json_out o;
	size_t len;
	if (json_kind(v) == JSON_STRING) {
		const char *s = json_string(v, &len);
		put_csv(to, s, len);
	} else if (json_kind(v) != JSON_NULL) {
		jout_begin(&o, to, false);
		jout_json(&o, v, true);
	}
}

static void put_row(struct bytes *to, const struct json *row, bool csv)
{
	struct json_out o;
	if (!csv) {
		jout_begin(&o, to, false);
		jout_json(&o, row, true);
	}
	for (size_t i = 0; csv && i < json_count(row); i++) {
		const char *name = json_key(row, i);
		bytes_put_text(to, i ? "," : "");
		put_csv(to, name, strlen(name));
	}
	for (size_t i = 0; csv && i < json_count(row); i++) {
		bytes_put_text(to, i ? "," : "\n");
		put_value(to, json_value(row, i));
	}
	bytes_put_u8(to, '\n');
}

static RC print_row(struct remote *r, const struct client_reply *reply, struct err *e)
{
	struct json_doc *doc = NULL;
	struct bytes text;
	const char *format = args_text(r->args, "--format", r->json ? "jsonl" : "csv");
	if (json_parse(&doc, bytes_text((struct bytes *)&reply->body), reply->body.len,
		       r->cli->env->mem, NULL, e) != OK)
		return e->code;
	const struct json *rows = json_get(json_root(doc), "rows");
	bytes_init(&text, r->cli->env->mem);
	if (!rows || json_kind(rows) != JSON_ARRAY || json_count(rows) != 1 ||
	    json_kind(json_item(rows, 0)) != JSON_OBJECT) {
		ERR(e, E_IO, "the server answered with something else than one row");
	} else {
		put_row(&text, json_item(rows, 0), strcmp(format, "csv") == 0);
		fwrite(text.data, 1, text.len, r->cli->out.to);
	}
	bytes_close(&text);
	json_close(doc);
	return e->code;
}

/* ---- asking ---- */

static RC look(struct remote *r, const char *key, const char *stage, struct err *e)
{
	struct client_reply reply = {0};
	struct bytes path, name;
	bytes_init(&path, r->cli->env->mem);
	bytes_init(&name, r->cli->env->mem);
	enum rc rc = OK;
	if (stage)
		bytes_put_text(&name, stage);
	else
		rc = only_stage(r, &name, e);
	if (rc == OK) {
		remote_path(r, &path, "/state/");
		client_escape(&path, bytes_text(&name));
		bytes_put_text(&path, "?live=only&key=");
		client_escape(&path, key);
		rc = bytes_ok(&path) ? remote_get(r, bytes_text(&path), &reply, e)
				     : ERR(e, E_NO_MEMORY, "no memory for a request");
	}
	if (rc == OK)
		rc = print_row(r, &reply, e);
	else if (r->status == 409 || r->status == 503)
		rc = err_in(e, "not live (without --live the newest checkpoint is read)");
	client_reply_close(&reply);
	bytes_close(&name);
	bytes_close(&path);
	return rc;
}

/* A job's directory, named as one, in which nobody answers: no job of a server is meant. */
static RC somebody_runs(struct cli *c, const struct args *a, struct err *e)
{
	char path[LAYOUT_PATH_MAX];
	struct fs_stat st;
	struct err ignored = {0};
	const char *dir = a->place[1];
	if (args_has(a, "--dir") || args_has(a, "--server") ||
	    !layout_path(path, dir, NULL, LAYOUT_MANIFEST) ||
	    fs_stat(c->env->fs, path, &st, &ignored) != OK ||
	    !layout_path(path, dir, NULL, "weir.sock") ||
	    fs_stat(c->env->fs, path, &st, &ignored) == OK)
		return OK;
	return ERR(e, E_UNREACHABLE, "nobody runs the job of '%s' now; without --live its newest "
		   "checkpoint is read", dir);
}

int state_live(struct cli *c, const struct args *a)
{
	struct remote r = {0};
	struct err e = {0};
	struct args rest = *a; /* without the word before JOB */
	int code = 0;
	rest.n_places--;
	memmove(rest.place, rest.place + 1, rest.n_places * sizeof *rest.place);
	if (args_has(a, "--at"))
		(void)!ERR(&e, E_USAGE, "--live is as it is now, --at a checkpoint: one of them");
	else
		(void)!somebody_runs(c, a, &e);
	if (e.code != OK || remote_open_job(&r, c, &rest, &e) != OK ||
	    look(&r, a->place[2], args_text(a, "--stage", NULL), &e) != OK)
		code = r.cli ? remote_fail(&r, &e) : cli_fail(c, &e);
	remote_close(&r);
	return code;
}
