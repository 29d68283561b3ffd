"""Sliding windows, one spatial dimension at a time, and the operands that say them to NNAPI."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from attrs import evolve, frozen

from nnapi_core.plugin import (
    Context,
    Dim,
    OperationSpec,
    SymbolicDim,
    TensorSpec,
    Unsupported,
    Value,
    fixed,
    ops,
)


@frozen
class Span:
    """A window along one dimension: how long, how far apart its steps and its taps, padding before and after."""

    kernel: int
    stride: int = 1
    dilation: int = 1
    before: int = 0
    after: int = 0

    @property
    def reach(self) -> int:
        """How many elements lie between the first tap and the last, both included."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def is_dilated(self) -> bool:
        return self.reach != self.kernel

    @property
    def is_padded(self) -> bool:
        return bool(self.before or self.after)

    def padded(self, size: Dim) -> Dim:
        """The size with its padding. Raises `Unsupported` where a free dimension would be padded."""
        if not isinstance(size, SymbolicDim):
            return size + self.before + self.after
        if self.is_padded:
            raise Unsupported("padding of a free dimension", dimension=size)
        return size

    def steps(self, size: Dim) -> Dim:
        """How many windows fit."""
        if isinstance(size, SymbolicDim):
            return SymbolicDim(f"windows of {size}")
        return (size + self.before + self.after - self.reach) // self.stride + 1


Numbers = Sequence[int] | int


def per_dimension(given: Numbers, count: int) -> list[int]:
    """Torch takes a number, one number in a list, or a number for each dimension."""
    numbers = [given] if isinstance(given, int) else list(given)
    return numbers * count if len(numbers) == 1 else numbers


def spans_of(
    spatial: int, kernel_size: Numbers, stride: Numbers, padding: Numbers, dilation: Numbers
) -> list[Span]:
    """The windows of a pooling as torch says them; without a stride they lie side by side."""
    given = (kernel_size, stride or kernel_size, dilation, padding, padding)
    return [Span(*one) for one in zip(*(per_dimension(g, spatial) for g in given), strict=True)]


def fitted(
    spans: Sequence[Span], image: Value, out: TensorSpec, ceil_mode: bool
) -> tuple[Span, Span]:
    """Windows over height and width; with ``ceil_mode``, padded after the image so that the last one is whole."""
    if ceil_mode:
        sizes, steps = fixed(image.shape[2:]), fixed(out.shape[2:])
        spans = [
            evolve(span, after=max(0, (step - 1) * span.stride + span.reach - size - span.before))
            for span, size, step in zip(spans, sizes, steps, strict=True)
        ]
    height, width = spans
    return height, width


def window_operands(height: Span, width: Span) -> dict[str, Any]:
    """Padding, strides and dilations by NNAPI's names."""
    for span in (height, width):
        if padding_exceeds(span):
            raise Unsupported("padding as long as the window", window=span)
    operands = {
        "padding_left": width.before,
        "padding_right": width.after,
        "padding_top": height.before,
        "padding_bottom": height.after,
        "stride_width": width.stride,
        "stride_height": height.stride,
    }
    if height.is_dilated or width.is_dilated:
        # The operands exist from level 29 on.
        operands |= {"dilation_width": width.dilation, "dilation_height": height.dilation}
    return operands


def windowed(
    nn: Context,
    pool: OperationSpec,
    plane: Value,
    height: Span,
    width: Span,
    out: TensorSpec,
) -> Value:
    """What ``pool`` makes of each window of images that lie channels last."""
    return nn.emit(
        pool,
        input=plane,
        filter_width=width.kernel,
        filter_height=height.kernel,
        out=out,
        **window_operands(height, width),
    )


def padding_exceeds(span: Span) -> bool:
    """NNAPI asks that no window lies in the padding alone."""
    return max(span.before, span.after) >= span.reach


def pad_zeros(nn: Context, image: Value, height: Span, width: Span) -> tuple[Value, Span, Span]:
    """The image with the spans' padding put around it by an operation, and the spans without padding."""
    shape = list(image.shape)
    paddings = [[0, 0] for _ in shape]
    for dim, span in ((2, height), (3, width)):
        shape[dim] = span.padded(shape[dim])
        paddings[image.axis(dim).index] = [span.before, span.after]
    table = nn.constant(paddings, torch.int32)
    result = nn.emit(ops.PAD, input=image, paddings=table, shape=shape)
    return result, evolve(height, before=0, after=0), evolve(width, before=0, after=0)
