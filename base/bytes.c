/* bytes.c - see bytes.h. */
#include "base/bytes.h"

#include <stdio.h>

void bytes_init(struct bytes *b, struct mem *mem)
{
	*b = (struct bytes){.mem = mem};
}

void bytes_close(struct bytes *b)
{
	mem_put(b->mem, b->data);
	*b = (struct bytes){.mem = b->mem};
}

void bytes_clear(struct bytes *b)
{
	b->len = 0;
	b->failed = false;
}

bool bytes_reserve(struct bytes *b, size_t more)
{
	if (b->failed || more > SIZE_MAX / 4) {
		b->failed = true;
		return false;
	}
	if (b->cap - b->len >= more)
		return true;
	size_t cap = b->cap ? b->cap : 64;
	while (cap - b->len < more)
		cap += cap / 2;
	uint8_t *data = mem_resize(b->mem, b->data, cap);
	if (!data) {
		b->failed = true;
		return false;
	}
	b->data = data;
	b->cap = cap;
	return true;
}

void bytes_put(struct bytes *b, const void *data, size_t len)
{
	if (!len || !bytes_reserve(b, len))
		return;
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

void bytes_put_text(struct bytes *b, const char *text)
{
	bytes_put(b, text, strlen(text));
}

void bytes_printf(struct bytes *b, const char *fmt, ...)
{
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n >= 0 && bytes_reserve(b, (size_t)n + 1)) {
		vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
}

void bytes_put_u8(struct bytes *b, uint8_t v)
{
	bytes_put(b, &v, sizeof v);
}

void bytes_put_u16(struct bytes *b, uint16_t v)
{
	bytes_put(b, &v, sizeof v);
}

void bytes_put_u32(struct bytes *b, uint32_t v)
{
	bytes_put(b, &v, sizeof v);
}

void bytes_put_u64(struct bytes *b, uint64_t v)
{
	bytes_put(b, &v, sizeof v);
}

const char *bytes_text(struct bytes *b)
{
	if (!bytes_reserve(b, 1))
		return "";
	b->data[b->len] = '\0';
	return (const char *)b->data;
}

const uint8_t *reader_take(struct reader *r, size_t len)
{
	if (r->failed || reader_left(r) < len) {
		r->failed = true;
		return NULL;
	}
	const uint8_t *p = r->at;
	r->at += len;
	return p;
}

#define READ_AS(name, type)                                                                        \
	type name(struct reader *r)                                                                \
	{                                                                                          \
		type v = 0;                                                                        \
		const uint8_t *p = reader_take(r, sizeof v);                                       \
		if (p)                                                                             \
			memcpy(&v, p, sizeof v);                                                   \
		return v;                                                                          \
	}
READ_AS(reader_u8, uint8_t)
READ_AS(reader_u16, uint16_t)
READ_AS(reader_u32, uint32_t)
READ_AS(reader_u64, uint64_t)
