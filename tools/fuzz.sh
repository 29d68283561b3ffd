#!/usr/bin/env bash
# Builds the fuzz targets with clang and runs each for SECONDS: fuzz.sh SECONDS
set -euo pipefail
cd "$(dirname "$0")/.."
command -v clang++ >/dev/null || { echo "fuzzing needs clang++ (apt install clang)" >&2; exit 1; }
cmake -S . -B build-fuzz -G Ninja -DNNAPI_FUZZ=ON -DNNAPI_SANITIZE=address,undefined \
  -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ -DPython3_EXECUTABLE="$PWD/.venv/bin/python" \
  -DCMAKE_MAKE_PROGRAM="$PWD/.venv/bin/ninja"
cmake --build build-fuzz
for target in build-fuzz/fuzz_*; do
  [ -x "$target" ] && [ -f "$target" ] || continue
  corpus=build-fuzz/corpus/$(basename "$target")
  mkdir -p "$corpus"
  echo "$target for $1 seconds"
  "$target" -max_total_time="$1" -max_len=4096 -len_control=10 -timeout=20 -rss_limit_mb=4096 -artifact_prefix=build-fuzz/ "$corpus"
done
for fuzzer in fuzz_files fuzz_operators; do
  echo "tests.fuzz.$fuzzer for $1 seconds"
  .venv/bin/python -m "tests.fuzz.$fuzzer" --seconds "$1" 2>/dev/null
done
