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
    """Nothing fails, crashes or is unsupported. Prints the totals (pytest -s shows them)."""
    command = [sys.executable, str(VECTORS / "run_conformance.py"), "--strict", *mode]
    command += ["--lib", str(nnapi_runtime.host_library()), "--vectors", str(VECTORS / "vectors")]
    command += ["--jobs", os.environ.get("JOBS", str(os.cpu_count() or 1))]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    totals = [line for line in run.stdout.splitlines() if line.startswith(("total ", "all "))]
    print("", *totals, sep="\n")
    assert run.returncode == 0, f"{' '.join(command)}\n{run.stdout[-4000:]}{run.stderr[-4000:]}"
