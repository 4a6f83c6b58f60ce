/* test_openapi.c - the description has every route and no other, and what it points to is there. */
#include "server/openapi.h"
#include "server/routes.h"

#include "tests/lib/test.h"

#include <ctype.h>

static struct mem mem;

static struct json_doc *written(struct bytes *text)
{
	struct json_out o;
	struct json_doc *doc;
	struct err e = {0};
	bytes_init(text, &mem);
	jout_begin(&o, text, false);
	openapi_write("1", &o);
	EXPECT(bytes_ok(text));
	EXPECT_OK(json_parse(&doc, (const char *)text->data, text->len, &mem, NULL, &e), &e);
	return doc;
}

TEST(each_route_of_the_table_is_described_and_nothing_else)
{
	const struct route *r;
	const char *missing;
	struct bytes text;
	size_t told = 0, found = 0;
	if (!openapi_is_whole(&missing))
		fail_msg("%s has a parameter or an answer that is not described", missing);
	struct json_doc *doc = written(&text);
	const struct json *paths = json_get(json_root(doc), "paths");
	for (size_t i = 0; (r = route_at(i)); i++) {
		const struct json *path = json_get(paths, r->path);
		char method[16] = "";
		for (size_t k = 0; r->method[k]; k++)
			method[k] = (char)tolower((unsigned char)r->method[k]);
		if (!strcmp(r->path, "/") || strstr(r->path, "{file}")) {
			EXPECT(!path);
			continue;
		}
		told++;
		EXPECT(path && json_get(path, method));
		EXPECT(json_get(json_get(path, method), "responses"));
	}
	for (size_t i = 0; i < json_count(paths); i++)
		found += json_count(json_item(paths, i));
	EXPECT(told && found == told);
	json_close(doc);
	bytes_close(&text);
	EXPECT(mem.used_bytes == 0);
}

TEST(every_shape_that_is_pointed_to_is_there)
{
	static const char head[] = "\"$ref\":\"#/components/schemas/";
	struct bytes text;
	struct json_doc *doc = written(&text);
	const struct json *shapes =
		json_get(json_get(json_root(doc), "components"), "schemas");
	unsigned n = 0;
	for (const char *p = bytes_text(&text); (p = strstr(p, head)); n++) {
		char name[64] = "";
		p += sizeof head - 1;
		memcpy(name, p, strcspn(p, "\""));
		if (!json_get(shapes, name))
			fail_msg("there is no shape '%s'", name);
	}
	EXPECT(n > 20);
	json_close(doc);
	bytes_close(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_route_of_the_table_is_described_and_nothing_else),
		T(every_shape_that_is_pointed_to_is_there),
	};
	mem_init(&mem, 0);
	return RUN(tests);
}
