"""Pooling over three dimensions, as two poolings over two: height and width, then depth."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn

from nnapi_core.plugin import Decomposition, decomposition, decompositions_of, hookimpl

aten = torch.ops.aten
Pool = Callable[..., torch.Tensor]


def _three(values: Sequence[int], default: Sequence[int]) -> list[int]:
    given = list(values) or list(default)
    return given * 3 if len(given) == 1 else given


def _in_two_steps(
    x: torch.Tensor,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    pool: Pool,
) -> torch.Tensor:
    """(…, D, H, W): H and W of each slice, then D with H and W as one dimension."""
    *outer, depth, height, width = x.shape
    flat = x.reshape(-1, depth, height, width)
    flat = pool(flat, kernel[1:], stride[1:], padding[1:])
    height, width = flat.shape[-2:]
    flat = flat.reshape(-1, 1, depth, height * width)
    flat = pool(flat, (kernel[0], 1), (stride[0], 1), (padding[0], 0))
    return flat.reshape(*outer, -1, height, width)


@decomposition(aten.avg_pool3d.default)
def avg_pool3d(
    self: torch.Tensor,
    kernel_size: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> torch.Tensor:
    """The average of averages: right where every window counts the same number of elements."""
    kernel = _three(kernel_size, ())
    pads = _three(padding, (0,))
    if ceil_mode or divisor_override or (any(pads) and not count_include_pad):
        raise NotImplementedError("windows of different sizes")
    return _in_two_steps(self, kernel, _three(stride, kernel), pads, nn.functional.avg_pool2d)


@decomposition(aten._adaptive_avg_pool3d.default)
def adaptive_avg_pool3d(self: torch.Tensor, output_size: Sequence[int]) -> torch.Tensor:
    sizes = self.shape[-3:]
    if any(size % out for size, out in zip(sizes, output_size, strict=True)):
        raise NotImplementedError("windows of different sizes")
    kernel = [size // out for size, out in zip(sizes, output_size, strict=True)]
    return _in_two_steps(self, kernel, kernel, (0, 0, 0), nn.functional.avg_pool2d)


@decomposition(aten.max_pool3d.default)
def max_pool3d(
    self: torch.Tensor,
    kernel_size: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    ceil_mode: bool = False,
) -> torch.Tensor:
    kernel = _three(kernel_size, ())
    if ceil_mode or any(one != 1 for one in dilation):
        raise NotImplementedError("dilated windows, or windows over the edge")
    return _in_two_steps(
        self, kernel, _three(stride, kernel), _three(padding, (0,)), nn.functional.max_pool2d
    )


@hookimpl
def nnapi_decompositions() -> list[Decomposition]:
    return decompositions_of(__name__)
