"""Two-dimensional convolutions of images that lie channels last, in the form that the target level has."""

from __future__ import annotations

import torch
from attrs import evolve

from nnapi_core.plugin import (
    Context,
    Order,
    SymbolicDim,
    TensorSpec,
    Unsupported,
    Value,
    fixed,
    ops,
)
from nnapi_ops.bias import bias_or_zeros
from nnapi_ops.kernels import zero_stuffed
from nnapi_ops.parts import crop, join, split
from nnapi_ops.windows import Span, pad_zeros, padding_exceeds, window_operands


def convolve(
    nn: Context,
    image: Value,
    weight: Value,
    bias: Value | None,
    height: Span,
    width: Span,
    groups: int,
    out: TensorSpec,
) -> Value:
    """A convolution of images that lie channels last; ``weight`` has torch's shape."""
    if (height.is_dilated or width.is_dilated) and nn.level < 29:
        if nn.level == 28:
            return _through_batches(nn, image, weight, bias, height, width, groups, out)
        weight = zero_stuffed(weight, height.dilation, width.dilation)
        height = evolve(height, kernel=height.reach, dilation=1)
        width = evolve(width, kernel=width.reach, dilation=1)
    if padding_exceeds(height) or padding_exceeds(width):
        image, height, width = pad_zeros(nn, image, height, width)
    if groups > 1:
        inner = weight.shape[1]
        if inner == 1:
            return _depthwise(nn, image, weight, bias, height, width, out)
        if height.is_dilated or width.is_dilated or nn.level < 29:
            return _group_by_group(nn, image, weight, bias, height, width, groups, out)
    operands = window_operands(height, width)
    b = bias_or_zeros(nn, image, weight, bias, weight.static_shape[0])
    if groups > 1:
        return nn.emit(
            ops.GROUPED_CONV_2D,
            input=image,
            weights=weight,
            bias=b,
            groups=groups,
            nchw=False,
            out=out,
            **operands,
        )
    return nn.emit(ops.CONV_2D, input=image, weights=weight, bias=b, out=out, **operands)


def _depthwise(
    nn: Context,
    image: Value,
    weight: Value,
    bias: Value | None,
    height: Span,
    width: Span,
    out: TensorSpec,
) -> Value:
    """One kernel for each output channel: NNAPI has them in the last dimension, [1, h, w, out]."""
    (channels,) = fixed(image.shape[1:2])
    kernels = nn.permute(weight, (1, 0, 2, 3))
    return nn.emit(
        ops.DEPTHWISE_CONV_2D,
        input=image,
        weights=nn.arrange(kernels, Order.CHANNELS_LAST),
        bias=bias_or_zeros(nn, image, weight, bias, weight.static_shape[0]),
        depth_multiplier=weight.static_shape[0] // channels,
        out=out,
        **window_operands(height, width),
    )


def _group_by_group(
    nn: Context,
    image: Value,
    weight: Value,
    bias: Value | None,
    height: Span,
    width: Span,
    groups: int,
    out: TensorSpec,
) -> Value:
    images = split(nn, image, 1, groups)
    weights = split(nn, weight, 0, groups)
    biases = [None] * groups if bias is None else split(nn, bias, 0, groups)
    shape = (out.shape[0], weights[0].shape[0], *out.shape[2:])
    each = evolve(out, shape=shape)
    results = [
        convolve(nn, *one, height, width, 1, each)
        for one in zip(images, weights, biases, strict=True)
    ]
    return join(nn, results, 1)


def _through_batches(
    nn: Context,
    image: Value,
    weight: Value,
    bias: Value | None,
    height: Span,
    width: Span,
    groups: int,
    out: TensorSpec,
) -> Value:
    """Dilation as batches: elements a dilation apart become neighbours, are convolved, and return.

    What the last rows and columns were padded with to make them divisible is cropped afterwards, with the strides.
    """
    batch, channels, *sizes = image.static_shape
    spans = (height, width)
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
        input=image,
        block_size=blocks,
        paddings=nn.constant(paddings, torch.int32),
        shape=(batches, channels, *inner),
    )
    steps = [size - span.kernel + 1 for size, span in zip(inner, spans, strict=True)]
    convolved = convolve(
        nn,
        spread,
        weight,
        bias,
        Span(height.kernel),
        Span(width.kernel),
        groups,
        evolve(out, shape=(batches, out.shape[1], *steps)),
    )
    whole = [step * block for step, block in zip(steps, blocks, strict=True)]
    result = nn.emit(
        ops.BATCH_TO_SPACE_ND,
        input=convolved,
        block_size=blocks,
        out=evolve(out, shape=(batch, out.shape[1], *whole)),
    )
    for dim, span in ((2, height), (3, width)):
        count = out.shape[dim]
        if isinstance(count, SymbolicDim):
            raise Unsupported("dilation over a free dimension")
        result = crop(nn, result, dim, 0, count, span.stride)
    return result
