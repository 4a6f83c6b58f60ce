#!/bin/sh
# sim.sh - as many whole lives of jobs in the simulation as one wants (docs/TESTING.md, Schedules):
#   SEEDS=100000 FIRST=1 scripts/sim.sh   so many seeds from that one, on all processors
#   REPLAY=17 scripts/sim.sh              that one, with all it did, on standard error
set -eu
cd "$(dirname "$0")/.."
cmake --preset release --log-level=WARNING '-DWEIR_TESTS=e2e;tidy;proof' >/dev/null
cmake --build build/release --target proof_schedules -j "$(nproc)"
program=build/release/tests/proof/proof_schedules
[ -z "${REPLAY:-}" ] || exec $program --replay "$REPLAY"
export WEIR_SEEDS="${SEEDS:-100000}" WEIR_FIRST="${FIRST:-1}"
printf '%s\n' one two three four | xargs -n 1 -P "$(nproc)" $program
