#!/bin/sh
# fuzz.sh [TARGET] [SECONDS] - libFuzzer over tests/fuzz/fuzz_TARGET.c (all of them, one after the
# other), so many seconds each (60). Needs Debian's clang and libclang-rt-14-dev; without them it
# says so and is no failure. What it tries that is new is kept in build/fuzz/corpus; what fails, in
# build/fuzz/crashers: mend it, and put the file into tests/fuzz/crashers/TARGET.
set -eu
cd "$(dirname "$0")/.."
seconds=${2:-60}

clang=
for name in clang clang-14 clang-16 clang-19; do
	mkdir -p build/fuzz
	echo 'int LLVMFuzzerTestOneInput(const char *d, long n) { (void)d, (void)n; return 0; }' \
		>build/fuzz/try.c
	if command -v $name >/dev/null && $name -fsanitize=fuzzer,address,undefined build/fuzz/try.c \
		-o build/fuzz/try 2>/dev/null; then
		clang=$name
		break
	fi
done
if [ -z "$clang" ]; then
	echo "fuzz: skipped: no clang with libFuzzer (Debian: apt-get install clang libclang-rt-14-dev)"
	exit 0
fi

cmake -S . -B build/fuzz -G Ninja --log-level=WARNING -DCMAKE_C_COMPILER=$clang \
	-DCMAKE_BUILD_TYPE=Debug -DWEIR_SANITIZE=fuzzer-no-link,address,undefined \
	-DWEIR_TESTS=fuzz >/dev/null
targets=${1:-$(ls tests/fuzz/fuzz_*.c | sed 's/.*fuzz_\(.*\)\.c/\1/')}
for target in $targets; do
	cmake --build build/fuzz --target "fuzz_$target" -j "$(nproc)"
done
failed=0
for target in $targets; do
	mkdir -p build/fuzz/corpus/$target build/fuzz/crashers/$target tests/fuzz/crashers/$target
	echo "== fuzz $target, $seconds s"
	CMOCKA_TEST_ABORT=1 UBSAN_OPTIONS=print_stacktrace=1 build/fuzz/tests/fuzz/fuzz_$target \
		-max_total_time="$seconds" -max_len=8192 -timeout=20 -rss_limit_mb=2048 \
		-print_final_stats=1 -verbosity=0 -artifact_prefix=build/fuzz/crashers/$target/ \
		build/fuzz/corpus/$target tests/fuzz/corpus/$target tests/fuzz/crashers/$target ||
		failed=1
	rmdir tests/fuzz/crashers/$target 2>/dev/null || true
done
exit $failed
