/* oracle.c - what a peer's checksums must be, worked out another way than any peer does.
 * Why in C and from the final counts: a peer of 60 M records a second must be checked in seconds.
 *
 *   oracle w1 FILE BLOCKS...               words of the blocks that each worker read
 *   oracle w2 KEYS HOT ROWS BLOCKS...      rows of the blocks (of ROWS each) that each worker read
 *   oracle mawk FILE PASSES                the sum of all running counts of PASSES over the text
 *
 * Worker w of n has read the blocks w, w + n, ...: as many as the w-th number of BLOCKS says. A
 * block of w1 is a piece of the text, piece b % 64: the lines that begin in its 64th of the bytes.
 * Row i of w2: key i < HOT_FROM ? i : splitmix64(i) % n, value i % 256; see key_of.
 *
 * Prints {"records": N, "checksum": "...", "state_checksum": "..."}: of all updates (of w2 only
 * where one worker read all rows in order: otherwise null), and of the last update of each key. The
 * checksum is runtime/record_checksum.h's, written again. A word's n updates are (word, 1) to
 * (word, n) whatever the order, so w1 needs only the final counts. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECES = 64, WORDS_MAX = 1 << 22, SLOTS = 1 << 23 };

static void fail(const char *what)
{
	fprintf(stderr, "oracle: %s\n", what);
	exit(1);
}

static void *get(size_t n, size_t size)
{
	void *p = calloc(n, size);
	if (!p)
		fail("no memory");
	return p;
}

static uint64_t splitmix64(uint64_t x)
{
	x += 0x9E3779B97F4A7C15u;
	x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
	x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
	return x ^ (x >> 31);
}

static uint64_t mul(uint64_t a, uint64_t b)
{
	unsigned __int128 m = (unsigned __int128)a * b;
	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static uint64_t fold(uint64_t key)
{
	unsigned __int128 m = (unsigned __int128)(key ^ 0x2D358DCCAA6C78A5u) * 0x8BB84B93962EACC9u;
	return mul((uint64_t)m ^ 0x2D358DCCAA6C78A5u, (uint64_t)(m >> 64) ^ 0x4B33A62ED433D4A3u);
}

#define SEED 0x7363657272696577u /* "weirrecs", little-endian */

static uint64_t of_number(uint64_t key)
{
	return fold(SEED ^ key);
}

static uint64_t of_record(uint64_t key_part, uint64_t value)
{
	return fold(key_part ^ value);
}

/* A word of 1 to 16 bytes; beyond 12, XXH3_64bits of 9 to 16 bytes. */
static uint64_t of_word(const char *word, uint32_t len)
{
	uint64_t w[2];
	if (len <= 12) {
		char view[16] = {0};
		memcpy(view, &len, 4);
		memcpy(view + 4, word, len);
		memcpy(w, view, 16);
		return fold(SEED ^ mul(w[0] ^ 0x9E3779B97F4A7C15u, w[1] ^ 0xD6E8FEB86659FD93u));
	}
	memcpy(&w[0], word, 8);
	memcpy(&w[1], word + len - 8, 8);
	w[0] ^= 0x6782737BEA4239B9u;
	w[1] ^= 0xAF56BC3B0996523Au;
	uint64_t h = len + __builtin_bswap64(w[0]) + w[1] + mul(w[0], w[1]);
	h = (h ^ (h >> 37)) * 0x165667919E3779F9u;
	return fold(SEED ^ h ^ (h >> 32));
}

struct word {
	char text[16];
	uint32_t len;
	uint64_t count;
};

struct words {
	struct word *all;
	uint32_t *slot; /* index + 1 */
	uint32_t n;
};

static struct word *word_of(struct words *ws, const char *text, uint32_t len)
{
	char key[16] = {0};
	uint64_t half[2];
	if (len > sizeof key)
		fail("a word of more than 16 bytes");
	memcpy(key, text, len);
	memcpy(half, key, sizeof key);
	uint32_t s = (uint32_t)(mul(half[0] ^ SEED, half[1] ^ 0xD6E8FEB86659FD93u) & (SLOTS - 1));
	for (; ws->slot[s]; s = (s + 1) & (SLOTS - 1))
		if (!memcmp(ws->all[ws->slot[s] - 1].text, key, sizeof key))
			return &ws->all[ws->slot[s] - 1];
	if (ws->n == WORDS_MAX)
		fail("too many words");
	struct word *w = &ws->all[ws->n];
	ws->slot[s] = ++ws->n;
	memcpy(w->text, key, sizeof key);
	w->len = len;
	return w;
}

static void print(uint64_t records, bool ordered, uint64_t checksum, uint64_t state)
{
	printf("{\"records\":%llu,", (unsigned long long)records);
	if (ordered)
		printf("\"checksum\":\"%016llx\",", (unsigned long long)checksum);
	else
		printf("\"checksum\":null,");
	printf("\"state_checksum\":\"%016llx\"}\n", (unsigned long long)state);
}

/* How often each piece was read by n workers of so many blocks each. */
static void count_reads(uint64_t reads[PIECES], char **blocks, int n)
{
	for (int w = 0; w < n; w++) {
		uint64_t m = strtoull(blocks[w], NULL, 10);
		for (uint64_t b = 0; b < m; b++)
			reads[((uint64_t)w + b * (uint64_t)n) % PIECES]++;
	}
}

/* Counts the words of the text, those of a piece as often as it was read. */
static struct words count_words(const char *path, const uint64_t reads[PIECES])
{
	struct words ws = {get(WORDS_MAX, sizeof(struct word)), get(SLOTS, sizeof(uint32_t)), 0};
	FILE *f = fopen(path, "rb");
	if (!f || fseek(f, 0, SEEK_END))
		fail("cannot open the text");
	uint64_t size = (uint64_t)ftell(f), piece = 0;
	char *text = get(size + 1, 1);
	rewind(f);
	if (fread(text, 1, size, f) != size)
		fail("cannot read the text");
	fclose(f);
	for (uint64_t at = 0; at < size;) {
		while (piece < PIECES - 1 && at >= size * (piece + 1) / PIECES)
			piece++;
		while (at < size && text[at] != '\n') {
			uint64_t from = at;
			while (at < size && (unsigned char)text[at] > ' ')
				at++;
			if (at > from)
				word_of(&ws, text + from, (uint32_t)(at - from))->count += reads[piece];
			else
				at++;
		}
		at++;
	}
	free(text);
	return ws;
}

static void w1(const char *path, char **blocks, int n)
{
	uint64_t reads[PIECES] = {0}, records = 0, checksum = 0, state = 0;
	count_reads(reads, blocks, n);
	struct words ws = count_words(path, reads);
	for (uint32_t i = 0; i < ws.n; i++) {
		uint64_t part = of_word(ws.all[i].text, ws.all[i].len);
		for (uint64_t k = 1; k <= ws.all[i].count; k++)
			checksum += of_record(part, k);
		state += ws.all[i].count ? of_record(part, ws.all[i].count) : 0;
		records += ws.all[i].count;
	}
	print(records, true, checksum, state);
}

static void mawk(const char *path, uint64_t passes)
{
	uint64_t reads[PIECES], records = 0, sum = 0;
	for (int i = 0; i < PIECES; i++)
		reads[i] = passes;
	struct words ws = count_words(path, reads);
	for (uint32_t i = 0; i < ws.n; i++) {
		records += ws.all[i].count;
		sum += ws.all[i].count * (ws.all[i].count + 1) / 2;
	}
	printf("{\"records\":%llu,\"sum\":%llu}\n", (unsigned long long)records,
	       (unsigned long long)sum);
}

/* With hot > 0 (W3) the first `keys` rows have each a key of its own, the rest hot ones. */
static uint64_t key_of(uint64_t i, uint64_t keys, uint64_t hot)
{
	return hot && i < keys ? i : splitmix64(i) % (hot ? hot : keys);
}

static void w2(uint64_t keys, uint64_t hot, uint64_t rows, char **blocks, int n)
{
	uint64_t *sum = get(keys, sizeof *sum), *part = get(keys, sizeof *part);
	bool *seen = get(keys, sizeof *seen);
	uint64_t records = 0, checksum = 0, state = 0;
	for (uint64_t k = 0; k < keys; k++)
		part[k] = of_number(k);
	for (int w = 0; w < n; w++) {
		uint64_t m = strtoull(blocks[w], NULL, 10);
		for (uint64_t b = 0; b < m; b++) {
			uint64_t from = ((uint64_t)w + b * (uint64_t)n) * rows;
			for (uint64_t i = from; i < from + rows; i++) {
				uint64_t key = key_of(i, keys, hot);
				sum[key] += i % 256;
				seen[key] = true;
				checksum += of_record(part[key], sum[key]);
			}
		}
		records += m * rows;
	}
	for (uint64_t k = 0; k < keys; k++)
		state += seen[k] ? of_record(part[k], sum[k]) : 0;
	print(records, n == 1, checksum, state);
}

int main(int argc, char **argv)
{
	if (argc >= 4 && !strcmp(argv[1], "w1"))
		w1(argv[2], argv + 3, argc - 3);
	else if (argc >= 6 && !strcmp(argv[1], "w2"))
		w2(strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10),
		   strtoull(argv[4], NULL, 10), argv + 5, argc - 5);
	else if (argc == 4 && !strcmp(argv[1], "mawk"))
		mawk(argv[2], strtoull(argv[3], NULL, 10));
	else
		fail("usage: oracle w1 FILE BLOCKS... | w2 KEYS HOT ROWS BLOCKS... | mawk FILE PASSES");
	return 0;
}
