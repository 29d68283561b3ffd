#!/usr/bin/env bash
# Builds the host runtime for 64-bit Arm and runs its fast kernels against the plain ones there, under
# qemu. Needs g++-aarch64-linux-gnu and qemu-user-static.
set -euo pipefail
cd "$(dirname "$0")/.."
for tool in aarch64-linux-gnu-g++ qemu-aarch64-static; do
  command -v $tool > /dev/null ||
    { echo "$tool is missing: apt-get install g++-aarch64-linux-gnu qemu-user-static" >&2; exit 1; }
done
cmake -S . -B build-aarch64 -G Ninja -DPython3_EXECUTABLE="$PWD/.venv/bin/python" \
  -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
  -DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ \
  -DCMAKE_CXX_COMPILER_LAUNCHER="${CMAKE_CXX_COMPILER_LAUNCHER:-}" -DNNAPI_TWINS=ON
cmake --build build-aarch64 --target neuralnetworks kernel_twins
qemu-aarch64-static -L /usr/aarch64-linux-gnu build-aarch64/kernel_twins
