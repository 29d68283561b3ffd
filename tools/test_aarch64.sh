#!/usr/bin/env bash
# Builds the host runtime for 64-bit Arm and runs its fast kernels against the plain ones there, under
# qemu: on several processors, by each instruction set that they have, and with one, two and three
# threads, which must give the same bits. Needs g++-aarch64-linux-gnu and qemu-user-static.
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
cmake --build build-aarch64 --target neuralnetworks torch_nnapi kernel_twins loop_twins

run() {  # processor, instruction set, threads, program and its arguments
  NNAPI_HOST_ISA=$2 NNAPI_NUM_THREADS=$3 \
    qemu-aarch64-static -cpu "$1" -L /usr/aarch64-linux-gnu build-aarch64/"${@:4}"
}

# Those that the emulator knows: it has no Cortex-A55, whose instructions a Cortex-A76 has.
declare -A sets=([cortex-a53]="portable neon" [cortex-a76]="neon dotprod" [neoverse-n1]="dotprod"
  [max]="neon dotprod i8mm")
for cpu in cortex-a53 cortex-a76 neoverse-n1 max; do
  for isa in ${sets[$cpu]}; do
    echo "$cpu:"
    run $cpu "$isa" 1 loop_twins
    found=$(run $cpu "$isa" 1 kernel_twins)
    echo "$found"
    for threads in 2 3; do
      [ "$(run $cpu "$isa" $threads kernel_twins bits)" = "$(tail -n 1 <<< "$found")" ] ||
        { echo "$isa: other results with $threads threads" >&2; exit 1; }
    done
  done
done
