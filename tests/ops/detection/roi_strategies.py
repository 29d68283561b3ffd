"""Feature maps and regions to draw: within, across and outside of the map."""

from __future__ import annotations

import torch
from attrs import frozen
from hypothesis import strategies as st
from torch import Tensor

from tests.ops.detection.torchvision_semantics import some_boxes

SCALES = st.sampled_from([1.0, 0.5, 0.25, 1 / 3])
# Images, channels, height, width of feature maps.
MAPS = st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(1, 9), st.integers(1, 9))


@frozen(eq=False)
class Regions:
    """A feature map, and regions [K, 5] of it in coordinates that ``scale`` makes cells of."""

    input: Tensor
    rois: Tensor
    scale: float

    @property
    def boxes(self) -> Tensor:
        return self.rois[:, 1:]

    def clipped(self) -> Tensor:
        """The boxes as far as they are on the map."""
        height, width = self.input.shape[2:]
        most = torch.tensor([width / self.scale, height / self.scale]).repeat(2)
        within = self.boxes.clamp(min=0).minimum(most)
        within[:, 2:] = torch.maximum(within[:, :2], within[:, 2:])
        return within


@st.composite
def regions(
    draw: st.DrawFn,
    *,
    images: int = 2,
    scales: st.SearchStrategy[float] = SCALES,
) -> Regions:
    """Up to 7 regions of up to ``images`` maps."""
    many, *rest = draw(MAPS)
    shape = (min(many, images), *rest)
    scale, seed = draw(scales), draw(st.integers(0, 2**16))
    rois = some_rois(draw(st.integers(1, 7)), shape[0], max(shape[2:]) / scale, seed)
    return Regions(feature_map(*shape, seed), rois, scale)


@st.composite
def regions_in_eighths(draw: st.DrawFn) -> Regions:
    """Up to 6 regions on their map, of a cell or more, whose corners are eighths of a pixel."""
    shape = draw(MAPS)
    scale, seed = draw(st.sampled_from([1.0, 0.5, 0.0625])), draw(st.integers(0, 2**16))
    count = draw(st.integers(1, 6))
    images = torch.randint(shape[0], (count, 1), generator=torch.Generator().manual_seed(seed))
    boxes = _eighths(count, *shape[2:], scale, seed)
    return Regions(feature_map(*shape, seed), torch.cat([images.float(), boxes], dim=1), scale)


def feature_map(images: int, channels: int, height: int, width: int, seed: int) -> Tensor:
    return torch.randn(
        images, channels, height, width, generator=torch.Generator().manual_seed(seed)
    )


def some_rois(count: int, images: int, size: float, seed: int) -> Tensor:
    """Regions within, across and outside of the map, thinner than a cell, without area, inside out."""
    boxes = some_boxes(count, seed, size)
    if count > 4:
        boxes[4, 2:] = boxes[4, :2] + size / 50
        boxes[4] += size - boxes[4, 2]  # thin, and at the border
    if count > 5:
        boxes[5] = boxes[5, [2, 3, 0, 1]]
    image = torch.randint(images, (count, 1), generator=torch.Generator().manual_seed(seed))
    return torch.cat([image.float(), boxes], dim=1)


def _eighths(count: int, height: int, width: int, scale: float, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    cell = round(8 / scale)
    sides = []
    for cells in (width, height):
        low = torch.randint((cells - 1) * cell + 1, (count,), generator=generator)
        room = cells * cell - low - cell
        extent = (torch.rand(count, generator=generator) * (room + 1)).long() + cell
        sides.append((low, low + extent))
    (x1, x2), (y1, y2) = sides
    return torch.stack([x1, y1, x2, y2], dim=1) / 8
