/* lanes.h - four rows of 8 bytes at a time, as the compiler's vectors: what the numeric kernels of
 * expressions share. One body serves every level (base/cpu.h): with AVX2 a lane quartet is one
 * register, without it two, and on other processors whatever they have.
 * Only within always-inline functions, and never as an argument of a real one: the plain level has
 * no way to pass 32 bytes. Columns have room for BATCH_ROWS values, so quartets and whole words of
 * rows may be read and written beyond the last row. */
#pragma once
#include "base/cpu.h"

#include <stdint.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

/* In registers, and as they stand in columns. */
typedef int64_t lanes_i64 __attribute__((vector_size(32), aligned(8), may_alias));
typedef uint64_t lanes_u64 __attribute__((vector_size(32), aligned(8), may_alias));
typedef double lanes_f64 __attribute__((vector_size(32), aligned(8), may_alias));

#define LANES 4

/* x in each lane. */
#define LANES_OF(type, x)                                                                          \
	({                                                                                         \
		__typeof__(((type){0})[0]) one_ = (x);                                             \
		(type){one_, one_, one_, one_};                                                    \
	})

/* The quartet of column `from` at row i; with a mask of 0 its one value, in each lane. `mask` is a
 * constant where this is inlined. */
#define LANES_AT(type, from, i, mask)                                                              \
	((mask) ? *(const type *)&(from)[i] : LANES_OF(type, (from)[0]))

/* Bits 0 to 3 from lanes of 0 or -1; only in functions of TARGET_V3. */
#ifdef __x86_64__
#define LANES_BITS(m) ((uint32_t)_mm256_movemask_pd((__m256d)(m)))
#else
#define LANES_BITS(m) ((uint32_t)(((m)[0] & 1) | ((m)[1] & 2) | ((m)[2] & 4) | ((m)[3] & 8)))
#endif

/* Lanes of 0 or -1 from bits 0 to 3 of x. */
#define LANES_FROM_BITS(x)                                                                         \
	((LANES_OF(lanes_i64, (int64_t)(x)) & (lanes_i64){1, 2, 4, 8}) == (lanes_i64){1, 2, 4, 8})

/* Where m is -1 x, where it is 0 y. */
#define LANES_PICK(m, x, y) (((m) & (x)) | (~(m) & (y)))

/* The bits of the numbers 2^52 and 2^84: put into their low halves, a whole number below 2^32
 * counts 1 or 2^32. */
#define LANES_TWO_52 0x4330000000000000
#define LANES_TWO_84 0x4530000000000000
