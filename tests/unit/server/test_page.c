/* test_page.c - in which form a file of the page is sent, and to whom it need not be. */
#include "server/page.h"

#include "server/web.h"
#include "base/check.h"
#include "tests/lib/test.h"

TEST(gzip_goes_to_who_takes_it)
{
	static const struct { const char *accept; bool taken; } t[] = {
		{NULL, false}, {"", false}, {"identity", false}, {"gzip", true}, {"GZIP", true},
		{"gzip, deflate, br", true}, {"br;q=1.0,gzip;q=0.8", true}, {"deflate, gzip;q=0", false},
		{"gzip; q=0.000", false}, {"gzip ;Q=0", false}, {"gzip;q=0.001", true}, {"*", true},
		{"*;q=0", false}, {"gzip;q=0, *", false}, {"*;q=0, gzip", true}, {"xgzip", false},
		{"gzipx", false}, {",,,", false}, {"gzip;x=0", true},
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		if (page_takes_gzip(t[i].accept) != t[i].taken)
			fail_msg("'%s'", t[i].accept ? t[i].accept : "(none)");
}

TEST(what_a_browser_has_is_known_by_its_etag)
{
	static const struct { const char *header; bool known; } t[] = {
		{NULL, false}, {"", false}, {"\"abc\"", true}, {"W/\"abc\"", true}, {"abc", false},
		{"\"x\", \"abc\"", true}, {"\"x\",W/\"abc\"", true}, {"\"x\", W/\"y\"", false}, {"*", true},
		{"\"ab\"", false}, {"\"abcd\"", false}, {", ,", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		if (page_is_known(t[i].header, "\"abc\"") != t[i].known)
			fail_msg("'%s'", t[i].header ? t[i].header : "(none)");
}

TEST(every_file_has_both_forms_and_an_etag_in_quotes)
{
	EXPECT(web_files_n > 1 && web_find("/"));
	for (size_t i = 0; i < web_files_n; i++) {
		const struct web_file *f = &web_files[i];
		size_t n = strlen(f->etag);
		EXPECT(f->len && f->gz_len && f->gz[0] == 0x1f && f->gz[1] == 0x8b);
		EXPECT(n > 2 && n < 60 && f->etag[0] == '"' && f->etag[n - 1] == '"');
		EXPECT(web_find(f->path) == f);
	}
	EXPECT(!web_find("/ui/") && !web_find("/ui") && !web_find("/index.html") && !web_find(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(gzip_goes_to_who_takes_it),
		T(what_a_browser_has_is_known_by_its_etag),
		T(every_file_has_both_forms_and_an_etag_in_quotes),
	};
	return RUN(tests);
}
