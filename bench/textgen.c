/* textgen.c - writes a text for benchmarks: words of a vocabulary, drawn by Zipf's law, to stdout.
 * Why our own: the same seed must give the same bytes on every machine, and 207 MB in seconds.
 *
 *   textgen --words 22000000 --per-line 10 --vocabulary 100000 --zipf 1.0 --seed 7
 *
 * Words are drawn by Walker's alias method as Vose gives it (1991): two table reads a word. With
 * --zipf 1 (and 0) only divisions and additions, exact everywhere, decide what is drawn; with other
 * exponents pow() of the C library has its say in the last digit. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORD_MIN = 4, WORD_MAX = 13, BUFFER = 1 << 20 };

struct word {
	char text[15]; /* WORD_MAX letters; room for a 16-byte copy with len */
	uint8_t len;
};

struct alias {
	uint32_t keep; /* below this of 2^32: the word itself, else `other` */
	uint32_t other;
};

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t next(uint64_t *state)
{
	uint64_t z = *state += 0x9E3779B97F4A7C15u;
	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	return z ^ (z >> 31);
}

/* A number below n, by multiply-shift: n is far below 2^32, the bias does not matter here. */
static uint32_t below(uint64_t *state, uint32_t n)
{
	return (uint32_t)(((next(state) >> 32) * n) >> 32);
}

static void fail(const char *what)
{
	fprintf(stderr, "textgen: %s\n", what);
	exit(1);
}

static void *get(size_t n, size_t size)
{
	void *p = calloc(n, size);
	if (!p)
		fail("out of memory");
	return p;
}

/* n different words of 4 to 13 letters; a word drawn twice is drawn again. Lengths go round in a
 * fixed order that gives frequent words the mean length of all (8.4), whatever the seed. */
static struct word *make_words(uint32_t n, uint64_t *state)
{
	uint32_t slots = 1;
	while (slots < 2 * n)
		slots *= 2;
	uint32_t *taken = get(slots, sizeof(*taken)); /* index + 1 */
	struct word *words = get(n, sizeof(*words));
	for (uint32_t i = 0; i < n;) {
		struct word *w = &words[i];
		w->len = (uint8_t)(WORD_MIN + (i * 7 + 4) % (WORD_MAX - WORD_MIN + 1));
		memset(w->text, 0, sizeof(w->text));
		uint64_t hash = 0;
		for (uint32_t c = 0; c < w->len; c++) {
			w->text[c] = (char)('a' + below(state, 26));
			hash = (hash ^ (unsigned char)w->text[c]) * 0x100000001B3u;
		}
		uint32_t slot = (uint32_t)(hash >> 32) & (slots - 1);
		while (taken[slot] && memcmp(words[taken[slot] - 1].text, w->text, sizeof(w->text)))
			slot = (slot + 1) & (slots - 1);
		if (taken[slot])
			continue;
		taken[slot] = ++i;
	}
	free(taken);
	return words;
}

/* weight(rank) = 1 / rank^s, turned into an alias table. */
static struct alias *make_alias(uint32_t n, double s)
{
	double *p = get(n, sizeof(*p)), sum = 0;
	uint32_t *small = get(n, sizeof(*small)), *large = get(n, sizeof(*large));
	struct alias *a = get(n, sizeof(*a));
	for (uint32_t i = 0; i < n; i++)
		sum += p[i] = s == 0.0 ? 1.0 : s == 1.0 ? 1.0 / (i + 1.0) : pow(i + 1.0, -s);
	uint32_t smalls = 0, larges = 0;
	for (uint32_t i = 0; i < n; i++) {
		p[i] = p[i] * n / sum;
		if (p[i] < 1.0)
			small[smalls++] = i;
		else
			large[larges++] = i;
	}
	while (smalls && larges) {
		uint32_t lo = small[--smalls], hi = large[larges - 1];
		a[lo] = (struct alias){.keep = (uint32_t)(p[lo] * 4294967295.0), .other = hi};
		p[hi] -= 1.0 - p[lo];
		if (p[hi] < 1.0) {
			larges--;
			small[smalls++] = hi;
		}
	}
	while (larges) /* what is left is 1 but for rounding */
		a[large[--larges]] = (struct alias){.keep = UINT32_MAX, .other = 0};
	while (smalls)
		a[small[--smalls]] = (struct alias){.keep = UINT32_MAX, .other = 0};
	free(p);
	free(small);
	free(large);
	return a;
}

static void put(const char *from, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, from, len);
		if (n < 0)
			fail("cannot write");
		from += n;
		len -= (size_t)n;
	}
}

static void write_text(const struct word *words, const struct alias *a, uint32_t n, uint64_t count,
		       uint32_t per_line, uint64_t *state)
{
	static char buffer[BUFFER + 64];
	size_t at = 0;
	uint32_t in_line = 0;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t r = next(state);
		uint32_t rank = (uint32_t)(((r >> 32) * n) >> 32);
		if ((uint32_t)r > a[rank].keep)
			rank = a[rank].other;
		memcpy(buffer + at, words[rank].text, sizeof(words[rank].text));
		at += words[rank].len;
		bool ends = ++in_line == per_line || i + 1 == count;
		buffer[at++] = ends ? '\n' : ' ';
		in_line = ends ? 0 : in_line;
		if (at >= BUFFER) {
			put(buffer, at);
			at = 0;
		}
	}
	put(buffer, at);
}

int main(int argc, char **argv)
{
	uint64_t words = 22000000, per_line = 10, vocabulary = 100000, seed = 7;
	double zipf = 1.0;
	for (int i = 1; i < argc; i += 2) {
		char *end = NULL;
		const char *value = i + 1 < argc ? argv[i + 1] : "";
		uint64_t number = strtoull(value, &end, 10);
		if (!strcmp(argv[i], "--zipf"))
			zipf = strtod(value, &end);
		else if (!strcmp(argv[i], "--words"))
			words = number;
		else if (!strcmp(argv[i], "--per-line"))
			per_line = number;
		else if (!strcmp(argv[i], "--vocabulary"))
			vocabulary = number;
		else if (!strcmp(argv[i], "--seed"))
			seed = number;
		else
			end = NULL;
		if (!end || end == value || *end)
			fail("usage: textgen [--seed N] [--words N] [--per-line N] [--vocabulary N] "
			     "[--zipf S]");
	}
	if (vocabulary < 1 || vocabulary > 100000000 || per_line < 1 || per_line > UINT32_MAX)
		fail("--vocabulary is 1 to 100,000,000, --per-line at least 1");
	uint64_t state = seed;
	struct word *made = make_words((uint32_t)vocabulary, &state);
	struct alias *a = make_alias((uint32_t)vocabulary, zipf);
	write_text(made, a, (uint32_t)vocabulary, words, (uint32_t)per_line, &state);
	free(a);
	free(made);
	return 0;
}
