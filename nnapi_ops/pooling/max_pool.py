"""The largest elements of sliding windows of one and two dimensions."""

from __future__ import annotations

from typing import Any

import torch

from nnapi_core.plugin import (
    Context,
    Layout,
    Limitation,
    Lowering,
    TensorSpec,
    Unsupported,
    Value,
    fixed,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.convolution._images import as_plane, from_image, plane_out
from nnapi_ops.convolution._windows import Numbers, Span, fitted, spans_of, windowed
from nnapi_ops.pooling._max_pool_indices import indices_of_largest, pad_lowest
from nnapi_ops.shape._split_and_concat import crop

aten = torch.ops.aten

_DILATION = Limitation("max pooling with dilation", level=29)

_NAN = Limitation("NaN among the elements: NNAPI does not say what their maximum is")

_INDICES = Limitation("indices of the largest elements: of floats, of fixed sizes", level=29)


@lowering(aten.max_pool1d.default, layout=Layout.TORCH, limitations=[_DILATION, _NAN])
def max_pool1d(nn: Context, self: Value, **window: Any) -> Value:
    """
    max_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> Tensor
    """
    return _max_pool(nn, self, 1, **window)


@lowering(aten.max_pool2d.default, layout=Layout.IMAGE, limitations=[_DILATION, _NAN])
def max_pool2d(nn: Context, self: Value, **window: Any) -> Value:
    """
    max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor
    """
    return _max_pool(nn, self, 2, **window)


@lowering(
    aten.max_pool1d_with_indices.default,
    layout=Layout.TORCH,
    limitations=[_DILATION, _INDICES, _NAN],
)
def max_pool1d_with_indices(
    nn: Context, self: Value, **window: Any
) -> tuple[Value | None, Value | None]:
    """
    max_pool1d_with_indices(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> (Tensor, Tensor)
    """
    return _max_pool_with_indices(nn, self, 1, **window)


@lowering(
    aten.max_pool2d_with_indices.default,
    layout=Layout.IMAGE,
    limitations=[_DILATION, _INDICES, _NAN],
)
def max_pool2d_with_indices(
    nn: Context, self: Value, **window: Any
) -> tuple[Value | None, Value | None]:
    """
    max_pool2d_with_indices(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)
    """
    return _max_pool_with_indices(nn, self, 2, **window)


def _max_pool(nn: Context, input: Value, spatial: int, **window: Any) -> Value:
    plane, height, width = _windows(nn, input, spatial, **window)
    return from_image(nn, _largest(nn, plane, height, width, plane_out(nn, spatial)))


def _max_pool_with_indices(
    nn: Context, input: Value, spatial: int, **window: Any
) -> tuple[Value | None, Value | None]:
    """Without the indices where nobody reads them."""
    plane, height, width = _windows(nn, input, spatial, **window)
    pooled = _largest(nn, plane, height, width, plane_out(nn, spatial))
    indices = None
    if nn.wanted[1]:
        indices = from_image(
            nn, indices_of_largest(nn, plane, pooled, height, width, spatial=spatial)
        )
    return from_image(nn, pooled), indices


def _windows(
    nn: Context,
    input: Value,
    spatial: int,
    *,
    kernel_size: Numbers,
    stride: Numbers,
    padding: Numbers,
    dilation: Numbers,
    ceil_mode: bool,
) -> tuple[Value, Span, Span]:
    """The images, and the windows over their height and width."""
    spans = spans_of(spatial, kernel_size, stride, padding, dilation)
    plane, out = as_plane(nn, input, spatial), plane_out(nn, spatial)
    return plane, *fitted((Span(1), *spans)[-2:], plane, out, ceil_mode)


def _largest(nn: Context, plane: Value, height: Span, width: Span, out: TensorSpec) -> Value:
    if height.is_dilated or width.is_dilated:
        return _dilated_maximum(nn, plane, height, width, out)
    return windowed(nn, ops.MAX_POOL_2D, plane, height, width, out)


def _dilated_maximum(
    nn: Context, plane: Value, height: Span, width: Span, out: TensorSpec
) -> Value:
    """The largest of shifted images, first along the height and then along the width."""
    if plane.quant is not None:
        raise Unsupported("max pooling of quantised images with dilation")
    plane = pad_lowest(nn, plane, height, width)
    for dim, span, steps in zip((2, 3), (height, width), fixed(out.shape[2:]), strict=True):
        shifted = [
            crop(nn, plane, dim, tap * span.dilation, steps, span.stride)
            for tap in range(span.kernel)
        ]
        plane = shifted[0]
        for other in shifted[1:]:
            plane = nn.emit(ops.MAXIMUM, a=plane, b=other)
    return plane


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
