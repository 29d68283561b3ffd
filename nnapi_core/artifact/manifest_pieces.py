"""The pieces of a manifest, wherever they stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any


def every_piece(pieces: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The pieces that are modules, those in branches included."""
    for piece in pieces:
        if "branches" in piece:
            for branch in piece["branches"]:
                yield from every_piece(branch["stages"])
        else:
            yield piece


def values_read(piece: dict[str, Any]) -> Iterator[str]:
    """The values that a piece which torch runs, or control flow around pieces, is given."""
    if "condition" in piece:
        yield piece["condition"]
    yield from piece["operands"] if "branches" in piece else piece["inputs"]
