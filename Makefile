# The commands of the project, two words each. Nothing is decided here: setting up is scripts/setup.sh,
# testing is scripts/test.sh, building is CMake (CMakeLists.txt, CMakePresets.json).
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
PREFIX ?= /usr/local
NPROC := $(shell nproc)

help:      ## this list
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' Makefile

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

install: build ## install to DESTDIR PREFIX (/usr/local)
	DESTDIR="$(DESTDIR)" cmake --install build/release --prefix "$(PREFIX)"

bench: build ## words a second beside a hand-written loop; restores, stops, what a server costs
	cmake --build build/release --target textgen floor_wordcount fill_catalogue -j $(NPROC)
	python3 bench/wordcount.py
	python3 bench/state.py
	python3 bench/serve.py

clean: ## remove what was built
	rm -rf build weir

.PHONY: help setup-build setup-test build demo test check install bench clean
