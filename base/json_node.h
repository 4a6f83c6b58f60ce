/* json_node.h - how a document stands in memory; base/ only.
 * A document is four allocations: the text, the nodes (in the order of the text), the containers'
 * arrays of children, and the strings, which never take more room than they take in the text. What
 * json_put and json_set_string add stands in allocations of its own. */
#pragma once
#include "base/json_scan.h"

struct json {
	struct json_doc *doc; /* whose text the places count in */
	struct json_text_at at, key_at;
	const char *key; /* NULL when not a member */
	enum json_kind kind;
	bool plain; /* a string given as it is: no quotes, no escapes */
	union {
		bool b;
		int64_t i;
		double d;
		struct {
			const char *p;
			size_t len;
			struct rewritten *old;
		} s;
		struct {
			struct json **kid;
			size_t n;
		} c;
	};
};

/* What json_set_string replaced; from[] follows. */
struct rewritten {
	const char *p;
	size_t len;
	uint32_t from[];
};

/* An allocation that lives as long as the document: json_put and json_set_string make them. */
struct extra {
	struct extra *next;
	_Alignas(16) unsigned char data[];
};

struct json_doc {
	struct mem *mem;
	struct json_text text;
	char *own_text, *own_name, *strings;
	struct json *node;
	struct json **kids;
	struct extra *extras;
	struct json_doc *given; /* documents made by json_put, linked by `next` */
	struct json_doc *next;
};

/* Parses [from, from + len) of doc's text into its nodes. */
RC json_parse_range(struct json_doc *doc, size_t from, size_t len, struct json_at *at,
		    struct err *e);
/* A document with a copy of the text and name (may be NULL), and no nodes yet; NULL: no memory. */
struct json_doc *json_doc_new(struct mem *mem, const char *name, const char *text, size_t len);
