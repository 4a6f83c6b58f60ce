/* openapi_in.h - the words of the description that no table of routes knows. server/openapi*.c
 * only. */
#pragma once
#include "server/openapi.h"
#include "server/routes.h"

/* A parameter, the same wherever it is read. */
struct openapi_param {
	const char *name;
	const char *schema; /* JSON */
	const char *says;
	bool is_needed, is_list;
};
/* By the name in a query, or with its {} in a path; NULL: it is not described. */
const struct openapi_param *openapi_param(const char *name, size_t len);

/* What a route answers when it does what it was asked. */
struct openapi_answer {
	enum api_what what;
	unsigned status;
	const char *type;   /* of its body */
	const char *schema; /* among those below; NULL: text */
};
const struct openapi_answer *openapi_answer(const struct route *r);

/* What a POST of an action answers who wants to follow it; NULL: it is none. */
const struct openapi_answer *openapi_answer_followed(const struct route *r);

/* What it answers when it does not: REST.md's table of errors. */
struct openapi_refusal {
	unsigned status;
	const char *says;
	bool of_bodies, of_rescale; /* only where a body is taken; and of that */
};
const struct openapi_refusal *openapi_refusal(const struct route *r, size_t i); /* NULL: the end */
bool openapi_has_body(const struct route *r);
bool openapi_is_needed(const struct openapi_param *p, const struct route *r); /* of its query */

/* The i-th shape; NULL at the end. Its members, each "name:kind", are split by blanks; kind:
 * s(tring) i(nteger) n(umber) b(oolean) o(bject) x (anything), or #SHAPE; * behind it: a list of
 * these; ? at the end: or null; ~ before the name: may be absent. */
struct openapi_shape {
	const char *name, *members;
};
const struct openapi_shape *openapi_shape(size_t i);
