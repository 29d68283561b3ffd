"""Where the largest element of each window lies, as ``return_indices=True`` says it."""

from __future__ import annotations

import itertools

import numpy as np
import torch

from nnapi_core.plugin import Bounds, Context, Unsupported, Value, fixed, ops
from nnapi_ops.convolution._windows import Span
from nnapi_ops.shape._split_and_concat import crop

# Each takes four operations.
_MOST_TAPS = 256


def indices_of_largest(
    nn: Context, plane: Value, pooled: Value, height: Span, width: Span, *, spatial: int
) -> Value:
    """Flat positions in each image of ``plane`` (in each of its rows, for one ``spatial`` dimension), of the first element of each window that ``pooled`` has.

    NNAPI's pooling does not say them, so each tap of the windows is compared with the result. Where an element is equal,
    its position is a candidate, elsewhere the last of the image is; the least candidate is the first such element.
    That stays inside of the image whatever the device makes of NaN.
    """
    if plane.quant is not None:
        raise Unsupported("positions of the largest elements of quantised images")
    taps_of_window = height.kernel * width.kernel
    if taps_of_window > _MOST_TAPS:
        raise Unsupported(
            "positions of the largest elements in so large windows; use argmax of what is flattened for all of an image",
            taps=taps_of_window,
            most=_MOST_TAPS,
        )
    image, steps = fixed(plane.shape[2:]), fixed(pooled.shape[2:])
    # How much further the same column of the next row is.
    row = image[1] if spatial == 2 else 0
    last = (image[0] - 1) * row + image[1] - 1
    padded = pad_lowest(nn, plane, height, width)
    here, elsewhere = (nn.full(pooled, number, torch.int32) for number in (0, last))
    found = None
    for taps in itertools.product(range(height.kernel), range(width.kernel)):
        shifted = padded
        for dim, span, tap, count in zip((2, 3), (height, width), taps, steps, strict=True):
            shifted = crop(nn, shifted, dim, tap * span.dilation, count, span.stride)
        equal = nn.emit(ops.EQUAL, a=shifted, b=pooled)
        distance = nn.emit(ops.SELECT, mask=equal, a=here, b=elsewhere)
        places = nn.constant(_places(image, row, (height, width), taps, steps), torch.int32)
        candidate = nn.emit(ops.MAXIMUM, a=distance, b=places)
        found = candidate if found is None else nn.emit(ops.MINIMUM, a=found, b=candidate)
    assert found is not None
    return found.bounded(Bounds(0, last))


def pad_lowest(nn: Context, plane: Value, height: Span, width: Span) -> Value:
    """The image with the spans' padding, which is never larger than an element."""
    if not (height.is_padded or width.is_padded):
        return plane
    shape = list(plane.shape)
    paddings = [[0, 0] for _ in shape]
    for dim, span in ((2, height), (3, width)):
        shape[dim] = span.padded(shape[dim])
        paddings[plane.axis(dim).index] = [span.before, span.after]
    table = nn.constant(paddings, torch.int32)
    return nn.emit(ops.PAD_V2, input=plane, paddings=table, value=float("-inf"), shape=shape)


def _places(
    image: tuple[int, ...],
    row: int,
    spans: tuple[Span, Span],
    taps: tuple[int, int],
    steps: tuple[int, ...],
) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """The flat position of one tap of every window; in the padding, the last of the image."""
    rows, columns = (
        np.arange(count) * span.stride - span.before + tap * span.dilation
        for span, tap, count in zip(spans, taps, steps, strict=True)
    )
    inside = [(one >= 0) & (one < size) for one, size in zip((rows, columns), image, strict=True)]
    flat = rows[:, None] * row + columns
    whole = np.where(inside[0][:, None] & inside[1], flat, (image[0] - 1) * row + image[1] - 1)
    return whole.reshape(1, 1, *steps)
