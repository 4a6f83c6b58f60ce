#!/bin/sh
# test.sh all|quick|proof - builds what the tests need and runs them in one ctest.
#   build/asan     every unit test and simulation under ASan+UBSan, a slice of the end-to-end ones
#   build/release  all end-to-end tests, the proof, and tidy
#   build/tsan     the unit tests of what threads share: channel, mailbox, I/O queue, pools
#   build/planted  the proof, with mistakes that it must find
# `quick` leaves out the end-to-end tests and the proof. `proof` is the proof alone, all of it
# (WEIR_PROOF_CAP: of what has no near end, so many times the stated number, or none).
# What failed last: ctest --test-dir build --rerun-failed
set -eu
cd "$(dirname "$0")/.."
what=${1:-all}
jobs=$(nproc)
proof=sample

case $what in
all) asan='unit;sim;slice;proof' release='e2e;tidy;proof' tsan=threads planted=proof ;;
quick) asan='unit;sim' release='tidy' tsan=threads planted= ;;
proof) asan='proof' release='proof' tsan= planted=proof proof=all ;;
*) echo "usage: test.sh all|quick|proof" >&2; exit 2 ;;
esac
# Draws the samples of the proof. Who lands something moves it on, and mends what that finds; it is
# no commit's, so that nobody's landing fails for what another seed would have found before.
seed=${WEIR_PROOF_SEED:-13125863}

mkdir -p build
: >build/CTestTestfile.cmake
build() { # preset, which tests
	[ -n "$2" ] || return 0
	echo "== building $1 ($2)"
	cmake --preset "$1" --log-level=WARNING "-DWEIR_TESTS=$2" "-DWEIR_TEST_PREFIX=$1/" \
		"-DWEIR_PROOF=$proof" "-DWEIR_PROOF_SEED=$seed" >/dev/null
	cmake --build "build/$1" --target tests -j "$jobs"
	echo "subdirs(\"$1\")" >>build/CTestTestfile.cmake
}
build release "$release"
build asan "$asan"
build tsan "$tsan"
build planted "$planted"
[ "$what" = proof ] || ln -sfn build/release/weir weir

# Long ones first, so that no processor waits for the last: what ctest knows after a run.
last=build/Testing/Temporary
mkdir -p $last
[ -e $last/CTestCostData.txt ] || cp "tests/costs/$proof.txt" $last/CTestCostData.txt
echo "$proof" >build/proof

# One ctest over the builds, so that there is one closing line. Half as many more at once as there
# are processors: the end-to-end tests wait a third of their time, for a paced source or a process.
echo "== testing"
ctest --test-dir build --output-on-failure -j $((jobs + jobs / 2))
[ "$what" != proof ] || scripts/proof_table.py --check
