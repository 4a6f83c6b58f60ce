/* secret.h - a secret by reference: "env:NAME" or "file:/path" stands in the job file, never what
 * is secret.
 * Pure. */
#pragma once
#include "base/json.h"

#define SECRETS_MAX 32 /* of one object; by feel */

enum secret_by { SECRET_ENV, SECRET_FILE };

struct secret_ref {
	enum secret_by by;
	const char *where; /* a name of the environment, or a path; borrowed of the node */
};

/* False: it is no reference. */
bool secret_ref_parse(struct secret_ref *r, const struct json *v);
/* [A-Za-z_][A-Za-z0-9_]*, at most 64 of them: a name of the environment. */
bool secret_name_ok(const char *name);
