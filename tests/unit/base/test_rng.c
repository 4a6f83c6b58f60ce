/* test_rng.c - published vectors, uniformity, and the form of a uuid. */
#include "base/rng.h"
#include "tests/lib/test.h"

TEST(splitmix64_gives_the_published_numbers)
{
	/* The sequence of seed 1234567, as published with the reference implementation. */
	static const uint64_t published[] = {6457827717110365317u, 3203168211198807973u,
					     9817491932198370423u, 4593380528125082431u,
					     16408922859458223821u};
	uint64_t x = 1234567;
	for (unsigned i = 0; i < 5; i++, x += 0x9E3779B97F4A7C15u)
		EXPECT(splitmix64(x) == published[i]);
	EXPECT(splitmix64(0) == 0xE220A8397B1DCDAFu);
}

TEST(rng_next_is_xoshiro256_starstar)
{
	/* From the state 1, 2, 3, 4: the vector that other implementations publish. */
	static const uint64_t published[] = {11520u, 0u, 1509978240u, 1215971899390074240u};
	struct rng r = {{1, 2, 3, 4}};
	for (unsigned i = 0; i < 4; i++)
		EXPECT(rng_next(&r) == published[i]);
}

TEST(a_seed_is_a_sequence)
{
	struct rng a, b, c;
	rng_seed(&a, 1);
	rng_seed(&b, 1);
	rng_seed(&c, 2);
	unsigned equal = 0;
	for (unsigned i = 0; i < 1000; i++) {
		uint64_t x = rng_next(&a);
		EXPECT(x == rng_next(&b));
		equal += x == rng_next(&c);
	}
	EXPECT(equal == 0);
}

TEST(rng_below_is_uniform_and_below)
{
	struct rng r;
	rng_seed(&r, 3);
	static const uint64_t bounds[] = {1, 2, 3, 10, 16};
	for (unsigned k = 0; k < 5; k++) {
		unsigned count[16] = {0};
		for (unsigned i = 0; i < 16000; i++) {
			uint64_t x = rng_below(&r, bounds[k]);
			EXPECT(x < bounds[k]);
			count[x]++;
		}
		/* Six standard deviations of a binomial count are under 400 here. */
		for (uint64_t x = 0; x < bounds[k]; x++) {
			int64_t off = (int64_t)count[x] - (int64_t)(16000 / bounds[k]);
			EXPECT(off > -400 && off < 400);
		}
	}
	/* Three quarters of 2^64: without drawing again, each third result would come twice. */
	unsigned third = 0;
	for (unsigned i = 0; i < 10000; i++)
		third += rng_below(&r, 0xC000000000000000u) % 3 == 0;
	EXPECT(third > 3000 && third < 3700);
}

TEST(a_uuid_has_its_form_and_two_differ)
{
	struct rng r;
	char a[UUID_TEXT], b[UUID_TEXT];
	rng_seed_system(&r);
	for (unsigned i = 0; i < 100; i++) {
		uuid_make(&r, a);
		uuid_make(&r, b);
		EXPECT(strlen(a) == 36 && strspn(a, "0123456789abcdef-") == 36 && strcmp(a, b));
		EXPECT(a[8] == '-' && a[13] == '-' && a[18] == '-' && a[23] == '-');
		EXPECT(a[14] == '4' && strchr("89ab", a[19]));
	}
}

TEST(the_systems_seeds_differ)
{
	struct rng a, b;
	rng_seed_system(&a);
	rng_seed_system(&b);
	EXPECT(memcmp(&a, &b, sizeof a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(splitmix64_gives_the_published_numbers), T(rng_next_is_xoshiro256_starstar),
		T(a_seed_is_a_sequence),                   T(rng_below_is_uniform_and_below),
		T(a_uuid_has_its_form_and_two_differ),     T(the_systems_seeds_differ),
	};
	return RUN(tests);
}
