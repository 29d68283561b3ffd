"""Images sampled at positions that the model computes, between the pixels."""

from __future__ import annotations

import torch
from attrs import frozen

from nnapi_core.plugin import Decomposition, Unsupported, decomposition, decompositions_of, hookimpl

aten = torch.ops.aten

_BILINEAR, _NEAREST, _BICUBIC = 0, 1, 2
_ZEROS, _BORDER, _REFLECTION = 0, 1, 2
# Up to here float32 counts exactly.
_MOST_PIXELS = 2**24
# Torch's choice among the cubic convolutions.
_CUBIC_SLOPE = -0.75


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
    """One, four or sixteen pixels for each position, weighted.

    Positions are counted in floats, which reach NNAPI as integers only where they point to pixels. They are computed by
    the operations that torch's kernel has, in its order: of two pixels that are equally near, torch's is taken as long
    as the device rounds as float32 does.
    """
    image = _Image.of(input, padding_mode, align_corners)
    x, y = (grid[..., dim].float() for dim in (0, 1))
    if interpolation_mode == _NEAREST:
        return _image_again(image.pixels_at(image.column(x).round(), image.row(y).round()))
    sample = _bilinear if interpolation_mode == _BILINEAR else _bicubic
    return _image_again(sample(image, x, y))


@frozen(eq=False)
class _Image:
    """The pixels as rows of a table; a row of zeros after the last one is what lies outside."""

    table: torch.Tensor
    first_of_batch: torch.Tensor
    height: int
    width: int
    padding_mode: int
    align_corners: bool

    @classmethod
    def of(cls, input: torch.Tensor, padding_mode: int, align_corners: bool) -> _Image:
        """Raises `Unsupported` for more pixels than can be counted."""
        batch, channels, height, width = input.shape
        count = batch * height * width
        if count >= _MOST_PIXELS:
            raise Unsupported(
                "more pixels than float32 counts; sample smaller images, or fewer of them at a time",
                pixels=count,
                most=_MOST_PIXELS,
            )
        table = input.permute(0, 2, 3, 1).reshape(count, channels)
        table = torch.cat([table, table.new_zeros(1, channels)])
        first = torch.arange(batch, dtype=torch.float32).reshape(batch, 1, 1) * (height * width)
        return cls(table, first, height, width, padding_mode, align_corners)

    def column(self, coordinate: torch.Tensor) -> torch.Tensor:
        """An x coordinate in pixels, as the padding moves it."""
        return self._padded(self.in_pixels(coordinate, self.width), self.width)

    def row(self, coordinate: torch.Tensor) -> torch.Tensor:
        return self._padded(self.in_pixels(coordinate, self.height), self.height)

    def in_pixels(self, coordinate: torch.Tensor, size: int) -> torch.Tensor:
        """Of -1 (the first pixel, or its outer edge) to 1 (the last)."""
        if self.align_corners:
            return (coordinate + 1) * ((size - 1) / 2)
        return (coordinate + 1) * (size / 2) - 0.5

    def _padded(self, at: torch.Tensor, size: int) -> torch.Tensor:
        """Outside of the image by more than a pixel, one position is as good as another."""
        if self.padding_mode == _ZEROS:
            return at.clamp(-2, size + 1)
        return self.moved_inside(at, size)

    def moved_inside(self, at: torch.Tensor, size: int) -> torch.Tensor:
        """A position that the padding moves into the image; for zeros, it stays."""
        if self.padding_mode == _ZEROS:
            return at
        if self.padding_mode == _REFLECTION:
            edge = 0.0 if self.align_corners else 0.5
            at = _reflected(at, -edge, size - 1 + edge)
        return at.clamp(0, size - 1)

    def pixels_at(self, column: torch.Tensor, row: torch.Tensor) -> torch.Tensor:
        """The pixels at whole positions, channels last; zeros outside."""
        count = self.table.shape[0] - 1
        inside = (column >= 0) & (column < self.width) & (row >= 0) & (row < self.height)
        place = torch.where(inside, self.first_of_batch + row * self.width + column, float(count))
        return self.table[place.clamp(0, count).to(torch.int64)]


def _image_again(sampled: torch.Tensor) -> torch.Tensor:
    return sampled.permute(0, 3, 1, 2)


def _bilinear(image: _Image, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    x, y = image.column(x), image.row(y)
    left, top = x.floor(), y.floor()
    corners = [
        (image.pixels_at(column, row), across * down)
        for column, across in ((left, left + 1 - x), (left + 1, x - left))
        for row, down in ((top, top + 1 - y), (top + 1, y - top))
    ]
    return _weighted(corners)


def _bicubic(image: _Image, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """A cubic through four columns in each of four rows; the padding moves each column and row by itself."""
    columns, rows = (_taps(image, *one) for one in ((x, image.width), (y, image.height)))
    lines = [
        (_weighted([(image.pixels_at(column, row), across) for column, across in columns]), down)
        for row, down in rows
    ]
    return _weighted(lines)


def _taps(
    image: _Image, coordinate: torch.Tensor, size: int
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Four whole positions around a coordinate, and their weights."""
    at = image.in_pixels(coordinate, size)
    if image.padding_mode != _REFLECTION:
        # Further out all four are zeros, or the pixel at the border.
        at = at.clamp(-4, size + 3)
    first = at.floor()
    after = at - first
    weights = (
        _cubic_far(after + 1),
        _cubic_near(after),
        _cubic_near(1 - after),
        _cubic_far(2 - after),
    )
    return [
        (image.moved_inside(first + (step - 1), size), weight)
        for step, weight in enumerate(weights)
    ]


def _cubic_near(distance: torch.Tensor) -> torch.Tensor:
    """The weight of a pixel at a distance of 0 to 1."""
    a = _CUBIC_SLOPE
    return ((a + 2) * distance - (a + 3)) * distance * distance + 1


def _cubic_far(distance: torch.Tensor) -> torch.Tensor:
    """The weight of a pixel at a distance of 1 to 2."""
    a = _CUBIC_SLOPE
    return ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a


def _weighted(terms: list[tuple[torch.Tensor, torch.Tensor]]) -> torch.Tensor:
    """The sum of pixels, each with a weight for each position."""
    products = [pixels * weight.to(pixels.dtype).unsqueeze(-1) for pixels, weight in terms]
    total = products[0]
    for one in products[1:]:
        total = total + one
    return total


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
