/* kernels_like.c - LIKE: % is any run of characters, _ one character, a backslash takes the next
 * one as it is. Patterns of the usual shapes ('x', 'x%', '%x', '%x%') are plain comparisons. */
#include "operators/kernels.h"

enum shape { SHAPE_ANY, SHAPE_EQUAL, SHAPE_PREFIX, SHAPE_SUFFIX, SHAPE_INSIDE };
enum match { NO, YES, BAD_PATTERN };

static enum shape shape_of(const uint8_t **p, uint32_t *len)
{
	bool before = *len && (*p)[0] == '%';
	bool after = *len > before && (*p)[*len - 1] == '%';
	const uint8_t *q = *p + before;
	uint32_t n = *len - before - after;
	for (uint32_t i = 0; i < n; i++)
		if (q[i] == '%' || q[i] == '_' || q[i] == '\\')
			return SHAPE_ANY;
	*p = q;
	*len = n;
	return before ? (after ? SHAPE_INSIDE : SHAPE_SUFFIX) : after ? SHAPE_PREFIX : SHAPE_EQUAL;
}

static uint32_t char_len(const uint8_t *t, uint32_t left)
{
	uint32_t n = 1;
	while (n < left && (t[n] & 0xC0) == 0x80)
		n++;
	return n;
}

/* Greedy with one point to go back to, the last %: enough, since an earlier % need not take more.
 *  */
static enum match match_any(const uint8_t *t, uint32_t t_len, const uint8_t *p, uint32_t p_len)
{
	uint32_t i = 0, j = 0, star = UINT32_MAX, resume = 0;
	while (i < t_len) {
		if (j < p_len && p[j] == '%') {
			star = ++j;
			resume = i;
			continue;
		}
		if (j < p_len && p[j] == '_') {
			i += char_len(t + i, t_len - i);
			j++;
			continue;
		}
		if (j < p_len) {
			uint32_t escaped = p[j] == '\\';
			if (escaped && j + 1 == p_len)
				return BAD_PATTERN;
			if (p[j + escaped] == t[i]) {
				i++;
				j += 1 + escaped;
				continue;
			}
		} else if (star == p_len) {
			return YES; /* the pattern ends in % */
		}
		if (star == UINT32_MAX)
			return NO;
		j = star;
		resume += char_len(t + resume, t_len - resume);
		i = resume;
	}
	while (j < p_len && p[j] == '%')
		j++;
	return j == p_len ? YES : NO;
}

static enum match match(enum shape shape, const uint8_t *t, uint32_t t_len, const uint8_t *p,
			uint32_t p_len)
{
	switch (shape) {
	case SHAPE_EQUAL:
		return t_len == p_len && !memcmp(t, p, p_len);
	case SHAPE_PREFIX:
		return t_len >= p_len && !memcmp(t, p, p_len);
	case SHAPE_SUFFIX:
		return t_len >= p_len && !memcmp(t + t_len - p_len, p, p_len);
	case SHAPE_INSIDE:
		return t_len >= p_len && memmem(t, t_len, p, p_len);
	default:
		return match_any(t, t_len, p, p_len);
	}
}

enum rc kernel_like(struct run *r, const struct node *n, struct rows rows, const struct val *arg,
		    struct column *out)
{
	(void)n;
	enum shape shape = SHAPE_ANY;
	const uint8_t *p = NULL;
	uint32_t p_len = 0;
	bool constant = val_is_const(&arg[1]);
	if (constant) {
		p = view_bytes(&arg[1], arg[1].str);
		p_len = arg[1].str->len;
		shape = shape_of(&p, &p_len);
	}
	FOR_ROWS(i, rows) {
		const struct strview *s = &arg[0].str[i & arg[0].mask];
		if (!constant) {
			p = view_bytes(&arg[1], &arg[1].str[i]);
			p_len = arg[1].str[i].len;
		}
		enum match m = match(shape, view_bytes(&arg[0], s), s->len, p, p_len);
		if (m == BAD_PATTERN)
			return run_fail(r, i, "a LIKE pattern must not end with a backslash");
		if (m == YES)
			bit_set(out->bits, i);
		else
			bit_clear(out->bits, i);
	}
	return OK;
}
