#!/bin/sh
# The environments of the runtimes that `make bench` races against: .venv-peers, where they run, and
# .venv-peers-litert, where LiteRT's files are made. Both see what .venv has, so torch is there once.
#
# What cannot be installed is left out; the benchmark then lists it as missing, with the reason.
set -eu
cd "$(dirname "$0")/.."
constraints=benchmarks/speed/peers/constraints.txt

environment() {
  [ -x "$1/bin/python" ] || .venv/bin/python -m venv "$1"
  .venv/bin/python -c 'import sys; print("\n".join(p for p in sys.path if p.endswith("site-packages")))' \
    > "$("$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/shared.pth"
}

install() {
  where=$1
  shift
  "$where/bin/python" -m pip install --quiet --constraint "$constraints" "$@" ||
    echo "peers: $* could not be installed in $where" >&2
}

environment .venv-peers
install .venv-peers onnxruntime==1.32.0 onnx onnxscript
install .venv-peers ai-edge-litert==2.3.0
install .venv-peers executorch==1.5.1
environment .venv-peers-litert
install .venv-peers-litert litert-torch==0.10.0
