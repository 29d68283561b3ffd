"""What a conversion costs in time and memory, beside torch's own prototype (torch.backends._nnapi).

    python -m benchmarks.conversion            # prints a table
    python -m benchmarks.conversion --write    # and puts it into docs/performance.md

Every figure is of a process of its own. Seconds are of the processor, after torch.export or torch.jit.trace. Memory is
the peak of what the process holds by itself, over what it held with the model loaded; a 198 MB stack of convolutions
shows whether weights are copied.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.fx.experimental.optimization
from torch import nn

from benchmarks.generated_sections import replace_between_marks
from benchmarks.resident_memory import resident

ROOT = Path(__file__).parents[1]
CHANNELS, LAYERS = 512, 21
CHAIN = (1000, 2500, 5000)


def conv_stack() -> tuple[nn.Module, torch.Tensor]:
    """21 convolutions of 512 → 512 channels, 3x3: 198 MB of weights."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1) for _ in range(LAYERS)]
    return nn.Sequential(*layers).eval(), torch.zeros(1, CHANNELS, 4, 4)


def mobilenet() -> tuple[nn.Module, torch.Tensor]:
    from benchmarks.speed.cases import CASES

    case = CASES["mobilenetv2"]
    return case.module(), case.example()[0]


class Chain(nn.Module):
    """Additions and products, one after the other."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.length = length

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for index in range(self.length // 2):
            x = (x + 0.5) * (1.0 + index % 3)
        return x


class Cost:
    """Processor time and the peak of memory over the start, of a body."""

    def __enter__(self) -> Cost:
        self._start = self._peak = resident()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()
        self._began = time.process_time()
        return self

    def _sample(self) -> None:
        while not self._stop.wait(0.002):
            self._peak = max(self._peak, resident())

    def __exit__(self, *_: object) -> None:
        self.seconds = time.process_time() - self._began
        self._stop.set()
        self._thread.join()
        self.megabytes = (max(self._peak, resident()) - self._start) / 1e6

    def figures(self) -> dict[str, float]:
        return {"seconds": self.seconds, "megabytes": self.megabytes}


def _warm_up() -> None:
    """Loads what is loaded once, whatever the model: lowerings, torch's tables, the writers of files."""
    import nnapi_core

    converted = nnapi_core.convert(nn.Conv2d(1, 1, 1).eval(), (torch.zeros(1, 1, 2, 2),))
    with tempfile.TemporaryDirectory() as folder:
        for suffix in (".nnapi", ".ptl"):
            converted.save(Path(folder) / f"model{suffix}")


def ours(make: Callable[[], tuple[nn.Module, torch.Tensor]], suffix: str) -> dict[str, float]:
    import nnapi_core

    module, example = make()
    exported = torch.export.export(module, (example,), strict=False)
    _warm_up()
    with tempfile.TemporaryDirectory() as folder, Cost() as cost:
        converted = nnapi_core.convert(exported, fallback="error")
        converted.save(Path(folder) / f"model{suffix}")
    return cost.figures()


def explained(make: Callable[[], tuple[nn.Module, torch.Tensor]]) -> dict[str, float]:
    import nnapi_core

    module, example = make()
    exported = torch.export.export(module, (example,), strict=False)
    _warm_up()
    with Cost() as cost:
        nnapi_core.explain(exported, (example,))
    return cost.figures()


def stock(make: Callable[[], tuple[nn.Module, torch.Tensor]]) -> dict[str, float]:
    from torch.backends._nnapi.prepare import convert_model_to_nnapi

    module, example = make()
    module = _for_stock(module)
    example = example.contiguous(memory_format=torch.channels_last)
    example.nnapi_nhwc = True  # type: ignore[attr-defined]
    traced = torch.jit.trace(module, example)
    with tempfile.TemporaryDirectory() as folder, Cost() as cost:
        converted = convert_model_to_nnapi(traced, example)
        converted._save_for_lite_interpreter(str(Path(folder) / "model.ptl"))
    return cost.figures()


def _for_stock(module: nn.Module) -> nn.Module:
    """It knows neither batch norms nor activations in place."""
    for one in module.modules():
        if hasattr(one, "inplace"):
            one.inplace = False
    return torch.fx.experimental.optimization.fuse(module)


def chain(length: int) -> dict[str, float]:
    import nnapi_core

    args = (torch.zeros(1, 8),)
    exported = torch.export.export(Chain(length), args, strict=False)
    _warm_up()
    with Cost() as cost:
        nnapi_core.convert(exported, args, fallback="error")
    return cost.figures()


def imported(*names: str) -> dict[str, float]:
    """The package itself, and then its parts that convert, beyond torch and what torch.export loads."""
    import sympy  # noqa: F401

    with Cost() as cost:
        import nnapi_core

        for name in names:
            getattr(nnapi_core, name)
    return cost.figures()


TASKS: dict[str, Callable[[], dict[str, float]]] = {
    "MobileNetV2, `convert` and `.nnapi`": lambda: ours(mobilenet, ".nnapi"),
    "MobileNetV2, `convert` and `.ptl`": lambda: ours(mobilenet, ".ptl"),
    "MobileNetV2, `explain`": lambda: explained(mobilenet),
    "MobileNetV2, torch.backends._nnapi and `.ptl`": lambda: stock(mobilenet),
    "198 MB of convolutions, `convert` and `.nnapi`": lambda: ours(conv_stack, ".nnapi"),
    "198 MB of convolutions, `convert` and `.ptl`": lambda: ours(conv_stack, ".ptl"),
    "198 MB of convolutions, torch.backends._nnapi and `.ptl`": lambda: stock(conv_stack),
    **{f"chain of {length} nodes, `convert`": lambda n=length: chain(n) for length in CHAIN},  # type: ignore[misc]
    "`import nnapi_core`, after torch": imported,
    "what `convert` and `save` load besides, once": lambda: imported("convert"),
}


def measured(name: str) -> dict[str, Any]:
    """Figures of one task, or the reason why there are none."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "benchmarks.conversion", "--task", name],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        return {"failed": lines[-1] if lines else f"exit code {done.returncode}"}
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def row(name: str, figures: dict[str, Any]) -> str:
    if "failed" in figures:
        return f"| {name} | failed: {figures['failed']} | |"
    return f"| {name} | {figures['seconds']:.3f} | {figures['megabytes']:.1f} |"


def main(argv: list[str]) -> int:
    if argv[:1] == ["--task"]:
        print(json.dumps(TASKS[argv[1]]()))
        return 0
    lines = ["| | seconds | MB over the model |", "|---|--:|--:|"]
    print(*lines, sep="\n")
    for name in TASKS:
        lines.append(row(name, measured(name)))
        print(lines[-1], flush=True)
    if argv == ["--write"]:
        replace_between_marks(ROOT / "docs" / "performance.md", "conversion", "\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
