/* page.c - see page.h. */
#include "server/page.h"

#include "server/web.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ";q=0" in any spelling: not this one. */
static bool is_refused(const char *parameters, const char *end)
{
	const char *q = parameters + strspn(parameters, "; \t");
	if (q >= end || (*q != 'q' && *q != 'Q'))
		return false;
	q += 1 + strspn(q + 1, " \t");
	return q < end && *q == '=' && strtod(q + 1, NULL) <= 0;
}

bool page_takes_gzip(const char *accept)
{
	bool any = false;
	for (const char *at = accept; at && *at;) {
		at += strspn(at, ", \t");
		const char *end = at + strcspn(at, ",");
		size_t n = strcspn(at, ",; \t");
		bool taken = !is_refused(at + n, end);
		if (n == 4 && !strncasecmp(at, "gzip", 4))
			return taken;
		any |= n == 1 && *at == '*' && taken;
		at = end;
	}
	return any;
}

bool page_is_known(const char *if_none_match, const char *etag)
{
	size_t n = strlen(etag);
	for (const char *at = if_none_match; at && *at;) {
		at += strspn(at, ", \t");
		if (!strncmp(at, "W/", 2))
			at += 2;
		if (*at == '*' || !strncmp(at, etag, n))
			return true;
		at += strcspn(at, ",");
	}
	return false;
}

bool page_answer(struct http_request *r)
{
	char etag[64];
	const struct web_file *f = strcmp(http_method(r), "GET") ? NULL : web_find(http_path(r));
	if (!f)
		return false;
	/* Weak: the same for both forms of a file. */
	snprintf(etag, sizeof etag, "W/%s", f->etag);
	http_set_header(r, "ETag", etag);
	http_set_header(r, "Vary", "Accept-Encoding");
	http_set_header(r, "Cache-Control", "no-cache");
	if (page_is_known(http_header(r, "If-None-Match"), f->etag)) {
		http_answer_constant(r, 304, f->type, "", 0);
	} else if (page_takes_gzip(http_header(r, "Accept-Encoding"))) {
		http_set_header(r, "Content-Encoding", "gzip");
		http_answer_constant(r, 200, f->type, (const char *)f->gz, f->gz_len);
	} else {
		http_answer_constant(r, 200, f->type, (const char *)f->text, f->len);
	}
	return true;
}
