"""Pooling over three dimensions, as two poolings over two: height and width, then depth."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch.nn import functional

from nnapi_core.plugin import Decomposition, Unsupported, decomposition, decompositions_of, hookimpl

aten = torch.ops.aten
Pool = Callable[..., torch.Tensor]


def _three(values: Sequence[int] | int, default: Sequence[int]) -> list[int]:
    given = [values] if isinstance(values, int) else list(values) or list(default)
    return given * 3 if len(given) == 1 else given


def _in_two_steps(x: torch.Tensor, flat: Pool, deep: Pool) -> torch.Tensor:
    """(…, D, H, W): ``flat`` over H and W of each slice, then ``deep`` over D, with H and W as one dimension."""
    *outer, depth, height, width = x.shape
    slices = flat(x.reshape(-1, depth, height, width))
    height, width = slices.shape[-2:]
    across = deep(slices.reshape(-1, 1, depth, height * width))
    return across.reshape(*outer, -1, height, width)


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
    """The average of averages: how many elements a window counts is a product over its dimensions."""
    if not self.dtype.is_floating_point:
        raise Unsupported("an average of whole numbers is rounded, and two would be twice")
    kernel, pads = _three(kernel_size, ()), _three(padding, (0,))
    strides = _three(stride, kernel)
    # A divisor of its own divides once; the other step sums up.
    sums = None if divisor_override is None else 1

    def flat(x: torch.Tensor) -> torch.Tensor:
        windows = (kernel[1:], strides[1:], pads[1:])
        return functional.avg_pool2d(x, *windows, ceil_mode, count_include_pad, sums)

    def deep(x: torch.Tensor) -> torch.Tensor:
        windows = ((kernel[0], 1), (strides[0], 1), (pads[0], 0))
        return functional.avg_pool2d(x, *windows, ceil_mode, count_include_pad, divisor_override)

    return _in_two_steps(self, flat, deep)


@decomposition(aten.adaptive_avg_pool3d.default, aten._adaptive_avg_pool3d.default)
def adaptive_avg_pool3d(self: torch.Tensor, output_size: Sequence[int]) -> torch.Tensor:
    depth, height, width = output_size

    def flat(x: torch.Tensor) -> torch.Tensor:
        return functional.adaptive_avg_pool2d(x, (height, width))

    def deep(x: torch.Tensor) -> torch.Tensor:
        return functional.adaptive_avg_pool2d(x, (depth, x.shape[-1]))

    return _in_two_steps(self, flat, deep)


@decomposition(aten.max_pool3d.default, special_values="NaN may be passed over")
def max_pool3d(
    self: torch.Tensor,
    kernel_size: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    ceil_mode: bool = False,
) -> torch.Tensor:
    kernel, pads, apart = _three(kernel_size, ()), _three(padding, (0,)), _three(dilation, (1,))
    strides = _three(stride, kernel)

    def flat(x: torch.Tensor) -> torch.Tensor:
        return functional.max_pool2d(x, kernel[1:], strides[1:], pads[1:], apart[1:], ceil_mode)

    def deep(x: torch.Tensor) -> torch.Tensor:
        windows = ((kernel[0], 1), (strides[0], 1), (pads[0], 0), (apart[0], 1))
        return functional.max_pool2d(x, *windows, ceil_mode)

    return _in_two_steps(self, flat, deep)


@hookimpl
def nnapi_decompositions() -> list[Decomposition]:
    return decompositions_of(__name__)
