"""Runs a program while the machine fails it: the N-th call on files of a folder, for every N."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def fault_library(folder: Path) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler is installed here, to make a library that lets calls fail")
    library = folder / "libfaults.so"
    source = Path(__file__).parent / "faults.c"
    command = [compiler, "-shared", "-fPIC", "-O1", str(source), "-ldl", "-o", str(library)]
    subprocess.run(command, check=True)
    return library


def every_fault(
    library: Path, folder: Path, kind: str, script: str, *, most: int = 60
) -> Iterator[subprocess.CompletedProcess[str]]:
    """What becomes of the Python ``script`` as each of its calls on ``folder`` is struck, until none is left."""
    for at in range(1, most):
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env={
                **os.environ,
                "LD_PRELOAD": str(library),
                "FAULTS_FOLDER": str(folder),
                "FAULTS_AT": str(at),
                "FAULTS_KIND": kind,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        yield done
        if "a fault struck" not in done.stderr:
            return
    raise AssertionError(f"more than {most} calls on {folder}")


def was_killed(done: subprocess.CompletedProcess[str]) -> bool:
    return done.returncode == -signal.SIGKILL
