"""Averages over sliding windows of one and two dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from attrs import evolve

from nnapi_core.plugin import (
    Context,
    Layout,
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
from nnapi_ops.convolution._windows import Numbers, Span, fitted, pad_zeros, spans_of, windowed

aten = torch.ops.aten


@lowering(aten.avg_pool1d.default, layout=Layout.TORCH)
def avg_pool1d(nn: Context, self: Value, **window: Any) -> Value:
    """
    avg_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], bool ceil_mode=False, bool count_include_pad=True) -> Tensor
    """
    return _average_pool(nn, self, 1, **window)


@lowering(aten.avg_pool2d.default, layout=Layout.IMAGE)
def avg_pool2d(nn: Context, self: Value, **window: Any) -> Value:
    """
    avg_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor
    """
    return _average_pool(nn, self, 2, **window)


def _average_pool(
    nn: Context,
    input: Value,
    spatial: int,
    *,
    kernel_size: Numbers,
    stride: Numbers,
    padding: Numbers,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None = None,
) -> Value:
    """NNAPI divides by the number of elements that are not padding; any other divisor is a factor afterwards."""
    spans, divisor = spans_of(spatial, kernel_size, stride, padding, 1), divisor_override
    plane, out = as_plane(nn, input, spatial), plane_out(nn, spatial)
    given = (Span(1), *spans)[-2:]
    height, width = fitted(given, plane, out, ceil_mode)
    is_padded = any(span.is_padded for span in (*given, height, width))
    factor = None
    if divisor is not None or (count_include_pad and is_padded):
        if input.quant is not None:
            plane, height, width = _padded_before(nn, plane, given, height, width, divisor)
        else:
            factor = _correction(plane, out, given, (height, width), divisor)
    pooled = windowed(nn, ops.AVERAGE_POOL_2D, plane, height, width, out)
    if factor is not None and not np.all(factor == 1):
        pooled = nn.emit(ops.MUL, a=pooled, b=nn.constant(factor, out.dtype), out=out)
    return from_image(nn, pooled)


def _padded_before(
    nn: Context,
    plane: Value,
    given: Sequence[Span],
    height: Span,
    width: Span,
    divisor: int | None,
) -> tuple[Value, Span, Span]:
    """Padding that counts becomes part of the image; what ``ceil_mode`` added beyond it stays padding."""
    if divisor is not None:
        raise Unsupported("a divisor of its own in average pooling of quantised images")
    plane, _, _ = pad_zeros(nn, plane, *given)
    return (
        plane,
        evolve(height, before=0, after=max(0, height.after - given[0].after)),
        evolve(width, before=0, after=max(0, width.after - given[1].after)),
    )


def _correction(
    plane: Value,
    out: TensorSpec,
    given: Sequence[Span],
    fitted: Sequence[Span],
    divisor: int | None,
) -> np.ndarray[Any, Any]:
    """NNAPI's divisor over torch's, for each element of the result."""
    ours, torchs = [], []
    for size, steps, span, padded in zip(
        fixed(plane.shape[2:]), fixed(out.shape[2:]), fitted, given, strict=True
    ):
        starts = np.arange(steps) * span.stride - span.before
        ends = starts + span.kernel
        ours.append(np.minimum(ends, size) - np.maximum(starts, 0))
        torchs.append(np.minimum(ends, size + padded.after) - starts)
    counted = np.multiply.outer(*torchs) if divisor is None else divisor
    factors = np.multiply.outer(*ours) / counted
    return np.asarray(factors)[None, None]


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
