/* row.c - see row.h. */
#include "cli/row.h"

#include "base/json.h"

#define FIELD_MAX 2048 /* bytes; more than any screen is wide */
#define DOTS 3

/* Of the character at s: its bytes and its columns. */
static unsigned char_len(const char *s, const char *end, unsigned *columns)
{
	unsigned n = utf8_len(s, end);
	*columns = n > 1 ? 2 : 1;
	return n ? n : 1;
}

unsigned row_width(const char *text)
{
	unsigned width = 0, columns;
	for (const char *s = text, *end = text + strlen(text); s < end; width += columns)
		s += char_len(s, end, &columns);
	return width;
}

/* At most `columns` of it. */
static void put_plain(struct bytes *to, const char *text, unsigned columns)
{
	unsigned takes;
	for (const char *s = text, *end = text + strlen(text); s < end;) {
		unsigned n = char_len(s, end, &takes);
		if (takes > columns)
			return;
		columns -= takes;
		if (n > 1)
			bytes_put(to, s, n);
		else
			bytes_put_u8(to, (uint8_t)*s < 0x20 || (uint8_t)*s >= 0x7F ? '?' : (uint8_t)*s);
		s += n;
	}
}

void row_begin(struct row *r, struct bytes *to, const struct paint *p, unsigned columns)
{
	*r = (struct row){.to = to, .paint = p, .columns = columns};
}

static unsigned left(const struct row *r)
{
	return !r->columns ? FIELD_MAX : r->columns > r->at ? r->columns - r->at : 0;
}

static void put(struct row *r, unsigned gap, enum paint_colour c, const char *text, bool cut)
{
	unsigned width = row_width(text), room = left(r);
	if (r->full)
		return;
	if (gap + width > room) {
		r->full = true;
		if (!cut || gap + DOTS >= room)
			return;
		width = room - gap;
	}
	for (unsigned i = 0; i < gap; i++)
		bytes_put_u8(r->to, ' ');
	if (c != PAINT_PLAIN)
		bytes_put_text(r->to, paint_on(r->paint, c));
	put_plain(r->to, text, r->full ? width - DOTS : width);
	if (r->full)
		bytes_put_text(r->to, "...");
	if (c != PAINT_PLAIN)
		bytes_put_text(r->to, paint_off(r->paint));
	r->at += gap + width;
}

static void print(struct row *r, unsigned gap, enum paint_colour c, bool cut, const char *fmt,
		  va_list ap)
{
	char text[FIELD_MAX];
	vsnprintf(text, sizeof text, fmt, ap);
	put(r, gap, c, text, cut);
}

void row_field(struct row *r, unsigned gap, enum paint_colour c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	print(r, gap, c, false, fmt, ap);
	va_end(ap);
}

void row_cut(struct row *r, unsigned gap, enum paint_colour c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	print(r, gap, c, true, fmt, ap);
	va_end(ap);
}

void row_tab(struct row *r, unsigned column)
{
	unsigned gap = column > r->at ? column - r->at : 1;
	if (r->full || gap > left(r)) {
		r->full = true;
		return;
	}
	for (unsigned i = 0; i < gap; i++)
		bytes_put_u8(r->to, ' ');
	r->at += gap;
}

void row_end(struct row *r)
{
	while (r->to->len && r->to->data[r->to->len - 1] == ' ')
		r->to->len--;
	bytes_put_u8(r->to, '\n');
}
