"""NNAPI's images have four dimensions: one-dimensional and unbatched tensors are read as such."""

from __future__ import annotations

from attrs import evolve

from nnapi_core.plugin import Context, Dim, Order, TensorSpec, Unsupported, Value


def as_image(nn: Context, value: Value, spatial: int) -> Value:
    """A tensor of ``spatial`` spatial dimensions, batched or not, as a 4-D one that lies channels last."""
    return nn.arrange(nn.reshape(value, image_shape(value.shape, spatial)), Order.CHANNELS_LAST)


def image_shape(shape: tuple[Dim, ...], spatial: int) -> tuple[Dim, ...]:
    """Torch's shape with a batch of 1 and a height of 1 where they are missing."""
    _check(spatial)
    batched = shape if len(shape) == spatial + 2 else (1, *shape)
    return batched if spatial == 2 else (*batched[:2], 1, *batched[2:])


def as_plane(nn: Context, value: Value, spatial: int) -> Value:
    """The same for operations that treat every channel alike: nothing is moved.

    Where the tensor does not lie channels last already, its channels become rows or batches of an image of
    one channel.
    """
    return nn.arrange(nn.reshape(value, plane_shape(value.shape, spatial)), Order.CHANNELS_LAST)


def plane_shape(shape: tuple[Dim, ...], spatial: int) -> tuple[Dim, ...]:
    """A shape that `as_plane` gives: (N, C, L) becomes (N, 1, C, L), (C, H, W) becomes (C, 1, H, W)."""
    _check(spatial)
    if spatial == 1:
        return (*shape[:-2], 1, *shape[-2:]) if len(shape) == 3 else (1, 1, *shape)
    return shape if len(shape) == 4 else (shape[0], 1, *shape[1:])


def plane_out(nn: Context, spatial: int) -> TensorSpec:
    """The node's first result as `as_plane` would read it."""
    out = nn.outs[0]
    return evolve(out, shape=plane_shape(out.shape, spatial), order=Order.CHANNELS_LAST)


def image_out(nn: Context, spatial: int) -> TensorSpec:
    """The node's result as `as_image` would read it."""
    return evolve(nn.out, shape=image_shape(nn.out.shape, spatial), order=Order.CHANNELS_LAST)


def from_image(nn: Context, image: Value) -> Value:
    """An image or a plane in the shape that the node promises."""
    shape = nn.outs[0].shape
    return image if image.shape == shape else nn.reshape(image, shape)


def _check(spatial: int) -> None:
    if spatial > 2:
        raise Unsupported("NNAPI has no images with more than two spatial dimensions")
