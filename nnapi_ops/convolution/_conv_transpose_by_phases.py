"""Transposed convolution below level 29: a plain convolution computes each phase of the result.

With stride s, the elements of the result whose position is r modulo s see every s-th tap of the kernel, from the r-th
on. So a convolution with s kernels in the place of each one, and a rearrangement of its channels into space, are a
transposed convolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import evolve, frozen

from nnapi_core.plugin import Constant, Context, Order, Unsupported, Value, ops
from nnapi_ops.convolution._conv2d import Convolution, convolve
from nnapi_ops.convolution._conv_weights import stored_zero
from nnapi_ops.convolution._windows import Span
from nnapi_ops.shape._split_and_concat import crop, join

Array = np.ndarray[Any, Any]


@frozen
class _Phases:
    """One dimension: how many phases, the convolution that computes them, and how many steps it takes."""

    count: int
    taps: int
    window: Span
    steps: int
    start: int
    """Where the result begins among the elements computed."""

    @classmethod
    def of(cls, span: Span, size: int, wanted: int) -> _Phases:
        taps = -(-span.kernel // span.stride)
        needed = (span.before + wanted - 1) // span.stride + 1
        after = max(0, needed - size)
        window = Span(taps, before=taps - 1, after=after)
        return cls(span.stride, taps, window, size + after, span.before)


def by_phases(nn: Context, conv: Convolution) -> Value:
    """``conv`` is transposed, of one group and without dilation."""
    weight, out = conv.weight, conv.out
    if not isinstance(weight.source, Constant):
        raise Unsupported("transposed convolution with computed weights needs feature level 29")
    batch, channels, *wanted = out.static_shape
    phases = [
        _Phases.of(*one)
        for one in zip((conv.height, conv.width), conv.image.static_shape[2:], wanted, strict=True)
    ]
    down, right = phases
    count = down.count * right.count
    shape = (count * channels, weight.static_shape[0], down.taps, right.taps)
    kernels = weight.source.map(
        lambda array: _kernels(array, phases, shape, stored_zero(weight)),
        key=("phases", shape),
        shape=shape,
    )
    stacked = Value(evolve(weight.spec, shape=shape, order=Order.CHANNELS_LAST), kernels)
    computed_shape = (batch, count * channels, down.steps, right.steps)
    computed = convolve(
        nn,
        Convolution(
            conv.image,
            stacked,
            None if conv.bias is None else _for_each_phase(nn, conv.bias, count),
            down.window,
            right.window,
            evolve(out, shape=computed_shape),
        ),
    )
    spread = _spread(nn, computed, down, right, channels)
    for dim, phase in ((2, down), (3, right)):
        spread = crop(nn, spread, dim, phase.start, wanted[dim - 2])
    return nn.arrange(spread, Order.CHANNELS_LAST)


def _for_each_phase(nn: Context, bias: Value, count: int) -> Value:
    if not isinstance(bias.source, Constant):
        return join(nn, [bias] * count, 0)
    shape = (count * bias.static_shape[0],)
    tiled = bias.source.map(lambda array: np.tile(array, count), key=("tile", count), shape=shape)
    return Value(evolve(bias.spec, shape=shape), tiled)


def _kernels(weight: Array, phases: Sequence[_Phases], shape: tuple[int, ...], zero: int) -> Array:
    """(phase down, phase right, out) × in × taps: every count-th tap of the kernel, the last one first."""
    inner, outer, *sizes = weight.shape
    down, right = phases
    padding = [(0, p.count * p.taps - size) for p, size in zip(phases, sizes, strict=True)]
    whole = np.pad(weight, [(0, 0), (0, 0), *padding], constant_values=zero)
    split = whole.reshape(inner, outer, down.taps, down.count, right.taps, right.count)
    flipped = split[:, :, ::-1, :, ::-1, :]
    return flipped.transpose(3, 5, 1, 0, 2, 4).reshape(shape)


def _spread(nn: Context, image: Value, down: _Phases, right: _Phases, channels: int) -> Value:
    """Channels (phase down, phase right, out) become rows and columns."""
    batch, _, rows, columns = image.static_shape
    shape = (batch, channels, rows * down.count, columns * right.count)
    if down.count == right.count == 1:
        return image
    if down.count == right.count:
        out = evolve(image.spec, shape=shape)
        return nn.emit(ops.DEPTH_TO_SPACE, input=image, block_size=down.count, out=out)
    lies = nn.permute(image, (0, 2, 3, 1))
    apart = nn.reshape(lies, (batch * rows, columns, down.count, right.count * channels))
    together = nn.permute(apart, (0, 2, 1, 3))
    return nn.permute(nn.reshape(together, (shape[0], *shape[2:], channels)), (0, 3, 1, 2))
