/* test_address.c - where --http listens, and which names mean this machine. */
#include "server/address.h"

#include "base/check.h"
#include "tests/lib/test.h"

TEST(a_port_alone_is_on_loopback_and_an_address_may_be_either_kind)
{
	static const struct {
		const char *text, *url;
		bool loopback, any;
	} t[] = {
		{"8080", "http://127.0.0.1:8080", true, false},
		{"0", "http://127.0.0.1:0", true, false},
		{"127.0.0.1:8080", "http://127.0.0.1:8080", true, false},
		{"127.9.9.9:1", "http://127.9.9.9:1", true, false},
		{"localhost:65535", "http://127.0.0.1:65535", true, false},
		{"LocalHost:1", "http://127.0.0.1:1", true, false},
		{"[::1]:8080", "http://[::1]:8080", true, false},
		{"[0:0::1]:8080", "http://[::1]:8080", true, false},
		{"0.0.0.0:80", "http://0.0.0.0:80", false, true},
		{"[::]:80", "http://[::]:80", false, true},
		{"10.1.2.3:80", "http://10.1.2.3:80", false, false},
		{"[fe80::1]:80", "http://[fe80::1]:80", false, false},
		/* Linux would take it for loopback; who writes so must mean it. */
		{"[::ffff:127.0.0.1]:80", "http://[::ffff:127.0.0.1]:80", false, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct address a;
		struct err e = {0};
		char url[ADDRESS_URL_MAX];
		EXPECT_OK(address_parse(&a, t[i].text, &e), &e);
		assert_string_equal(address_url(&a, false, url), t[i].url);
		if (a.is_loopback != t[i].loopback || a.is_any != t[i].any)
			fail_msg("%s: loopback %d, any %d", t[i].text, a.is_loopback, a.is_any);
	}
}

TEST(what_is_no_number_or_no_port_is_refused)
{
	static const char *const t[] = {
		"", ":", ":80", "80:", "65536", "99999999999999999999", "-1", "+1", " 80", "80 ", "0x50",
		"8080/", "http://127.0.0.1:80", "example.org:80", "127.0.0.1", "127.0.0.1:", "127.1:80",
		"::1:80", "[::1]", "[::1]80", "[::1:80", "*:80", "127.0.0.1:80:80", "[127.0.0.1]:80",
		"1.2.3.4.5:80", "[fe80::1%eth0]:80", "127.0.0.1:000080",
		"[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd]:80",
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct address a;
		struct err e = {0};
		if (address_parse(&a, t[i], &e) != E_USAGE)
			fail_msg("'%s' was taken", t[i]);
		EXPECT(strstr(e.text, "[ADDR:]PORT") || strstr(e.text, "ADDR:PORT"));
	}
}

TEST(names_of_this_machine_are_told_from_others)
{
	static const struct { const char *text; bool loopback, number; } t[] = {
		{"localhost", true, false}, {"LOCALHOST", true, false}, {"127.0.0.1", true, true},
		{"127.255.0.3", true, true}, {"[::1]", true, true}, {"::1", false, false},
		{"10.0.0.1", false, true}, {"[fe80::2]", false, true}, {"localhost.", false, false},
		{"localhost.example.org", false, false}, {"127.0.0.1.example.org", false, false},
		{"127.1", false, false}, {"2130706433", false, false}, {"0x7f.0.0.1", false, false},
		{"", false, false}, {"[]", false, false}, {"[", false, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		size_t n = strlen(t[i].text);
		if (address_is_loopback_name(t[i].text, n) != t[i].loopback ||
		    address_is_number(t[i].text, n) != t[i].number)
			fail_msg("'%s'", t[i].text);
	}
	EXPECT(address_is_loopback_name("localhost:80", 9));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_port_alone_is_on_loopback_and_an_address_may_be_either_kind),
		T(what_is_no_number_or_no_port_is_refused),
		T(names_of_this_machine_are_told_from_others),
	};
	return RUN(tests);
}
