/* kernels_text.c - functions over text. Parts of a text are views into it; nothing is copied for
 * them. Characters are UTF-8: one begins at each byte that is no continuation byte, and at the
 * first byte. Invalid UTF-8 passes through, and counts by the same rule. lower() and upper() map
 * ASCII letters. */
#include "operators/kernels.h"
#include "operators/simd.h"

static bool begins_char(uint8_t c)
{
	return (c & 0xC0) != 0x80;
}

/* How many of 16 bytes begin a character, those below n. */
static int64_t count_16(__m128i bytes, uint32_t n)
{
	static const int8_t first[32] = {-1, -1, -1, -1, -1, -1, -1, -1,
					 -1, -1, -1, -1, -1, -1, -1, -1};
	__m128i begins = _mm_and_si128(_mm_cmpgt_epi8(bytes, _mm_set1_epi8((char)0xBF)),
				       simd_load(first + 16 - n));
	__m128i sums = _mm_sad_epu8(_mm_sub_epi8(_mm_setzero_si128(), begins), _mm_setzero_si128());
	return _mm_cvtsi128_si64(sums) + _mm_extract_epi16(sums, 4);
}

/* How many characters [p, p + len) holds, p in a text buffer: up to 15 bytes behind it are read. */
static int64_t count_long(const uint8_t *p, uint32_t len)
{
	int64_t n = len && !begins_char(p[0]);
	for (uint32_t i = 0; i < len; i += 16)
		n += count_16(simd_load(p + i), len - i < 16 ? len - i : 16);
	return n;
}

static int64_t count_view(const struct val *v, const struct strview *s)
{
	if (s->len > STRVIEW_INLINE)
		return count_long(view_bytes(v, s), s->len);
	return count_16(_mm_srli_si128(simd_load(s), 4), s->len) +
	       (s->len && !begins_char((uint8_t)s->inl[0]));
}

/* The offset behind the first n characters; len if there are fewer. */
static uint32_t skip_chars(const uint8_t *p, uint32_t len, int64_t n)
{
	uint32_t i = 0;
	if (n >= (int64_t)len)
		return len;
	while (i < len && n > 0) {
		if (i + 16 <= len && !_mm_movemask_epi8(simd_load(p + i))) {
			if (n < 16)
				return i + (uint32_t)n;
			i += 16; /* ASCII: the byte behind begins a character, or continues none */
			n -= 16;
			while (i < len && !begins_char(p[i]))
				i++;
			continue;
		}
		do
			i++;
		while (i < len && !begins_char(p[i]));
		n--;
	}
	return i;
}

static uint64_t long_bytes(const struct val *v, struct rows rows)
{
	uint64_t total = 0;
	FOR_ROWS(i, rows) {
		uint32_t len = v->str[i & v->mask].len;
		total += len > STRVIEW_INLINE ? len : 0;
	}
	return total;
}

enum rc kernel_case_map(struct run *r, const struct node *n, struct rows rows,
			const struct val *arg, struct column *out)
{
	const __m128i not_len = _mm_set_epi32(-1, -1, -1, 0);
	uint64_t total = long_bytes(arg, rows);
	struct text_out t;
	if (text_out_begin(r, &t, out, total ? total + 16 : 0) != OK)
		return r->e->code;
	FOR_ROWS(i, rows) {
		const struct strview *s = &arg->str[i & arg->mask];
		__m128i v = simd_load(s);
		if (s->len <= STRVIEW_INLINE) {
			__m128i mapped = simd_case(v, n->op);
			simd_store(&out->str[i], _mm_or_si128(_mm_and_si128(not_len, mapped),
							      _mm_andnot_si128(not_len, v)));
			continue;
		}
		const uint8_t *from = view_bytes(arg, s);
		uint8_t *to = text_out_room(&t, s->len); /* the last step may write 15 bytes more */
		for (uint32_t at = 0; at < s->len; at += 16)
			simd_store(to + at, simd_case(simd_load(from + at), n->op));
		out->str[i] = text_out_view(&t, s->len);
	}
	return OK;
}

enum rc kernel_length(struct run *r, const struct node *n, struct rows rows, const struct val *arg,
		      struct column *out)
{
	(void)r, (void)n;
	FOR_ROWS(i, rows)
		out->i64[i] = count_view(arg, &arg->str[i & arg->mask]);
	return OK;
}

enum rc kernel_octet_length(struct run *r, const struct node *n, struct rows rows,
			    const struct val *arg, struct column *out)
{
	(void)r, (void)n;
	FOR_ROWS(i, rows)
		out->i64[i] = arg->str[i & arg->mask].len;
	return OK;
}

/* Whether the character [c, c + len) is one of set. */
static bool in_set(const uint8_t *c, uint32_t len, const uint8_t *set, uint32_t set_len)
{
	for (uint32_t at = 0, next; at < set_len; at = next) {
		next = at + skip_chars(set + at, set_len - at, 1);
		if (next - at == len && !memcmp(c, set + at, len))
			return true;
	}
	return false;
}

/* op: 1 left, 2 right, 3 both. */
enum rc kernel_trim(struct run *r, const struct node *n, struct rows rows, const struct val *arg,
		    struct column *out)
{
	(void)r;
	texts_share(out, &arg[0]);
	FOR_ROWS(i, rows) {
		const struct strview *s = &arg[0].str[i & arg[0].mask];
		const uint8_t *p = view_bytes(&arg[0], s), *set = (const uint8_t *)" ";
		uint32_t from = 0, to = s->len, set_len = 1;
		if (n->n == 2) {
			const struct strview *chars = &arg[1].str[i & arg[1].mask];
			set = view_bytes(&arg[1], chars);
			set_len = chars->len;
		}
		while (n->op & 1 && from < to) {
			uint32_t len = skip_chars(p + from, to - from, 1);
			if (!in_set(p + from, len, set, set_len))
				break;
			from += len;
		}
		while (n->op & 2 && from < to) {
			uint32_t last = to - 1;
			while (last > from && !begins_char(p[last]))
				last--;
			if (!in_set(p + last, to - last, set, set_len))
				break;
			to = last;
		}
		out->str[i] = view_part(&arg[0], s, from, to - from);
	}
	return OK;
}

/* Whether it holds ASCII only, one character a byte. */
static bool is_ascii(const struct val *v, const struct strview *s)
{
	return count_view(v, s) == s->len;
}

/* Part of an ASCII text, by the places of its first byte and of the one behind its last, from 0. */
static struct strview ascii_part(const struct val *v, const struct strview *s, int64_t from,
				 int64_t end)
{
	from = from < s->len ? from : s->len;
	end = end < s->len ? end : s->len;
	uint32_t len = end > from ? (uint32_t)(end - from) : 0;
	if (s->len <= STRVIEW_INLINE)
		return view_part(v, s, (uint32_t)from, len);
	return text_view(view_bytes(v, s) + from, len, s->text, s->off + (uint32_t)from);
}

/* substr(text, from [, count]): characters from 1; a start before 1 counts, but yields nothing. */
enum rc kernel_substr(struct run *r, const struct node *n, struct rows rows, const struct val *arg,
		      struct column *out)
{
	const bool ascii = val_is_const(&arg[0]) && is_ascii(&arg[0], arg[0].str);
	texts_share(out, &arg[0]);
	FOR_ROWS(i, rows) {
		const struct strview *s = &arg[0].str[i & arg[0].mask];
		const uint8_t *p = view_bytes(&arg[0], s);
		int64_t start = arg[1].i64[i & arg[1].mask], end = INT64_MAX;
		if (n->n == 3) {
			int64_t count = arg[2].i64[i & arg[2].mask];
			if (count < 0)
				return run_fail(r, i, "negative substring length %lld",
						(long long)count);
			if (__builtin_add_overflow(start, count, &end))
				end = INT64_MAX;
		}
		start = start < 1 ? 1 : start;
		if (ascii) {
			out->str[i] = ascii_part(&arg[0], s, start - 1, end < 1 ? 0 : end - 1);
			continue;
		}
		uint32_t from = skip_chars(p, s->len, start - 1), len = 0;
		if (end > start)
			len = skip_chars(p + from, s->len - from, end - start);
		out->str[i] = view_part(&arg[0], s, from, len);
	}
	return OK;
}

static const uint8_t *find(const uint8_t *in, uint32_t in_len, const uint8_t *what, uint32_t len)
{
	return in_len < len ? NULL : memmem(in, in_len, what, len);
}

enum rc kernel_strpos(struct run *r, const struct node *n, struct rows rows, const struct val *arg,
		      struct column *out)
{
	(void)r, (void)n;
	FOR_ROWS(i, rows) {
		const struct strview *s = &arg[0].str[i & arg[0].mask];
		const struct strview *what = &arg[1].str[i & arg[1].mask];
		const uint8_t *p = view_bytes(&arg[0], s);
		const uint8_t *at = find(p, s->len, view_bytes(&arg[1], what), what->len);
		struct strview before = at ? view_part(&arg[0], s, 0, (uint32_t)(at - p))
					   : (struct strview){0};
		out->i64[i] = at ? count_view(&arg[0], &before) + 1 : 0;
	}
	return OK;
}

/* The field-th (from 1) piece of p between separators; false: there is none. */
static bool piece(const uint8_t *p, uint32_t len, const uint8_t *sep, uint32_t sep_len,
		  int64_t field, uint32_t *from, uint32_t *to)
{
	*from = 0;
	for (;; field--) {
		const uint8_t *at = find(p + *from, len - *from, sep, sep_len);
		*to = at ? (uint32_t)(at - p) : len;
		if (field == 1)
			return true;
		if (!at)
			return false;
		*from = *to + sep_len;
	}
}

static int64_t count_pieces(const uint8_t *p, uint32_t len, const uint8_t *sep, uint32_t sep_len)
{
	int64_t n = 1;
	for (const uint8_t *at; (at = find(p, len, sep, sep_len)); n++) {
		len -= (uint32_t)(at - p) + sep_len;
		p = at + sep_len;
	}
	return n;
}

/* split_part(text, separator, n): the n-th piece; from the end if n is negative. */
enum rc kernel_split_part(struct run *r, const struct node *n, struct rows rows,
			  const struct val *arg, struct column *out)
{
	(void)n;
	texts_share(out, &arg[0]);
	FOR_ROWS(i, rows) {
		const struct strview *s = &arg[0].str[i & arg[0].mask];
		const struct strview *by = &arg[1].str[i & arg[1].mask];
		const uint8_t *p = view_bytes(&arg[0], s), *sep = view_bytes(&arg[1], by);
		int64_t field = arg[2].i64[i & arg[2].mask];
		uint32_t from = 0, to = s->len;
		if (field == 0)
			return run_fail(r, i, "split_part: positions count from 1 (or from -1)");
		bool found;
		if (!by->len) { /* nothing separates: there is one piece */
			found = field == 1 || field == -1;
		} else {
			if (field < 0)
				field += count_pieces(p, s->len, sep, by->len) + 1;
			found = field > 0 && piece(p, s->len, sep, by->len, field, &from, &to);
		}
		out->str[i] = found ? view_part(&arg[0], s, from, to - from) : (struct strview){0};
	}
	return OK;
}

static uint64_t replaced_len(const uint8_t *p, uint32_t len, uint32_t what_len, uint32_t with_len,
			     const uint8_t *what)
{
	int64_t n = what_len ? count_pieces(p, len, what, what_len) - 1 : 0;
	return (uint64_t)((int64_t)len + n * ((int64_t)with_len - (int64_t)what_len));
}

static void replace_into(uint8_t *to, const uint8_t *p, uint32_t len, const uint8_t *what,
			 uint32_t what_len, const uint8_t *with, uint32_t with_len)
{
	const uint8_t *at;
	while (what_len && (at = find(p, len, what, what_len))) {
		uint32_t before = (uint32_t)(at - p);
		memcpy(to, p, before);
		memcpy(to + before, with, with_len);
		to += before + with_len;
		p = at + what_len;
		len -= before + what_len;
	}
	memcpy(to, p, len);
}

enum rc kernel_replace(struct run *r, const struct node *n, struct rows rows,
		       const struct val *arg, struct column *out)
{
	(void)n;
	struct text_out t = {0};
	uint64_t total = 0;
	for (int pass = 0; pass < 2; pass++) { /* sizes first, then bytes */
		if (pass && text_out_begin(r, &t, out, total) != OK)
			return r->e->code;
		FOR_ROWS(i, rows) {
			const struct strview *s = &arg[0].str[i & arg[0].mask];
			const struct strview *a = &arg[1].str[i & arg[1].mask];
			const struct strview *b = &arg[2].str[i & arg[2].mask];
			const uint8_t *p = view_bytes(&arg[0], s), *what = view_bytes(&arg[1], a);
			uint64_t len = replaced_len(p, s->len, a->len, b->len, what);
			if (!pass) {
				total += len > STRVIEW_INLINE ? len : 0;
				continue;
			}
			uint8_t small[STRVIEW_INLINE];
			bool is_long = len > STRVIEW_INLINE;
			uint8_t *to = is_long ? text_out_room(&t, (uint32_t)len) : small;
			replace_into(to, p, s->len, what, a->len, view_bytes(&arg[2], b), b->len);
			out->str[i] = is_long ? text_out_view(&t, (uint32_t)len)
					      : view_inline(small, (uint32_t)len);
		}
	}
	return OK;
}
