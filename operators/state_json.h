/* state_json.h - one row of a keyed state as a JSON object, as state_lines.h writes it in a line:
 * for who has a single one, and no file it came from.
 * Pure. */
#pragma once
#include "base/json.h"
#include "base/schema.h"

/* key, value: the state's fields. bytes: len canonical bytes of the key (runtime/keys.h).
 * E_CORRUPT: no such key has them. */
RC state_json(const struct schema *key, const struct schema *value, const void *bytes, uint32_t len,
	      const uint64_t word[2], struct json_out *o, struct err *e);
