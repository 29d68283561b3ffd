"""Channels to pixels and back, and channels shuffled."""

from __future__ import annotations

import torch
from attrs import evolve

from nnapi_core.plugin import (
    Context,
    Layout,
    Lowering,
    Order,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.shape._fixed_gather import picked

aten = torch.ops.aten


@lowering(aten.pixel_shuffle.default, layout=Layout.IMAGE)
def pixel_shuffle(nn: Context, self: Value, upscale_factor: int) -> Value:
    """
    pixel_shuffle(Tensor self, int upscale_factor) -> Tensor

    NNAPI counts the places in a block before the channels, torch after them.
    """
    return nn.carried([self], lambda v: _shuffled(nn, v[0], upscale_factor))


@lowering(aten.pixel_unshuffle.default, layout=Layout.IMAGE)
def pixel_unshuffle(nn: Context, self: Value, downscale_factor: int) -> Value:
    """pixel_unshuffle(Tensor self, int downscale_factor) -> Tensor"""
    return nn.carried([self], lambda v: _unshuffled(nn, v[0], downscale_factor))


@lowering(aten.channel_shuffle.default, aten.native_channel_shuffle.default, layout=Layout.ANY)
def channel_shuffle(nn: Context, self: Value, groups: int) -> Value:
    """
    channel_shuffle(Tensor self, SymInt groups) -> Tensor
    native_channel_shuffle(Tensor self, SymInt groups) -> Tensor
    """
    if nn.level >= 29 and self.rank <= 4:
        return nn.carried(
            [self],
            lambda v: nn.emit(ops.CHANNEL_SHUFFLE, input=v[0], groups=groups, axis=v[0].axis(1)),
        )
    batch, channels, *rest = self.static_shape
    grouped = nn.reshape(self, (batch, groups, channels // groups, *rest))
    order = [0, 2, 1, *range(3, grouped.rank)]
    return nn.reshape(nn.permute(grouped, order), self.shape)


def _shuffled(nn: Context, value: Value, block: int) -> Value:
    *batch, channels, height, width = value.static_shape
    image = _as_image(nn, value)
    out = channels // block**2
    image = _channels_moved(nn, image, out, block**2)
    shape = (image.static_shape[0], out, height * block, width * block)
    pixels = nn.emit(ops.DEPTH_TO_SPACE, input=image, block_size=block, shape=shape)
    return nn.reshape(pixels, (*batch, *shape[1:]))


def _unshuffled(nn: Context, value: Value, block: int) -> Value:
    *batch, channels, height, width = value.static_shape
    image = _as_image(nn, value)
    deep = channels * block**2
    shape = (image.static_shape[0], deep, height // block, width // block)
    depth = nn.emit(ops.SPACE_TO_DEPTH, input=image, block_size=block, shape=shape)
    return nn.reshape(_channels_moved(nn, depth, block**2, channels), (*batch, *shape[1:]))


def _as_image(nn: Context, value: Value) -> Value:
    shape = value.static_shape
    count = int(torch.Size(shape[:-3]).numel())
    return nn.arrange(nn.reshape(value, (count, *shape[-3:])), Order.CHANNELS_LAST)


def _channels_moved(nn: Context, image: Value, major: int, minor: int) -> Value:
    """Channels that are counted by ``major`` and then ``minor``, counted the other way round."""
    if major == 1 or minor == 1:
        return image
    if nn.level >= 29:
        return picked(nn, image, 1, [a * minor + b for b in range(minor) for a in range(major)])
    # The channels lie last: they are a matrix for each pixel, to be transposed.
    batch, channels, height, width = image.static_shape
    flat = evolve(
        image, spec=evolve(image.spec, shape=(batch, height, width, channels), order=Order.TORCH)
    )
    matrices = nn.reshape(flat, (batch * height * width, major, minor))
    moved = nn.reshape(nn.permute(matrices, [0, 2, 1]), flat.shape)
    return evolve(moved, spec=image.spec)


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
