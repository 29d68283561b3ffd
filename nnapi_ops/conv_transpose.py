"""Transposed convolutions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from attrs import evolve

from nnapi_core.plugin import (
    Context,
    Layout,
    Limitation,
    Lowering,
    Order,
    TensorSpec,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.bias import bias_or_zeros
from nnapi_ops.images import as_image, from_image, image_out
from nnapi_ops.kernels import zero_stuffed
from nnapi_ops.parts import join, split
from nnapi_ops.phases import by_phases
from nnapi_ops.windows import Span, per_dimension

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
    height, width = (Span(1), *spans)[-2:]
    image = as_image(nn, input, spatial)
    kernels = as_image(nn, weight, spatial)
    out = image_out(nn, spatial)
    return from_image(nn, _groups(nn, image, kernels, bias, height, width, groups, out))


def _groups(
    nn: Context,
    image: Value,
    weight: Value,
    bias: Value | None,
    height: Span,
    width: Span,
    groups: int,
    out: TensorSpec,
) -> Value:
    if height.is_dilated or width.is_dilated:
        weight = zero_stuffed(weight, height.dilation, width.dilation)
        height = evolve(height, kernel=height.reach, dilation=1)
        width = evolve(width, kernel=width.reach, dilation=1)
    images = split(nn, image, 1, groups)
    weights = split(nn, weight, 0, groups)
    biases = [None] * groups if bias is None else split(nn, bias, 0, groups)
    each = evolve(out, shape=(out.shape[0], weight.shape[1], *out.shape[2:]))
    results = [
        _one_group(nn, *one, height, width, each)
        for one in zip(images, weights, biases, strict=True)
    ]
    return join(nn, results, 1)


def _one_group(
    nn: Context,
    image: Value,
    weight: Value,
    bias: Value | None,
    height: Span,
    width: Span,
    out: TensorSpec,
) -> Value:
    if nn.level < 29:
        return by_phases(nn, image, weight, bias, height, width, out)
    kernels = nn.arrange(nn.permute(weight, (1, 0, 2, 3)), Order.CHANNELS_LAST)
    return nn.emit(
        ops.TRANSPOSE_CONV_2D,
        input=image,
        weights=kernels,
        bias=bias_or_zeros(nn, image, weight, bias, weight.static_shape[1]),
        padding_left=width.before,
        padding_right=width.after,
        padding_top=height.before,
        padding_bottom=height.after,
        stride_width=width.stride,
        stride_height=height.stride,
        nchw=False,
        out=out,
    )


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
