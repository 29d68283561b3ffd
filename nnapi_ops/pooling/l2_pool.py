"""L2 pooling, which torch spells out (``lp_pool2d``) and NNAPI has as one operation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch.fx import Node
from torch.nn import functional

from nnapi_core.plugin import (
    Context,
    Layout,
    Lowering,
    Pass,
    Phase,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops._graph_patterns import call_before, chain, rewrite
from nnapi_ops.convolution._images import as_plane, from_image, plane_out
from nnapi_ops.convolution._windows import fitted, per_dimension, spans_of, windowed

aten = torch.ops.aten

# The operator is composite: what stays in torch is spelled out again.
_library: Any = torch.library.Library("nnapi", "FRAGMENT")  # type: ignore[no-untyped-call]
_library.define(
    "l2_pool2d(Tensor input, int[2] kernel_size, int[2] stride, bool ceil_mode) -> Tensor"
)


@torch.library.impl(_library, "l2_pool2d", "CompositeImplicitAutograd")
def _l2_pool2d(
    input: torch.Tensor, kernel_size: list[int], stride: list[int], ceil_mode: bool
) -> torch.Tensor:
    return functional.avg_pool2d(input * input, kernel_size, stride, 0, ceil_mode).sqrt()


@lowering(torch.ops.nnapi.l2_pool2d.default, layout=Layout.IMAGE)
def l2_pool2d(
    nn: Context, input: Value, kernel_size: Sequence[int], stride: Sequence[int], ceil_mode: bool
) -> Value:
    """
    l2_pool2d(Tensor input, int[2] kernel_size, int[2] stride, bool ceil_mode) -> Tensor
    """
    plane, out = as_plane(nn, input, 2), plane_out(nn, 2)
    height, width = fitted(spans_of(2, kernel_size, stride, 0, 1), plane, out, ceil_mode)
    pooled = windowed(nn, ops.L2_POOL_2D, plane, height, width, out)
    return from_image(nn, pooled)


def find_l2_pool(program: Any) -> None:
    """Rewrites the torch graph of ``program``."""
    rewrite(program, {aten.pow.Tensor_Scalar}, _matched)


def _matched(node: Node) -> Node | None:
    """``(sign(a) * relu(abs(a)) * n) ** 0.5`` of an average ``a`` of squares, as `lp_pool2d` has it."""
    if node.args[1:] != (0.5,) or node.kwargs:
        return None
    start = (node, aten.pow.Tensor_Scalar, aten.mul.Tensor, aten.mul.Tensor)
    by_sign = chain(*start, aten.sign.default, aten.avg_pool2d.default, aten.pow.Tensor_Scalar)
    if not by_sign:
        return None
    _, scaled, product, _, averaged, square = by_sign
    x, rest = square.args[0], list(averaged.args[2:])
    if len(rest) > 3:
        return None
    by_size = chain(product.args[1], aten.relu.default, aten.abs.default)
    height, width = per_dimension(averaged.args[1], 2)
    stride, padding, ceil_mode = rest + [[], [0, 0], False][len(rest) :]
    expected = (
        by_size
        and by_size[-1].args[0] is averaged
        and square.args[1] == 2
        and not any(per_dimension(padding, 2))
        and scaled.args[1] == height * width
    )
    if not expected:
        return None
    form = torch.ops.nnapi.l2_pool2d.default
    pooled = call_before(node, form, (x, [height, width], stride or [height, width], ceil_mode))
    return call_before(node, aten.mul.Tensor, (pooled, math.sqrt(height * width)))


@hookimpl
def nnapi_passes() -> list[Pass]:
    return [Pass("l2_pool", Phase.GRAPH, find_l2_pool)]


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
