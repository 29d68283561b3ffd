"""Where heat maps are highest, between their cells, as NNAPI's HEATMAP_MAX_KEYPOINT finds it.

torchvision enlarges each map to its box by bicubic interpolation instead, and takes the highest pixel; the two
agree to a fraction of a cell.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

# Curvatures below it say nothing, and an extremum farther than this many cells off is none.
_FLAT = 1e-5
_FARTHEST = 1.5


def highest(heatmaps: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Keypoints [N, K, 2] in the boxes' coordinates, and the height of the surface there [N, K]."""
    count, kinds, size, width = heatmaps.shape
    if size != width or size < 2:
        raise ValueError(
            f"heat maps of {size} by {width} cells; they must be square, 2 by 2 or more"
        )
    flat = heatmaps.reshape(count, kinds, -1)
    at = flat.argmax(dim=-1)
    y, x = at // size, at % size
    around = F.pad(heatmaps, (1, 1, 1, 1), mode="reflect")
    rows = (y[..., None] + torch.arange(3))[..., :, None]
    columns = (x[..., None] + torch.arange(3))[..., None, :]
    n, k = torch.arange(count)[:, None, None, None], torch.arange(kinds)[:, None, None]
    right, down, height = _extremum(around[n, k, rows, columns])
    low, extent = boxes[:, None, :2], (boxes[:, 2:] - boxes[:, :2])[:, None]
    places = torch.stack([x + right, y + down], dim=-1)
    return (places + 0.5) / size * extent + low, height


def _extremum(cell: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of the second-order surface through nine cells [..., 3, 3]: how far right, how far down, how high."""
    centre = cell[..., 1, 1]
    dx, dy = (cell[..., 1, 2] - cell[..., 1, 0]) / 2, (cell[..., 2, 1] - cell[..., 0, 1]) / 2
    dxx = cell[..., 1, 0] - 2 * centre + cell[..., 1, 2]
    dyy = cell[..., 0, 1] - 2 * centre + cell[..., 2, 1]
    dxy = (cell[..., 2, 2] - cell[..., 2, 0] - cell[..., 0, 2] + cell[..., 0, 0]) / 4
    determinant = dxx * dyy - dxy * dxy
    flat = determinant.abs() < _FLAT + _FLAT * (dxx * dyy)
    x, y = (dxy * dy - dyy * dx) / determinant, (dxy * dx - dxx * dy) / determinant
    farthest = torch.maximum(x.abs(), y.abs())
    shrunk = torch.where(farthest > _FARTHEST, _FARTHEST / farthest, torch.ones_like(farthest))
    x, y = (torch.where(flat, torch.zeros_like(one), one * shrunk) for one in (x, y))
    bend = (dxx * x + dxy * y) * x + (dxy * x + dyy * y) * y
    return x, y, centre + dx * x + dy * y + bend / 2
