/* w2s.c - w2 with keys that are texts of 8 to 40 bytes, made of splitmix64(i, keys) by JOB_EXPR.
 * Forms one, two and three. A batch has its texts end to end. A key is one line of the cache: up to
 * 48 bytes of text, its length and the sum; an index of hashes and line numbers, eight in a line of
 * the cache, says which. Both are prefetched; probing goes on in the index alone. */
#include "checksum.h"
#include "ints.h"
#include "ring.h"

#include <string.h>

#define ALPHABET "abcdefghijklmnopqrstuvwxyz0123456789"
#define JOB_EXPR "substr('" ALPHABET "', 1, k % 33) || cast(10000000 + k as text)"
#define KEYS_MAX 90000000u /* so that the number has 8 digits */
#define KEY_MAX 48u

struct texts {
	uint32_t n;
	bool last;
	_Alignas(64) uint16_t at[BATCH + 1]; /* text i is bytes at[i] to at[i + 1] */
	uint64_t value[BATCH];		     /* later the key's sum */
	_Alignas(64) char text[BATCH * 40 + 64];
};

struct text_line {
	_Alignas(64) char text[KEY_MAX]; /* zeros behind the end */
	uint64_t len;
	uint64_t sum;
};

struct place {
	uint32_t tag;  /* low bits of the hash; the high ones say where it is looked for */
	uint32_t line; /* plus 1; 0: empty */
};

struct w2s {
	const struct options *o;
	struct divider mod;
	struct place *index;
	uint64_t places;
	struct text_line *line;
	uint64_t lines, used;
	struct ring ring;
	struct texts *slots;
	uint64_t checksum;
};

/* ---- keys ---- */

/* Eight digits, the first one first. */
static inline uint64_t digits8(uint32_t v)
{
	uint64_t x = v / 10000 | (uint64_t)(v % 10000) << 32;
	uint64_t t = x * 10486 >> 20 & 0x7F0000007F;
	x = t | (x - 100 * t) << 16;
	t = x * 103 >> 10 & 0x000F000F000F000F;
	return (t | (x - 10 * t) << 8) + 0x3030303030303030;
}

static void generate(const struct w2s *w, uint64_t first, struct texts *to)
{
	static const _Alignas(64) char alphabet[64] = ALPHABET;
	struct divider mod = w->mod;
	uint64_t left = w->o->rows - first;
	uint32_t n = left < BATCH ? (uint32_t)left : BATCH, at = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = (uint32_t)divider_rest(mod, mix(first + i)), prefix = k % 33;
		uint64_t digits = digits8(10000000 + k);
		to->at[i] = (uint16_t)at;
		memcpy(to->text + at, alphabet, 32); /* 32 of it at most */
		memcpy(to->text + at + prefix, &digits, 8);
		at += prefix + 8;
	}
	to->at[n] = (uint16_t)at;
	for (uint32_t i = 0; i < n; i++)
		to->value[i] = (first + i) % 256;
	to->n = n;
	to->last = left <= BATCH;
}

/* ---- sums ---- */

struct text_key {
	__m256i a;
	__m128i b;
};

/* The text with zeros behind it. */
static inline struct text_key key_of(const char *text, uint32_t len)
{
	static const _Alignas(32) uint8_t keep[96] = {[0 ... 47] = 255};
	const uint8_t *mask = keep + 48 - len;
	return (struct text_key){
		_mm256_and_si256(_mm256_loadu_si256((const __m256i *)text),
				 _mm256_loadu_si256((const __m256i *)mask)),
		_mm_and_si128(_mm_loadu_si128((const __m128i *)(text + 32)),
			      _mm_loadu_si128((const __m128i *)(mask + 32)))};
}

static inline uint64_t key_hash(struct text_key k)
{
	uint64_t x[6];
	memcpy(x, &k.a, 32);
	memcpy(x + 4, &k.b, 16);
	return checksum_short(x[0], x[1]) ^ checksum_short(x[2] ^ FOLD_BY, x[3]) ^
	       checksum_short(x[4] ^ FOLD_HI, x[5]);
}

static inline bool line_is(const struct text_line *l, struct text_key k)
{
	__m256i a = _mm256_xor_si256(k.a, _mm256_load_si256((const __m256i *)l->text));
	__m128i b = _mm_xor_si128(k.b, _mm_load_si128((const __m128i *)(l->text + 32)));
	a = _mm256_or_si256(a, _mm256_zextsi128_si256(b));
	return _mm256_testz_si256(a, a);
}

static inline uint64_t home_of(const struct w2s *w, uint64_t hash)
{
	return (uint64_t)(((unsigned __int128)hash * w->places) >> 64);
}

/* The first line whose hash is as good as this; NULL: there is none. */
static inline struct text_line *line_like(const struct w2s *w, uint64_t hash)
{
	for (uint64_t at = home_of(w, hash);; at = at + 1 == w->places ? 0 : at + 1) {
		if (!w->index[at].line)
			return NULL;
		if (w->index[at].tag == (uint32_t)hash)
			return &w->line[w->index[at].line - 1];
	}
}

/* The line of the key; made if it is new. */
static __attribute__((noinline)) struct text_line *line_of(struct w2s *w, struct text_key k,
							   uint32_t len, uint64_t hash)
{
	uint64_t at = home_of(w, hash);
	for (; w->index[at].line; at = at + 1 == w->places ? 0 : at + 1) {
		struct text_line *l = &w->line[w->index[at].line - 1];
		if (w->index[at].tag == (uint32_t)hash && line_is(l, k))
			return l;
	}
	if (w->used == w->lines)
		die("more keys than --keys");
	struct text_line *l = &w->line[w->used++];
	w->index[at] = (struct place){(uint32_t)hash, (uint32_t)w->used};
	_mm256_store_si256((__m256i *)l->text, k.a);
	_mm_store_si128((__m128i *)(l->text + 32), k.b);
	l->len = len;
	return l;
}

/* Adds each value to its key's sum; value[i] becomes what the key stands at then. The lines of a
 * batch wait in the second cache until all are found. */
static void sum(struct w2s *w, struct texts *b)
{
	uint64_t hash[BATCH + PIPE] = {0};
	struct text_line *line[BATCH];
	for (uint32_t i = 0; i < b->n; i++) {
		uint32_t len = (uint32_t)(b->at[i + 1] - b->at[i]);
		hash[i] = key_hash(key_of(b->text + b->at[i], len));
		if (i < PIPE)
			__builtin_prefetch(&w->index[home_of(w, hash[i])]);
	}
	for (uint32_t i = 0; i < b->n; i++) {
		__builtin_prefetch(&w->index[home_of(w, hash[i + PIPE])]);
		line[i] = line_like(w, hash[i]);
		__builtin_prefetch(line[i], 1);
	}
	for (uint32_t i = 0; i < b->n; i++) {
		uint32_t len = (uint32_t)(b->at[i + 1] - b->at[i]);
		struct text_key k = key_of(b->text + b->at[i], len);
		struct text_line *l = line[i];
		if (__builtin_expect(!l || !line_is(l, k), 0))
			l = line_of(w, k, len, hash[i]);
		b->value[i] = l->sum += b->value[i];
	}
}

/* ---- sink ---- */

static inline uint64_t v_of(const char *text, uint32_t len)
{
	uint64_t w0 = 0, w1 = 0;
	if (len > 12)
		return XXH3_64bits(text, len);
	memcpy(&w0, text, 4); /* 8 bytes at least */
	memcpy(&w1, text + len - 8, 8);
	return checksum_short(w0 << 32 | len, w1 >> 8 * (12 - len));
}

static void check(struct w2s *w, const struct texts *b)
{
	uint64_t all = 0;
	for (uint32_t i = 0; i < b->n; i++) {
		uint32_t len = (uint32_t)(b->at[i + 1] - b->at[i]);
		uint64_t h = fold64(CHECKSUM_SEED ^ v_of(b->text + b->at[i], len));
		all += fold64(h ^ b->value[i]);
	}
	w->checksum += all;
}

/* ---- forms ---- */

static void run_one(struct w2s *w)
{
	uint64_t i = 0;
	do {
		generate(w, i, w->slots);
		sum(w, w->slots);
		check(w, w->slots);
		i += BATCH;
	} while (!w->slots->last);
}

static void *source_main(void *arg)
{
	struct w2s *w = arg;
	bool last = false;
	thread_pin(w->o, 0);
	for (uint64_t i = 0; !last; i += BATCH) {
		struct texts *b = &w->slots[ring_next(&w->ring, 0)];
		generate(w, i, b);
		last = b->last;
		ring_done(&w->ring, 0);
	}
	return NULL;
}

static void *sink_main(void *arg)
{
	struct w2s *w = arg;
	thread_pin(w->o, 0);
	for (bool last = false; !last;) {
		const struct texts *b = &w->slots[ring_next(&w->ring, 2)];
		check(w, b);
		last = b->last;
		ring_done(&w->ring, 2);
	}
	return NULL;
}

static void run_threads(struct w2s *w, bool with_sink)
{
	ring_open(&w->ring, w->o, with_sink ? 3 : 2);
	unsigned long source = thread_begin(source_main, w), sink = 0;
	if (with_sink)
		sink = thread_begin(sink_main, w);
	thread_pin(w->o, 1);
	for (bool last = false; !last;) {
		struct texts *b = &w->slots[ring_next(&w->ring, 1)];
		sum(w, b);
		if (!with_sink)
			check(w, b);
		last = b->last;
		ring_done(&w->ring, 1);
	}
	thread_join(source);
	if (with_sink)
		thread_join(sink);
}

int work_w2_strings(const struct options *o)
{
	struct w2s *w = pages(sizeof *w, true);
	struct answer a = {.records = o->rows};
	bool one = !strcmp(o->form, "one"), three = !strcmp(o->form, "three");
	if ((!one && !three && strcmp(o->form, "two")) || o->keys < 2 || o->keys > KEYS_MAX || !o->rows)
		die("w2 --strings: no such form, or bad --keys or --rows");
	w->o = o;
	w->mod = divider_of(o->keys);
	w->slots = pages(o->slots * sizeof *w->slots, true);
	struct began began = began_now();
	w->lines = o->keys;
	w->line = pages(w->lines * sizeof *w->line, !o->no_huge);
	w->places = o->keys * 3 / 2 + 16;
	w->index = pages(w->places * sizeof *w->index, !o->no_huge);
	if (one)
		run_one(w);
	else
		run_threads(w, three);
	answer_took(&a, began);
	a.checksum = w->checksum;
	a.distinct = w->used;
	answer_print("w2 --strings", o, &a);
	printf(", \"job_expr\": \"%s\"", JOB_EXPR);
	return 0;
}
