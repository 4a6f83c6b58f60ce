#!/bin/sh
# test.sh all|quick - builds what the tests need and runs them in one ctest.
#   build/asan     every unit test and simulation under ASan+UBSan, a slice of the end-to-end ones
#   build/release  all end-to-end tests, and tidy
#   build/tsan     the unit tests of what threads share: channel, mailbox, I/O queue, pools
# `quick` leaves out the end-to-end tests. What failed last: ctest --test-dir build --rerun-failed
set -eu
cd "$(dirname "$0")/.."
what=${1:-all}
jobs=$(nproc)

case $what in
all) asan='unit;sim;slice' release='e2e;tidy' ;;
quick) asan='unit;sim' release='tidy' ;;
*) echo "usage: test.sh all|quick" >&2; exit 2 ;;
esac

build() { # preset, which tests
	echo "== building $1 ($2)"
	cmake --preset "$1" --log-level=WARNING "-DWEIR_TESTS=$2" "-DWEIR_TEST_PREFIX=$1/" >/dev/null
	cmake --build "build/$1" --target tests -j "$jobs"
}
build release "$release"
build asan "$asan"
build tsan threads
ln -sfn build/release/weir weir

# One ctest over the three builds, so that there is one closing line.
mkdir -p build
printf 'subdirs("asan" "release" "tsan")\n' >build/CTestTestfile.cmake
echo "== testing"
exec ctest --test-dir build --output-on-failure -j "$jobs"
