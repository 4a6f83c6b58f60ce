/* base64.c - see base64.h. */
#include "checkpoint/base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_put(struct bytes *to, const void *data, size_t len)
{
	const uint8_t *p = data;
	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t v = (uint32_t)p[i] << 16;
		v |= n > 1 ? (uint32_t)p[i + 1] << 8 : 0;
		v |= n > 2 ? p[i + 2] : 0;
		char four[4] = {digits[v >> 18], digits[v >> 12 & 63],
				n > 1 ? digits[v >> 6 & 63] : '=', n > 2 ? digits[v & 63] : '='};
		bytes_put(to, four, 4);
	}
}

size_t base64_size(const char *text, size_t len)
{
	if (len % 4)
		return SIZE_MAX;
	size_t pad = 0;
	while (pad < 2 && pad < len && text[len - 1 - pad] == '=')
		pad++;
	return len / 4 * 3 - pad;
}

static int digit_of(char c)
{
	const char *at = c ? strchr(digits, c) : NULL;
	return at ? (int)(at - digits) : -1;
}

bool base64_get(uint8_t *to, const char *text, size_t len)
{
	size_t size = base64_size(text, len), done = 0;
	if (size == SIZE_MAX)
		return false;
	for (size_t i = 0; i < len; i += 4) {
		size_t n = size - done < 3 ? size - done : 3;
		uint32_t v = 0;
		for (size_t j = 0; j < 4; j++) {
			int d = j <= n ? digit_of(text[i + j]) : 0;
			if (d < 0)
				return false;
			v = v << 6 | (uint32_t)d;
		}
		/* Bits beyond the last byte are zero, so a text has one meaning and a meaning one text. */
		if ((n == 1 && v & 0xffff) || (n == 2 && v & 0xff))
			return false;
		for (size_t j = 0; j < n; j++)
			to[done++] = (uint8_t)(v >> (16 - 8 * j));
	}
	return true;
}
