"""Damaged `.nnapi` files through every reader: they run, or are refused in a documented way, in little time and memory.

    python -m tests.fuzz.fuzz_files --cases 10000 --jobs 2

Each file is loaded and run, inspected, and drawn as graph and report, in a process with limits of its own. A case that
crashes, takes over 10 seconds, raises what is not documented or takes too much memory is kept in a folder.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from tests.fuzz.arguments import parse
from tests.fuzz.mutate_files import mutated
from tests.fuzz.pool import Answer, Case, run

ROOT = Path(__file__).parents[2]
ORIGINALS = sorted(
    [*(ROOT / "tests/data/nnapi").glob("*.nnapi"), *(ROOT / "tests/data/fuzz").glob("*.nnapi")]
)
LOOP_SECONDS = 0.2
IN_MEMORY = Path("/dev/shm")
"""Files lie here where there is such a place: a disk takes longer to make a file than a reader to refuse it."""


def damaged(number: int, seed: int) -> tuple[Path, str, bytes]:
    """The original, the kind of damage, and the damaged file: always the same for a number and a seed."""
    chance = random.Random(seed * 1_000_003 + number)
    path = ORIGINALS[number % len(ORIGINALS)]
    return path, *mutated(contents(path), chance)


@lru_cache(64)
def contents(path: Path) -> bytes:
    return path.read_bytes()


@lru_cache(64)
def inputs(path: Path) -> list[np.ndarray[Any, Any]]:
    arrays = np.load(path.with_suffix(".npz"))
    return [arrays[key] for key in sorted(arrays) if key.startswith("in")]


def read(path: Path, given: list[np.ndarray[Any, Any]]) -> list[tuple[str, str]]:
    """Each reader, and what became of the file there: "ran", "refused", or a traceback."""
    import nnapi_runtime
    from nnapi_core.artifact.artifact_graph import pictures
    from nnapi_core.artifact.inspect_text import describe
    from nnapi_core.artifact.model_explorer import model_explorer_json
    from nnapi_core.cli.artifact_page import artifact_report
    from nnapi_core.errors import ConversionError
    from nnapi_runtime import NnapiError

    def ran(library: str | None) -> None:
        session = nnapi_runtime.load(
            path, num_threads=1, loop_timeout=LOOP_SECONDS, library=library
        )
        for method in session.methods:
            session.method(method)(*(one.copy() for one in given))

    readers: dict[str, Callable[[], Any]] = {
        "run": lambda: ran(None),
        "run in torch": lambda: ran("/no_such.so"),
        "inspect": lambda: describe(path),
        "graph": lambda: "".join(model_explorer_json(path.name, pictures(path))),
        "report": lambda: "".join(artifact_report(str(path), "out.html")),
    }
    found = []
    for name, reader in readers.items():
        try:
            reader()
            found.append((name, "ran"))
        except NnapiError:
            found.append((name, "refused"))
        except ConversionError:
            found.append((name, traceback.format_exc() if name.startswith("run") else "refused"))
        except BaseException:
            found.append((name, traceback.format_exc()))
    return found


def prepare(folder: str, seed: int) -> Case:
    warnings.simplefilter("ignore")
    import torch

    torch.set_num_threads(1)
    for path in ORIGINALS:  # what is loaded on demand is loaded before the limits are set
        read(path, inputs(path))

    def case(number: int) -> Answer:
        original, kind, raw = damaged(number, seed)
        path = Path(folder) / f"{os.getpid()}.nnapi"
        path.write_bytes(raw)
        return Answer(f"{original.stem}, {kind}", len(raw), tuple(read(path, inputs(original))))

    return case


def main() -> int:
    options = parse(__doc__ or "")
    in_memory = str(IN_MEMORY) if IN_MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=in_memory) as folder:
        outcome = run(partial(prepare, folder, options.seed), *options.limits())
    print(f"{outcome.cases} damaged files, of {len(ORIGINALS)} kinds")
    for place, what in enumerate(("of", "damaged in")):
        parts: Counter[str] = Counter()
        for name, count in outcome.names.items():
            parts[name.split(", ")[place]] += count
        print(f"  {what} " + ", ".join(f"{one} {count}" for one, count in sorted(parts.items())))
    print("\n".join(outcome.lines()))
    for number, what in outcome.failures:
        options.folder.mkdir(parents=True, exist_ok=True)
        kept = options.folder / f"{options.seed}-{number}.nnapi"
        kept.write_bytes(damaged(number, options.seed)[2])
        kept.with_suffix(".txt").write_text(what)
    return 1 if outcome.failures else 0


if __name__ == "__main__":
    sys.exit(main())
