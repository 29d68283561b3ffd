"""A quantised form: ``acme::larger``, of which the quantiser learns that three tensors share one range.

With equal scales MAXIMUM compares integers, and nothing is rounded.
"""

from __future__ import annotations

import torch

from nnapi_core.plugin import (
    Context,
    Layout,
    Lowering,
    QuantisedOperator,
    ResultRange,
    Unsupported,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)


@torch.library.custom_op("acme::larger", mutates_args=())
def larger(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """The larger of two tensors of one shape, element by element."""
    return torch.maximum(a, b)


@larger.register_fake
def _(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(a)


@lowering(torch.ops.acme.larger.default, layout=Layout.SAME)
def lower_larger(nn: Context, a: Value, b: Value) -> Value:
    """larger(Tensor a, Tensor b) -> Tensor"""
    if a.shape != b.shape:
        raise Unsupported("larger of tensors of two shapes", a=a.shape, b=b.shape)
    return nn.emit(ops.MAXIMUM, a=a, b=b)


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)


@hookimpl
def nnapi_quantised_operators() -> list[QuantisedOperator]:
    # MAXIMUM takes integers from level 29 on.
    joined = QuantisedOperator((torch.ops.acme.larger.default,), ResultRange.JOINED, least_level=29)
    return [joined]
