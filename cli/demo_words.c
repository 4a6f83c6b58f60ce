/* demo_words.c - see demo_words.h. */
#include "cli/demo_words.h"

#include "base/hash.h"

void demo_words_init(struct demo_words *w, struct mem *mem)
{
	*w = (struct demo_words){.mem = mem};
}

void demo_words_close(struct demo_words *w)
{
	for (size_t i = 0; i < w->cap; i++)
		mem_put(w->mem, w->at[i].text);
	if (w->mem)
		mem_put(w->mem, w->at);
	*w = (struct demo_words){0};
}

static struct demo_word *place_of(struct demo_word *at, size_t cap, const char *text, size_t len)
{
	size_t i = checksum64(text, len) & (cap - 1);
	while (at[i].text && (at[i].len != len || memcmp(at[i].text, text, len)))
		i = (i + 1) & (cap - 1);
	return &at[i];
}

static bool grow(struct demo_words *w)
{
	size_t cap = w->cap ? 2 * w->cap : 4096;
	struct demo_word *at = mem_get(w->mem, cap * sizeof *at);
	if (!at)
		return false;
	for (size_t i = 0; i < w->cap; i++)
		if (w->at[i].text)
			*place_of(at, cap, w->at[i].text, w->at[i].len) = w->at[i];
	mem_put(w->mem, w->at);
	w->at = at;
	w->cap = cap;
	return true;
}

struct demo_word *demo_words_get(struct demo_words *w, const char *text, size_t len)
{
	if (w->n >= w->cap / 2 && !grow(w))
		goto fail;
	struct demo_word *x = place_of(w->at, w->cap, text, len);
	if (x->text)
		return x;
	x->text = mem_get(w->mem, len + 1);
	if (!x->text)
		goto fail;
	memcpy(x->text, text, len);
	x->len = len;
	w->n++;
	return x;
fail:
	w->failed = true;
	return NULL;
}

static enum rc outcome(const struct demo_words *w, struct err *e)
{
	return w->failed ? ERR(e, E_NO_MEMORY, "no memory for the words") : OK;
}

static uint64_t number_at(const char **p, const char *end)
{
	uint64_t n = 0;
	while (*p < end && **p >= '0' && **p <= '9')
		n = n * 10 + (uint64_t)(*(*p)++ - '0');
	return n;
}

RC demo_words_read_counts(struct demo_words *w, int column, const char *data, size_t len,
			  struct err *e)
{
	const char *end = data + len;
	while (data < end) {
		const char *nl = memchr(data, '\n', (size_t)(end - data));
		const char *eol = nl ? nl : end;
		while (data < eol && *data == ' ')
			data++;
		uint64_t n = number_at(&data, eol);
		if (data < eol && *data == ' ') {
			data++;
			struct demo_word *x = demo_words_get(w, data, (size_t)(eol - data));
			if (x)
				x->n[column] += n;
		}
		data = eol + 1;
	}
	return outcome(w, e);
}

/* The first field of a CSV row, unquoted into `word`; *p then stands behind it. */
static void field_at(const char **p, const char *end, struct bytes *word)
{
	bytes_clear(word);
	if (*p < end && **p == '"') {
		for (++*p; *p < end; ++*p) {
			if (**p == '"') {
				if (*p + 1 == end || (*p)[1] != '"')
					break;
				++*p;
			}
			bytes_put_u8(word, (uint8_t)**p);
		}
		if (*p < end)
			++*p;
		return;
	}
	while (*p < end && **p != ',')
		bytes_put_u8(word, (uint8_t)*(*p)++);
}

RC demo_words_read_rows(struct demo_words *w, int column, const char *data, size_t len, bool header,
			struct err *e)
{
	const char *end = data + len;
	struct bytes word;
	bytes_init(&word, w->mem);
	for (bool first = true; data < end; first = false) {
		const char *nl = memchr(data, '\n', (size_t)(end - data));
		const char *eol = nl ? nl : end;
		if (!first || !header) {
			field_at(&data, eol, &word);
			data += data < eol;
			uint64_t n = number_at(&data, eol);
			struct demo_word *x = demo_words_get(w, bytes_text(&word), word.len);
			if (x) {
				x->n[column]++;
				x->last = column == DEMO_WEIR && n > x->last ? n : x->last;
			}
		}
		data = eol + 1;
	}
	w->failed |= !bytes_ok(&word);
	bytes_close(&word);
	return outcome(w, e);
}

struct demo_verdict demo_words_compare(const struct demo_words *w, int column)
{
	struct demo_verdict v = {0};
	for (size_t i = 0; i < w->cap; i++) {
		const struct demo_word *x = &w->at[i];
		uint64_t right = x->n[DEMO_PLAIN], got = x->n[column];
		v.words += got;
		v.lost += right > got ? right - got : 0;
		v.doubled += got > right ? got - right : 0;
		if (column == DEMO_WEIR && x->text && x->last != got)
			v.broken = true;
	}
	return v;
}

/* More often first; of equals the one whose bytes come first. */
static bool is_above(const struct demo_word *a, const struct demo_word *b)
{
	if (a->n[DEMO_PLAIN] != b->n[DEMO_PLAIN])
		return a->n[DEMO_PLAIN] > b->n[DEMO_PLAIN];
	size_t len = a->len < b->len ? a->len : b->len;
	int order = memcmp(a->text, b->text, len);
	return order ? order < 0 : a->len < b->len;
}

size_t demo_words_top(const struct demo_words *w, const struct demo_word **to, size_t n)
{
	size_t have = 0;
	for (size_t i = 0; i < w->cap; i++) {
		const struct demo_word *x = &w->at[i];
		if (!x->text || (have == n && !is_above(x, to[n - 1])))
			continue;
		size_t at = have < n ? have++ : n - 1;
		for (; at > 0 && is_above(x, to[at - 1]); at--)
			to[at] = to[at - 1];
		to[at] = x;
	}
	return have;
}
