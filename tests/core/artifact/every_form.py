"""A conversion in each of the forms in which it leaves, beside eager torch."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import torch.utils._pytree as pytree

import nnapi_runtime
from nnapi_core.artifact.contents import WHOLE
from nnapi_core.conversion.converted import Converted
from nnapi_runtime.nnapi_file import read_file

Compare = Callable[[torch.Tensor, torch.Tensor], None]


def close(actual: torch.Tensor, expected: torch.Tensor) -> None:
    assert actual.dtype == expected.dtype
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4, equal_nan=True)


def check_everywhere(
    converted: Converted,
    module: torch.nn.Module,
    calls: Sequence[tuple[Any, ...]],
    compare: Compare = close,
    *,
    in_torch: Compare | None = None,
) -> None:
    """The conversion, its ``.nnapi`` file, that file's torch program of the whole, and what ``.pt`` holds.

    ``in_torch`` compares what torch alone computes (``compare`` where it is not given).
    """
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "m.nnapi"
        converted.save(path)
        converted.save(Path(folder) / "m.ptl")
        stock = converted.for_stock()
        ways: list[tuple[Callable[..., Any], Compare]] = [
            (converted, compare),
            (nnapi_runtime.load(path), compare),
            (without_nnapi(path), in_torch or compare),
            (stock, compare),
        ]
        for args in calls:
            with torch.no_grad():
                expected = module(*pytree.tree_map_only(torch.Tensor, torch.clone, args))
            for call, like in ways:
                actual = call(*pytree.tree_map_only(torch.Tensor, torch.clone, args))
                leaves = pytree.tree_leaves(actual), pytree.tree_leaves(expected)
                assert len(leaves[0]) == len(leaves[1])
                for one, other in zip(*leaves, strict=True):
                    like(torch.as_tensor(one), torch.as_tensor(other))


def without_nnapi(path: Path) -> nnapi_runtime.Session:
    """The session of a file in which torch runs all of the model, as where there is no NNAPI."""
    parts = read_file(path)
    manifest = parts.manifest
    several = [one for method in manifest.get("methods", ()) for one in method["manifests"]]
    for one in several or [manifest]:
        one["stages"] = [one["cpu"]]
        assert several or one["cpu"]["program"] == WHOLE
    return nnapi_runtime.Session(manifest, {}, parts.weights, parts.torch_programs)
