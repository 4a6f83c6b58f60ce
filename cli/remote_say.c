/* remote_say.c - what a server said, and what went wrong there, as a person or a program wants
 * it. */
#include "cli/remote_names.h"

#include "base/check.h"
#include "base/json.h"
#include "base/schema.h"
#include "server/api.h"

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
	if (r->refusal.len) {
		fprintf(r->cli->out.to, "%s\n", bytes_text(&r->refusal));
		return;
	}
	bytes_init(&text, r->cli->env->mem);
	api_error(&text, e);
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
	static const char *const url[] = {"--server", "--token-file", "--tls-ca", NULL};
	static const char *const dir[] = {"--dir", NULL};
	for (const char *const *option = r->server ? url : dir; *option; option++) {
		const char *where = r->place_dir ? r->place_dir : args_text(r->args, *option, NULL);
		if (!where || n <= 0 || n + 32 >= REMOTE_COMMAND)
			continue;
		n += snprintf(to + n, REMOTE_COMMAND - (size_t)n, " %s ", *option);
		n += (int)quote(to + n, REMOTE_COMMAND - (size_t)n, where);
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
