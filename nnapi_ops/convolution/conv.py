"""Convolutions: regular, depthwise, grouped, dilated, one- and two-dimensional."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from attrs import evolve

from nnapi_core.plugin import (
    Context,
    Layout,
    Limitation,
    Lowering,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
)
from nnapi_ops.convolution._conv2d import Convolution, convolve
from nnapi_ops.convolution._images import from_image
from nnapi_ops.convolution._windows import Span, per_dimension
from nnapi_ops.convolution.conv_transpose import transposed_convolution

aten = torch.ops.aten


@lowering(
    aten.conv1d.default,
    aten.conv2d.default,
    aten.conv1d.padding,
    aten.conv2d.padding,
    layout=Layout.IMAGE,
    limitations=[
        Limitation("dilation with weights that are not constant", level=28),
        Limitation("groups that are not depthwise", level=28),
        Limitation("padding as long as the kernel", level=28),
    ],
)
def conv(
    nn: Context,
    input: Value,
    weight: Value,
    bias: Value | None,
    stride: Sequence[int],
    padding: Sequence[int] | str,
    dilation: Sequence[int],
    groups: int,
) -> Value:
    """
    conv1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], SymInt[1] padding=[0], SymInt[1] dilation=[1], SymInt groups=1) -> Tensor
    conv2d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] dilation=[1, 1], SymInt groups=1) -> Tensor
    conv1d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], str padding="valid", SymInt[1] dilation=[1], SymInt groups=1) -> Tensor
    conv2d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], str padding="valid", SymInt[2] dilation=[1, 1], SymInt groups=1) -> Tensor
    """
    kernel = weight.static_shape[2:]
    spans = _spans(kernel, stride, padding, dilation)
    return from_image(nn, convolve(nn, Convolution.of(nn, input, weight, bias, spans, groups)))


@lowering(aten.convolution.default, layout=Layout.IMAGE)
def convolution(
    nn: Context,
    input: Value,
    weight: Value,
    bias: Value | None,
    transposed: bool,
    output_padding: Sequence[int],
    **window: Any,
) -> Value:
    """
    convolution(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] padding, SymInt[] dilation, bool transposed, SymInt[] output_padding, SymInt groups) -> Tensor
    """
    if not transposed:
        return conv(nn, input, weight, bias, **window)
    return transposed_convolution(nn, input, weight, bias, output_padding=output_padding, **window)


def _spans(
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int] | str,
    dilation: Sequence[int],
) -> list[Span]:
    count = len(kernel)
    strides, dilations = per_dimension(stride, count), per_dimension(dilation, count)
    if not isinstance(padding, str):
        pads = per_dimension(padding, count)
        return [Span(*one) for one in zip(kernel, strides, dilations, pads, pads, strict=True)]
    spans = [Span(*one) for one in zip(kernel, strides, dilations, strict=True)]
    if padding == "valid":
        return spans
    # An odd total leaves the larger half after the image.
    return [
        evolve(span, before=(span.reach - 1) // 2, after=(span.reach - 1) - (span.reach - 1) // 2)
        for span in spans
    ]


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
