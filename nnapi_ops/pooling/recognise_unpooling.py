"""``max_unpool2d`` of positions that a max pooling gave, of windows that do not overlap.

NNAPI puts nothing at places that the model computes. But such a position lies in its own window, so each window is
spread over its pixels: the element where the pixel's position is the one, zeros elsewhere.
"""

from __future__ import annotations

import operator
from typing import Any, cast

import torch
from attrs import frozen
from torch.fx import Node

from nnapi_core.plugin import (
    Decomposition,
    Pass,
    Phase,
    Unsupported,
    decomposition,
    decompositions_of,
    hookimpl,
)
from nnapi_ops._graph_patterns import CallBuilder, rewrite
from nnapi_ops.convolution._windows import Span, spans_of

aten = torch.ops.aten

_POOLINGS = {aten.max_pool2d_with_indices.default: 2, aten.max_pool1d_with_indices.default: 1}
_DEFAULTS = (None, None, (), 0, 1)
# What leaves the positions as they are; max_unpool1d adds a dimension at the end.
_VIEWS = {aten.unsqueeze.default, aten.clone.default, aten.contiguous.default}


@decomposition(aten.max_unpool2d.default)
def max_unpool2d(self: torch.Tensor, indices: torch.Tensor, output_size: list[int]) -> torch.Tensor:
    """Of all that `find_unpooling` leaves."""
    raise Unsupported(
        "unpooling to positions that are not known to lie each in its own window; give it the indices of a max_pool in "
        "the same model whose stride is no smaller than its kernel, without dilation, and output_size as that pooling's "
        "input has it"
    )


def find_unpooling(program: Any) -> None:
    """Rewrites the torch graph of ``program``."""
    rewrite(
        program,
        {aten.max_unpool2d.default},
        lambda node: None if (found := _windows(node)) is None else found.spread(program, node),
    )


@frozen
class _Windows:
    """Where the windows lie: beside each other, the first one ``before`` ahead of the image."""

    height: Span
    width: Span
    image: tuple[int, int]

    def spread(self, program: Any, unpooling: Node) -> Node:
        """Windows as blocks of pixels, as far apart as their strides; and of these, what the image has."""
        values, indices = (one for one in unpooling.args[:2] if isinstance(one, Node))
        shape = tuple(values.meta["val"].shape)
        (*outer, rows, columns) = shape
        count = 1
        for size in outer:
            count *= size
        down, across = self.height.stride, self.width.stride
        build = CallBuilder(program, unpooling)
        first = build.constant("first_of_windows", self._firsts(rows, columns))
        within = build.constant("pixels_of_a_window", self._pixels().reshape(1, down, 1, across))
        blocks = [count * rows, 1, columns, 1]
        steps = build(aten.sub.Tensor, indices, first)
        here = build(aten.eq.Tensor, build(aten.reshape.default, steps, blocks), within)
        zero = build.constant("zero", torch.zeros((), dtype=values.meta["val"].dtype))
        spread = build(aten.where.self, here, build(aten.reshape.default, values, blocks), zero)
        spread = build(aten.reshape.default, spread, [*outer, rows * down, columns * across])
        for dim, span, size in ((-2, self.height, self.image[0]), (-1, self.width, self.image[1])):
            spread = build(aten.slice.Tensor, spread, dim, span.before, span.before + size)
        missing = [
            size - have
            for size, have in zip(self.image, spread.meta["val"].shape[-2:], strict=True)
        ]
        if any(missing):
            pads = [0, missing[1], 0, missing[0]]
            spread = build(aten.constant_pad_nd.default, spread, pads, 0.0)
        return spread

    def _firsts(self, rows: int, columns: int) -> torch.Tensor:
        """The flat position of each window's first pixel, which may lie ahead of the image."""
        down = torch.arange(rows) * self.height.stride - self.height.before
        across = torch.arange(columns) * self.width.stride - self.width.before
        return down[:, None] * self.image[1] + across

    def _pixels(self) -> torch.Tensor:
        """How much further each pixel of a block lies; one that no position has, beyond the window."""
        down, across = torch.arange(self.height.stride), torch.arange(self.width.stride)
        further = down[:, None] * self.image[1] + across
        inside = (down < self.height.kernel)[:, None] & (across < self.width.kernel)
        return torch.where(inside, further, -self.image[0] * self.image[1])


def _windows(unpooling: Node) -> _Windows | None:
    """None where the positions may be any."""
    values, indices, size = (cast(Any, one) for one in unpooling.args[:3])
    while isinstance(indices, Node) and indices.target in _VIEWS:
        indices = indices.args[0]
    if not isinstance(indices, Node) or indices.target is not operator.getitem:
        return None
    pool, result = indices.args
    if not isinstance(pool, Node) or pool.target not in _POOLINGS or result != 1 or pool.kwargs:
        return None
    spatial = _POOLINGS[pool.target]
    pooled: Any = pool.args[0]
    shapes = [*values.meta["val"].shape, *pooled.meta["val"].shape]
    given: list[Any] = [*pool.args[:5], *_DEFAULTS[len(pool.args) :]]
    spans = spans_of(spatial, *given[1:])
    image = [*pooled.meta["val"].shape[-spatial:], *[1] * (2 - spatial)]
    known = all(isinstance(one, int) for one in shapes) and image == list(size)
    apart = all(span.stride >= span.kernel and span.dilation == 1 for span in spans)
    if not known or not apart:
        return None
    height, width = (*spans, Span(1))[:2]
    return _Windows(height, width, (image[0], image[1]))


@hookimpl
def nnapi_decompositions() -> list[Decomposition]:
    return decompositions_of(__name__)


@hookimpl
def nnapi_passes() -> list[Pass]:
    return [Pass("unpooling", Phase.GRAPH, find_unpooling)]
