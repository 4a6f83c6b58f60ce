/* keys_text.h - a key as somebody types it, to canonical bytes (runtime/keys.h).
 * One string that is never null: the text as it stands. Everything else as a line of csv writes it:
 * fields separated by commas, quoted where they hold one, null empty and an empty string "". So
 * what `weir state scan` shows can be typed back.
 * Pure. */
#pragma once
#include "base/bytes.h"
#include "base/schema.h"

/* key: the state's key fields in order. Appends the canonical bytes. E_USAGE says which field, what
 * was expected and how one is written; E_NO_MEMORY. */
RC key_from_text(const struct schema *key, const char *text, struct bytes *to, struct err *e);
/* The same of a text for each field, which none needs to quote: an empty one of a string is the
 * empty string, of anything else null. n == 1: as key_from_text, so that a key of several fields
 * may also be one text. */
RC key_from_texts(const struct schema *key, const char *const *text, unsigned n, struct bytes *to,
		  struct err *e);
