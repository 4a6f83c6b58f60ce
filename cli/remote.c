/* remote.c - see remote.h. */
#include "cli/remote.h"

#include "base/check.h"
#include "base/json.h"
#include "base/schema.h"
#include "cli/scan.h"

#include <stdlib.h>

RC remote_open(struct remote *r, struct cli *c, const struct args *a, struct err *e)
{
	const char *home = getenv("WEIR_DIR");
	*r = (struct remote){.cli = c, .args = a, .json = args_has(a, "--json"),
			     .server = args_text(a, "--server", NULL),
			     .dir = args_text(a, "--dir", home && *home ? home : REMOTE_DIR)};
	bytes_init(&r->refusal, c->env->mem);
	if (r->server && args_has(a, "--dir"))
		return ERR(e, E_USAGE, "--dir and --server: one of them");
	return client_open(&r->client, r->dir, r->server, c->env->mem, e);
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

/* ---- the names there are ---- */

#define NAMES_MAX 20000 /* by feel: twice the jobs a catalogue is measured with */

struct names {
	struct client_reply reply; /* holds the list */
	char (*text)[REMOTE_NAME_MAX + 1];
	const char **at;
	size_t n;
};

static void names_close(struct names *l, struct mem *mem)
{
	client_reply_close(&l->reply);
	mem_put(mem, l->text);
	mem_put(mem, l->at);
	*l = (struct names){0};
}

static void names_read(struct names *l, size_t room)
{
	struct scan s = scan_of(bytes_text(&l->reply.body), l->reply.body.len);
	struct slice key;
	if (!scan_object(&s))
		return;
	while (scan_member(&s, &key)) {
		if (!slice_is(key, "jobs") || !scan_array(&s)) {
			scan_value(&s);
			continue;
		}
		while (scan_item(&s) && scan_object(&s))
			while (scan_member(&s, &key)) {
				struct slice v = scan_value(&s);
				if (!slice_is(key, "name") || l->n == room)
					continue;
				slice_text(v, l->text[l->n], sizeof l->text[0]);
				l->at[l->n] = l->text[l->n];
				l->n++;
			}
	}
}

static enum rc names_get(struct names *l, struct remote *r, struct err *e)
{
	struct mem *mem = r->cli->env->mem;
	*l = (struct names){0};
	if (remote_get(r, "/v1/jobs", &l->reply, e) != OK)
		goto fail;
	/* A job has more than 32 bytes in the list. */
	size_t room = l->reply.body.len / 32 + 1;
	if (room > NAMES_MAX)
		room = NAMES_MAX;
	l->text = mem_get(mem, room * sizeof l->text[0]);
	l->at = mem_get(mem, room * sizeof l->at[0]);
	if (!l->text || !l->at) {
		err_set(e, E_NO_MEMORY, "no memory for the names of the jobs");
		goto fail;
	}
	names_read(l, room);
	return OK;
fail:
	names_close(l, mem);
	return e->code;
}

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
	if (!r->args->n_places)
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

/* ---- saying ---- */

/* What a job file's faults look like, from the server; NULL: the refusal is another. Borrowed from
 * *doc. */
static const char *refusal_text(struct remote *r, struct json_doc **doc)
{
	struct err ignored = {0};
	size_t len;
	*doc = NULL;
	if (!r->refusal.len || json_parse(doc, bytes_text(&r->refusal), r->refusal.len,
					  r->cli->env->mem, NULL, &ignored) != OK)
		return NULL;
	const struct json *text = json_get(json_root(*doc), "text");
	return text && json_kind(text) == JSON_STRING ? json_string(text, &len) : NULL;
}

static void print_error_json(struct remote *r, const struct err *e)
{
	struct bytes text;
	struct json_out o;
	if (r->refusal.len) {
		fprintf(r->cli->out.to, "%s\n", bytes_text(&r->refusal));
		return;
	}
	bytes_init(&text, r->cli->env->mem);
	jout_begin(&o, &text, false);
	jout_object(&o);
	jout_kv_string(&o, "code", err_name(e->code));
	jout_kv_string(&o, "message", e->text);
	jout_key(&o, "at");
	jout_null(&o);
	jout_object_end(&o);
	fprintf(r->cli->out.to, "%s\n", bytes_text(&text));
	bytes_close(&text);
}

/* A job that is not there: which one may have been meant, or where to look. */
static void fail_not_found(struct remote *r, const struct err *e)
{
	struct names l;
	struct err shown = *e, ignored = {0};
	char command[REMOTE_COMMAND];
	size_t n = strlen(shown.text);
	if (names_get(&l, r, &ignored) == OK) {
		const char *close = closest_name(r->job, l.at, l.n);
		if (close)
			snprintf(shown.text + n, sizeof shown.text - n, "; did you mean '%s'?", close);
		else if (!l.n)
			snprintf(shown.text + n, sizeof shown.text - n, "; there are no jobs here");
		else if (!strstr(shown.text, "weir list"))
			snprintf(shown.text + n, sizeof shown.text - n, "; those there are: %.200s",
				 remote_command(r, command, "list", NULL));
		names_close(&l, r->cli->env->mem);
	}
	cli_fail(r->cli, &shown);
}

int remote_fail(struct remote *r, const struct err *e)
{
	struct json_doc *doc;
	if (r->json) {
		print_error_json(r, e);
		return err_exit_code(e->code);
	}
	const char *text = refusal_text(r, &doc);
	fflush(r->cli->out.to);
	if (text)
		fputs(text, r->cli->err.to);
	else if (e->code == E_NOT_FOUND && r->job[0] && r->status == 404 &&
		 !strstr(e->text, "did you mean"))
		fail_not_found(r, e);
	else
		cli_fail(r->cli, e);
	json_close(doc);
	return err_exit_code(e->code);
}

/* A path as a shell takes it. */
static size_t quote(char *to, size_t size, const char *path)
{
	bool plain = strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				  "_-./:+,@%=") == strlen(path);
	size_t n = 0;
	if (!plain)
		to[n++] = '\'';
	for (const char *p = path; *p && n + 6 < size; p++) {
		if (*p == '\'') {
			memcpy(to + n, "'\\''", 4);
			n += 4;
		} else {
			to[n++] = *p;
		}
	}
	if (!plain)
		to[n++] = '\'';
	to[n] = '\0';
	return n;
}

const char *remote_command(const struct remote *r, char to[REMOTE_COMMAND], const char *verb,
			   const char *job)
{
	int n = snprintf(to, REMOTE_COMMAND, "weir %s%s%s", verb, job ? " " : "", job ? job : "");
	const char *option = r->server ? "--server" : "--dir";
	const char *where = args_text(r->args, option, NULL);
	if (where && n > 0 && n + 16 < REMOTE_COMMAND) {
		n += snprintf(to + n, REMOTE_COMMAND - (size_t)n, " %s ", option);
		quote(to + n, REMOTE_COMMAND - (size_t)n, where);
	}
	return to;
}

void remote_print(struct remote *r, const struct client_reply *reply)
{
	size_t len = reply->body.len;
	while (len && reply->body.data[len - 1] == '\n')
		len--;
	fwrite(reply->body.data, 1, len, r->cli->out.to);
	fputc('\n', r->cli->out.to);
}

void remote_print_event(struct remote *r, const char *event, const char *data)
{
	fprintf(r->cli->out.to, "{\"event\": \"%s\", \"data\": %s}\n", event, data);
	fflush(r->cli->out.to);
}

/* The byte behind `columns` characters of text, or NULL: it has no more than that. */
static const char *column(const char *text, size_t columns)
{
	size_t n = 0;
	for (const char *p = text; *p; p++)
		if (((unsigned char)*p & 0xC0) != 0x80 && n++ == columns)
			return p;
	return NULL;
}

void remote_put_plain(struct bytes *to, const char *text, size_t columns)
{
	bool cut = columns && column(text, columns);
	const char *end = cut ? column(text, columns > 3 ? columns - 3 : 0) : NULL;
	for (const char *p = text; *p && p != end; p++) {
		bool control = (unsigned char)*p < 0x20 || *p == 0x7F;
		/* U+0080 to U+009F are controls too: two bytes, 0xC2 and the code itself. */
		control |= (unsigned char)*p == 0xC2 && (unsigned char)p[1] >= 0x80 &&
			   (unsigned char)p[1] < 0xA0;
		if (control && (unsigned char)*p == 0xC2)
			p++;
		bytes_put_u8(to, control ? (*p == '\n' ? ' ' : '?') : (uint8_t)*p);
	}
	if (cut)
		bytes_put(to, "...", columns < 3 ? columns : 3);
}

bool remote_state_is_final(const char *state)
{
	static const char *const final[] = {"STOPPED", "CANCELLED", "FINISHED", "FAILED"};
	for (size_t i = 0; i < ARRAY_LEN(final); i++)
		if (!strcmp(state, final[i]))
			return true;
	return false;
}

const char *remote_state_colour(const struct paint *p, const char *state)
{
	if (!strcmp(state, "FAILED"))
		return paint_on(p, PAINT_RED);
	if (!strcmp(state, "WAITING") || !strcmp(state, "CANCELLED"))
		return paint_on(p, PAINT_YELLOW);
	if (!strcmp(state, "RUNNING") || !strcmp(state, "FINISHED"))
		return paint_on(p, PAINT_GREEN);
	return paint_on(p, PAINT_DIM);
}
