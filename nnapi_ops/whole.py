"""What NNAPI has as one operation and torch spells out in several: found in the graph before it is split further.

A pattern becomes an operator of the namespace ``nnapi``, which is composite: what stays in torch is spelled out again.
"""

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
from nnapi_ops.images import as_plane, from_image, plane_out
from nnapi_ops.windows import fitted, per_dimension, spans_of, windowed

aten = torch.ops.aten
_library: Any = torch.library.Library("nnapi", "FRAGMENT")  # type: ignore[no-untyped-call]
_COMPOSITE = "CompositeImplicitAutograd"

_library.define(
    "local_response_norm(Tensor input, int size, float alpha, float beta, float k) -> Tensor"
)
_library.define(
    "l2_pool2d(Tensor input, int[2] kernel_size, int[2] stride, bool ceil_mode) -> Tensor"
)


@torch.library.impl(_library, "local_response_norm", _COMPOSITE)
def _local_response_norm(
    input: torch.Tensor, size: int, alpha: float, beta: float, k: float
) -> torch.Tensor:
    return functional.local_response_norm(input, size, alpha, beta, k)


@torch.library.impl(_library, "l2_pool2d", _COMPOSITE)
def _l2_pool2d(
    input: torch.Tensor, kernel_size: list[int], stride: list[int], ceil_mode: bool
) -> torch.Tensor:
    return functional.avg_pool2d(input * input, kernel_size, stride, 0, ceil_mode).sqrt()


@lowering(torch.ops.nnapi.local_response_norm.default, layout=Layout.IMAGE)
def local_response_norm(
    nn: Context, input: Value, size: int, alpha: float, beta: float, k: float
) -> Value:
    """
    local_response_norm(Tensor input, int size, float alpha, float beta, float k) -> Tensor
    """
    # Before level 29 it works along the last dimension, where the channels of an image lie.
    along: dict[str, Any] = {"axis": input.axis(1)} if nn.level >= 29 or input.rank != 4 else {}
    # In float16 a usual alpha has few digits.
    result = nn.emit(
        ops.LOCAL_RESPONSE_NORMALIZATION,
        input=nn.cast(input, torch.float32),
        radius=size // 2,
        bias=k,
        alpha=alpha / size,
        beta=beta,
        **along,
    )
    return nn.cast(result, nn.out.dtype)


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


def find_patterns(program: Any) -> None:
    """Rewrites the torch graph of ``program``."""
    for node in list(program.graph.nodes):
        if len(node.args) != 2 or node.kwargs:
            continue
        if node.target is aten.div.Tensor:
            found = _matched_response(node)
        elif node.target is aten.pow.Tensor_Scalar and node.args[1] == 0.5:
            found = _matched_l2_pool(node)
        else:
            continue
        if found is not None:
            node.replace_all_uses_with(found)
            program.graph.erase_node(node)


def _chain(end: Any, *targets: Any) -> list[Any]:
    """The calls of ``targets``, each the first argument of the one before; empty where they are others."""
    found: list[Any] = []
    for target in targets:
        if not isinstance(end, Node) or end.target is not target or end.kwargs:
            return []
        found.append(end)
        end = end.args[0]
    return found


def _matched_response(node: Node) -> Node | None:
    """``x / (k + alpha * average of x² over neighbouring channels) ** beta``."""
    x, divisor = node.args
    start = (divisor, aten.pow.Tensor_Scalar, aten.add.Tensor, aten.mul.Tensor)
    flat = _chain(*start, aten.squeeze.dim, aten.avg_pool2d.default, aten.pad.default,
                  aten.unsqueeze.default, aten.mul.Tensor)  # fmt: skip
    deep = _chain(*start, aten.view.default, aten.squeeze.dim, aten.avg_pool3d.default,
                  aten.pad.default, aten.view.default, aten.mul.Tensor)  # fmt: skip
    if not isinstance(x, Node) or not (flat or deep):
        return None
    power, total, scaled, *_, squeezed, averaged, padded, apart, square = flat or deep
    numbers = (scaled.args[1], power.args[1], total.args[1])
    rank = 2 if flat else 3
    kernel, size = averaged.args[1], averaged.args[1][0]
    expected = (
        all(isinstance(number, (int, float)) for number in numbers)
        and size % 2 == 1
        and kernel == [size] + [1] * (rank - 1)
        and list(averaged.args[2:]) == [[1] * rank]
        and list(padded.args[1:]) == [[0, 0] * (rank - 1) + [size // 2, size // 2]]
        and squeezed.args[1] == 1
        and _shape(apart) == (*_shape(x)[:1], 1, *_shape(x)[1:])
        and _shape(scaled) == _shape(x)
        and square.args == (x, x)
    )
    if not expected:
        return None
    return _new(node, torch.ops.nnapi.local_response_norm.default, (x, size, *numbers))


def _matched_l2_pool(node: Node) -> Node | None:
    """``(sign(a) * relu(abs(a)) * n) ** 0.5`` of an average ``a`` of squares, as `lp_pool2d` has it."""
    start = (node, aten.pow.Tensor_Scalar, aten.mul.Tensor, aten.mul.Tensor)
    by_sign = _chain(*start, aten.sign.default, aten.avg_pool2d.default, aten.pow.Tensor_Scalar)
    if not by_sign:
        return None
    _, scaled, product, _, averaged, square = by_sign
    x, rest = square.args[0], list(averaged.args[2:])
    if len(rest) > 3:
        return None
    by_size = _chain(product.args[1], aten.relu.default, aten.abs.default)
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
    pooled = _new(node, form, (x, [height, width], stride or [height, width], ceil_mode))
    return _new(node, aten.mul.Tensor, (pooled, math.sqrt(height * width)))


def _shape(node: Node) -> tuple[Any, ...]:
    return tuple(node.meta["val"].shape)


def _new(before: Node, target: Any, args: tuple[Any, ...]) -> Node:
    """A call of the shape and the source of ``before``, in front of it."""
    with before.graph.inserting_before(before):
        node = before.graph.call_function(target, args)
    node.meta.update(before.meta)
    return node


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)


@hookimpl
def nnapi_passes() -> list[Pass]:
    return [Pass("patterns", Phase.GRAPH, find_patterns)]
