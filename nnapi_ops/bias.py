"""The bias that every convolution and FULLY_CONNECTED must be given."""

from __future__ import annotations

import numpy as np
import torch

from nnapi_core.plugin import ChannelQuant, Context, Quant, Value


def bias_or_zeros(
    nn: Context, input: Value, weight: Value, bias: Value | None, count: int
) -> Value:
    """``bias``, or ``count`` zeros of the type that goes with ``input`` and ``weight``.

    A quantised product takes an int32 bias of scale input × weight and zero point 0.
    """
    if bias is not None:
        return bias
    if not isinstance(input.quant, Quant):
        return nn.constant(np.zeros(count), input.dtype)
    scale = 0.0
    if isinstance(weight.quant, Quant):
        scale = input.quant.scale * weight.quant.scale
    per_channel = isinstance(weight.quant, ChannelQuant)
    quant = None if per_channel else Quant(scale, 0)
    return nn.constant(np.zeros(count), torch.int32, quant=quant)
