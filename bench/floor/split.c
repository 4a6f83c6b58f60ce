/* split.c - see split.h. */
#include "split.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void splitter_open(struct splitter *s, const struct options *o, int first, int step)
{
	*s = (struct splitter){.o = o, .fd = -1, .file = first, .step = step};
	s->buffer = pages(LONGEST + CHUNK + 64, true);
}

static bool is_white(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool next_file(struct splitter *s)
{
	if (s->file >= s->o->n_files)
		return false;
	const char *path = s->o->files[s->file];
	s->file += s->step;
	s->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (s->fd < 0)
		die("%s", path);
	return true;
}

/* Whole words, at least one chunk's if there are any; false: all files are read. */
static bool next_text(struct splitter *s)
{
	char *chunk = s->buffer + LONGEST;
	while (s->fd >= 0 || next_file(s)) {
		if (s->kept > LONGEST - 16)
			die("a word of %u bytes", s->kept);
		if (s->kept)
			memmove(chunk - s->kept, s->text + s->len, s->kept);
		s->text = chunk - s->kept;
		ssize_t n = read(s->fd, chunk, CHUNK);
		if (n < 0)
			die("%s", s->o->files[s->file - s->step]);
		s->bytes += (uint64_t)n;
		uint32_t have = s->kept + (uint32_t)n, end = have;
		if (n == 0) { /* a word may end with the file */
			close(s->fd);
			s->fd = -1;
		} else {
			while (end > 0 && !is_white(s->text[end - 1]))
				end--;
		}
		s->len = end;
		s->kept = have - end;
		s->at = 0;
		if (end)
			return true;
	}
	return false;
}

/* Borders of the next piece of text that holds the end of a word. */
static bool next_borders(struct splitter *s)
{
	do {
		if (s->at == s->len) {
			if (!next_text(s))
				return false;
			s->borders.n_begun = s->borders.n_ended = 0;
			s->borders.before = 1;
		}
		uint32_t to = s->len - s->at < PIECE ? s->len : s->at + PIECE;
		if (s->o->lower)
			borders_find(&s->borders, s->text, s->at, to, to == s->len, true);
		else
			borders_find(&s->borders, s->text, s->at, to, to == s->len, false);
		s->at = to;
		s->next = 0;
	} while (!s->borders.n_ended);
	return true;
}

bool batch_put_long(struct word_batch *b, const char *text, uint32_t len)
{
	size_t size = (sizeof(struct long_word) + len + 7) / 8 * 8;
	if (size > ARENA - b->arena_used)
		return false;
	struct long_word *l = (struct long_word *)(void *)(b->arena + b->arena_used);
	b->arena_used += (uint32_t)size;
	l->len = len;
	memcpy(l->text, text, len);
	b->word[b->n++] = (struct word){
		XXH3_64bits(text, len), (uint64_t)(uintptr_t)l | (uint64_t)WORD_LONG << 56};
	return true;
}

/* From the borders there are; false: the batch is full. */
static bool put_words(struct splitter *s, struct word_batch *b)
{
	uint32_t room = BATCH - b->n, left = s->borders.n_ended - s->next;
	const uint32_t *begin = s->borders.begin + s->next, *end = s->borders.end + s->next;
	struct word *to = b->word + b->n;
	uint32_t n = room < left ? room : left, i = 0;
	for (; i < n; i++) {
		uint32_t len = end[i] - begin[i];
		if (__builtin_expect(len > WORD_INLINE, 0))
			break;
		to[i] = word_short(s->text + begin[i], len);
	}
	b->n += i;
	s->next += i;
	if (i == n)
		return room > left;
	if (!batch_put_long(b, s->text + begin[i], end[i] - begin[i]))
		return false;
	s->next++;
	return b->n < BATCH;
}

void splitter_fill(struct splitter *s, struct word_batch *b)
{
	b->n = 0;
	b->arena_used = 0;
	b->last = false;
	do {
		if (s->next == s->borders.n_ended && !next_borders(s)) {
			b->last = true;
			return;
		}
	} while (put_words(s, b));
}
