"""What loading a model costs: reading its file, checking it, compiling it.

    python -m benchmarks.loading            # prints a table
    python -m benchmarks.loading --write    # and puts it into docs/performance.md

Every figure is of a process of its own, on one thread, with the files in the page cache: seconds that pass, seconds of
the processor, and the memory that the process holds by itself, which mapped weights are no part of.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.generated_sections import replace_between_marks

ROOT = Path(__file__).parents[1]
LAYERS = 53  # of 512 → 512 channels, 3×3: 500 MB
REPEATS = 3
WAYS = {
    "no cache": "",
    "cache, first time": "cold",
    "cache, from then on": "warm",
}


def write_models(folder: Path) -> dict[str, Path]:
    """Converted here, in a process that has torch."""
    import torch
    from torch import nn

    import nnapi_core
    from benchmarks.conversion import CHANNELS, mobilenet

    layers = [nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1) for _ in range(LAYERS)]
    large = nn.Sequential(*layers).eval(), torch.zeros(1, CHANNELS, 4, 4)
    paths = {}
    for name, (module, example) in {
        "MobileNetV2": mobilenet(),
        "500 MB of convolutions": large,
    }.items():
        paths[name] = folder / f"{len(paths)}.nnapi"
        nnapi_core.convert(module, (example,), fallback="error").save(paths[name])
    return paths


def loaded(path: str, cache: str) -> dict[str, float]:
    """Loads a file once; an empty ``cache`` is none."""
    import nnapi_runtime
    from benchmarks.resident_memory import resident

    before = resident()
    wall, processor = time.perf_counter(), time.process_time()
    session = nnapi_runtime.load(path, num_threads=1, cache_dir=cache or None)
    figures = {
        "wall": time.perf_counter() - wall,
        "processor": time.process_time() - processor,
        "megabytes": (resident() - before) / 1e6,
    }
    del session
    return figures


def measured(path: Path, way: str, folder: Path) -> dict[str, Any]:
    """The best of a few processes. A cold cache is an empty folder each time."""
    tries = []
    for number in range(REPEATS):
        cache = "" if not way else str(folder / (f"cold{number}" if way == "cold" else "warm"))
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.loading", "--load", str(path), cache],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        )
        tries.append(json.loads(done.stdout))
        if way == "cold":
            for file in Path(cache).iterdir():
                file.unlink()
    return min(tries, key=lambda one: one["wall"])


def table(folder: Path) -> list[str]:
    lines = ["| | | seconds | of the processor | MB |", "|---|---|--:|--:|--:|"]
    for name, path in write_models(folder).items():
        caches = folder / name
        caches.mkdir()
        for title, way in WAYS.items():
            if way == "warm":
                measured(path, way, caches)  # fills it
            one = measured(path, way, caches)
            lines.append(
                f"| {name} | {title} | {one['wall']:.3f} | {one['processor']:.3f} | "
                f"{one['megabytes']:.0f} |"
            )
            print(lines[-1], flush=True)
    return lines


def main(argv: list[str]) -> int:
    if argv[:1] == ["--load"]:
        print(json.dumps(loaded(argv[1], argv[2])))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        lines = table(Path(folder))
    if argv == ["--write"]:
        replace_between_marks(ROOT / "docs" / "performance.md", "loading", "\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
