/* http_answer.c - what is read of a request, and what is given back: whole answers, and streams
 * whose unread output is bounded. See http.h.
 * An answer given within the handler goes straight to the library; one given later resumes the
 * connection that was suspended meanwhile. */
#include "server/http_in.h"

#include <stdio.h>
#include <string.h>

#define ANSWER_DEADLINE_US 300000000 /* to read an answer, by feel: a person may page it */
#define STREAM_PIECE 4096            /* of a stream to an HTTP/1.0 client; others: what fits */
#define STREAM_KEEP (64u << 10)      /* memory an empty stream may keep */

const char *http_method(const struct http_request *r)
{
	return r->method;
}

const char *http_path(const struct http_request *r)
{
	return r->target.path;
}

const char *http_query(const struct http_request *r, const char *key, unsigned i)
{
	for (unsigned k = 0; k < r->target.n; k++)
		if (strcmp(r->target.params[k].name, key) == 0 && i-- == 0)
			return r->target.params[k].value;
	return NULL;
}

const char *http_query_name(const struct http_request *r, unsigned i)
{
	return i < r->target.n ? r->target.params[i].name : NULL;
}

const char *http_header(const struct http_request *r, const char *name)
{
	return r->http->mhd.lookup(r->conn->mhd, MHD_HEADER_KIND, name);
}

const char *http_body(const struct http_request *r, size_t *len)
{
	*len = r->body.len;
	return (const char *)r->body.data;
}

struct header_count {
	const char *name;
	unsigned n;
};

static enum MHD_Result count_header(void *arg, enum MHD_ValueKind kind, const char *name,
				    const char *value)
{
	struct header_count *c = arg;
	(void)kind;
	(void)value;
	c->n += !strcasecmp(name, c->name);
	return MHD_YES;
}

unsigned http_header_count(const struct http_request *r, const char *name)
{
	struct header_count c = {.name = name};
	r->http->mhd.values(r->conn->mhd, MHD_HEADER_KIND, count_header, &c);
	return c.n;
}

bool http_has_body(const struct http_request *r)
{
	const char *length = http_header(r, "Content-Length");
	return (length && strcmp(length, "0")) || http_header(r, "Transfer-Encoding");
}

void http_know(struct http_request *r)
{
	r->conn->known = true;
}

struct mem *http_mem(const struct http_request *r)
{
	return r->http->mem;
}

void http_set_context(struct http_request *r, void *context)
{
	r->context = context;
}

void *http_context(const struct http_request *r)
{
	return r->context;
}

/* ---- answers ---- */

/* What a browser must hold to, whatever it is sent: nothing of elsewhere is loaded or run, nobody
 * puts it into a frame, a type is what it says, and no other site learns or reads anything. */
static const struct http_own_header every_answer[] = {
	{"Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'none'; "
				    "frame-ancestors 'none'; object-src 'none'"},
	{"X-Content-Type-Options", "nosniff"},
	{"Referrer-Policy", "no-referrer"},
	{"Cross-Origin-Opener-Policy", "same-origin"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
};

void http_set_header(struct http_request *r, const char *name, const char *value)
{
	CHECK(r->n_headers < HTTP_OWN_HEADERS_MAX);
	r->header[r->n_headers++] = (struct http_own_header){name, value};
}

static bool put_headers(const struct http_request *r, const char *type,
			struct MHD_Response *response)
{
	const struct http_library *m = &r->http->mhd;
	bool kept = false, ok = true;
	for (size_t i = 0; i < ARRAY_LEN(every_answer) && ok; i++)
		ok = m->add_header(response, every_answer[i].name, every_answer[i].value) == MHD_YES;
	for (unsigned i = 0; i < r->n_headers && ok; i++) {
		kept |= !strcmp(r->header[i].name, "Cache-Control");
		ok = m->add_header(response, r->header[i].name, r->header[i].value) == MHD_YES;
	}
	return ok && m->add_header(response, "Content-Type", type) == MHD_YES &&
	       (kept || m->add_header(response, "Cache-Control", "no-store") == MHD_YES) &&
	       (!(r->fault || r->last) || m->add_header(response, "Connection", "close") == MHD_YES);
}

/* Takes response; NULL: there was no memory for it, and the client is hung up on. */
static void queue(struct http_request *r, unsigned status, const char *type,
		  struct MHD_Response *response)
{
	struct http_library *m = &r->http->mhd;
	CHECK(r->state != REQUEST_ANSWERED);
	r->state = REQUEST_ANSWERED;
	bytes_close(&r->body);
	/* A broken one is on its way out; it hears of nothing any more. */
	bool done = response && !r->conn->broken && put_headers(r, type, response) &&
		    m->queue(r->conn->mhd, status, response) == MHD_YES;
	if (response)
		m->destroy(response);
	if (done)
		request_resume(r);
	else
		conn_break(r->conn);
}

static void answer(struct http_request *r, unsigned status, const char *type, const char *body,
		   size_t len, enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *response = r->http->mhd.buffer_response(len, (void *)body, mode);
	conn_deadline(r->conn, ANSWER_DEADLINE_US);
	queue(r, status, type, response);
}

void http_answer(struct http_request *r, unsigned status, const char *type, const char *body,
		 size_t len)
{
	answer(r, status, type, body, len, MHD_RESPMEM_MUST_COPY);
}

void http_answer_constant(struct http_request *r, unsigned status, const char *type,
			  const char *body, size_t len)
{
	answer(r, status, type, body, len, MHD_RESPMEM_PERSISTENT);
}

void http_answer_error(struct http_request *r, unsigned status, const char *code,
		       const char *message)
{
	char text[256];
	int n = snprintf(text, sizeof text, "{\"code\": \"%s\", \"message\": \"%s\", \"at\": null}\n",
			 code, message);
	CHECK(n > 0 && n < (int)sizeof text);
	http_answer(r, status, "application/json", text, (size_t)n);
}

void http_answer_late(struct http_request *r)
{
	http_answer_error(r, r->late.status, r->late.code, r->late.message);
}

/* In the handler's first call the library takes an answer, or an order to wait. */
void http_turn_away(struct http_request *r, unsigned status, const char *code,
		    const char *message, uint64_t after_us)
{
	CHECK(r->state == REQUEST_RECEIVED);
	r->http->counts.refused++;
	r->last = true;
	r->late.status = status;
	r->late.code = code;
	r->late.message = message;
	if (!after_us) {
		http_answer_late(r);
		return;
	}
	r->state = REQUEST_LATE;
	conn_deadline(r->conn, after_us);
	request_suspend(r);
}

/* ---- streams ---- */

size_t http_stream_unread(const struct http_stream *s)
{
	return s->out.len - s->at;
}

static void stream_take(struct http_stream *s, size_t len)
{
	s->at += len;
	if (http_stream_unread(s))
		return;
	s->at = 0;
	if (s->out.cap > STREAM_KEEP)
		bytes_close(&s->out);
	else
		bytes_clear(&s->out);
}

/* The library asks for more. With nothing to give, the connection sleeps until there is. */
static ssize_t on_more(void *arg, uint64_t position, char *to, size_t size)
{
	struct http_stream *s = arg;
	struct http_request *r = s->request;
	(void)position;
	r->http->progress++;
	if (r->conn->broken)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	size_t n = http_stream_unread(s) < size ? http_stream_unread(s) : size;
	if (n) {
		memcpy(to, s->out.data + s->at, n);
		stream_take(s, n);
		return (ssize_t)n;
	}
	if (s->ended) {
		if (r->old)
			conn_break(r->conn); /* everything is sent */
		return MHD_CONTENT_READER_END_OF_STREAM;
	}
	request_suspend(r);
	return 0;
}

RC http_stream_open(struct http_stream **out, struct http_request *r, const char *type,
		    void (*gone)(void *arg), void *arg, struct err *e)
{
	struct http_library *m = &r->http->mhd;
	struct http_stream *s = *out = mem_get(r->http->mem, sizeof *s);
	struct MHD_Response *response = NULL;
	/* To HEAD, a head only: it is sent, and then the stream is told that the client is gone. */
	if (s && r->head)
		response = m->buffer_response(0, (void *)"", MHD_RESPMEM_PERSISTENT);
	else if (s)
		response = m->callback_response(MHD_SIZE_UNKNOWN, STREAM_PIECE, on_more, s, NULL);
	if (!response) {
		mem_put(r->http->mem, s);
		*out = NULL;
		http_answer_error(r, 503, "E_LIMIT", "no memory for the stream");
		return ERR(e, E_NO_MEMORY, "no memory for a stream");
	}
	s->request = r;
	s->gone = gone;
	s->arg = arg;
	bytes_init(&s->out, r->http->mem);
	r->stream = s;
	conn_deadline(r->conn, r->head ? ANSWER_DEADLINE_US : 0);
	queue(r, 200, type, response);
	return OK;
}

bool http_stream_put(struct http_stream *s, const char *data, size_t len)
{
	struct http_request *r = s->request;
	CHECK(!s->ended);
	if (r->conn->broken)
		return false;
	if (r->head)
		return true;
	if (s->at && s->at >= http_stream_unread(s)) {
		memmove(s->out.data, s->out.data + s->at, http_stream_unread(s));
		s->out.len = http_stream_unread(s);
		s->at = 0;
	}
	bool fits = len <= HTTP_STREAM_MAX - http_stream_unread(s);
	if (fits)
		bytes_put(&s->out, data, len);
	if (!fits || !bytes_ok(&s->out)) {
		r->http->counts.refused++;
		conn_break(r->conn);
		return false;
	}
	if (len)
		request_resume(r);
	return true;
}

void http_stream_end(struct http_stream *s)
{
	CHECK(!s->ended);
	s->ended = true;
	conn_deadline(s->request->conn, ANSWER_DEADLINE_US);
	request_resume(s->request);
}

void stream_over(struct http_stream *s)
{
	struct mem *mem = s->request->http->mem;
	s->request->stream = NULL;
	if (!s->ended && s->gone)
		s->gone(s->arg);
	bytes_close(&s->out);
	mem_put(mem, s);
}
