"""MobileNetV2 and background segmentation in PyTorch Mobile: CPU with one and two threads, and NNAPI.

python -m benchmarks.mobile                      # here, NNAPI being the host runtime
python -m benchmarks.mobile --write              # and into docs/performance.md
python -m benchmarks.mobile --adb --program speed_benchmark_torch   # on a device
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.generated_sections import replace_between_marks
from benchmarks.mobile.files import MODELS, Files, has_xnnpack, make
from benchmarks.mobile.runners import Device, Here, Runs, TimingError
from benchmarks.speed.cases import CASES
from benchmarks.speed.environments import ROOT

COLUMNS = (("CPU, 1 thread", "cpu", 1), ("CPU, 2 threads", "cpu", 2))
NNAPI = (("NNAPI", "nnapi", 2),)
# The host runtime is a CPU too.
NNAPI_HERE = (("NNAPI, 1 thread", "nnapi", 1), ("NNAPI, 2 threads", "nnapi", 2))


def arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mobile", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--models", nargs="+", choices=tuple(MODELS), default=list(MODELS))
    parser.add_argument("--adb", nargs="?", const="adb", metavar="PATH", help="on a device")
    parser.add_argument("--serial", help="which device, as `adb devices` lists them")
    parser.add_argument("--program", type=Path, help="speed_benchmark_torch, to be pushed")
    parser.add_argument("--warmup", type=int, default=5)
    parser.add_argument("--iter", type=int, default=50)
    parser.add_argument("--folder", type=Path, help="keep the files there")
    parser.add_argument("--write", action="store_true", help="into docs/performance.md")
    return parser.parse_args(argv)


def row(files: Files, runner: Here | Device, columns: tuple[tuple[str, str, int], ...]) -> str:
    cells, reasons = [], []
    for title, kind, threads in columns:
        file: Path | str = getattr(files, kind)
        try:
            if isinstance(file, str):
                raise TimingError(file)
            cells.append(f"{runner.time(file, threads):.2f}")
        except TimingError as error:
            cells.append("–")
            reasons.append(f"{title}: {error}")
    said = f" {'; '.join(reasons)} |" if reasons else " |"
    return f"| {CASES[files.model].title} | {files.mode} | {' | '.join(cells)} |{said}"


def run(options: argparse.Namespace, folder: Path) -> list[str]:
    runs = Runs(options.warmup, options.iter)
    runner: Here | Device = Here(runs)
    columns = COLUMNS + NNAPI_HERE
    if options.adb:
        runner, columns = (
            Device(runs, options.adb, options.serial, options.program),
            COLUMNS + NNAPI,
        )
        runner.prepare()
    titles = " | ".join(title for title, _, _ in columns)
    lines = [
        f"Milliseconds on {runner.name}:",
        "",
        f"| model | quantised | {titles} | |",
        "|---|---|" + "--:|" * len(columns) + "---|",
    ]
    if not has_xnnpack():
        lines.insert(
            1,
            "(This torch is built without XNNPACK: its floats on the CPU are slower than they need be.)",
        )
    print(*lines, sep="\n")
    for model in options.models:
        for mode in MODELS[model]:
            lines.append(row(make(model, mode, folder), runner, columns))
            print(lines[-1], flush=True)
    return lines


def main(argv: list[str]) -> int:
    options = arguments(argv)
    try:
        if options.folder:
            options.folder.mkdir(parents=True, exist_ok=True)
            lines = run(options, options.folder.resolve())
        else:
            with tempfile.TemporaryDirectory() as folder:
                lines = run(options, Path(folder))
    except TimingError as error:
        print(f"benchmarks.mobile: {error}", file=sys.stderr)
        return 1
    if options.write:
        replace_between_marks(ROOT / "docs" / "performance.md", "mobile", "\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
