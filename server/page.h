/* page.h - the page's files as answers: compressed for who takes that, and not at all for who has
 * them already (ETag). Threads: the loop's. */
#pragma once
#include "server/http.h"

/* True: r asked for one of them, and is answered. */
bool page_answer(struct http_request *r);
/* Whether an Accept-Encoding takes gzip; NULL (none said): no. Pure. */
bool page_takes_gzip(const char *accept);
/* Whether an If-None-Match names the ETag (in its quotes, weak or not), or says '*'. Pure. */
bool page_is_known(const char *if_none_match, const char *etag);
