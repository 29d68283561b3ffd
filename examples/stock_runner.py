"""Runs an artifact in stock PyTorch: this file imports torch and nothing of ours.

    python examples/stock_runner.py LIBRARY MODEL.pt|MODEL.ptl INPUT.pt OUTPUT.pt

LIBRARY is a libneuralnetworks.so; on a phone the system has one, and none needs to be named.
"""

import ctypes
import sys
import time

import torch
from torch.jit.mobile import _load_for_lite_interpreter


def main(library: str, model: str, inputs: str, outputs: str) -> None:
    # Stock PyTorch opens libneuralnetworks.so by that name; one that is loaded already is taken.
    ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
    module = _load_for_lite_interpreter(model) if model.endswith(".ptl") else torch.jit.load(model)
    args = torch.load(inputs)
    result = module(*args)
    times = []
    for _ in range(20):
        start = time.perf_counter()
        module(*args)
        times.append(time.perf_counter() - start)
    torch.save(result, outputs)
    ours = [name for name in sys.modules if name.startswith("nnapi_")]
    print(
        f"{sorted(times)[len(times) // 2] * 1e3:.2f} ms a run; modules of ours imported: {len(ours)}"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
