# The commands of a person or a CI job. What is built and how stands in CMakeLists.txt and CMakePresets.json.
SHELL := /bin/sh
.DEFAULT_GOAL := help

demo_photo := tests/data/photos/china.jpg
demo_classes := sky; building, temple; tree; water
python := $(or $(VENV),.venv)/bin/python
jobs := $(shell nproc 2>/dev/null || echo 2)
sources = $(shell git ls-files '*.h' '*.hpp' '*.cpp' '*.cu' '*.cuh')

# Files are compiled eight at a time, so that large headers are read once for them. Who changes files configures without: make UNITY=OFF.
UNITY ?= ON
# Paths that do not name the build folder: the tarball, the package and the wheel find what another folder has compiled.
export CCACHE_BASEDIR := $(CURDIR)
# CMake reads the launcher when it configures for the first time.
launchers = CMAKE_CXX_COMPILER_LAUNCHER=$$(command -v ccache || true) CMAKE_CUDA_COMPILER_LAUNCHER=$$(command -v ccache || true)
configure = $(launchers) cmake --preset $(1) --log-level=WARNING -DCMAKE_UNITY_BUILD=$(UNITY)

.PHONY: help setup setup-test build demo test test-build test-cpp test-python asan tsan cudasim-asan fuzz format format-check bench gpu-bundle dist clean

help:
	@echo 'make demo          set up, build, segment the bundled photograph'
	@echo 'make build         set up, build build/sclip'
	@echo 'make test          set up with Python, build everything, run every test'
	@echo 'make asan | tsan   the C++ tests under address and undefined-behaviour | thread sanitizers'
	@echo 'make cudasim-asan  the tests of cudasim, itself under address and undefined-behaviour sanitizers'
	@echo 'make fuzz          each libFuzzer target for FUZZ_SECONDS (20)'
	@echo 'make bench         kernel benchmarks'
	@echo 'make gpu-bundle    what judges a GPU on a machine without this tree: docs/gpu.md'
	@echo 'make dist          a tarball for any Linux and a Debian package, in out/dist: packaging/README.md'
	@echo 'make format        clang-format in place; format-check only looks'

setup:
	@scripts/setup.sh

setup-test:
	@scripts/setup.sh --test

build: setup
	@$(call configure,release)
	@cmake --build build --target sclip

demo: build
	@build/sclip segment $(demo_photo) --classes '$(demo_classes)' -o out/demo

test: test-cpp test-python

test-build: setup-test
	@$(call configure,release)
	@cmake --build build
	@mkdir -p build/test-results

test-cpp: test-build
	ctest --preset release -j$(jobs) --output-junit test-results/ctest.xml

test-python: test-build
	@scripts/python_env.sh
	SCLIP_BIN=$(CURDIR)/build/sclip scripts/python_tests.sh $(python) build/test-results

asan tsan: setup-test
	@$(call configure,$@)
	@cmake --build build-$@ --target sclip_tests
	@mkdir -p build-$@/test-results
	ctest --preset $@ -j$(jobs) --output-junit test-results/ctest.xml

cudasim-asan: setup-test
	@$(launchers) cmake -S cudasim -B build-cudasim-asan --preset asan --log-level=WARNING
	@cmake --build build-cudasim-asan
	@mkdir -p build-cudasim-asan/test-results
	ctest --test-dir build-cudasim-asan -j$(jobs) --output-on-failure --output-junit test-results/ctest.xml

fuzz: setup-test
	@$(call configure,fuzz)
	@cmake --build build-fuzz --target fuzzers
	FUZZ_JOBS=$(jobs) scripts/fuzz.sh build-fuzz

bench: setup
	@$(call configure,release)
	@cmake --build build
	build/sclip_kernel_bench

# Machine code for these, and PTX for what comes after.
GPU_ARCHS ?= 80;90a
gpu_programs = sclip sclip_kernel_tests sclip_unit_tests sclip_cuda_tests sclip_cuda_bench sclip_cuda_ceilings sclip_gemm_bench sclip_encoder_bench sclip_photo_bench

gpu-bundle: setup-test
	@$(call configure,gpu-bundle) -DSCLIP_CUDA_ARCHITECTURES='$(GPU_ARCHS)'
	@cmake --build build-gpu --target $(gpu_programs) cudasim $$(grep -q sclip_cudnn_bench build-gpu/build.ninja && echo sclip_cudnn_bench)
	@scripts/gpu_bundle.sh build-gpu out/gpu-bundle

dist:
	@scripts/setup.sh --dist
	@for package in tarball deb; do $(call configure,$$package) && cmake --build --preset $$package || exit 1; done
	@scripts/dist.sh out/dist

format:
	clang-format -i $(sources)

format-check:
	clang-format --dry-run -Werror $(sources)

clean:
	rm -rf build build-gpu build-tarball build-deb build-debug build-asan build-tsan build-cudasim-asan build-fuzz out
