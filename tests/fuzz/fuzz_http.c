/* fuzz_http.c - requests: "METHOD TARGET", and behind a line end the Accept header. Targets are
 * cut and unescaped as in the server; routes take them or answer in REST.md's shape. The library
 * itself is not here (unit/server/test_http): what asks it is replaced at the linker. */
#include "base/json.h"
#include "server/api.h"
#include "server/http_in.h"
#include "tests/fuzz/fuzz.h"

struct request {
	struct http_request r;
	const char *accept;
	struct mem *mem;
	unsigned answers, status;
};

static const struct request *of(const struct http_request *r)
{
	return (const struct request *)r;
}

#define INSTEAD(type, name, ...)                                                                   \
	type __wrap_##name(__VA_ARGS__);                                                           \
	type __wrap_##name(__VA_ARGS__)

INSTEAD(const char *, http_header, const struct http_request *r, const char *name)
{
	return strcmp(name, "Accept") ? NULL : of(r)->accept;
}

INSTEAD(struct mem *, http_mem, const struct http_request *r)
{
	return of(r)->mem;
}

INSTEAD(void, http_answer, struct http_request *r, unsigned status, const char *type,
	const char *body, size_t len)
{
	struct request *q = (struct request *)r;
	struct json_doc *doc = NULL;
	struct err e = {OK};
	q->answers++;
	q->status = status;
	HOLDS(!strcmp(type, "application/json"));
	HOLDS_RC(json_parse(&doc, body, len, q->mem, NULL, &e), &e, false);
	HOLDS(json_get(json_root(doc), "code") && json_get(json_root(doc), "message"));
	json_close(doc);
}

/* What was taken is within its bounds, and borrowed from the request. */
static void taken(const struct api_call *c)
{
	HOLDS(c->parallelism <= 32768 && c->tail <= API_TAIL_MAX && c->n_sets <= ENTRY_SETS_MAX);
	HOLDS(!c->file || c->file[0] == '/');
	HOLDS(!c->job[0] || entry_name_ok(c->job));
	for (unsigned i = 0; i < c->n_sets; i++)
		HOLDS(c->set[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem mem;
	char *text = fuzz_text(data, size), *accept = strchr(text, '\n');
	if (accept)
		*accept++ = '\0';
	char *target = strchr(text, ' ');
	if (target)
		*target++ = '\0';
	else
		target = text + strlen(text);
	fuzz_open(&mem);
	struct request q = {.accept = accept, .mem = &mem,
			    .r = {.method = text, .state = REQUEST_HANDLED}};
	struct api_call c;
	const char *why = http_target_parse(&q.r.target, target, &mem);
	HOLDS(why != http_target_no_memory);
	if (!why) {
		for (unsigned i = 0; i < q.r.target.n; i++) /* none was made longer */
			HOLDS(strlen(q.r.target.params[i].value) <= strlen(target));
		if (api_take(&c, &q.r)) {
			HOLDS(!q.answers);
			taken(&c);
		} else {
			HOLDS(q.answers == 1 && q.status >= 400 && q.status < 500);
		}
	}
	http_target_close(&q.r.target, &mem);
	free(text);
	fuzz_close(&mem);
	return 0;
}
