"""Two-dimensional convolutions of images that lie channels last, in the form that the target level has."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from attrs import evolve, frozen

from nnapi_core.plugin import (
    Context,
    SymbolicDim,
    TensorSpec,
    Unsupported,
    Value,
    fixed,
    ops,
)
from nnapi_ops.convolution._bias import bias_or_zeros
from nnapi_ops.convolution._conv_weights import exchanged, zero_stuffed
from nnapi_ops.convolution._images import as_image, image_out
from nnapi_ops.convolution._windows import Span, pad_zeros, padding_exceeds, window_operands
from nnapi_ops.shape._split_and_concat import crop, join, split


@frozen(eq=False)
class Convolution:
    """What to convolve with what; the image and the result lie channels last."""

    image: Value
    weight: Value
    """In torch's shape: (out, in / groups, height, width); transposed ones have in and out exchanged."""
    bias: Value | None
    height: Span
    width: Span
    out: TensorSpec
    groups: int = 1

    @classmethod
    def of(
        cls,
        nn: Context,
        input: Value,
        weight: Value,
        bias: Value | None,
        spans: Sequence[Span],
        groups: int,
    ) -> Convolution:
        """The node's own, of tensors as torch has them; ``spans`` for each spatial dimension."""
        height, width = (Span(1), *spans)[-2:]
        image, kernels = (as_image(nn, one, len(spans)) for one in (input, weight))
        return cls(image, kernels, bias, height, width, image_out(nn, len(spans)), groups)

    @property
    def is_dilated(self) -> bool:
        return self.height.is_dilated or self.width.is_dilated

    def without_dilation(self) -> Convolution:
        """The same, with zeros between the taps of the kernel."""
        return evolve(
            self,
            weight=zero_stuffed(self.weight, self.height.dilation, self.width.dilation),
            height=evolve(self.height, kernel=self.height.reach, dilation=1),
            width=evolve(self.width, kernel=self.width.reach, dilation=1),
        )


def convolve(nn: Context, conv: Convolution) -> Value:
    if conv.is_dilated and nn.level < 29:
        if nn.level == 28:
            return _through_batches(nn, conv)
        conv = conv.without_dilation()
    if padding_exceeds(conv.height) or padding_exceeds(conv.width):
        image, height, width = pad_zeros(nn, conv.image, conv.height, conv.width)
        conv = evolve(conv, image=image, height=height, width=width)
    filters, inner = conv.weight.static_shape[:2]
    if conv.groups > 1 and inner == 1:
        return _depthwise(nn, conv)
    if conv.groups > 1 and (conv.is_dilated or nn.level < 29):
        return group_by_group(nn, conv, convolve)
    operands = {
        "input": conv.image,
        "weights": conv.weight,
        "bias": bias_or_zeros(nn, conv.image, conv.weight, conv.bias, filters),
        "out": conv.out,
        **window_operands(conv.height, conv.width),
    }
    if conv.groups > 1:
        return nn.emit(ops.GROUPED_CONV_2D, groups=conv.groups, nchw=False, **operands)
    return nn.emit(ops.CONV_2D, **operands)


def group_by_group(
    nn: Context, conv: Convolution, convolve_one: Callable[[Context, Convolution], Value]
) -> Value:
    """A convolution of each group's channels, joined."""
    groups = conv.groups
    biases = [None] * groups if conv.bias is None else split(nn, conv.bias, 0, groups)
    channels = conv.out.shape[1]
    if not isinstance(channels, int):
        raise Unsupported("groups of a free number of channels")
    each = evolve(
        conv,
        groups=1,
        out=evolve(conv.out, shape=(conv.out.shape[0], channels // groups, *conv.out.shape[2:])),
    )
    images, weights = split(nn, conv.image, 1, groups), split(nn, conv.weight, 0, groups)
    results = [
        convolve_one(nn, evolve(each, image=image, weight=weight, bias=bias))
        for image, weight, bias in zip(images, weights, biases, strict=True)
    ]
    return join(nn, results, 1)


def _depthwise(nn: Context, conv: Convolution) -> Value:
    """One kernel for each output channel: NNAPI has them in the last dimension, [1, h, w, out]."""
    (channels,) = fixed(conv.image.shape[1:2])
    filters = conv.weight.static_shape[0]
    return nn.emit(
        ops.DEPTHWISE_CONV_2D,
        input=conv.image,
        weights=exchanged(nn, conv.weight),
        bias=bias_or_zeros(nn, conv.image, conv.weight, conv.bias, filters),
        depth_multiplier=filters // channels,
        out=conv.out,
        **window_operands(conv.height, conv.width),
    )


def _through_batches(nn: Context, conv: Convolution) -> Value:
    """Dilation as batches: elements a dilation apart become neighbours, are convolved, and return.

    What the last rows and columns were padded with to make them divisible is cropped afterwards, with the strides.
    """
    out, spans = conv.out, (conv.height, conv.width)
    batch, channels, *sizes = conv.image.static_shape
    blocks = [span.dilation for span in spans]
    extra = [
        -(size + span.before + span.after) % span.dilation
        for size, span in zip(sizes, spans, strict=True)
    ]
    paddings = [[span.before, span.after + more] for span, more in zip(spans, extra, strict=True)]
    inner = [
        (size + sum(pads)) // block
        for size, pads, block in zip(sizes, paddings, blocks, strict=True)
    ]
    batches = batch * blocks[0] * blocks[1]
    spread = nn.emit(
        ops.SPACE_TO_BATCH_ND,
        input=conv.image,
        block_size=blocks,
        paddings=nn.constant(paddings, torch.int32),
        shape=(batches, channels, *inner),
    )
    steps = [size - span.kernel + 1 for size, span in zip(inner, spans, strict=True)]
    convolved = convolve(
        nn,
        evolve(
            conv,
            image=spread,
            height=Span(conv.height.kernel),
            width=Span(conv.width.kernel),
            out=evolve(out, shape=(batches, out.shape[1], *steps)),
        ),
    )
    whole = [step * block for step, block in zip(steps, blocks, strict=True)]
    result = nn.emit(
        ops.BATCH_TO_SPACE_ND,
        input=convolved,
        block_size=blocks,
        out=evolve(out, shape=(batch, out.shape[1], *whole)),
    )
    for dim, span in enumerate(spans, 2):
        count = out.shape[dim]
        if isinstance(count, SymbolicDim):
            raise Unsupported("dilation over a free dimension")
        result = crop(nn, result, dim, 0, count, span.stride)
    return result
