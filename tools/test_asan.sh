#!/usr/bin/env bash
# Builds everything with AddressSanitizer and UBSan into an environment of its own, .venv-asan, and runs
# the runtime's tests there; then the conformance vectors, where they are.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$PWD/.venv-asan/bin/python

# It borrows the packages of .venv, except this project's own.
[ -x "$python" ] || .venv/bin/python -m venv .venv-asan
.venv/bin/python -c 'import sys; print("\n".join(p for p in sys.path if p.endswith("-packages")))' \
  > "$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')/borrowed.pth"
echo "building with sanitizers into build-asan"
"$python" -m pip install --quiet --no-build-isolation --no-deps --force-reinstall \
  --config-settings=build-dir=build-asan \
  --config-settings=cmake.define.NNAPI_SANITIZE=address,undefined .

# A copy of the tests, away from the packages in this folder, which would be imported instead.
rm -rf build-asan/tests
cp -r tests build-asan/tests
export NNAPI_CONFORMANCE=${NNAPI_CONFORMANCE:-$PWD/../shared/conformance}
cd build-asan

# The sanitizer must come first in the process, and the C++ library whose exceptions it watches with it.
LD_PRELOAD="$(g++ -print-file-name=libasan.so) $(g++ -print-file-name=libstdc++.so)"
export LD_PRELOAD
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1
export UBSAN_OPTIONS=print_stacktrace=1
pytest=("$python" -m pytest -c ../pyproject.toml --rootdir=.)
"${pytest[@]}" -n "${JOBS:-$(nproc)}" "${@:-tests/runtime}"
[ $# -gt 0 ] || "${pytest[@]}" tests/conformance
