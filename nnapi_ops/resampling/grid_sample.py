"""Images sampled at positions that the model computes, between the pixels."""

from __future__ import annotations

import torch

from nnapi_core.plugin import Decomposition, Unsupported, decomposition, decompositions_of, hookimpl

aten = torch.ops.aten

_BILINEAR = 0
_ZEROS, _BORDER, _REFLECTION = 0, 1, 2
# Up to here float32 counts exactly.
_MOST_PIXELS = 2**24


@decomposition(
    aten.grid_sampler_2d.default,
    special_values="NaN, infinite or huge coordinates, and pixels that are infinite or NaN, give NaN or another pixel",
)
def grid_sampler_2d(
    input: torch.Tensor,
    grid: torch.Tensor,
    interpolation_mode: int,
    padding_mode: int,
    align_corners: bool,
) -> torch.Tensor:
    """Four pixels for each position, weighted; a row of zeros after the last pixel is what lies outside.

    Positions are counted in floats, which reach NNAPI as integers only where they point to pixels. The nearest
    pixel alone is refused: half-way between two, it hangs on the last bit of the position.
    """
    if interpolation_mode != _BILINEAR:
        raise Unsupported("sampling of the nearest pixel or by cubics; use mode='bilinear'")
    batch, channels, height, width = input.shape
    count = batch * height * width
    if count >= _MOST_PIXELS:
        raise Unsupported("more pixels than float32 counts", pixels=count, most=_MOST_PIXELS)
    pixels = input.permute(0, 2, 3, 1).reshape(count, channels)
    pixels = torch.cat([pixels, pixels.new_zeros(1, channels)])
    x = _position(grid[..., 0].float(), width, padding_mode, align_corners)
    y = _position(grid[..., 1].float(), height, padding_mode, align_corners)
    images = torch.arange(batch, dtype=torch.float32).reshape(batch, 1, 1) * (height * width)
    left, top = x.floor(), y.floor()
    sampled = None
    for column, across in ((left, left + 1 - x), (left + 1, x - left)):
        for row, down in ((top, top + 1 - y), (top + 1, y - top)):
            inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
            place = torch.where(inside, images + row * width + column, float(count))
            place = place.clamp(0, count).to(torch.int64)
            corner = pixels[place] * (across * down).to(pixels.dtype).unsqueeze(-1)
            sampled = corner if sampled is None else sampled + corner
    assert sampled is not None
    return sampled.permute(0, 3, 1, 2)


def _position(
    coordinate: torch.Tensor, size: int, padding_mode: int, align_corners: bool
) -> torch.Tensor:
    """A coordinate (-1: the first pixel, or its outer edge; 1: the last) in pixels, as the padding moves it.

    Outside of the image by more than a pixel, one position is as good as another.
    """
    if align_corners:
        at = (coordinate + 1) * ((size - 1) / 2)
    else:
        at = (coordinate + 1) * (size / 2) - 0.5
    if padding_mode == _REFLECTION:
        at = _reflected(at, 0.0, size - 1.0) if align_corners else _reflected(at, -0.5, size - 0.5)
    if padding_mode in (_BORDER, _REFLECTION):
        return at.clamp(0, size - 1)
    return at.clamp(-2, size + 1)


def _reflected(at: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """Mirrored at both ends as often as it takes: a triangle wave."""
    span = high - low
    if not span:
        return torch.zeros_like(at)
    distance = (at - low).abs()
    phase = distance - 2 * span * (distance / (2 * span)).floor()
    return span - (phase - span).abs() + low


@hookimpl
def nnapi_decompositions() -> list[Decomposition]:
    return decompositions_of(__name__)
