"""The main job, end to end: MobileNetV2 and a digits classifier to NNAPI, run, verified and timed here."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import digits
import mobilenet_v2
import torch

import nnapi_core
import nnapi_runtime
from nnapi_core.cli.report_text import explain_text, verification
from nnapi_core.verification.verify import verify

STOCK_RUNNER = Path(__file__).with_name("stock_runner.py")


def heading(text: str) -> None:
    print(f"\n== {text}", flush=True)


def median_ms(run: Callable[[], Any], runs: int = 20) -> float:
    run()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return sorted(times)[runs // 2] * 1e3


def run_in_stock_torch(model: Path, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, str]:
    """In a process of its own that imports only torch."""
    inputs, outputs = model.with_suffix(".in.pt"), model.with_suffix(".out.pt")
    torch.save(args, inputs)
    command = [sys.executable, str(STOCK_RUNNER), str(nnapi_runtime.host_library())]
    done = subprocess.run(
        [*command, str(model), str(inputs), str(outputs)],
        check=True,
        capture_output=True,
        text=True,
    )
    return torch.load(outputs), done.stdout.strip()


def demo_mobilenet(folder: Path) -> bool:
    heading("MobileNetV2 (1x3x224x224), converted for feature level 29")
    module, args = mobilenet_v2.model()
    start = time.perf_counter()
    converted = nnapi_core.convert(module, args, fallback="error")
    seconds = time.perf_counter() - start
    print(explain_text(converted.report))
    print(f"converted in {seconds:.2f} s, torch.export included")

    heading("Verification against eager torch")
    with torch.no_grad():
        expected = module(*args)
    result = verify(converted, args, expected)
    print(verification(result))
    passed = result.passed

    heading("Artifacts")
    paths = [folder / f"mobilenet_v2{suffix}" for suffix in (".nnapi", ".ptl", ".pt")]
    for path in paths:
        converted.save(path)
        print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB")

    heading("Run: ours, and stock PyTorch in a process that imports only torch")
    session = nnapi_runtime.load(paths[0])
    error = float((session(*args) - expected).abs().max())
    print(f"{paths[0].name} on our executor: max abs error {error:.3g}")
    for path in paths[1:]:
        actual, said = run_in_stock_torch(path, args)
        error = float((actual - expected).abs().max())
        passed = passed and error <= 1e-4 * float(expected.abs().max())
        print(f"{path.name} in stock PyTorch: max abs error {error:.3g}; {said}")

    heading("Latency here (batch 1, median of 20)")
    with torch.no_grad():
        eager = median_ms(lambda: module(*args))
    ours = median_ms(lambda: session(*args))
    print(
        f"eager torch {eager:.2f} ms, .nnapi on our executor {ours:.2f} ms ({ours / eager:.2f} of eager)"
    )
    return passed


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        passed = demo_mobilenet(Path(folder))
    heading("Digits: train, convert, compare accuracy")
    eager, on_nnapi = digits.main()
    passed = passed and eager == on_nnapi
    print("\nall of it agrees with torch" if passed else "\nSOMETHING DIFFERS FROM TORCH")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
