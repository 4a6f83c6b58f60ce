/* test.h - what every unit test includes: cmocka, and words of our own. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
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
/* Of a test drawn from a seed: s->seed is told, and s->e, what the code under test said last. */
#define SAY(s, cond)                                                                               \
	do {                                                                                       \
		if (!(cond))                                                                       \
			fail_msg("%s:%d: seed %llu: %s (%s)", __FILE__, __LINE__,                  \
				 (unsigned long long)(s)->seed, #cond, (s)->e.text);               \
	} while (0)
#define T(name) cmocka_unit_test(name)
/* int main(void) { const struct CMUnitTest tests[] = {T(a), T(b)}; return RUN(tests); } */
#define RUN(tests) cmocka_run_group_tests(tests, NULL, NULL)

/* Runs one for each seed of 1..n, or for those that WEIR_SEED and WEIR_SEEDS (how many) say; tells
 * which. */
static inline void each_seed(uint64_t n, void (*one)(uint64_t seed))
{
	const char *given = getenv("WEIR_SEED"), *many = getenv("WEIR_SEEDS");
	uint64_t first = given ? strtoull(given, NULL, 10) : 1;
	n = many ? strtoull(many, NULL, 10) : given ? 1 : n;
	printf("seeds %llu to %llu\n", (unsigned long long)first,
	       (unsigned long long)(first + n - 1));
	for (uint64_t seed = first; seed < first + n; seed++)
		one(seed);
}
