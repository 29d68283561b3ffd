#!/usr/bin/env bash
# Builds everything with AddressSanitizer and UBSan into an environment of its own, .venv-asan, and runs the
# runtime's tests there; then the conformance vectors, where they are.
set -euo pipefail
cd "$(dirname "$0")/.."
python=.venv-asan/bin/python

# It borrows the packages of .venv, except this project's own.
[ -d .venv-asan ] || .venv/bin/python -m venv .venv-asan
.venv/bin/python -c 'import sys; print("\n".join(p for p in sys.path if p.endswith("site-packages")))' \
  > "$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')/borrowed.pth"
"$python" -m pip install --quiet --no-build-isolation --no-deps --force-reinstall \
  --config-settings=build-dir=build-asan \
  --config-settings=cmake.define.NNAPI_SANITIZE=address,undefined .

# The sanitizer must come first in the process, and the C++ library whose exceptions it watches with it.
export LD_PRELOAD="$(g++ -print-file-name=libasan.so) $(g++ -print-file-name=libstdc++.so)"
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1
export UBSAN_OPTIONS=print_stacktrace=1
"$python" -m pytest -n "${JOBS:-$(nproc)}" "${TESTS:-tests/runtime}"
"$python" -m pytest "${CONFORMANCE_TESTS:-tests/conformance}"
