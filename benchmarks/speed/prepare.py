"""Makes what one peer runs: ``python -m benchmarks.speed.prepare PEER CASE PRECISION FOLDER``."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np

from benchmarks.speed.peers import peer


def expected_path(folder: Path, case: str) -> Path:
    return folder / case / "expected.npz"


def artifact_path(folder: Path, case: str, precision: str, name: str) -> Path:
    return folder / case / precision / str(peer(name).ARTIFACT)


def write_expected(folder: Path, name: str) -> None:
    """The input that everyone computes on, and torch's own result in float."""
    import torch

    from benchmarks.speed.cases import CASES

    case = CASES[name]
    path = expected_path(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    (example,) = case.example()
    with torch.no_grad():
        result = case.module()(example)
    np.savez(path, input=example.numpy(), result=result.numpy())


def main(name: str, case: str, precision: str, folder: str) -> None:
    from benchmarks.speed.cases import CASES

    warnings.simplefilter("ignore")
    if name == "expected":
        write_expected(Path(folder), case)
        return
    path = artifact_path(Path(folder), case, precision, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Whatever writes it may be killed: a file is whole or not there.
    temporary = path.with_name(f"new-{path.name}")
    peer(name).prepare(CASES[case], precision, temporary)
    temporary.replace(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
