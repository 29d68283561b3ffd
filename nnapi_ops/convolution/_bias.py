"""The bias that every convolution and FULLY_CONNECTED must be given."""

from __future__ import annotations

import numpy as np
import torch

from nnapi_core.plugin import ChannelQuant, Constant, Context, Quant, TensorSpec, Unsupported, Value


def bias_or_zeros(
    nn: Context, input: Value, weight: Value, bias: Value | None, count: int
) -> Value:
    """``bias``, or ``count`` zeros, of the type that goes with ``input`` and ``weight``.

    A quantised product takes an int32 bias of scale input × weight (for each channel, if the weight has one for
    each) and zero point 0. Raises `Unsupported` for a bias that is computed, or too large for these integers.
    """
    if isinstance(input.quant, Quant) and weight.quant is not None:
        return _integers(input.quant, weight.quant, bias, count)
    return nn.constant(np.zeros(count), input.dtype) if bias is None else bias


def _integers(input: Quant, weight: Quant | ChannelQuant, bias: Value | None, count: int) -> Value:
    quant = None
    if isinstance(weight, ChannelQuant):
        if len(weight.scales) != count:
            raise Unsupported(
                "the weights have scales for another dimension than their outputs",
                scales=len(weight.scales),
                outputs=count,
            )
        # NNAPI derives the scales of these; the operand has none.
        scales = np.float64(input.scale) * np.array(weight.scales, np.float64)
    else:
        quant = Quant(float(np.float32(input.scale) * np.float32(weight.scale)), 0)
        scales = np.array(np.float64(input.scale) * np.float64(weight.scale))
    numbers = np.zeros(count) if bias is None else bias.array().astype(np.float64)
    integers = np.rint(numbers / scales)
    if not np.all(np.abs(integers) < 2**31):
        raise Unsupported("the bias is too large for int32 of scale input × weight")
    return Value(
        TensorSpec((count,), torch.int32, quant=quant), Constant.of(integers.astype(np.int32))
    )
