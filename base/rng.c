/* rng.c - see rng.h. */
#include "base/rng.h"

#include "base/check.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

void rng_seed(struct rng *r, uint64_t seed)
{
	/* splitmix64 as a sequence: never the all-zero state, which xoshiro could not leave. */
	for (unsigned i = 0; i < 4; i++)
		r->s[i] = splitmix64(seed + i * 0x9E3779B97F4A7C15u);
}

void rng_seed_system(struct rng *r)
{
	ssize_t got;
	do {
		got = getrandom(r->s, sizeof r->s, 0);
	} while (got < 0 && errno == EINTR);
	CHECK(got == (ssize_t)sizeof r->s); /* 32 bytes are never cut */
	r->s[0] |= !(r->s[0] | r->s[1] | r->s[2] | r->s[3]);
}

static uint64_t rotl(uint64_t x, unsigned k)
{
	return x << k | x >> (64 - k);
}

uint64_t rng_next(struct rng *r)
{
	uint64_t *s = r->s;
	uint64_t result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return result;
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
	CHECK(n > 0);
	/* Lemire 2019: a multiply-shift is uniform once the few low products that would make some
	 * results likelier are drawn again. */
	unsigned __int128 m = (unsigned __int128)rng_next(r) * n;
	if ((uint64_t)m < n) {
		uint64_t least = -n % n;
		while ((uint64_t)m < least)
			m = (unsigned __int128)rng_next(r) * n;
	}
	return (uint64_t)(m >> 64);
}

void uuid_make(struct rng *r, char text[UUID_TEXT])
{
	static const char digits[] = "0123456789abcdef";
	uint64_t half[2] = {rng_next(r), rng_next(r)};
	unsigned char b[16];
	memcpy(b, half, sizeof b);
	b[6] = (unsigned char)((b[6] & 0x0F) | 0x40); /* version 4 */
	b[8] = (unsigned char)((b[8] & 0x3F) | 0x80); /* variant 1 (RFC 9562) */
	char *at = text;
	for (unsigned i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*at++ = '-';
		*at++ = digits[b[i] >> 4];
		*at++ = digits[b[i] & 15];
	}
	*at = '\0';
}
