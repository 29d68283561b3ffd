"""The manifests of one model at several sizes, as one with expressions for the shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnapi_core.errors import Unsupported
from nnapi_core.flexible.fit_expressions import Fitter


def merged(manifests: Sequence[Any], fitter: Fitter, place: str = "manifest") -> Any:
    """The manifest that they all are. Where a shape differs, its ``dims`` are expressions, and ``shape`` has ``null``.

    Raises `Unsupported` where something else differs.
    """
    first = manifests[0]
    if all(one == first for one in manifests[1:]):
        return first
    if isinstance(first, dict) and all(one.keys() == first.keys() for one in manifests):
        result = {}
        for key in first:
            values = [one[key] for one in manifests]
            if key == "operations":
                result[key] = first[key]
            elif key == "shape":
                result |= _shapes(values, fitter, place)
            else:
                result[key] = merged(values, fitter, f"{place}.{key}")
        return result
    if isinstance(first, list) and len({len(one) for one in manifests}) == 1:
        columns = zip(*manifests, strict=True)
        return [merged(one, fitter, f"{place}[{i}]") for i, one in enumerate(columns)]
    raise Unsupported(f"{place} depends on the free sizes")


def _shapes(shapes: Sequence[list[int]], fitter: Fitter, place: str) -> dict[str, Any]:
    if len({len(shape) for shape in shapes}) > 1:
        raise Unsupported(f"the rank of {place} depends on the free sizes")
    columns = list(zip(*shapes, strict=True))
    dims = [fitter.fit(column) for column in columns]
    if any(dim is None for dim in dims):
        raise Unsupported(
            f"no expression of the free sizes gives the shape of {place}", shapes=shapes
        )
    free = [None if len(set(column)) > 1 else column[0] for column in columns]
    return {"shape": free, "dims": dims} if None in free else {"shape": shapes[0]}
