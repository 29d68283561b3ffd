"""An override for one vendor: the HARD_SWISH of Acme's drivers is slow, so it is said by four fast operations there."""

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


@lowering(torch.ops.aten.hardswish.default, layout=Layout.ANY, overrides=True)
def lower_hardswish(nn: Context, self: Value) -> Value:
    """hardswish(Tensor self) -> Tensor"""
    if nn.profile is None or not nn.profile.name.startswith("acme"):
        # The lowering that this one replaces is asked then.
        raise Unsupported("only for Acme's drivers")
    shifted = nn.emit(ops.ADD, a=self, b=nn.filled(self, 3))
    product = nn.emit(ops.MUL, a=self, b=nn.emit(ops.RELU6, input=shifted))
    return nn.emit(ops.MUL, a=product, b=nn.filled(self, 1 / 6))


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
