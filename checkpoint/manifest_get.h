/* manifest_get.h - typed values out of a manifest's JSON, with everything checked on the way.
 * Why sticky: a decoder of sixty keys reads as a list when only its end asks whether all went well.
 * The first thing found wrong stands in the decoder; from then on every getter gives its empty
 * value. For the decoder's files only (manifest_format.h). */
#pragma once
#include "base/json.h"
#include "checkpoint/manifest.h"

struct decoder {
	struct manifest *m;
	enum rc rc;
	struct err *e;
};

#define WRONG(d, ...)                                                                              \
	((void)((d)->rc == OK ? ((d)->rc = ERR((d)->e, E_CORRUPT, __VA_ARGS__)) : OK))

void mget_no_memory(struct decoder *d);

/* A key that is not there gives the default (nothing, 0, "", false), unless it is needed. */
enum need { MAY, MUST };
const struct json *mget(struct decoder *d, const struct json *o, const char *key,
			enum json_kind kind, enum need need);
/* v itself as a number from 0 on; key names it in errors. */
uint64_t mget_number(struct decoder *d, const struct json *v, const char *key);
uint64_t mget_uint(struct decoder *d, const struct json *o, const char *key, enum need need,
		   uint64_t most);
/* The manifest's own copy, at most `most` bytes; MUST: not empty. */
const char *mget_text(struct decoder *d, const struct json *o, const char *key, enum need need,
		      size_t most);
/* Exactly that many small hexadecimal digits; `otherwise` when it is not there. */
uint64_t mget_hex(struct decoder *d, const struct json *o, const char *key, enum need need,
		  size_t digits, uint64_t otherwise);
bool mget_true(struct decoder *d, const struct json *o, const char *key);
/* An identity, 36 characters. */
void mget_uuid(struct decoder *d, const struct json *o, char to[UUID_TEXT]);
size_t mget_count(const struct json *list); /* list may be NULL */

/* Refuses keys that are not among the names, and things that are no object. */
bool mget_only(struct decoder *d, const struct json *o, const char *what, const char *const *names,
	       size_t n);
#define ONLY(d, o, what, ...)                                                                      \
	mget_only(d, o, what, (const char *const[]){__VA_ARGS__},                                  \
	     sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))
/* Sorts names; a name twice is wrong. */
void mget_distinct(struct decoder *d, const char **name, size_t n, const char *what);
