/* bytes.h - a growable byte buffer, and little-endian numbers in it.
 * Why: encoders need one place that grows, and decoders one that never reads past its end.
 * Big-endian machines are refused here, at compile time: formats and columns are little-endian.
 * Owns: its data. Errors: bytes_put_* mark the buffer failed (out of memory) and go on; look once,
 * at the end, with bytes_ok(). A reader that runs out marks itself failed the same way. */
#pragma once
#include "base/mem.h"

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "weir's formats are little-endian");

struct bytes {
	struct mem *mem;
	uint8_t *data;
	size_t len, cap;
	bool failed;
};

void bytes_init(struct bytes *b, struct mem *mem);
void bytes_close(struct bytes *b);        /* legal on the empty value; b can be used again */
void bytes_clear(struct bytes *b);        /* len 0; keeps the memory */
static inline bool bytes_ok(const struct bytes *b)
{
	return !b->failed;
}
bool bytes_reserve(struct bytes *b, size_t more);
void bytes_put(struct bytes *b, const void *data, size_t len);
void bytes_put_text(struct bytes *b, const char *text);
void bytes_printf(struct bytes *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void bytes_put_u8(struct bytes *b, uint8_t v);
void bytes_put_u16(struct bytes *b, uint16_t v);
void bytes_put_u32(struct bytes *b, uint32_t v);
void bytes_put_u64(struct bytes *b, uint64_t v);
/* A NUL after the data, not counted in len; "" when out of memory. Borrowed. */
const char *bytes_text(struct bytes *b);

/* Borrows its input. */
struct reader {
	const uint8_t *at, *end;
	bool failed;
};

static inline struct reader reader_of(const void *data, size_t len)
{
	return (struct reader){data, (const uint8_t *)data + len, false};
}
static inline size_t reader_left(const struct reader *r)
{
	return (size_t)(r->end - r->at);
}
/* len borrowed bytes, or NULL (and failed) when fewer are left. */
const uint8_t *reader_take(struct reader *r, size_t len);
uint8_t reader_u8(struct reader *r);
uint16_t reader_u16(struct reader *r);
uint32_t reader_u32(struct reader *r);
uint64_t reader_u64(struct reader *r);

static inline uint64_t load_u64(const void *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return v;
}
static inline uint32_t load_u32(const void *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return v;
}
