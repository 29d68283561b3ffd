"""Convolutions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from nnapi_core.plugin import (
    Context,
    Layout,
    Lowering,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)

aten = torch.ops.aten


@lowering(aten.conv2d.default, layout=Layout.IMAGE)
def conv2d(
    nn: Context,
    input: Value,
    weight: Value,
    bias: Value | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Value:
    """
    conv2d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] dilation=[1, 1], SymInt groups=1) -> Tensor
    """
    stride_height, stride_width = stride
    b = bias or nn.constant(np.zeros(weight.static_shape[0]), input.dtype)
    return nn.emit(
        ops.CONV_2D,
        input=input,
        weights=weight,
        bias=b,
        padding_left=padding[1],
        padding_right=padding[1],
        padding_top=padding[0],
        padding_bottom=padding[0],
        stride_width=stride_width,
        stride_height=stride_height,
        out=nn.out,
    )


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
