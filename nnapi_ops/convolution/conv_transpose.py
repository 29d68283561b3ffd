"""Transposed convolutions."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from nnapi_core.plugin import (
    Context,
    Layout,
    Limitation,
    Lowering,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.convolution._bias import bias_or_zeros
from nnapi_ops.convolution._conv2d import Convolution, group_by_group
from nnapi_ops.convolution._conv_transpose_by_phases import by_phases
from nnapi_ops.convolution._conv_weights import exchanged
from nnapi_ops.convolution._images import from_image
from nnapi_ops.convolution._windows import Span, per_dimension

aten = torch.ops.aten


@lowering(
    aten.conv_transpose1d.default,
    aten.conv_transpose2d.input,
    layout=Layout.IMAGE,
    limitations=[
        Limitation("transposed convolution with computed weights", level=29),
        Limitation("transposed convolution with computed weights and dilation"),
        Limitation(
            "an infinite element becomes NaN between the taps of a dilated transposed kernel"
        ),
    ],
)
def transposed_convolution(
    nn: Context,
    input: Value,
    weight: Value,
    bias: Value | None,
    stride: Sequence[int],
    padding: Sequence[int],
    output_padding: Sequence[int],
    groups: int,
    dilation: Sequence[int],
) -> Value:
    """
    conv_transpose1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], SymInt[1] padding=[0], SymInt[1] output_padding=[0], SymInt groups=1, SymInt[1] dilation=[1]) -> Tensor
    conv_transpose2d.input(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] output_padding=[0, 0], SymInt groups=1, SymInt[2] dilation=[1, 1]) -> Tensor
    Output padding is less padding after the image; NNAPI lets it become negative.
    """
    spatial = weight.rank - 2
    arguments = [per_dimension(one, spatial) for one in (stride, padding, output_padding, dilation)]
    spans = [
        Span(kernel, step, apart, before=pad, after=pad - more)
        for kernel, step, pad, more, apart in zip(weight.static_shape[2:], *arguments, strict=True)
    ]
    conv = Convolution.of(nn, input, weight, bias, spans, groups)
    if conv.is_dilated:
        conv = conv.without_dilation()
    return from_image(nn, group_by_group(nn, conv, _one_group))


def _one_group(nn: Context, conv: Convolution) -> Value:
    if nn.level < 29:
        return by_phases(nn, conv)
    return nn.emit(
        ops.TRANSPOSE_CONV_2D,
        input=conv.image,
        weights=exchanged(nn, conv.weight),
        bias=bias_or_zeros(nn, conv.image, conv.weight, conv.bias, conv.weight.static_shape[1]),
        padding_left=conv.width.before,
        padding_right=conv.width.after,
        padding_top=conv.height.before,
        padding_bottom=conv.height.after,
        stride_width=conv.width.stride,
        stride_height=conv.height.stride,
        nchw=False,
        out=conv.out,
    )


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
