#!/usr/bin/env bash
# Builds the libraries with ThreadSanitizer and runs the programs of many threads on them: one that shares
# compilations, sessions, one whose threads write one cache file, and random models in eight threads with
# caching on. CACHE_SECONDS and GRAPH_SECONDS say how long the latter two run.
set -euo pipefail
cd "$(dirname "$0")/.."
cmake -S . -B build-tsan -G Ninja -DNNAPI_SANITIZE=thread -DNNAPI_FUZZ=ON -DPython3_EXECUTABLE="$PWD/.venv/bin/python" \
  -DCMAKE_MAKE_PROGRAM="$PWD/.venv/bin/ninja"
cmake --build build-tsan --target neuralnetworks torch_nnapi fuzz_threads
for program in threads cache_writers; do
  c++ -std=c++20 -O1 -g -fsanitize=thread -Innapi_runtime/include "tests/runtime/native/$program.cpp" \
    build-tsan/libneuralnetworks.so -Wl,-rpath,"$PWD/build-tsan" -pthread -o "build-tsan/$program"
done
c++ -std=c++17 -O1 -g -fsanitize=thread -Innapi_runtime/include tests/runtime/native/session_checks.cpp \
  build-tsan/libtorch_nnapi.so -Wl,-rpath,"$PWD/build-tsan" -pthread -o build-tsan/session_checks
# More threads than this machine may have cores, so that the pool takes part everywhere.
export NNAPI_NUM_THREADS=3 TSAN_OPTIONS=halt_on_error=1
build-tsan/threads
build-tsan/session_checks tests/data/nnapi
cache=$(mktemp -d)
trap 'rm -rf "$cache"' EXIT
build-tsan/cache_writers "$cache" 16 "${CACHE_SECONDS:-20}"
build-tsan/fuzz_threads "${GRAPH_SECONDS:-60}"
echo "ThreadSanitizer found nothing"
