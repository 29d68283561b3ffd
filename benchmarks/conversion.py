"""What a conversion costs in time and memory, against torch's own prototype (torch.backends._nnapi).

    python benchmarks/conversion.py            # both peers, each in a process of its own

Prints the peak of resident memory above the loaded model while a 200 MB stack of convolutions is
converted and saved, and the seconds that each takes after torch.export or torch.jit.trace.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import torch
from torch import nn

CHANNELS, LAYERS = 512, 21


def conv_stack() -> tuple[nn.Module, torch.Tensor]:
    """21 convolutions of 512 → 512 channels, 3x3: 198 MB of weights."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1) for _ in range(LAYERS)]
    return nn.Sequential(*layers).eval(), torch.zeros(1, CHANNELS, 4, 4)


def resident() -> int:
    """Bytes of memory that this process holds by itself; pages of files do not count."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/status has no RssAnon")


class Peak:
    """Samples the resident memory while the body runs; ``above`` is the peak over its start."""

    def __enter__(self) -> Peak:
        self.start = self.peak = resident()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()
        return self

    def _sample(self) -> None:
        while not self._stop.wait(0.002):
            self.peak = max(self.peak, resident())

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.peak = max(self.peak, resident())

    @property
    def above(self) -> float:
        return (self.peak - self.start) / 1e6


def ours(suffix: str) -> dict[str, float]:
    import nnapi_core

    module, example = conv_stack()
    exported = torch.export.export(module, (example,), strict=False)
    # What is loaded once, whatever the model: lowerings, torch's tables.
    nnapi_core.convert(nn.Conv2d(1, 1, 1).eval(), (torch.zeros(1, 1, 2, 2),))
    with tempfile.TemporaryDirectory() as folder, Peak() as memory:
        start = time.process_time()
        converted = nnapi_core.convert(exported, fallback="error")
        converted.save(Path(folder) / f"stack{suffix}")
        seconds = time.process_time() - start
    return {"peak_mb": memory.above, "cpu_seconds": seconds}


def stock() -> dict[str, float]:
    from torch.backends._nnapi.prepare import convert_model_to_nnapi

    module, example = conv_stack()
    example.nnapi_nhwc = True  # type: ignore[attr-defined]
    example = example.contiguous(memory_format=torch.channels_last)
    example.nnapi_nhwc = True  # type: ignore[attr-defined]
    traced = torch.jit.trace(module, example)
    with tempfile.TemporaryDirectory() as folder, Peak() as memory:
        start = time.process_time()
        converted = convert_model_to_nnapi(traced, example)
        converted._save_for_lite_interpreter(str(Path(folder) / "stack.ptl"))
        seconds = time.process_time() - start
    return {"peak_mb": memory.above, "cpu_seconds": seconds}


PEERS = {
    "torch-nnapi .nnapi": lambda: ours(".nnapi"),
    "torch-nnapi .ptl": lambda: ours(".ptl"),
    "torch.backends._nnapi .ptl": stock,
}


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps(PEERS[sys.argv[1]]()))
        return
    for name in PEERS:
        done = subprocess.run(
            [sys.executable, __file__, name], capture_output=True, text=True, check=False
        )
        if done.returncode:
            print(f"{name}: failed\n{done.stderr}")
            continue
        result = json.loads(done.stdout.splitlines()[-1])
        print(
            f"{name}: {result['peak_mb']:.1f} MB above the loaded model, "
            f"{result['cpu_seconds']:.2f} s CPU"
        )


if __name__ == "__main__":
    main()
