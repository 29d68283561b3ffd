"""Files that an earlier version wrote (tests/data/nnapi): they load, and give what they gave."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils import _pytree as pytree

import nnapi_runtime

FOLDER = Path(__file__).parents[2] / "data" / "nnapi"
FILES = sorted(path.stem for path in FOLDER.glob("*.nnapi"))
NEEDS_TORCH = {"branches29", "five", "ids", "loop29"}
"""Those with pieces that only torch runs."""


def stored(name: str) -> tuple[list[np.ndarray[Any, Any]], list[np.ndarray[Any, Any]]]:
    """Inputs, and what the version that wrote the file made of them."""
    arrays = np.load(FOLDER / f"{name}.npz")
    inputs = sorted(key for key in arrays if key.startswith("in"))
    outputs = sorted(key for key in arrays if key.startswith("out"))
    return [arrays[key] for key in inputs], [arrays[key] for key in outputs]


def tolerance(expected: np.ndarray[Any, Any]) -> float:
    """Sums of at most some hundred float32 products, which another processor adds in another order."""
    return 1e-5 if expected.dtype.kind == "f" else 0


@pytest.mark.parametrize("kind", ["arrays", "tensors"])
@pytest.mark.parametrize("name", FILES)
def test_results_are_as_they_were(name: str, kind: str) -> None:
    inputs, expected = stored(name)
    session = nnapi_runtime.load(FOLDER / f"{name}.nnapi")
    given = [one.copy() for one in inputs]
    results = session(*(map(torch.from_numpy, given) if kind == "tensors" else given))
    flat = [one for one in pytree.tree_leaves(results) if one is not None]
    assert len(flat) == len(expected)
    for result, wanted in zip(flat, expected, strict=True):
        limit = tolerance(wanted)
        np.testing.assert_allclose(np.asarray(result), wanted, rtol=limit, atol=limit)
