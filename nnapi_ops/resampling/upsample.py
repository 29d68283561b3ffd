"""Interpolation: nearest, linear, cubic, with and without anti-aliasing.

What torch does to a dimension is asked of torch itself: the index of each new element, or the matrix of its weights.
Where NNAPI's own formula gives the same, its resize operations are used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from nnapi_core.plugin import (
    Context,
    Layout,
    Limitation,
    Lowering,
    OperationSpec,
    Order,
    Unsupported,
    Value,
    fixed,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.convolution._images import as_plane, from_image, plane_out
from nnapi_ops.resampling._resample_dimension import taken, weighted

aten = torch.ops.aten

Sizes = Sequence[int] | None
Scales = Sequence[float] | None
Array = np.ndarray[Any, Any]
Resize = Callable[..., torch.Tensor]
_ONE_BY_ONE = Limitation("sizes that are no multiples, with more than 64 elements", level=29)
_MATRICES = Limitation(
    "infinite elements and NaN spread over their row and column, where interpolation is a product of matrices"
)


@lowering(
    aten.upsample_nearest1d.vec,
    aten.upsample_nearest2d.vec,
    layout=Layout.IMAGE,
    limitations=[_ONE_BY_ONE],
)
def upsample_nearest(nn: Context, input: Value, output_size: Sizes, scale_factors: Scales) -> Value:
    """
    upsample_nearest1d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor
    upsample_nearest2d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor
    """
    return _nearest(nn, aten.upsample_nearest1d.vec, input, scale_factors)


@lowering(
    aten._upsample_nearest_exact1d.vec,
    aten._upsample_nearest_exact2d.vec,
    layout=Layout.IMAGE,
    limitations=[_ONE_BY_ONE],
)
def upsample_nearest_exact(
    nn: Context, input: Value, output_size: Sizes, scale_factors: Scales
) -> Value:
    """
    _upsample_nearest_exact1d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor
    _upsample_nearest_exact2d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor
    """
    return _nearest(nn, aten._upsample_nearest_exact1d.vec, input, scale_factors)


@lowering(
    aten.upsample_linear1d.vec,
    aten.upsample_bilinear2d.vec,
    layout=Layout.IMAGE,
    limitations=[_MATRICES],
)
def upsample_linear(
    nn: Context, input: Value, output_size: Sizes, align_corners: bool, scale_factors: Scales
) -> Value:
    """
    upsample_linear1d.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor
    upsample_bilinear2d.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor
    """
    plane, sizes, counts = _plane(nn, input)
    op = aten.upsample_bilinear2d.vec
    matrices = _matrices(op, sizes, counts, align_corners, scale_factors)
    for align, half in ((False, False), (True, False), (False, True)):
        rows = [_linear_rows(*one, align, half) for one in zip(sizes, counts, strict=True)]
        if (nn.level >= 30 or not (align or half)) and _agree(matrices, rows):
            return _resized(nn, ops.RESIZE_BILINEAR, plane, align, half)
    return _by_matrices(nn, plane, matrices)


@lowering(aten.upsample_bicubic2d.vec, layout=Layout.IMAGE, limitations=[_MATRICES])
def upsample_bicubic2d(
    nn: Context, input: Value, output_size: Sizes, align_corners: bool, scale_factors: Scales
) -> Value:
    """
    upsample_bicubic2d.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor
    """
    return _interpolated(nn, aten.upsample_bicubic2d.vec, input, align_corners, scale_factors)


@lowering(aten._upsample_bilinear2d_aa.vec, layout=Layout.IMAGE, limitations=[_MATRICES])
def upsample_bilinear2d_aa(
    nn: Context, input: Value, output_size: Sizes, align_corners: bool, scale_factors: Scales
) -> Value:
    """
    _upsample_bilinear2d_aa.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor
    """
    _check_width(nn)
    return _interpolated(nn, aten._upsample_bilinear2d_aa.vec, input, align_corners, scale_factors)


@lowering(aten._upsample_bicubic2d_aa.vec, layout=Layout.IMAGE, limitations=[_MATRICES])
def upsample_bicubic2d_aa(
    nn: Context, input: Value, output_size: Sizes, align_corners: bool, scale_factors: Scales
) -> Value:
    """
    _upsample_bicubic2d_aa.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor
    """
    _check_width(nn)
    return _interpolated(nn, aten._upsample_bicubic2d_aa.vec, input, align_corners, scale_factors)


def _check_width(nn: Context) -> None:
    if nn.out.shape[-1] == 1:
        raise Unsupported("anti-aliasing to a width of 1, of which torch makes something else")


def _plane(nn: Context, input: Value) -> tuple[Value, Sequence[int], Sequence[int]]:
    """The image, its height and width, and those of the result."""
    spatial = input.rank - 2
    plane = as_plane(nn, input, spatial)
    return plane, fixed(plane.shape[2:]), fixed(plane_out(nn, spatial).shape[2:])


def _per_dimension(given: Scales) -> Sequence[float | None]:
    """Scales of height and width; those of a dimension that stays as it is are unknown."""
    return (None, None) if given is None else (None, *given)[-2:]


def _nearest(nn: Context, op: Resize, input: Value, scale_factors: Scales) -> Value:
    plane, sizes, counts = _plane(nn, input)
    scales = _per_dimension(scale_factors)
    indices = [_indices(op, *one) for one in zip(sizes, counts, scales, strict=True)]
    for half, level in ((False, 29), (True, 30)):
        same = [
            np.array_equal(wanted, _nearest_indices(size, count, half))
            for wanted, size, count in zip(indices, sizes, counts, strict=True)
        ]
        if all(same) and nn.level >= level:
            return _resized(nn, ops.RESIZE_NEAREST_NEIGHBOR, plane, False, half)
    for dim, wanted in enumerate(indices, 2):
        plane = taken(nn, plane, dim, [int(index) for index in wanted])
    return from_image(nn, plane)


def _indices(op: Resize, size: int, count: int, scale: float | None) -> Array:
    """Which element torch takes for each new one."""
    ramp = torch.arange(size, dtype=torch.float32).reshape(1, 1, size)
    given = (None, [scale]) if scale is not None else ([count], None)
    return np.asarray(op(ramp, *given).numpy().reshape(count))


def _nearest_indices(size: int, count: int, half: bool) -> Array:
    """Which element NNAPI takes for each new one."""
    return np.asarray(np.minimum(np.floor(_positions(size, count, half)), size - 1))


def _positions(size: int, count: int, half: bool) -> Array:
    scale = np.float32(size) / np.float32(count)
    positions = np.arange(count, dtype=np.float32) + np.float32(0.5 if half else 0)
    return np.asarray(positions * scale)


def _interpolated(
    nn: Context, op: Resize, input: Value, align_corners: bool, scale_factors: Scales
) -> Value:
    plane, sizes, counts = _plane(nn, input)
    return _by_matrices(nn, plane, _matrices(op, sizes, counts, align_corners, scale_factors))


def _matrices(
    op: Resize, sizes: Sequence[int], counts: Sequence[int], align: bool, scale_factors: Scales
) -> list[Array]:
    """Torch's weights of the old elements for each new one, along the height and along the width."""
    found = []
    for size, count, scale in zip(sizes, counts, _per_dimension(scale_factors), strict=True):
        # A column for each element, so that what becomes of it is seen by itself (and more than one, since torch
        # goes wrong on anti-aliased images of width 1).
        columns = max(size, 2)
        units = torch.eye(size, columns)[None, None]
        given = (
            (None, align, [scale, 1.0]) if scale is not None else ([count, columns], align, None)
        )
        found.append(np.asarray(op(units, *given)[0, 0, :, :size].numpy()))
    return found


def _linear_rows(size: int, count: int, align: bool, half: bool) -> Array:
    """NNAPI's weights of the old elements for each new one."""
    positions = _positions(size, count, half) - np.float32(0.5 if half else 0)
    if align and count > 1:
        positions = np.arange(count, dtype=np.float32) * np.float32((size - 1) / (count - 1))
    low = np.clip(np.floor(positions), 0, size - 1)
    high = np.clip(np.ceil(positions), 0, size - 1)
    upper = positions - low
    below, above = (np.arange(size) == one[:, None] for one in (low, high))
    return np.asarray(below * (1 - upper[:, None]) + above * upper[:, None])


def _agree(torchs: Sequence[Array], nnapis: Sequence[Array]) -> bool:
    """Equal but for the rounding of positions."""
    return all(
        np.abs(a - b).max() <= 4 * np.finfo(np.float32).eps * a.shape[1]
        for a, b in zip(torchs, nnapis, strict=True)
    )


def _resized(nn: Context, operation: OperationSpec, plane: Value, align: bool, half: bool) -> Value:
    out = plane_out(nn, nn.out.rank - 2)
    flags: dict[str, Any] = {}
    if operation is ops.RESIZE_NEAREST_NEIGHBOR:
        flags["nchw"] = False
    if align or half:
        # The operands exist from level 30 on.
        flags |= {"align_corners": align, "half_pixel_centers": half}
    height, width = fixed(out.shape[2:])
    result = nn.emit(operation, input=plane, width=width, height=height, out=out, **flags)
    return from_image(nn, result)


def _by_matrices(nn: Context, plane: Value, matrices: Sequence[Array]) -> Value:
    for dim, matrix in enumerate(matrices, 2):
        if plane.shape[dim] != len(matrix) or not np.array_equal(matrix, np.eye(len(matrix))):
            plane = weighted(nn, plane, dim, matrix)
    return from_image(nn, nn.arrange(plane, Order.CHANNELS_LAST))


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
