"""Local response normalisation, which torch spells out and NNAPI has as one operation."""

from __future__ import annotations

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

aten = torch.ops.aten

# The operator is composite: what stays in torch is spelled out again.
_library: Any = torch.library.Library("nnapi", "FRAGMENT")  # type: ignore[no-untyped-call]
_library.define(
    "local_response_norm(Tensor input, int size, float alpha, float beta, float k) -> Tensor"
)


@torch.library.impl(_library, "local_response_norm", "CompositeImplicitAutograd")
def _local_response_norm(
    input: torch.Tensor, size: int, alpha: float, beta: float, k: float
) -> torch.Tensor:
    return functional.local_response_norm(input, size, alpha, beta, k)


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


def find_local_response_norm(program: Any) -> None:
    """Rewrites the torch graph of ``program``."""
    rewrite(program, {aten.div.Tensor}, _matched)


def _matched(node: Node) -> Node | None:
    """``x / (k + alpha * average of x² over neighbouring channels) ** beta``."""
    if len(node.args) != 2 or node.kwargs:
        return None
    x, divisor = node.args
    start = (divisor, aten.pow.Tensor_Scalar, aten.add.Tensor, aten.mul.Tensor)
    flat = chain(*start, aten.squeeze.dim, aten.avg_pool2d.default, aten.pad.default,
                  aten.unsqueeze.default, aten.mul.Tensor)  # fmt: skip
    deep = chain(*start, aten.view.default, aten.squeeze.dim, aten.avg_pool3d.default,
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
    return call_before(node, torch.ops.nnapi.local_response_norm.default, (x, size, *numbers))


def _shape(node: Node) -> tuple[Any, ...]:
    return tuple(node.meta["val"].shape)


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)


@hookimpl
def nnapi_passes() -> list[Pass]:
    return [Pass("local_response_norm", Phase.GRAPH, find_local_response_norm)]
