/* planes.h - a column of 8-byte numbers as byte planes, and back: how blocks hold keys and values
 * (docs/FORMAT.md, "Keys and runs").
 * Why apart: with what the places of a block are, this is all a block costs; 16 rows of 8 planes
 * are transposed at once (SSE2, which every x86-64 has; plain C elsewhere). Pure. */
#pragma once
#include "base/bytes.h"
#include "base/cpu.h"

/* Appends the planes of v[0], v[stride], ... (n > 0 numbers; stride in numbers). b has room for
 * 8 * (n + 1) bytes: cannot fail. level: of simd_have(), or less. */
void planes_put(struct bytes *b, const uint64_t *v, uint32_t stride, uint32_t n, enum simd level);
/* Takes the lowest `planes` (1 to 8) of n numbers; those above are zero. False: the bytes end too
 * soon or are none. */
bool planes_take(struct reader *r, uint64_t *v, uint32_t stride, uint32_t n, unsigned planes);
