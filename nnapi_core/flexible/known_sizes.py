"""Which values of an artifact say its sizes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nnapi_core.errors import Unsupported
from nnapi_core.nnapi.size_expression import Expression, named_sizes


def known_sizes(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """The sizes that the artifact needs, each of a value that it has.

    A size that is counted is that of the first value of a piece that has it as a dimension. Raises `Unsupported`
    where there is no such value.
    """
    inputs = {one["name"] for one in manifest["inputs"]}
    needed = set().union(*map(named_sizes, _expressions(manifest)))
    found = []
    for size in manifest["sizes"]:
        if size["of"] in inputs:
            found.append(size)
        elif size["name"] in needed:
            found.append(_entering(manifest, size))
    return found


def _entering(manifest: dict[str, Any], size: dict[str, Any]) -> dict[str, Any]:
    for piece in manifest["stages"]:
        for border in piece["inputs"] if piece["kind"] == "nnapi" else ():
            for dim, expression in enumerate(border.get("dims", ())):
                if expression == size["name"]:
                    return {**size, "of": border["value"], "dim": dim, "factor": 1, "offset": 0}
    raise Unsupported("a size that no tensor between the pieces says", size=size["name"])


def _expressions(manifest: dict[str, Any]) -> Iterator[Expression]:
    """Every expression that is computed when the model runs; results are as they come out."""
    for one in manifest["inputs"]:
        yield from one.get("dims", ())
    for piece in manifest["stages"]:
        if piece["kind"] == "nnapi":
            for border in (*piece["inputs"], *piece["outputs"]):
                yield from border.get("dims", ())
            yield from piece["patches"]["values"]
            for part in piece["parts"]:
                yield from part["dims"]
