"""Images that are viewed in blocks, permuted and viewed again: shuffled channels, and channels as pixels.

ShuffleNet and its like write these out; in torch's order of dimensions each would take the image apart.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import Node

from nnapi_core.plugin import Pass, Phase, hookimpl
from nnapi_ops._graph_patterns import call_before, rewrite

aten = torch.ops.aten

_VIEWS = {aten.view.default, aten.reshape.default, aten._unsafe_view.default}
_COPIES = {aten.contiguous.default, aten.clone.default}


def find_shuffles(program: Any) -> None:
    """Rewrites the torch graph of ``program``."""
    rewrite(program, _VIEWS, _matched)


def _matched(view: Node) -> Node | None:
    """The operator that does the same."""
    moved = view.args[0]
    while isinstance(moved, Node) and moved.target in _COPIES:
        moved = moved.args[0]
    permutation = _permutation(moved)
    if permutation is None:
        return None
    blocks = moved.args[0]  # type: ignore[union-attr]
    if not isinstance(blocks, Node) or blocks.target not in _VIEWS:
        return None
    image = blocks.args[0]
    shapes = [_shape(one) for one in (image, blocks, view)]
    if not isinstance(image, Node) or any(shape is None for shape in shapes):
        return None
    before, sizes, after = shapes
    for match in (_shuffled_channels, _pixels, _channels):
        found = match(before, sizes, permutation, after)
        if found is not None:
            target, factor = found
            return call_before(view, target, (image, factor))
    return None


def _shuffled_channels(before: Any, sizes: Any, order: Any, after: Any) -> tuple[Any, int] | None:
    if (
        order != (0, 2, 1, *range(3, len(sizes)))
        or before != after
        or len(sizes) != len(before) + 1
    ):
        return None
    groups = sizes[1]
    expected = (before[0], groups, before[1] // groups, *before[2:])
    return (aten.channel_shuffle.default, groups) if sizes == expected else None


def _pixels(before: Any, sizes: Any, order: Any, after: Any) -> tuple[Any, int] | None:
    if order != (0, 1, 4, 2, 5, 3) or len(before) != 4:
        return None
    batch, deep, height, width = before
    side = sizes[2]
    channels = deep // side**2
    alike = sizes == (batch, channels, side, side, height, width)
    expected = (batch, channels, height * side, width * side)
    return (aten.pixel_shuffle.default, side) if alike and after == expected else None


def _channels(before: Any, sizes: Any, order: Any, after: Any) -> tuple[Any, int] | None:
    if order != (0, 1, 3, 5, 2, 4) or len(before) != 4:
        return None
    batch, channels, height, width = before
    side = sizes[3]
    down, across = height // side, width // side
    alike = sizes == (batch, channels, down, side, across, side)
    expected = (batch, channels * side**2, down, across)
    return (aten.pixel_unshuffle.default, side) if alike and after == expected else None


def _permutation(node: Any) -> tuple[int, ...] | None:
    if not isinstance(node, Node):
        return None
    if node.target is aten.permute.default:
        dims: Any = node.args[1]
        return tuple(dim % len(dims) for dim in dims)
    if node.target is aten.transpose.int:
        order = list(range(node.meta["val"].dim()))
        a, b = (int(dim) for dim in node.args[1:])  # type: ignore[arg-type]
        order[a], order[b] = order[b], order[a]
        return tuple(order)
    return None


def _shape(node: Any) -> tuple[int, ...] | None:
    """None where a dimension is free."""
    if not isinstance(node, Node) or not isinstance(node.meta.get("val"), torch.Tensor):
        return None
    shape = tuple(node.meta["val"].shape)
    return shape if all(isinstance(size, int) for size in shape) else None


@hookimpl
def nnapi_passes() -> list[Pass]:
    return [Pass("shuffles", Phase.GRAPH, find_shuffles)]
