/* text_format.c - one string field, a line a record, byte by byte as it is; null is an empty line.
 * Whoever has more fields, or line breaks inside of them, wants csv. */
#include "operators/row_text.h"

static size_t text_bound(const struct row_names *n, const struct batch *b, uint32_t row)
{
	(void)n;
	const struct column *c = b->col[0];
	return column_is_null(c, row) ? 1 : (size_t)c->str[row].len + 1;
}

static char *text_put(const struct row_names *n, char *to, const struct batch *b, uint32_t row)
{
	(void)n;
	const struct column *c = b->col[0];
	if (!column_is_null(c, row)) {
		memcpy(to, column_str(c, &c->str[row]), c->str[row].len);
		to += c->str[row].len;
	}
	*to++ = '\n';
	return to;
}

const struct row_format text_format = {
	.name = "text", .ext = "txt", .bound = text_bound, .put = text_put};
