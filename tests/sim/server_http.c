/* server_http.c - HTTP as a simulated server has it: one client, one request at a time, and every
 * answer counted. See server_world.h. */
#include "tests/sim/server_world_in.h"

struct http {
	struct http_config c;
};

struct http_stream {
	struct http_request *r;
	void (*gone)(void *arg);
	void *arg;
};

INSTEAD(enum rc, http_open, struct http **h, const struct http_config *c, struct err *e)
{
	(void)e;
	*h = server_world_get(sizeof **h);
	(*h)->c = *c;
	the_world->http = *h;
	the_world->s = c->arg;
	return OK;
}

/* Clients whose request was kept are told to their server as gone. */
INSTEAD(void, http_close, struct http *h)
{
	struct http_request *r = the_world->kept;
	the_world->kept = NULL;
	if (r && r->stream) {
		r->stream->gone(r->stream->arg);
		free(r->stream);
		r->stream = NULL;
	} else if (r && !r->answers && h->c.gone) {
		h->c.gone(h->c.arg, r);
	}
	the_world->http = NULL;
	the_world->s = NULL;
	free(h);
}

void server_world_ask(struct server_world *sw, struct http_request *r)
{
	CHECK(!sw->kept && !r->asked);
	r->asked = true;
	sw->kept = r;
	sw->http->c.handler(sw->http->c.arg, r);
}

INSTEAD(const char *, http_method, const struct http_request *r)
{
	return r->method;
}

INSTEAD(const char *, http_path, const struct http_request *r)
{
	return r->path;
}

INSTEAD(const char *, http_query, const struct http_request *r, const char *key, unsigned i)
{
	for (size_t k = 0; k < ARRAY_LEN(r->key) && r->key[k]; k++)
		if (!strcmp(r->key[k], key) && i == 0)
			return r->value[k];
	return NULL;
}

INSTEAD(const char *, http_query_name, const struct http_request *r, unsigned i)
{
	return i < ARRAY_LEN(r->key) ? r->key[i] : NULL;
}

INSTEAD(const char *, http_header, const struct http_request *r, const char *name)
{
	return r->streams && !strcmp(name, "Accept") ? "text/event-stream" : NULL;
}

INSTEAD(const char *, http_body, const struct http_request *r, size_t *len)
{
	*len = r->body ? strlen(r->body) : 0;
	return r->body ? r->body : "";
}

INSTEAD(struct mem *, http_mem, const struct http_request *r)
{
	(void)r;
	return &the_world->mem;
}

INSTEAD(void, http_set_context, struct http_request *r, void *context)
{
	r->context = context;
}

INSTEAD(void *, http_context, const struct http_request *r)
{
	return r->context;
}

/* The error in a JSON text of the API, by its names. */
static void take_error(struct http_request *r, const char *text, const char *key)
{
	const char *code = strstr(text, "\"code\":\""), *says = strstr(text, key);
	r->rc = E_IO;
	for (unsigned c = OK + 1; code && c <= E_CRASHED; c++) {
		const char *name = err_name((enum rc)c);
		if (!strncmp(code + 8, name, strlen(name)) && code[8 + strlen(name)] == '"')
			r->rc = (enum rc)c;
	}
	snprintf(r->text, sizeof r->text, "%s", says ? says : text);
}

INSTEAD(void, http_answer, struct http_request *r, unsigned status, const char *type,
	const char *body, size_t len)
{
	char text[SERVER_TEXT_MAX];
	(void)type;
	if (server_world_is_dead())
		return;
	WORLD_CHECK(&the_world->w, !r->answers++ && r == the_world->kept);
	snprintf(text, sizeof text, "%.*s", (int)len, body);
	the_world->kept = NULL;
	r->status = status;
	r->over = true;
	if (status >= 300)
		take_error(r, text, "\"message\":");
}

INSTEAD(enum rc, http_stream_open, struct http_stream **s, struct http_request *r, const char *type,
	void (*gone)(void *arg), void *arg, struct err *e)
{
	(void)type;
	(void)e;
	*s = r->stream = server_world_get(sizeof **s);
	**s = (struct http_stream){.r = r, .gone = gone, .arg = arg};
	WORLD_CHECK(&the_world->w, !r->answers++ && r == the_world->kept);
	r->status = 200;
	return OK;
}

INSTEAD(bool, http_stream_put, struct http_stream *s, const char *data, size_t len)
{
	char text[4096];
	if (server_world_is_dead())
		return true;
	snprintf(text, sizeof text, "%.*s", (int)len, data);
	if (!strstr(text, "event: action\n"))
		return true;
	WORLD_CHECK(&the_world->w, !s->r->outcomes++);
	if (strstr(text, "\"state\":\"failed\""))
		take_error(s->r, text, "\"error\":");
	else
		WORLD_CHECK(&the_world->w, strstr(text, "\"state\":\"done\""));
	return true;
}

INSTEAD(void, http_stream_end, struct http_stream *s)
{
	struct http_request *r = s->r;
	r->stream = NULL;
	free(s);
	if (server_world_is_dead())
		return;
	WORLD_CHECK(&the_world->w, r->outcomes == 1 && r == the_world->kept);
	the_world->kept = NULL;
	r->over = true;
}
