#!/usr/bin/env bash
# Builds the host library with ThreadSanitizer and runs the program of many threads on it.
set -euo pipefail
cd "$(dirname "$0")/.."
cmake -S . -B build-tsan -G Ninja -DNNAPI_SANITIZE=thread -DPython3_EXECUTABLE="$PWD/.venv/bin/python" \
  -DCMAKE_MAKE_PROGRAM="$PWD/.venv/bin/ninja"
cmake --build build-tsan
c++ -std=c++20 -O1 -g -fsanitize=thread -Innapi_runtime/include tests/runtime/native/threads.cpp \
  build-tsan/libneuralnetworks.so -Wl,-rpath,"$PWD/build-tsan" -pthread -o build-tsan/threads
# More threads than this machine may have cores, so that the pool takes part everywhere.
NNAPI_NUM_THREADS=3 TSAN_OPTIONS=halt_on_error=1 build-tsan/threads
echo "ThreadSanitizer found nothing"
