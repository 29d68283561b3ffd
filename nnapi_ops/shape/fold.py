"""Overlapping patches summed into an image."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch.nn import functional

from nnapi_core.plugin import Decomposition, decomposition, decompositions_of, hookimpl

aten = torch.ops.aten


@decomposition(aten.col2im.default)
def col2im(
    self: torch.Tensor,
    output_size: Sequence[int],
    kernel_size: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[int],
    stride: Sequence[int],
) -> torch.Tensor:
    """A transposed convolution of each channel, whose filters put each row of the columns in its place."""
    *batch, rows, _ = self.shape
    taps = math.prod(kernel_size)
    windows, adjusted = [], []
    for size, kernel, apart, pad, step in zip(
        output_size, kernel_size, dilation, padding, stride, strict=True
    ):
        reach = apart * (kernel - 1) + 1
        windows.append((size + 2 * pad - reach) // step + 1)
        # The last rows that no window reaches.
        adjusted.append(size - ((windows[-1] - 1) * step - 2 * pad + reach))
    filters = torch.eye(taps, dtype=self.dtype).reshape(taps, 1, *kernel_size)
    planes = self.reshape(-1, taps, *windows)
    image = functional.conv_transpose2d(
        planes, filters, None, stride, padding, adjusted, 1, dilation
    )
    return image.reshape(*batch, rows // taps, *output_size)


@hookimpl
def nnapi_decompositions() -> list[Decomposition]:
    return decompositions_of(__name__)
