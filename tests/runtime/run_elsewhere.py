"""The stored files of tests/data/nnapi by the C API on another machine, against what they gave here.

    python -m tests.runtime.run_elsewhere qemu-aarch64-static -L /usr/aarch64-linux-gnu build-aarch64/run_file

The words are the command of native/run_file.c there. Exit 1: a result differs, or a file does not run.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.runtime.native_program import run_in_c
from tests.runtime.session.test_stored_files import FILES, FOLDER, NEEDS_TORCH, stored, tolerance


def check(command: Sequence[str], name: str) -> None:
    """Raises AssertionError where the file does not run there, or gives something else."""
    inputs, expected = stored(name)
    with tempfile.TemporaryDirectory() as folder:
        every, _ = run_in_c(command, "run", FOLDER / f"{name}.nnapi", inputs, Path(folder))
    results = [one for one in every if one is not None]
    # What is written into arguments comes after them.
    assert len(results) >= len(expected), f"{len(results)} results, not {len(expected)}"
    for actual, wanted in zip(results, expected, strict=False):
        limit = tolerance(wanted)
        np.testing.assert_allclose(actual, wanted, rtol=limit, atol=limit)


def main(command: Sequence[str]) -> int:
    wrong = 0
    for name in FILES:
        if name in NEEDS_TORCH:
            print(f"{name}: left out, it has pieces that only torch runs")
            continue
        try:
            check(command, name)
        except AssertionError as error:
            print(f"{name}: {error}")
            wrong += 1
        else:
            print(f"{name}: as here")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
