"""Every instruction set's convolution loops against the plain reference kernel, on random cases.

Which kernels compute is decided once in a process, so each variant runs in one of its own.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.runtime.kernels.kernel_cases import cases

ROOT = Path(__file__).parents[3]


def results(directory: Path, **environment: str) -> dict[str, np.ndarray]:
    file = directory / "results.npz"
    subprocess.run(
        [sys.executable, "-m", "tests.runtime.kernels.kernel_cases", str(file)],
        check=True,
        cwd=ROOT,
        env=os.environ | environment,
    )
    with np.load(file) as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    return results(tmp_path_factory.mktemp("reference"), NNAPI_HOST_KERNELS="reference")


ARM = platform.machine() == "aarch64"


@pytest.mark.parametrize(
    "isa", ["portable", "neon", "dotprod", "i8mm"] if ARM else ["portable", "avx2", "avx512"]
)
def test_fast_kernels_compute_what_the_reference_does(
    isa: str, reference: dict[str, np.ndarray], tmp_path: Path
) -> None:
    """On a processor that lacks `isa`, the best that it has is tested once more."""
    fast = results(tmp_path, NNAPI_HOST_ISA=isa)
    assert fast.keys() == reference.keys() == {name for name, _ in cases()}
    for name, expected in reference.items():
        actual = fast[name]
        if actual.dtype == np.int32:
            np.testing.assert_array_equal(actual, expected, name)
        elif actual.dtype.kind in "iu":
            # A factor in float32 instead of float64 moves what is close to a tie, and that is rare.
            difference = np.abs(actual.astype(int) - expected.astype(int))
            assert difference.max() <= 1 and np.mean(difference) < 1e-3, name
        else:
            limit = 2e-3 if actual.dtype == np.float16 else 1e-5
            np.testing.assert_allclose(actual, expected, limit, limit * 10, err_msg=name)
