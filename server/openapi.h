/* openapi.h - the interface described for programs: an OpenAPI 3.1 document, made from the table of
 * routes, so that it cannot tell of a path or a parameter that is not there, nor keep one back.
 * What parameters and answers look like stands in openapi_words.c. Pure. */
#pragma once
#include "base/json.h"

/* One value. */
void openapi_write(const char *version, struct json_out *o);
/* Whether every parameter of every route is described, and every answer; else which is not. */
bool openapi_is_whole(const char **missing);
