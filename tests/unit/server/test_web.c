/* test_web.c - the page in the binary: each file is there, and what a file asks for is another. */
#include "server/web.h"

#include "tests/lib/test.h"

#include <stdio.h>
#include <string.h>

TEST(index_and_modules_are_found_by_exactly_their_paths)
{
	EXPECT(web_find("/"));
	EXPECT(strstr(web_find("/")->type, "text/html"));
	EXPECT(web_find("/ui/app.js"));
	EXPECT(strstr(web_find("/ui/app.js")->type, "text/javascript"));
	EXPECT(web_find("/ui/style.css"));
	EXPECT(!web_find(""));
	EXPECT(!web_find("/ui"));
	EXPECT(!web_find("/ui/"));
	EXPECT(!web_find("/ui/index.html"));
	EXPECT(!web_find("/ui/app.js/"));
	EXPECT(!web_find("/ui/../ui/app.js"));
}

/* gzip's magic, and at its end the length before compression. */
TEST(each_file_stands_there_twice_and_with_an_etag_of_its_own)
{
	for (size_t i = 0; i < web_files_n; i++) {
		const struct web_file *f = &web_files[i];
		const unsigned char *end = f->gz + f->gz_len - 4;
		EXPECT(f->gz_len > 18);
		EXPECT(f->gz[0] == 0x1f && f->gz[1] == 0x8b);
		EXPECT(f->len == (end[0] | (size_t)end[1] << 8 | (size_t)end[2] << 16));
		EXPECT(f->etag[0] == '"' && f->etag[strlen(f->etag) - 1] == '"');
		for (size_t k = 0; k < i; k++)
			EXPECT(strcmp(f->etag, web_files[k].etag));
	}
}

/* Of each `quote` + `prefix` in the text: what stands up to the next quote must be a file. */
static unsigned count_asked(const struct web_file *f, char quote, const char *prefix,
			    const char *root)
{
	unsigned n = 0;
	char head[16], path[128];
	snprintf(head, sizeof head, "%c%s", quote, prefix);
	const char *text = (const char *)f->text, *end = text + f->len;
	for (const char *at = text; (at = memmem(at, (size_t)(end - at), head, strlen(head)));) {
		at += strlen(head);
		const char *stop = memchr(at, quote, (size_t)(end - at));
		EXPECT(stop);
		snprintf(path, sizeof path, "%s%.*s", root, (int)(stop - at), at);
		if (!web_find(path))
			fprintf(stderr, "%s asks for %s\n", f->path, path);
		EXPECT(web_find(path));
		n++;
	}
	return n;
}

TEST(what_one_file_asks_for_is_another_one)
{
	unsigned n = 0;
	for (size_t i = 0; i < web_files_n; i++) {
		n += count_asked(&web_files[i], '\'', "./", "/ui/");
		n += count_asked(&web_files[i], '"', "/ui/", "/ui/");
	}
	EXPECT(n > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(index_and_modules_are_found_by_exactly_their_paths),
		cmocka_unit_test(each_file_stands_there_twice_and_with_an_etag_of_its_own),
		cmocka_unit_test(what_one_file_asks_for_is_another_one),
	};
	return RUN(tests);
}
