# Each target sets up what it needs: a virtual environment in .venv, the C++ parts in build/.
#
# PYTHON           the Python to use (3.11 or newer)
# TORCH_INDEX_URL  where pip takes torch from. PyPI's torch for Linux brings CUDA along (some GB);
#                  make TORCH_INDEX_URL=https://download.pytorch.org/whl/cpu takes the CPU build.
# JOBS             how many things to do at once
# TESTS            what `make test` runs
PYTHON ?= python3
JOBS ?= $(shell nproc)
TORCH_INDEX_URL ?=
TESTS ?= tests
FUZZ_SECONDS ?= 600
BENCH ?=
PAGES ?=

BIN := .venv/bin
export CMAKE_CXX_COMPILER_LAUNCHER ?= $(shell command -v ccache)
export CMAKE_BUILD_PARALLEL_LEVEL ?= $(JOBS)

.PHONY: demo test test-all lint types bench bench-models peers docs site fuzz test-asan test-tsan test-aarch64 build clean

# Convert MobileNetV2 and a digits classifier, run them on NNAPI, and compare with eager torch.
demo: build
	$(BIN)/python examples/demo.py

# Torchvision's Python files have a process of their own: imported, they define its operators without kernels for the
# rest of it.
test: build .venv/test-requirements
ifneq ($(filter tests,$(TESTS)),)
	NNAPI_TORCHVISION_SOURCE=$(CURDIR)/.venv/torchvision $(BIN)/python -m pytest tests/models/test_torchvision_detectors.py
endif
	$(BIN)/python -m pytest -n $(JOBS) $(TESTS)

# The same with more examples of each property, always the same ones: what continuous integration runs.
test-all: export HYPOTHESIS_PROFILE = ci
test-all: test

lint: .venv/installed
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	git ls-files '*.cpp' '*.h' | xargs $(BIN)/clang-format --dry-run -Werror
	$(BIN)/python -m pytest -q tests/core/test_import_floor.py tests/core/test_include_floor.py

types: .venv/installed
	$(BIN)/python -m mypy

# All of docs/performance.md: ours and every installed peer in turn (`make peers` installs them, once),
# conversion, loading, PyTorch Mobile. On a machine that does nothing else.
# BENCH: options of the first, as --minutes 20 or --cases mobilenetv2 (python -m benchmarks.speed --help).
bench: build .venv/models
	$(BIN)/python -W ignore -m benchmarks.speed --write $(BENCH)
	$(BIN)/python -W ignore -m benchmarks.conversion --write
	$(BIN)/python -W ignore -m benchmarks.loading --write
	$(BIN)/python -W ignore -m benchmarks.mobile --write

# That 30 architectures come out right, and how: docs/models.md.
bench-models: build .venv/models
	$(BIN)/python -m benchmarks.models

peers: .venv/models
	tools/peers.sh

# docs/operators.md and docs/coverage.md (PAGES: which of them).
docs: build
	$(BIN)/python docs/generate.py $(PAGES)

# The documentation as a site, in build/site. A link that leads nowhere fails it.
site: .venv/installed
	$(BIN)/python tools/dependency_group.py docs > .venv/docs.txt
	$(BIN)/pip install --quiet -r .venv/docs.txt
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

# Random models through the C API, under libFuzzer (needs clang); damaged files, and hostile calls of torch's operators.
fuzz: .venv/installed
	tools/fuzz.sh $(FUZZ_SECONDS)

# The runtime's tests and the conformance vectors under AddressSanitizer and UBSan.
test-asan: .venv/installed
	tools/test_asan.sh

# Many threads on one library under ThreadSanitizer.
test-tsan: .venv/installed
	tools/test_tsan.sh

# The fast kernels on 64-bit Arm, under qemu.
test-aarch64: .venv/installed
	tools/test_aarch64.sh

# What has changed in C++, built; Python sees it at once.
build: .venv/installed
	cmake --build build

clean:
	rm -rf build build-* .venv .venv-asan .venv-peers .venv-peers-litert nnapi_runtime/*.so .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/pyvenv.cfg:
	tools/system_packages.sh $(PYTHON)
	$(PYTHON) -m venv .venv

# Model libraries, for benchmarks. timm wants torchvision, which none of its architectures needs.
.venv/models: .venv/installed
	$(BIN)/pip install --quiet "transformers>=5.0" "huggingface_hub" "pyyaml" "safetensors"
	$(BIN)/pip install --quiet --no-deps "timm>=1.0"
	touch $@

# What some tests look for, and are skipped without.
.venv/test-requirements: .venv/models tools/test_requirements.sh
	tools/test_requirements.sh
	touch $@

# torch first and by itself, so that nothing else decides which build of it is taken.
.venv/torch: .venv/pyvenv.cfg
	$(BIN)/pip install torch==2.13.0 $(if $(TORCH_INDEX_URL),--index-url $(TORCH_INDEX_URL))
	touch $@

# An editable install knows modules by their files: where some came or went, it is made again.
.venv/modules: .venv/pyvenv.cfg FORCE
	@find nnapi_core nnapi_ops nnapi_runtime -name '*.py' | LC_ALL=C sort > $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

FORCE:

# The tools, then the project itself: in place, and with the binding alone, since `build` does the rest
# before everyone's eyes.
.venv/installed: .venv/torch .venv/modules pyproject.toml CMakeLists.txt nnapi_runtime/host.cmake nnapi_runtime/python.cmake
	$(BIN)/python tools/dependency_group.py dev > .venv/dev.txt
	$(BIN)/pip install --quiet -r .venv/dev.txt
	$(BIN)/pip install --no-build-isolation --config-settings=build.targets=_loader --editable '.[quant,report]'
	touch $@
