/* words.c - see words.h. */
#include "words.h"

#include <stdlib.h>

void words_open(struct words *t, unsigned bits, bool huge)
{
	*t = (struct words){.bits = bits, .huge = huge};
	t->slot = pages(sizeof *t->slot << bits, huge);
}

static void words_grow(struct words *t)
{
	struct words old = *t;
	words_open(t, old.bits + 1, old.huge);
	uint64_t mask = (2ull << old.bits) - 1;
	for (uint64_t i = 0; i < 1ull << old.bits; i++) {
		if (!old.slot[i].word.hi)
			continue;
		uint64_t at = slot_hash(old.slot[i].word) >> (64 - t->bits);
		while (t->slot[at].word.hi)
			at = (at + 1) & mask;
		t->slot[at] = old.slot[i];
	}
	t->used = old.used;
	pages_free(old.slot, sizeof *old.slot << old.bits);
}

static bool words_same(struct word a, struct word b)
{
	if (a.lo != b.lo || word_len(a) != word_len(b))
		return false;
	if (word_len(a) != WORD_LONG)
		return a.hi == b.hi;
	const struct long_word *x = word_long(a), *y = word_long(b);
	return x->len == y->len && !memcmp(x->text, y->text, x->len);
}

struct word_slot *words_find(struct words *t, struct word w, uint64_t hash)
{
	uint64_t mask = (1ull << t->bits) - 1, at = hash >> (64 - t->bits);
	for (; t->slot[at].word.hi; at = (at + 1) & mask)
		if (words_same(t->slot[at].word, w))
			return &t->slot[at];
	if (t->used >= mask / 5 * 4) {
		words_grow(t);
		return words_find(t, w, hash);
	}
	if (word_len(w) == WORD_LONG) {
		const struct long_word *from = word_long(w);
		struct long_word *own = malloc(sizeof *own + from->len);
		if (!own)
			die("no memory for a word of %u bytes", from->len);
		memcpy(own, from, sizeof *own + from->len);
		w.hi = (uint64_t)(uintptr_t)own | (uint64_t)WORD_LONG << 56;
	}
	t->used++;
	t->slot[at].word = w;
	return &t->slot[at];
}

/* v(word) of the definition: weir has up to 12 bytes in a view, and hashes others. */
static inline uint64_t v_of_short(struct word w)
{
	uint32_t len = word_len(w);
	return checksum_short(w.lo << 32 | len, w.lo >> 32 | w.hi << 32);
}

/* XXH3_64bits of 13 to 15 bytes that stand in a register: the branch for 9 to 16 of it. */
static inline uint64_t v_of_13_to_15(struct word w)
{
	const unsigned char *secret = XXH3_kSecret;
	uint32_t len = word_len(w), shift = 8 * (len - 8);
	uint64_t flip1 = XXH_readLE64(secret + 24) ^ XXH_readLE64(secret + 32);
	uint64_t flip2 = XXH_readLE64(secret + 40) ^ XXH_readLE64(secret + 48);
	uint64_t text_hi = w.hi & ((1ull << 56) - 1);
	uint64_t lo = w.lo ^ flip1, hi = (w.lo >> shift | text_hi << (64 - shift)) ^ flip2;
	unsigned __int128 m = (unsigned __int128)lo * hi;
	uint64_t h = len + __builtin_bswap64(lo) + hi + ((uint64_t)m ^ (uint64_t)(m >> 64));
	h = (h ^ h >> 37) * 0x165667919E3779F9u;
	return h ^ h >> 32;
}

static uint64_t v_of(struct word w)
{
	if (word_len(w) != WORD_LONG)
		return v_of_13_to_15(w);
	return XXH3_64bits(word_long(w)->text, word_long(w)->len);
}

uint64_t checksum_words(const struct word *w, const uint64_t *count, uint32_t n)
{
	uint64_t sum = 0;
	uint16_t other[BATCH + 1];
	uint32_t n_other = 0;
	/* Longer words come unforeseen: they are only noted here, so that no branch guesses wrong. */
	for (uint32_t i = 0; i < n; i++) {
		uint64_t is_long = (uint64_t)(12 - (int64_t)word_len(w[i])) >> 63;
		uint64_t h = fold64(fold64(CHECKSUM_SEED ^ v_of_short(w[i])) ^ count[i]);
		sum += h & (is_long - 1);
		other[n_other] = (uint16_t)i;
		n_other += (uint32_t)is_long;
	}
	for (uint32_t k = 0; k < n_other; k++) {
		uint32_t i = other[k];
		sum += fold64(fold64(CHECKSUM_SEED ^ v_of(w[i])) ^ count[i]);
	}
	return sum;
}
