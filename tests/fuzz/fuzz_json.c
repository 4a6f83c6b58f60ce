/* fuzz_json.c - JSON texts: what one of the two readers takes, the other one takes too; what was
 * read is written, and reads as the same. */
#include "base/json.h"
#include "cli/scan.h"
#include "tests/fuzz/fuzz.h"

static void write_all(struct json_doc *doc, bool pretty, struct bytes *to)
{
	struct json_out o;
	jout_begin(&o, to, pretty);
	jout_json(&o, json_root(doc), false);
}

static void goes_around(struct json_doc *doc, struct mem *mem)
{
	struct json_doc *again = NULL;
	struct bytes a, b;
	struct err e = {OK};
	bytes_init(&a, mem);
	bytes_init(&b, mem);
	write_all(doc, true, &a);
	HOLDS(bytes_ok(&a));
	HOLDS_RC(json_parse(&again, (const char *)a.data, a.len, mem, NULL, &e), &e, false);
	write_all(again, true, &b);
	HOLDS(fuzz_same(&a, &b));
	json_close(again);
	bytes_close(&a);
	bytes_close(&b);
}

/* Each value within the text, none read past its end. */
static void walk(struct scan *s, const char *text, size_t size, int depth)
{
	struct slice key;
	char name[40];
	if (depth && scan_object(s)) {
		while (scan_member(s, &key)) {
			HOLDS(key.at >= text && key.at + key.len <= text + size);
			walk(s, text, size, depth - 1);
		}
	} else if (depth && scan_array(s)) {
		while (scan_item(s))
			walk(s, text, size, depth - 1);
	} else {
		struct slice v = scan_value(s);
		HOLDS(!v.len || (v.at >= text && v.at + v.len <= text + size));
		(void)slice_int(v, 0);
		HOLDS(slice_text(v, name, sizeof name) < sizeof name);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem mem;
	struct json_doc *doc = NULL;
	struct json_at at = {0};
	struct err e = {OK};
	char *text = malloc(size ? size : 1); /* no NUL behind it */
	HOLDS(text);
	if (size)
		memcpy(text, data, size);
	fuzz_open(&mem);
	enum rc rc = json_parse(&doc, text, size, &mem, &at, &e);
	HOLDS_RC(rc, &e, rc == E_INVALID && at.offset <= size && at.offset + at.len <= size);
	struct scan s = scan_of(text, size);
	(void)scan_value(&s);
	HOLDS(rc != OK || !s.failed);
	s = scan_of(text, size);
	walk(&s, text, size, SCAN_DEPTH_MAX + 2);
	HOLDS(rc != OK || !s.failed);
	if (rc == OK)
		goes_around(doc, &mem);
	json_close(doc);
	free(text);
	fuzz_close(&mem);
	return 0;
}
