/* test_mem.c - the budget is counted, kept, and can be made to fail. */
#include "base/mem.h"
#include "tests/lib/test.h"

TEST(memory_is_zeroed_aligned_and_counted)
{
	struct mem m;
	mem_init(&m, 0);
	unsigned char *p = mem_get(&m, 1000);
	EXPECT(p && (uintptr_t)p % 16 == 0 && atomic_load(&m.used_bytes) >= 1000);
	for (unsigned i = 0; i < 1000; i++)
		EXPECT(p[i] == 0);
	void *q = mem_get_aligned(&m, 256, 100);
	EXPECT(q && (uintptr_t)q % 256 == 0);
	void *empty = mem_get(&m, 0);
	EXPECT(empty);
	mem_put(&m, empty);
	mem_put(&m, p);
	mem_put(&m, q);
	mem_put(&m, NULL);
	EXPECT(atomic_load(&m.used_bytes) == 0 && atomic_load(&m.peak_bytes) >= 1100);
}

TEST(inv35_the_limit_holds_and_comes_back)
{
	struct mem m;
	mem_init(&m, 10000);
	EXPECT(!mem_get(&m, 10001) && !mem_get(&m, SIZE_MAX));
	void *p = mem_get(&m, 6000);
	EXPECT(p && !mem_get(&m, 6000) && !mem_get_aligned(&m, 64, 6000));
	EXPECT(!mem_resize(&m, p, 12000));
	EXPECT(atomic_load(&m.used_bytes) >= 6000 && atomic_load(&m.used_bytes) <= 10000);
	p = mem_resize(&m, p, 9000);
	EXPECT(p);
	p = mem_resize(&m, p, 100);
	EXPECT(p && atomic_load(&m.used_bytes) < 1000);
	mem_put(&m, p);
	p = mem_get(&m, 9000);
	EXPECT(p);
	mem_put(&m, p);
	EXPECT(atomic_load(&m.used_bytes) == 0);
}

TEST(resize_keeps_the_content)
{
	struct mem m;
	mem_init(&m, 0);
	char *p = mem_resize(&m, NULL, 4);
	EXPECT(p);
	memcpy(p, "abc", 4);
	p = mem_resize(&m, p, 100000);
	EXPECT(p && !strcmp(p, "abc"));
	p = mem_resize(&m, p, 4);
	EXPECT(p && !strcmp(p, "abc"));
	mem_put(&m, p);
	EXPECT(atomic_load(&m.used_bytes) == 0);
}

TEST(inv31_the_nth_allocation_fails_and_only_that)
{
	struct mem m;
	mem_init(&m, 0);
	m.fail_at = 3;
	void *p[5] = {mem_get(&m, 8), mem_string(&m, "text"), mem_get_aligned(&m, 64, 8),
		      mem_get(&m, 8), mem_resize(&m, NULL, 8)};
	EXPECT(p[0] && p[1] && !p[2] && p[3] && p[4]);
	EXPECT(atomic_load(&m.calls) == 5 && !strcmp(p[1], "text"));
	m.fail_at = 6;
	EXPECT(!mem_resize(&m, p[0], 100000));
	for (unsigned i = 0; i < 5; i++)
		mem_put(&m, p[i]);
	EXPECT(atomic_load(&m.used_bytes) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(memory_is_zeroed_aligned_and_counted),
		T(inv35_the_limit_holds_and_comes_back),
		T(resize_keeps_the_content),
		T(inv31_the_nth_allocation_fails_and_only_that),
	};
	return RUN(tests);
}
