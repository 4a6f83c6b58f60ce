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

static bool answers(const struct json *paths, const char *path, const char *method,
		    const char *status)
{
	const struct json *said = json_get(json_get(json_get(paths, path), method), "responses");
	return json_get(said, status) != NULL;
}

TEST(each_status_is_named_where_it_can_come)
{
	struct bytes text;
	struct json_doc *doc = written(&text);
	const struct json *paths = json_get(json_root(doc), "paths");
	EXPECT(answers(paths, "/v1/jobs", "post", "422") && answers(paths, "/v1/jobs", "post", "415"));
	EXPECT(answers(paths, "/v1/steps", "post", "503") && answers(paths, "/v1/jobs", "get", "400"));
	EXPECT(answers(paths, "/v1/jobs/{name}/rescale", "post", "422"));
	EXPECT(!answers(paths, "/v1/jobs/{name}/rescale", "post", "415"));
	EXPECT(!answers(paths, "/v1/jobs/{name}", "get", "422"));
	/* An action can be followed; nothing else says 200 beside 202. */
	EXPECT(answers(paths, "/v1/jobs/{name}/stop", "post", "200"));
	EXPECT(!answers(paths, "/v1/jobs", "post", "200"));
	EXPECT(!answers(paths, "/v1/jobs", "get", "default"));
	json_close(doc);
	bytes_close(&text);
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
		T(each_status_is_named_where_it_can_come),
		T(every_shape_that_is_pointed_to_is_there),
	};
	mem_init(&mem, 0);
	return RUN(tests);
}
