/* csv.c - see csv.h. */
#include "csv.h"

#include <fcntl.h>
#include <unistd.h>

#define BUFFER (256u << 10)
#define NUMBER_MAX 20u

static void flush(struct csv *c)
{
	for (size_t at = 0; at < c->used;) {
		ssize_t n = write(c->fd, c->buffer + at, c->used - at);
		if (n < 0)
			die("cannot write");
		at += (size_t)n;
	}
	c->bytes += c->used;
	c->used = 0;
}

void csv_open(struct csv *c, const char *path)
{
	*c = (struct csv){.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
	if (c->fd < 0)
		die("%s", path);
	c->buffer = pages(BUFFER + LONGEST + 64, true);
	memcpy(c->buffer, "word,n\n", 7);
	c->used = 7;
}

void csv_close(struct csv *c)
{
	flush(c);
	if (fsync(c->fd) || close(c->fd))
		die("cannot write");
}

/* "00" to "99". */
static const char pairs[201] =
			       "00010203040506070809101112131415161718192021222324252627282930313233"
			       "34353637383940414243444546474849505152535455565758596061626364656667"
			       "6869707172737475767778798081828384858687888990919293949596979899";

static inline char *number_put(char *to, uint64_t n)
{
	char text[NUMBER_MAX], *at = text + NUMBER_MAX;
	for (; n >= 100; n /= 100)
		memcpy(at -= 2, pairs + 2 * (n % 100), 2);
	if (n >= 10)
		memcpy(at -= 2, pairs + 2 * n, 2);
	else
		*--at = (char)('0' + n);
	size_t len = (size_t)(text + NUMBER_MAX - at);
	memcpy(to, at, len);
	return to + len;
}

/* Whether a field with any of these bytes would have to be quoted. */
static inline bool is_odd(__m128i v)
{
	__m128i odd = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
				   _mm_cmpeq_epi8(v, _mm_set1_epi8(',')));
	return _mm_movemask_epi8(odd) & 0x7FFF;
}

void csv_put(struct csv *c, const struct word_batch *b)
{
	c->records += b->n;
	for (uint32_t i = 0; i < b->n; i++) {
		char *to = c->buffer + c->used;
		__m128i v = _mm_load_si128((const __m128i *)&b->word[i]);
		uint32_t len = word_len(b->word[i]);
		if (__builtin_expect(len == WORD_LONG, 0)) {
			const struct long_word *l = word_long(b->word[i]);
			if (memchr(l->text, ',', l->len) || memchr(l->text, '"', l->len))
				die("a word that needs quotes");
			memcpy(to, l->text, len = l->len);
		} else if (__builtin_expect(is_odd(v), 0)) {
			die("a word that needs quotes");
		} else {
			_mm_storeu_si128((__m128i *)to, v);
		}
		to += len;
		*to++ = ',';
		to = number_put(to, b->count[i]);
		*to++ = '\n';
		c->used = (size_t)(to - c->buffer);
		if (c->used >= BUFFER)
			flush(c);
	}
}
