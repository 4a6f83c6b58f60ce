/* clang.h - what Debian's clang does not know of gcc's words; before every file, where clang is the
 * compiler (cmake/flags.cmake): only to fuzz.
 * It asks a processor for features, not for levels (base/cpu.h). */
#pragma once
#define CPU_HAS(what) __builtin_cpu_supports(what)
#define __builtin_cpu_supports(level)                                                              \
	(__builtin_strcmp(level, "x86-64-v4")                                                      \
		 ? CPU_HAS("avx2") && CPU_HAS("bmi") && CPU_HAS("bmi2") && CPU_HAS("fma")          \
		 : CPU_HAS("avx512f") && CPU_HAS("avx512bw") && CPU_HAS("avx512cd") &&             \
			   CPU_HAS("avx512dq") && CPU_HAS("avx512vl"))
