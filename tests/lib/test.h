/* test.h - what every unit test includes: cmocka, and words of our own. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TEST(name) static void name(void **test_state __attribute__((unused)))
#define EXPECT(cond) _assert_true((cond) ? 1 : 0, #cond, __FILE__, __LINE__)
#define EXPECT_OK(call, e)                                                                      \
	do {                                                                                       \
		enum rc test_rc_ = (call);                                                         \
		if (test_rc_ != OK)                                                                \
			fail_msg("%s:%d: %s: %s", __FILE__, __LINE__, err_name(test_rc_), (e)->text); \
	} while (0)
#define T(name) cmocka_unit_test(name)
/* int main(void) { const struct CMUnitTest tests[] = {T(a), T(b)}; return RUN(tests); } */
#define RUN(tests) cmocka_run_group_tests(tests, NULL, NULL)
