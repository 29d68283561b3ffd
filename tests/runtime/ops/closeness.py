"""How far a kernel's result may be from the real-valued one."""

from __future__ import annotations

import numpy as np

from nnapi_core.nnapi.types import Quant


def assert_within_ulps(actual: np.ndarray, expected: np.ndarray, ulps: float) -> None:
    """``actual`` is at most so many units in its last place off. Infinities and NaN are where expected."""
    info = np.finfo(actual.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        rounded = expected.astype(actual.dtype)
        finite = np.isfinite(rounded) & np.isfinite(actual)
        np.testing.assert_array_equal(
            np.isnan(actual), np.isnan(rounded), "NaN where none is expected, or the reverse"
        )
        # A result beside the largest number may be rounded to infinity.
        overflow = np.abs(expected) > float(info.max) * (1 - ulps * float(info.eps))
        np.testing.assert_array_equal(
            actual[~finite & ~overflow], rounded[~finite & ~overflow], "infinities differ"
        )
        unit = np.maximum(
            np.abs(expected[finite]) * float(info.eps), float(info.smallest_subnormal)
        )
        error = np.abs(actual[finite].astype(np.float64) - expected[finite]) / unit
    assert not error.size or error.max() <= ulps, (
        f"off by {error.max():.3g} units in the last place"
    )


def steps(real: np.ndarray, quant: Quant, dtype: np.dtype[np.generic]) -> np.ndarray:
    """Real values in (unrounded) steps of a quantised type, within its range."""
    info = np.iinfo(dtype)
    scale = float(np.float32(quant.scale))
    return np.clip(real / scale + quant.zero_point, info.min, info.max)


def assert_within_a_step(actual: np.ndarray, real: np.ndarray, quant: Quant) -> None:
    """The stored values are at most one step from the real-valued result."""
    error = np.abs(actual.astype(np.float64) - steps(real, quant, actual.dtype))
    assert not error.size or error.max() <= 1.0, f"off by {error.max():.3g} steps"
