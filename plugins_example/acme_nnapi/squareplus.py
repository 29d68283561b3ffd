"""``acme::squareplus``, a smooth ReLU, and how NNAPI computes it.

squareplus(x, b) = (x + sqrt(x² + b)) / 2                       (Barron, arXiv:2112.11687)
"""

from __future__ import annotations

import torch

from nnapi_core.plugin import (
    Context,
    Layout,
    Lowering,
    Unsupported,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)


@torch.library.custom_op("acme::squareplus", mutates_args=())
def squareplus(x: torch.Tensor, b: float = 4.0) -> torch.Tensor:
    """The op itself; torch sees one node."""
    return (x + torch.sqrt(x * x + b)) / 2


@squareplus.register_fake
def _(x: torch.Tensor, b: float = 4.0) -> torch.Tensor:
    return torch.empty_like(x)


@lowering(torch.ops.acme.squareplus.default, layout=Layout.ANY)
def lower_squareplus(nn: Context, x: Value, b: float) -> Value:
    """squareplus(Tensor x, float b=4.) -> Tensor"""
    if b < 0:
        raise Unsupported("squareplus of a negative b is not a number near 0", b=b)
    squared = nn.emit(ops.MUL, a=x, b=x)
    root = nn.emit(ops.SQRT, input=nn.emit(ops.ADD, a=squared, b=nn.filled(x, b)))
    return nn.emit(ops.MUL, a=nn.emit(ops.ADD, a=x, b=root), b=nn.filled(x, 0.5))


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
