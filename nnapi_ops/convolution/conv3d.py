"""Three-dimensional convolutions, as sums of two-dimensional ones: one for each tap along the depth."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional

from nnapi_core.plugin import Decomposition, Unsupported, decomposition, decompositions_of, hookimpl

aten = torch.ops.aten
# More slices than this are too many operations.
_MOST_SLICES = 128


@decomposition(aten.conv3d.default, aten.conv3d.padding)
def conv3d(
    input: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    stride: Sequence[int] = (1, 1, 1),
    padding: Sequence[int] | str = (0, 0, 0),
    dilation: Sequence[int] = (1, 1, 1),
    groups: int = 1,
) -> torch.Tensor:
    strides, dilations = _three(stride), _three(dilation)
    kernel = weight.shape[2:]
    before, after = _padding(padding, kernel, dilations)
    volume = input if input.dim() == 5 else input.unsqueeze(0)
    # Height and width are padded by the convolutions themselves where they are padded evenly.
    even = before[1:] == after[1:]
    around = [0, 0, 0, 0] if even else [before[2], after[2], before[1], after[1]]
    if any([*around, before[0], after[0]]):
        volume = functional.pad(volume, (*around, before[0], after[0]))
    batch, _, depth, height, width = volume.shape
    # Slices become images of one long batch.
    slices = volume.transpose(1, 2)
    steps = (depth - (kernel[0] - 1) * dilations[0] - 1) // strides[0] + 1
    total: torch.Tensor | None = None
    for tap in range(kernel[0]):
        start = tap * dilations[0]
        taken = slices[:, start : start + (steps - 1) * strides[0] + 1 : strides[0]]
        image = functional.conv2d(
            taken.reshape(batch * steps, -1, height, width),
            weight[:, :, tap],
            bias if tap == 0 else None,
            strides[1:],
            before[1:] if even else 0,
            dilations[1:],
            groups,
        )
        total = image if total is None else total + image
    if total is None:
        raise Unsupported("a kernel without taps")
    result = total.reshape(batch, steps, *total.shape[1:]).transpose(1, 2)
    return result if input.dim() == 5 else result.squeeze(0)


@decomposition(aten.conv_transpose3d.input)
def conv_transpose3d(
    input: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    stride: Sequence[int] = (1, 1, 1),
    padding: Sequence[int] = (0, 0, 0),
    output_padding: Sequence[int] = (0, 0, 0),
    groups: int = 1,
    dilation: Sequence[int] = (1, 1, 1),
) -> torch.Tensor:
    """Every slice of the result is the sum of the slices that reach it, each by its tap."""
    given = (stride, padding, output_padding, dilation)
    (step, *strides), (pad, *pads), (more, *mores), (apart, *dilations) = map(_three, given)
    volume = input if input.dim() == 5 else input.unsqueeze(0)
    depth, taps = volume.shape[2], weight.shape[2]
    if depth * taps > _MOST_SLICES:
        raise Unsupported("too many slices", depth=depth, taps=taps, most=_MOST_SLICES)
    count = (depth - 1) * step - 2 * pad + (taps - 1) * apart + 1 + more
    results: list[torch.Tensor | None] = [None] * count
    for slice_ in range(depth):
        for tap in range(taps):
            place = slice_ * step + tap * apart - pad
            if not 0 <= place < count:
                continue
            image = functional.conv_transpose2d(
                volume[:, :, slice_],
                weight[:, :, tap],
                bias if results[place] is None else None,
                strides,
                pads,
                mores,
                groups,
                dilations,
            )
            before = results[place]
            results[place] = image if before is None else before + image
    some = next(one for one in results if one is not None)
    rest = torch.zeros_like(some)
    if bias is not None:
        rest = rest + bias.reshape(-1, 1, 1)
    result = torch.stack([rest if one is None else one for one in results], 2)
    return result if input.dim() == 5 else result.squeeze(0)


def _three(given: Sequence[int] | int) -> list[int]:
    numbers = [given] if isinstance(given, int) else list(given)
    return numbers * 3 if len(numbers) == 1 else numbers


def _padding(
    padding: Sequence[int] | str, kernel: Sequence[int], dilations: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Before and after each dimension."""
    if not isinstance(padding, str):
        return _three(padding), _three(padding)
    if padding == "valid":
        return [0, 0, 0], [0, 0, 0]
    totals = [(size - 1) * apart for size, apart in zip(kernel, dilations, strict=True)]
    return [total // 2 for total in totals], [total - total // 2 for total in totals]


@hookimpl
def nnapi_decompositions() -> list[Decomposition]:
    return decompositions_of(__name__)
