/* base64.h - bytes as text (RFC 4648, padded, strict), for inline sections of a manifest. Pure. */
#pragma once
#include "base/bytes.h"

void base64_put(struct bytes *to, const void *data, size_t len);
/* Bytes that text of len characters holds, or SIZE_MAX: its length is none base64_put writes. */
size_t base64_size(const char *text, size_t len);
/* Decodes into to[base64_size()]; false when a character is wrong. */
bool base64_get(uint8_t *to, const char *text, size_t len);
