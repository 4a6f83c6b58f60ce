/* test_routes.c - each row of the table is found by its path and method, and nothing else is. */
#include "server/routes.h"

#include "base/check.h"
#include "tests/lib/test.h"

static enum rc find(struct route_match *m, const char *method, const char *path)
{
	struct err e = {0};
	return route_find(m, method, path, &e);
}

/* The row's path with something for each {}. */
static void filled(const char *path, char *to)
{
	static const char *const values[][2] = {
		{"{name}", "word-count"}, {"{id}", "41"}, {"{stage}", "count_2"}, {"{file}", "app.min.js"}};
	size_t n = 0;
	while (*path) {
		size_t skip = 0;
		for (size_t i = 0; i < ARRAY_LEN(values); i++)
			if (!strncmp(path, values[i][0], strlen(values[i][0]))) {
				n += (size_t)sprintf(to + n, "%s", values[i][1]);
				skip = strlen(values[i][0]);
			}
		if (!skip) {
			EXPECT(*path != '{');
			to[n++] = *path;
			skip = 1;
		}
		path += skip;
	}
	to[n] = '\0';
}

TEST(each_row_is_found_by_its_path_and_method)
{
	const struct route *r;
	for (size_t i = 0; (r = route_at(i)); i++) {
		char path[300];
		struct route_match m;
		filled(r->path, path);
		EXPECT(find(&m, r->method, path) == OK);
		EXPECT(m.route == r);
		EXPECT(!strstr(r->path, "{name}") || !strcmp(m.job, "word-count"));
		EXPECT(!strstr(r->path, "{stage}") || !strcmp(m.stage, "count_2"));
		EXPECT(!strstr(r->path, "{file}") || !strcmp(m.file, "app.min.js"));
		EXPECT(!strstr(r->path, "{id}") || m.id == 41);
		EXPECT(r->says && r->query[0] == ' ' && r->query[strlen(r->query) - 1] == ' ');
		EXPECT(find(&m, "BREW", path) == E_USAGE && m.method_wrong);
		if (!strcmp(r->method, "GET")) {
			EXPECT(find(&m, "HEAD", path) == OK && m.route == r);
		}
		if (path[1]) {
			strcat(path, "/");
			EXPECT(find(&m, r->method, path) == (strchr(r->path, '{') ? E_NOT_FOUND : OK));
			strcat(path, "/");
			EXPECT(find(&m, r->method, path) == E_NOT_FOUND);
		}
	}
}

TEST(a_wrong_method_hears_which_there_are)
{
	struct route_match m;
	EXPECT(find(&m, "PUT", "/v1/jobs") == E_USAGE && !strcmp(m.allow, "GET, HEAD, POST"));
	EXPECT(find(&m, "TRACE", "/metrics") == E_USAGE && !strcmp(m.allow, "GET, HEAD"));
	EXPECT(find(&m, "GET", "/v1/jobs/a/stop") == E_USAGE && !strcmp(m.allow, "POST"));
	EXPECT(find(&m, "POST", "/v1/jobs/a") == E_USAGE && !strcmp(m.allow, "GET, HEAD, DELETE"));
	EXPECT(find(&m, "GET", "/v2") == E_NOT_FOUND && !m.allow[0]);
}

TEST(what_is_no_path_is_not_found)
{
	static const char *const none[] = {
		"", "//", "v1", "/v2", "/v1jobs", "/v1//jobs", "/v1/jobs//", "/v1/jobs/a b", "/v1/jobs/%2e",
		"/v1/jobs/..", "/v1/jobs/a/nothing", "/v1/jobs/a/checkpoint/1/2", "/v1/actions",
		"/v1/actions/", "/v1/actions/x", "/v1/actions/1x", "/v1/actions/-1",
		"/v1/actions/18446744073709551616", "/v1/jobs/{name}", "/v1/jobs/a?tail=1", "/V1",
		"/v1/jobs/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		struct route_match m;
		EXPECT(find(&m, "GET", none[i]) == E_NOT_FOUND);
		EXPECT(!m.method_wrong);
	}
}

TEST(a_wrong_method_names_those_that_are_right)
{
	struct route_match m;
	struct err e = {0};
	EXPECT(route_find(&m, "PUT", "/v1/jobs", &e) == E_USAGE);
	EXPECT(strstr(e.text, "GET or POST"));
	err_clear(&e);
	EXPECT(route_find(&m, "GET", "/v1/jobs/a/stop", &e) == E_USAGE);
	EXPECT(strstr(e.text, "POST is") || strstr(e.text, ": POST"));
	err_clear(&e);
	EXPECT(route_find(&m, "POST", "/v1/jobs/a/halt", &e) == E_NOT_FOUND);
	EXPECT(strstr(e.text, "stop") && strstr(e.text, "checkpoints"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_row_is_found_by_its_path_and_method),
		T(a_wrong_method_hears_which_there_are),
		T(what_is_no_path_is_not_found),
		T(a_wrong_method_names_those_that_are_right),
	};
	return RUN(tests);
}
