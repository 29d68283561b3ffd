#!/usr/bin/env bash
# Builds everything with AddressSanitizer and UBSan into an environment of its own, .venv-asan, and runs
# the runtime's tests there; then the conformance vectors, where they are.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$PWD/.venv-asan/bin/python

# It borrows the packages of .venv. This folder comes last, so that its packages, whose binding is not
# sanitized, are not what is imported.
[ -x "$python" ] || .venv/bin/python -m venv .venv-asan
packages=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
{
  .venv/bin/python -c 'import sys; print("\n".join(p for p in sys.path if p.endswith("-packages")))'
  pwd
} > "$packages/borrowed.pth"
echo "building with sanitizers into build-asan"
"$python" -m pip install --quiet --no-build-isolation --no-deps --force-reinstall \
  --config-settings=build-dir=build-asan \
  --config-settings=cmake.define.NNAPI_SANITIZE=address,undefined .

# The sanitizer must come first in the process, and the C++ library whose exceptions it watches with it.
LD_PRELOAD="$(g++ -print-file-name=libasan.so) $(g++ -print-file-name=libstdc++.so)"
export LD_PRELOAD
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1
export UBSAN_OPTIONS=print_stacktrace=1
export PYTHONSAFEPATH=1  # python -m and -c do not put this folder first either
"$python" -c 'import sys, nnapi_runtime as r; sys.exit(".venv-asan" not in str(r.host_library()))'
pytest=("$python" -m pytest --import-mode=append -p no:cacheprovider)
# The program that counts allocations replaces operator new, which the sanitizer replaces too.
"${pytest[@]}" -n "${JOBS:-$(nproc)}" -k "not allocations" "${@:-tests/runtime}"
[ $# -gt 0 ] || "${pytest[@]}" -v -s tests/conformance
