/* record_checksum.h - the checksum of a stream that does not depend on the order of its records.
 * For comparing two runs: batches, selections, parallelism and how a text is stored do not show;
 * one record more, less or different does. Tests and reports compare it, so it stays as it is:
 *
 *   fold(x) = hash_fold64(x)                                                    (base/hash.h)
 *   a record with fields f0, f1, ...:  h = "weirrecs"; for each field in order  h = fold(h ^ v(f));
 *   for a null                                                                  h = fold(~h)
 *   the stream: the sum of all h, modulo 2^64
 *
 *   v(bool) = 0 or 1;  v(int64), v(timestamp) = its bits;
 *   v(float64) = its bits, -0.0 as 0.0 and every NaN as 0x7FF8000000000000
 *   v(string of up to 12 bytes): the two 64-bit words w0, w1 of its view (length, bytes, zeros), as
 *       lo ^ hi of the 128-bit product (w0 ^ 0x9E3779B97F4A7C15) * (w1 ^ 0xD6E8FEB86659FD93)
 *   v(longer string) = hash_bytes of its bytes
 *
 * Against accidents, not against somebody who wants to be missed. Pure. */
#pragma once
#include "base/cpu.h"
#include "runtime/batch.h"

/* With the instructions of this level. */
uint64_t record_checksum_at(enum simd simd, const struct batch *b);
static inline uint64_t record_checksum(const struct batch *b)
{
	return record_checksum_at(simd_have(), b);
}
