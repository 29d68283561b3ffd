"""The NNAPI test vectors, which live beside the project: every one passes on the host library."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import nnapi_runtime

_ROOT = Path(__file__).parents[2]
VECTORS = Path(os.environ.get("NNAPI_CONFORMANCE", _ROOT.parent / "shared" / "conformance"))

pytestmark = pytest.mark.skipif(
    not (VECTORS / "run_conformance.py").exists(),
    reason=f"the NNAPI test vectors are not in {VECTORS} (NNAPI_CONFORMANCE names another place)",
)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "mode",
    [["--mode=plain"], ["--mode=dynamic"], ["--mode=signed"], ["--mode=plain", "--reusable"]],
    ids=["plain", "dynamic", "signed", "reusable"],
)
def test_vectors(mode: list[str]) -> None:
    run_vectors(mode)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("isa", ["avx2", "portable"])
@pytest.mark.parametrize("mode", ["plain", "signed"])
def test_vectors_on_lesser_processors(isa: str, mode: str) -> None:
    run_vectors([f"--mode={mode}"], NNAPI_HOST_ISA=isa)


@pytest.mark.timeout(1800)
def test_vectors_by_the_plain_kernels() -> None:
    run_vectors(["--mode=plain"], NNAPI_HOST_KERNELS="reference")


def run_vectors(mode: list[str], **environment: str) -> None:
    """Nothing fails, crashes or is unsupported. Prints the totals (pytest -s shows them)."""
    command = [sys.executable, str(VECTORS / "run_conformance.py"), "--strict", *mode]
    command += ["--lib", str(nnapi_runtime.host_library()), "--vectors", str(VECTORS / "vectors")]
    command += ["--jobs", os.environ.get("JOBS", str(os.cpu_count() or 1))]
    run = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    totals = [line for line in run.stdout.splitlines() if line.startswith(("total ", "all "))]
    print("", *totals, sep="\n")
    assert run.returncode == 0, (
        f"{environment} {' '.join(command)}\n{run.stdout[-4000:]}{run.stderr[-4000:]}"
    )
