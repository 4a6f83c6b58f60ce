/* test_hash.c - the hashes of the format, frozen (inv 6). The vectors of XXH3 were computed by
 * another build of xxhash (0.8.4), those of hash_fold64 by arithmetic in another language. A vector
 * that fails means that every directory ever written is unreadable: change the code back. */
#include "base/hash.h"
#include "base/rng.h"
#include "tests/lib/test.h"

#include <stdbool.h>
#include <stdlib.h>

/* Byte i of the input is 31 i + 7, modulo 256. The lengths are the borders of XXH3's branches. */
static const struct {
	size_t len;
	uint64_t hash, checksum;
} golden[] = {
	{0, 0x2D06800538D394C2u, 0x63764ECD112890E1u},
	{1, 0x4C5CCA45D0F4811Fu, 0xC245D5715FD6C727u},
	{3, 0x15F7093B173D005Cu, 0xFE071E48038360E1u},
	{4, 0xDCA012F95811B6B9u, 0xAAAAC9B2699E8E6Fu},
	{8, 0xDEC6A9A43575982Eu, 0xBDBF6344A4CB00C4u},
	{9, 0xCBE393399F17FFBDu, 0x8800C4AB6CB538FBu},
	{16, 0x7E484C18D74895D0u, 0x353A422054519086u},
	{17, 0x208BDE5EE2BED407u, 0x6F22D1AC5AAE479Fu},
	{64, 0xDD30702AB46B3745u, 0x3401E3C96F76A0CEu},
	{128, 0xF92B70EAA21A6288u, 0x907B520290599ABAu},
	{129, 0xF8F76713F2BB60FAu, 0x02AB18362F5F9E0Cu},
	{240, 0xCCC7375172C41F03u, 0xD907BE5F96DEB1C1u},
	{241, 0x0B3B630948CE4A00u, 0xE7315464EBDAF87Bu},
	{512, 0xEFC2E52D1C2FFBAAu, 0x2496A8325CD30535u},
	{1024, 0x23BC880EBF0D29C6u, 0x413D4026669C2337u},
	{1025, 0xC09FDFBC398C7D82u, 0x0398ABB3A7D048C3u},
	{4999, 0x00710881668D48EBu, 0xCAC0D25E48B93C18u},
};

static const struct {
	uint64_t key, hash;
} golden_fold[] = {
	{0, 0x148C90966B74A25Bu},
	{1, 0x566E11DE02DD697Eu},
	{2, 0x80BA3A302CB18362u},
	{42, 0x12CE318855BE146Fu},
	{UINT64_MAX, 0xF3FAC8147080B747u},
	{0x8000000000000000u, 0xA3E64D479B895931u},
	{0x0123456789ABCDEFu, 0x6722C25E419CAD3Cu},
	{0x2D358DCCAA6C78A5u, 0x3841F612376719ECu},
};

/* docs/FORMAT.md's definition of hash id 3, by arithmetic in another language. */
static const struct {
	size_t len;
	uint64_t hash;
} golden_string[] = {
	{0, 0xE5E14DE8C57B9FD7u},  {1, 0x678354F4C3D70816u},  {3, 0x30BDE6DA8F761994u},
	{4, 0x0FB778AA88B01AA1u},  {8, 0x8255B49C6F6C491Au},  {9, 0xC7AE5D4DB4991F17u},
	{12, 0x083BD93B1119A08Cu}, {13, 0xB9F3DCE120D771BEu}, {15, 0x32E0AECA030840C0u},
	{16, 0x06D85B477A9B9A3Au}, {17, 0xF31D6781BA725DE8u}, {24, 0xF480447C9B48A2CBu},
	{31, 0xDEC3ABD31C3A7F63u}, {32, 0x7F9BE6E9C43DC75Bu}, {33, 0x2DE451233F5E266Eu},
	{47, 0xA55376ACA851FE2Cu}, {48, 0xF8A169C957CA7FD9u},
};

#define EACH(i, array) for (size_t i = 0; i < sizeof(array) / sizeof(array)[0]; i++)

static void fill(unsigned char *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (unsigned char)(31 * i + 7);
}

TEST(inv6_hash_bytes_is_frozen)
{
	unsigned char data[5000];
	fill(data, sizeof data);
	EACH(i, golden)
		EXPECT(hash_bytes(data, golden[i].len) == golden[i].hash);
}

TEST(inv6_hash_fold64_is_frozen)
{
	EACH(i, golden_fold)
		EXPECT(hash_fold64(golden_fold[i].key) == golden_fold[i].hash);
}

TEST(inv6_hash_string_is_frozen)
{
	unsigned char data[5000];
	fill(data, sizeof data);
	EACH(i, golden_string)
		EXPECT(hash_string(data, golden_string[i].len) == golden_string[i].hash);
	for (size_t len = 49; len < 300; len++)
		EXPECT(hash_string(data, len) == hash_bytes(data, len));
}

/* Words one edit apart are what texts are full of: each bit of theirs must reach the high bits, by
 * which keys are placed. 3,000 pairs: four standard deviations are 3.7 %. */
TEST(a_changed_bit_of_a_string_changes_each_high_bit_half_the_time)
{
	struct rng r;
	rng_seed(&r, 11);
	for (size_t len = 4; len <= 48; len += 4) {
		uint32_t flipped[20] = {0};
		for (int k = 0; k < 3000; k++) {
			unsigned char key[48];
			for (size_t i = 0; i < len; i++)
				key[i] = (unsigned char)('a' + rng_below(&r, 26));
			uint64_t a = hash_string(key, len);
			size_t bit = rng_below(&r, 8 * len);
			key[bit / 8] ^= (unsigned char)(1u << bit % 8);
			a ^= hash_string(key, len);
			for (int b = 0; b < 20; b++)
				flipped[b] += a >> (63 - b) & 1;
		}
		for (int b = 0; b < 20; b++)
			EXPECT(flipped[b] > 1385 && flipped[b] < 1615);
	}
}

TEST(checksum64_is_frozen_and_is_no_key_hash)
{
	unsigned char data[5000];
	fill(data, sizeof data);
	EACH(i, golden) {
		EXPECT(checksum64(data, golden[i].len) == golden[i].checksum);
		EXPECT(golden[i].checksum != golden[i].hash);
	}
}

TEST(a_checksum_in_pieces_equals_that_of_the_whole)
{
	unsigned char data[5000];
	fill(data, sizeof data);
	struct rng r;
	rng_seed(&r, 6);
	for (unsigned round = 0; round < 200; round++) {
		struct checksum c;
		checksum_begin(&c);
		size_t len = (size_t)rng_below(&r, sizeof data + 1);
		for (size_t at = 0, n; at < len; at += n) {
			n = 1 + (size_t)rng_below(&r, len - at);
			checksum_add(&c, data + at, n);
			checksum_add(&c, NULL, 0);
			if (n % 3 == 0) /* a look in between changes nothing */
				EXPECT(checksum_end(&c) == checksum64(data, at + n));
		}
		EXPECT(checksum_end(&c) == checksum64(data, len));
	}
}

/* The group of a hash by definition, in the widest arithmetic at hand. */
static uint32_t slow_group(uint64_t hash, uint32_t max_parallelism)
{
	unsigned __int128 product = (unsigned __int128)(hash >> 32) * max_parallelism;
	return (uint32_t)(product / ((uint64_t)1 << 32));
}

static const uint32_t max_parallelisms[] = {1, 2, 3, 7, 100, 128, 1000, 32768};

TEST(inv6_each_hash_lies_between_the_borders_of_its_group)
{
	struct rng r;
	rng_seed(&r, 7);
	EACH(i, max_parallelisms) {
		uint32_t max = max_parallelisms[i];
		for (unsigned k = 0; k < 2000; k++) {
			uint64_t hash = rng_next(&r);
			uint32_t group = hash_group(hash, max);
			EXPECT(group < max && group == slow_group(hash, max));
			EXPECT(hash >= hash_of_group(group, max));
			EXPECT(group + 1 == max || hash < hash_of_group(group + 1, max));
		}
		EXPECT(hash_group(0, max) == 0 && hash_group(UINT64_MAX, max) == max - 1);
	}
}

TEST(groups_are_monotone_in_the_hash_and_their_borders_exact)
{
	EACH(i, max_parallelisms) {
		uint32_t max = max_parallelisms[i];
		EXPECT(hash_of_group(0, max) == 0 && hash_of_group(max, max) == 0);
		for (uint32_t group = 1; group < max; group++) {
			uint64_t border = hash_of_group(group, max);
			EXPECT(hash_group(border, max) == group);
			EXPECT(hash_group(border - 1, max) == group - 1);
		}
	}
}

TEST(each_group_is_owned_once_and_owner_agrees_with_first)
{
	EACH(i, max_parallelisms) {
		uint32_t max = max_parallelisms[i];
		for (uint32_t n = 1; n <= max && n <= 130; n++) {
			uint32_t next = 0;
			for (uint32_t s = 0; s < n; s++) {
				EXPECT(group_first(s, n, max) == next);
				uint32_t end = group_first(s + 1, n, max);
				EXPECT(end > next); /* nobody is idle while n <= max */
				for (; next < end; next++)
					EXPECT(group_owner(next, n, max) == s);
				uint32_t fair = max / n;
				EXPECT(end - group_first(s, n, max) - fair <= 1);
			}
			EXPECT(next == max);
		}
	}
}

struct view {
	uint32_t len;
	char rest[12];
};

/* The view of len bytes at text + at; nothing is read there that the text does not have. */
static struct view view_of(const char *text, uint32_t at, uint32_t len)
{
	struct view v = {.len = len};
	uint32_t ref[2] = {1, at};
	if (len <= 12) {
		memcpy(v.rest, text + at, len);
	} else {
		memcpy(v.rest, text + at, 4);
		memcpy(v.rest + 4, ref, sizeof ref);
	}
	return v;
}

/* All rows, and then some: every level beside one at a time. */
#define MANY 700
TEST(inv6_many_views_hash_like_each_alone)
{
	struct rng r;
	uint64_t seed = 31;
	rng_seed(&r, seed);
	char *text = malloc(4096);
	for (uint32_t i = 0; i < 4096; i++)
		text[i] = (char)rng_next(&r);
	const uint8_t *base[] = {NULL, (const uint8_t *)text};
	for (uint32_t round = 0; round < 300; round++) {
		static const uint32_t longest[] = {3, 12, 13, 16, 20, 64, 300};
		uint32_t n = round < 70 ? round : (uint32_t)rng_below(&r, MANY + 1), n_sel = 0;
		uint32_t most = longest[rng_below(&r, 7)], at[MANY];
		struct view *v = malloc(n * sizeof *v + 1); /* not a byte more than there are rows */
		uint64_t *all = malloc(n * sizeof *all + 1), picked[MANY];
		uint16_t sel[MANY];
		for (uint32_t i = 0; i < n; i++) {
			uint32_t len = (uint32_t)rng_below(&r, most + 1);
			at[i] = (uint32_t)rng_below(&r, 4096 - len + 1);
			v[i] = view_of(text, at[i], len);
			if (rng_below(&r, 3) == 0)
				sel[n_sel++] = (uint16_t)i;
		}
		for (enum simd simd = SIMD_BASE; simd <= simd_have(); simd++)
			for (enum hash_id id = HASH_XXH3_64; id <= HASH_STRING; id += 2) {
				memset(picked, 0x11, sizeof picked);
				hash_views(simd, id, v, base, NULL, n, all);
				hash_views(simd, id, v, base, sel, n_sel, picked);
				for (uint32_t i = 0, k = 0; i < n; i++) {
					uint64_t want = id == HASH_STRING
								? hash_string(text + at[i], v[i].len)
								: hash_bytes(text + at[i], v[i].len);
					bool chosen = k < n_sel && sel[k] == i;
					k += chosen;
					if (all[i] != want ||
					    picked[i] != (chosen ? want : 0x1111111111111111u))
						fail_msg("seed %llu, round %u, level %d, hash %d, "
							 "row %u of %u", (unsigned long long)seed,
							 round, simd, id, i, n);
				}
			}
		free(v);
		free(all);
	}
	free(text);
}

TEST(inv6_many_numbers_hash_like_each_alone)
{
	struct rng r;
	uint64_t seed = 32, key[MANY], all[MANY + 1], picked[MANY];
	uint16_t sel[MANY];
	rng_seed(&r, seed);
	for (uint32_t round = 0; round < 200; round++) {
		uint32_t n = round < 40 ? round : (uint32_t)rng_below(&r, MANY + 1), n_sel = 0;
		for (uint32_t i = 0; i < n; i++) {
			key[i] = rng_next(&r) >> rng_below(&r, 64);
			if (rng_below(&r, 8) == 0) /* carries are what can go wrong */
				key[i] ^= ~0ull << rng_below(&r, 64);
			if (i < sizeof golden_fold / sizeof *golden_fold)
				key[i] = golden_fold[i].key;
			if (rng_below(&r, 2))
				sel[n_sel++] = (uint16_t)i;
		}
		for (enum simd simd = SIMD_BASE; simd <= simd_have(); simd++) {
			memset(picked, 0x11, sizeof picked);
			all[n] = 42;
			hash_numbers(simd, key, NULL, n, all);
			hash_numbers(simd, key, sel, n_sel, picked);
			EXPECT(all[n] == 42);
			for (uint32_t i = 0, k = 0; i < n; i++) {
				bool chosen = k < n_sel && sel[k] == i;
				uint64_t want = hash_fold64(key[i]);
				k += chosen;
				if (all[i] != want || picked[i] != (chosen ? want : 0x1111111111111111u))
					fail_msg("seed %llu, round %u, level %d, row %u of %u",
						 (unsigned long long)seed, round, simd, i, n);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv6_hash_bytes_is_frozen),
		T(inv6_hash_fold64_is_frozen),
		T(inv6_hash_string_is_frozen),
		T(a_changed_bit_of_a_string_changes_each_high_bit_half_the_time),
		T(checksum64_is_frozen_and_is_no_key_hash),
		T(a_checksum_in_pieces_equals_that_of_the_whole),
		T(inv6_many_views_hash_like_each_alone),
		T(inv6_many_numbers_hash_like_each_alone),
		T(inv6_each_hash_lies_between_the_borders_of_its_group),
		T(groups_are_monotone_in_the_hash_and_their_borders_exact),
		T(each_group_is_owned_once_and_owner_agrees_with_first),
	};
	return RUN(tests);
}
