#!/usr/bin/env bash
# Builds the host runtime and the native session for 64-bit Arm, and runs under qemu: the fast kernels against
# the plain ones, on several processors, by each instruction set that they have, and with one, two and three
# threads, which must give the same bits; sessions in C++; the stored files by the C API, against what they gave here.
# Needs g++-aarch64-linux-gnu and qemu-user-static.
#
# AARCH64_ROOT, a Debian of that architecture, adds the conformance vectors, where they lie beside the project:
#   mmdebstrap --arch=arm64 --variant=extract --include=python3,python3-numpy bookworm FOLDER
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

options=(-O1 -Innapi_runtime/include)
libraries=(build-aarch64/libtorch_nnapi.so "-Wl,-rpath,$PWD/build-aarch64" -pthread)
aarch64-linux-gnu-g++ -std=c++17 "${options[@]}" tests/runtime/native/session_checks.cpp "${libraries[@]}" \
  -o build-aarch64/session_checks
aarch64-linux-gnu-gcc -std=c99 -D_POSIX_C_SOURCE=200809L "${options[@]}" tests/runtime/native/run_file.c \
  "${libraries[@]}" -o build-aarch64/run_file
for cpu in cortex-a53 cortex-a76 max; do
  echo "$cpu: sessions"
  qemu-aarch64-static -cpu $cpu -L /usr/aarch64-linux-gnu build-aarch64/session_checks tests/data/nnapi
  .venv/bin/python -m tests.runtime.run_elsewhere \
    qemu-aarch64-static -cpu $cpu -L /usr/aarch64-linux-gnu build-aarch64/run_file
done
for library in libtorch_nnapi libneuralnetworks; do
  aarch64-linux-gnu-strip -o build-aarch64/stripped.so build-aarch64/$library.so
  echo "$library.so, stripped: $(stat -c %s build-aarch64/stripped.so) bytes"
done

vectors=${NNAPI_CONFORMANCE:-../shared/conformance}
if [ -z "${AARCH64_ROOT:-}" ] || [ ! -f "$vectors/run_conformance.py" ]; then
  echo "the conformance vectors were not run: AARCH64_ROOT is not set, or they are not in $vectors"
  exit 0
fi
root=$(realpath "$AARCH64_ROOT")
places=$root/usr/lib/aarch64-linux-gnu
for cpu in cortex-a53 cortex-a76 max; do
  for isa in ${sets[$cpu]}; do
    echo "$cpu, $isa: vectors"
    qemu-aarch64-static -cpu $cpu -L "$root" -E LD_LIBRARY_PATH="$places/blas:$places" \
      -E NNAPI_HOST_ISA="$isa" -E NNAPI_NUM_THREADS=1 "$root/usr/bin/python3" "$vectors/run_conformance.py" --strict \
      --lib build-aarch64/libneuralnetworks.so --vectors "$vectors/vectors" --jobs "${JOBS:-$(nproc)}" | grep -E "^(total|all) "
  done
done
