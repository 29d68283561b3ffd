"""A refusal: ``acme::clip`` is exact where NNAPI has the two limits, and stays in torch, with the reason, elsewhere."""

from __future__ import annotations

import torch

from nnapi_core.plugin import (
    Context,
    Layout,
    Limitation,
    Lowering,
    Unsupported,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)

CLIPS = {(0.0, 6.0): ops.RELU6, (-1.0, 1.0): ops.RELU1}


@torch.library.custom_op("acme::clip", mutates_args=())
def clip(x: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """The numbers of ``x``, those outside of ``low`` to ``high`` brought to the nearer of the two."""
    return x.clamp(low, high)


@clip.register_fake
def _(x: torch.Tensor, low: float, high: float) -> torch.Tensor:
    return torch.empty_like(x)


@lowering(
    torch.ops.acme.clip.default,
    layout=Layout.ANY,
    limitations=[Limitation("only from 0 to 6 and from -1 to 1")],
)
def lower_clip(nn: Context, x: Value, low: float, high: float) -> Value:
    """clip(Tensor x, float low, float high) -> Tensor"""
    if (low, high) not in CLIPS:
        # What, and the values: the conversion adds the node and the user's source line.
        raise Unsupported("NNAPI clips from 0 to 6 and from -1 to 1", low=low, high=high)
    return nn.emit(CLIPS[low, high], input=x)


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
