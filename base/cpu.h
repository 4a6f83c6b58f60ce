/* cpu.h - which vector instructions this processor has, for kernels written more than once.
 * Why: weir is built for plain x86-64, and runs with what the machine has. A kernel's body is an
 * always-inline function; each level wraps it, and the caller picks once a batch, not once a row:
 *
 *     INLINE uint64_t sum_body(...) { ... }
 *     static uint64_t sum_base(...) { return sum_body(...); }
 *     TARGET_V3 static uint64_t sum_v3(...) { return sum_body(...); }
 *     uint64_t sum(...) { return simd_have() >= SIMD_V3 ? sum_v3(...) : sum_base(...); }
 *
 * Every level gives the same bits; tests call each that the machine has. Elsewhere than on x86-64
 * there is only SIMD_BASE. Any thread. */
#pragma once

enum simd {
	SIMD_BASE, /* x86-64: SSE2; elsewhere: plain C */
	SIMD_V3,   /* AVX2, BMI1, BMI2, FMA */
	SIMD_V4,   /* AVX-512 F, BW, CD, DQ, VL */
};

#ifdef __x86_64__
#define TARGET_V3 __attribute__((target("arch=x86-64-v3")))
#define TARGET_V4 __attribute__((target("arch=x86-64-v4")))
/* A load and some tests: the C library looked at start-up. */
static inline enum simd simd_have(void)
{
	return __builtin_cpu_supports("x86-64-v4")   ? SIMD_V4
	       : __builtin_cpu_supports("x86-64-v3") ? SIMD_V3
						     : SIMD_BASE;
}
#else
#define TARGET_V3
#define TARGET_V4
static inline enum simd simd_have(void)
{
	return SIMD_BASE;
}
#endif
