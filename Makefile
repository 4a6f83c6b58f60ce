# The commands of the project, two words each. Nothing is decided here: setting up is scripts/setup.sh,
# testing is scripts/test.sh, building is CMake (CMakeLists.txt, CMakePresets.json).
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
PREFIX ?= /usr/local
NPROC := $(shell nproc)

help:      ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' Makefile

setup-build setup-test: setup-%:
	@scripts/setup.sh $*

build: setup-build ## build/release/weir, and a link ./weir
	@cmake --preset release --log-level=WARNING >/dev/null
	cmake --build build/release --target weir -j $(NPROC)
	@ln -sfn build/release/weir weir

demo: build ## count real words, kill -9 in mid-stream several times, and compare
	./weir demo

test: setup-test ## set up, build (release, ASan, TSan) and run every test
	@scripts/test.sh all

check: setup-test ## the quick part before a push: unit tests under ASan, TSan for threads, tidy
	@scripts/test.sh quick

proof: setup-test ## what `make test` samples, complete: each crash point, disk state, fault
	@scripts/test.sh proof

# SEEDS=100000 FIRST=1: which. REPLAY=17: that one, with all it did.
sim: setup-test ## whole lives of jobs in the simulation, each under a seed, with every fault
	@SEEDS=$(SEEDS) FIRST=$(FIRST) REPLAY=$(REPLAY) scripts/sim.sh

# TARGET=expr: only this one. SECONDS=600: so long each.
fuzz: ## libFuzzer over what others give us to read: tests/fuzz (needs clang; 60 s a target)
	@scripts/fuzz.sh "$(TARGET)" "$(or $(SECONDS),60)"

# MINUTES=60: so long.
soak: build ## jobs killed at random for ten minutes: memory flat, files few, output exact
	@WEIR=build/release/weir python3 -B tests/soak/soak.py --minutes $(or $(MINUTES),10)

install: build ## install to DESTDIR PREFIX (/usr/local)
	DESTDIR="$(DESTDIR)" cmake --install build/release --prefix "$(PREFIX)"

# ROWS="w1 w2": only these. OPTIONS="--seconds 2 --rounds 1": a quick look.
bench: build ## weir beside hand-written C, W1 to W11: a table in build/bench/results.md (24 minutes)
	cmake --build build/release --target textgen floor fill_catalogue fill_checkpoints -j $(NPROC)
	python3 -B bench/suite.py $(ROWS) $(OPTIONS)

# PEERS="timely mawk": only these. OPTIONS=--alone: beside weir as `make bench` measured it.
bench-peers: build ## the same works in Flink, Timely Dataflow and mawk, beside weir
	cmake --build build/release --target textgen floor -j $(NPROC)
	python3 -B bench/suite.py $(or $(ROWS),w1 w2 w3 w5 w6) --keep --peers $(PEERS) $(OPTIONS)

clean: ## remove what was built
	rm -rf build weir

.PHONY: help setup-build setup-test build demo test check proof sim fuzz soak install bench bench-peers \
	clean
