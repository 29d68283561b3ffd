"""Times a file of PyTorch Mobile on this machine, and says so as ``speed_benchmark_torch`` does on a device.

``python -m benchmarks.mobile.speed_benchmark --model=FILE --pthreadpool_size=1 --warmup=5 --iter=50
--use_bundled_input=0``
"""

from __future__ import annotations

import argparse
import ctypes
import sys
import time
import warnings


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--use_bundled_input", type=int, default=0)
    for option in ("pthreadpool_size", "warmup", "iter"):
        parser.add_argument(f"--{option}", type=int, required=True)
    options = parser.parse_args(argv)

    import torch
    from torch.jit.mobile import _load_for_lite_interpreter

    import nnapi_runtime

    # Stock PyTorch finds NNAPI among what is loaded.
    ctypes.CDLL(str(nnapi_runtime.host_library()), mode=ctypes.RTLD_GLOBAL)
    torch.set_num_threads(options.pthreadpool_size)
    torch.backends.quantized.engine = "qnnpack"
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        module = _load_for_lite_interpreter(options.model)
        inputs = module.run_method("get_all_bundled_inputs")[options.use_bundled_input]
        for _ in range(options.warmup):
            module(*inputs)
        start = time.perf_counter()
        for _ in range(options.iter):
            module(*inputs)
        each = (time.perf_counter() - start) / options.iter
    print(
        f"Main run finished. Microseconds per iter: {1e6 * each:g}. Iters per second: {1 / each:g}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
