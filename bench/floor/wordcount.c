/* wordcount.c - the floor: what one good engineer gets from a C program written for this one job.
 * Why: a job described in JSON is measured against this, as a ratio (bench/wordcount.py).
 *
 *   floor_wordcount FILE...       each file once, in order; prints one line of JSON
 *
 * One thread: read 256 KiB; lower case and word borders by SSE2, 64 bytes at a time; keys of up to
 * 16 bytes inline in 32-byte slots (longer ones beside), groups of 128 words hashed and prefetched
 * before they are probed; one update (word, count) a word, folded into an order-independent
 * checksum, as the job's blackhole sink does. No checkpoints, no threads, nothing generic. */
#include <emmintrin.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 256 << 10, PAD = 64, GROUP = 128, INLINE = 16, WORD_MAX = CHUNK };

struct slot {
	uint64_t key[2];  /* the word, zero-padded; of a long one: hash and its first 8 bytes */
	uint64_t count;   /* 0: empty */
	const char *rest; /* of a long word: its bytes, owned by the table */
};

struct table {
	struct slot *slots;
	uint64_t used;
	int shift; /* 64 - log2(slots): the slot is the hash's high bits */
};

struct counter {
	struct table t;
	uint64_t words, checksum;
	uint32_t edges[2 * (CHUNK / 2 + PAD)]; /* where words begin and end, in turn */
};

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 m = (unsigned __int128)a * b;
	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static uint64_t hash_of(const uint64_t key[2], uint32_t len)
{
	return fold(key[0] ^ 0x2D358DCCAA6C78A5u ^ len, key[1] ^ 0x8BB84B93962EACC9u);
}

static void table_make(struct table *t, int bits)
{
	size_t bytes = sizeof(struct slot) << bits;
	t->slots = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (t->slots == MAP_FAILED)
		fail("mmap");
	(void)madvise(t->slots, bytes, MADV_HUGEPAGE); /* only a hint */
	t->used = 0;
	t->shift = 64 - bits;
}

/* Long words keep their hash in key[0], whose high bits are as good as any. */
static uint64_t slot_hash(const struct slot *s)
{
	return s->rest ? s->key[0] : hash_of(s->key, (uint32_t)strnlen((const char *)s->key, INLINE));
}

static void table_grow(struct table *t)
{
	struct table old = *t;
	uint64_t slots = 1ull << (64 - old.shift);
	table_make(t, 64 - old.shift + 1);
	for (uint64_t i = 0; i < slots; i++) {
		if (!old.slots[i].count)
			continue;
		uint64_t at = slot_hash(&old.slots[i]) >> t->shift;
		while (t->slots[at].count)
			at = (at + 1) & (2 * slots - 1);
		t->slots[at] = old.slots[i];
	}
	t->used = old.used;
	munmap(old.slots, sizeof(struct slot) * slots);
}

/* Adds one to the word and returns its new count. */
static inline uint64_t table_count(struct table *t, const uint64_t key[2], uint64_t hash,
				   const char *word, uint32_t len)
{
	uint64_t mask = (1ull << (64 - t->shift)) - 1;
	struct slot *s;
	for (uint64_t at = hash >> t->shift;; at = (at + 1) & mask) {
		s = &t->slots[at];
		if (s->key[0] == key[0] && s->key[1] == key[1] && s->count &&
		    (len <= INLINE ? !s->rest
				   : s->rest && !strncmp(s->rest, word, len) && !s->rest[len]))
			return ++s->count;
		if (!s->count)
			break;
	}
	*s = (struct slot){.key = {key[0], key[1]}, .count = 1};
	if (len > INLINE && !(s->rest = strndup(word, len)))
		fail("strndup");
	if (++t->used > mask / 2)
		table_grow(t);
	return 1;
}

/* What the blackhole sink does with a record: a sum does not see the order. */
static inline uint64_t update_sum(uint64_t hash, uint64_t count)
{
	return fold(hash ^ 0x4B33A62ED433D4A3u, count ^ 0x8BB84B93962EACC9u);
}

/* Bits of a 64-byte piece that are ASCII white space; lowers its letters in place. */
static uint64_t piece(char *p)
{
	uint64_t mask = 0;
	for (int i = 0; i < 4; i++) {
		__m128i v = _mm_loadu_si128((const __m128i *)(p + 16 * i));
		__m128i up = _mm_and_si128(_mm_cmpgt_epi8(v, _mm_set1_epi8('A' - 1)),
					   _mm_cmplt_epi8(v, _mm_set1_epi8('Z' + 1)));
		_mm_storeu_si128((__m128i *)(p + 16 * i),
				 _mm_or_si128(v, _mm_and_si128(up, _mm_set1_epi8(0x20))));
		__m128i control = _mm_subs_epu8(_mm_sub_epi8(v, _mm_set1_epi8('\t')),
						_mm_set1_epi8('\r' - '\t'));
		__m128i white = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8(' ')),
					     _mm_cmpeq_epi8(control, _mm_setzero_si128()));
		mask |= (uint64_t)(uint32_t)_mm_movemask_epi8(white) << (16 * i);
	}
	return mask;
}

/* The places where white space and word meet, in [0, len); text stands padded with white space. */
static uint32_t find_edges(char *text, uint32_t len, uint32_t *edges)
{
	uint32_t n = 0;
	uint64_t before = 1; /* white space stands before the text */
	for (uint32_t at = 0; at < len; at += 64) {
		uint64_t white = piece(text + at);
		uint64_t change = white ^ (white << 1 | before);
		before = white >> 63;
		for (; change; change &= change - 1)
			edges[n++] = at + (uint32_t)__builtin_ctzll(change);
	}
	return n;
}

static void count_group(struct counter *c, const char *text, const uint32_t *edges, uint32_t words)
{
	static const uint8_t keep[32] = {255, 255, 255, 255, 255, 255, 255, 255,
					 255, 255, 255, 255, 255, 255, 255, 255};
	uint64_t keys[GROUP][2], hashes[GROUP];
	for (uint32_t i = 0; i < words; i++) {
		const char *word = text + edges[2 * i];
		uint32_t len = edges[2 * i + 1] - edges[2 * i];
		__m128i v = _mm_loadu_si128((const __m128i *)word);
		if (__builtin_expect(len <= INLINE, 1)) {
			v = _mm_and_si128(v, _mm_loadu_si128((const __m128i *)(keep + 16 - len)));
			_mm_storeu_si128((__m128i *)keys[i], v);
			hashes[i] = hash_of(keys[i], len);
		} else {
			uint64_t hash = len;
			for (uint32_t at = 0; at < len; at++)
				hash = fold(hash ^ (unsigned char)word[at], 0x9E3779B97F4A7C15u);
			memcpy(&keys[i][1], word, 8);
			keys[i][0] = hashes[i] = hash;
		}
		__builtin_prefetch(&c->t.slots[hashes[i] >> c->t.shift], 1);
	}
	for (uint32_t i = 0; i < words; i++) {
		uint32_t len = edges[2 * i + 1] - edges[2 * i];
		uint64_t n = table_count(&c->t, keys[i], hashes[i], text + edges[2 * i], len);
		c->checksum += update_sum(hashes[i], n);
	}
	c->words += words;
}

static void count_text(struct counter *c, char *text, uint32_t len)
{
	memset(text + len, ' ', PAD);
	uint32_t words = find_edges(text, len + 1, c->edges) / 2;
	for (uint32_t i = 0; i < words; i += GROUP) {
		uint32_t n = words - i < GROUP ? words - i : GROUP;
		count_group(c, text, c->edges + 2 * i, n);
	}
}

static bool is_white(char ch)
{
	return ch == ' ' || (ch >= '\t' && ch <= '\r');
}

static uint64_t count_file(struct counter *c, const char *path, char *buffer)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail(path);
	uint64_t total = 0;
	uint32_t kept = 0; /* bytes of a word that goes on in the next chunk */
	for (;;) {
		if (kept == WORD_MAX) {
			fprintf(stderr, "%s: a word of %d bytes\n", path, kept);
			exit(1);
		}
		ssize_t n = read(fd, buffer + kept, CHUNK - kept);
		if (n < 0)
			fail(path);
		if (n == 0)
			break;
		total += (uint64_t)n;
		uint32_t len = kept + (uint32_t)n, end = len;
		while (end > 0 && !is_white(buffer[end - 1]))
			end--;
		char tail[PAD]; /* count_text pads behind the end: into the word kept */
		memcpy(tail, buffer + end, PAD);
		count_text(c, buffer, end);
		memcpy(buffer + end, tail, PAD);
		kept = len - end;
		memmove(buffer, buffer + end, kept);
	}
	count_text(c, buffer, kept);
	close(fd);
	return total;
}

static double now_s(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	struct counter *c = calloc(1, sizeof(*c));
	char *buffer = calloc(1, CHUNK + 2 * PAD);
	if (!c || !buffer)
		fail("calloc");
	double began = now_s(CLOCK_MONOTONIC);
	table_make(&c->t, 18);
	uint64_t bytes = 0;
	for (int i = 1; i < argc; i++)
		bytes += count_file(c, argv[i], buffer);
	double wall = now_s(CLOCK_MONOTONIC) - began;
	struct rusage use;
	getrusage(RUSAGE_SELF, &use);
	printf("{\"words\": %llu, \"distinct\": %llu, \"bytes\": %llu, \"checksum\": \"%016llx\", "
	       "\"wall_s\": %.3f, \"cpu_s\": %.3f, \"peak_rss_bytes\": %lld}\n",
	       (unsigned long long)c->words, (unsigned long long)c->t.used, (unsigned long long)bytes,
	       (unsigned long long)c->checksum, wall, now_s(CLOCK_PROCESS_CPUTIME_ID),
	       (long long)use.ru_maxrss * 1024);
	free(buffer);
	free(c);
	return 0;
}
