"""What is computed of each region: its class and box, its mask, its keypoints."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

# Smaller detections are none, to torchvision.
_MIN_SIZE = 1e-2


class RegionFeatures(nn.Module):
    """A ``MultiScaleRoIAlign``: each region from the level that suits its size.

    Regions are taken from every level, and the right ones picked: which they are depends on data, and so
    would the number of regions of a level.
    """

    def __init__(self, pool: Any, image_size: tuple[int, int]) -> None:
        super().__init__()
        self.names = list(pool.featmap_names)
        self.size, self.sampling_ratio = tuple(pool.output_size), pool.sampling_ratio
        self.canonical = (pool.canonical_scale, pool.canonical_level)
        self.image_size = image_size

    def forward(self, features: Mapping[str, Tensor], boxes: Tensor) -> Tensor:
        maps = [one for name, one in features.items() if name in self.names]
        scales = [_scale(one, self.image_size) for one in maps]
        pooled = [
            torch.ops.nnapi.roi_align(one, boxes, scale, *self.size, self.sampling_ratio)
            for one, scale in zip(maps, scales, strict=True)
        ]
        least, most = (int(-math.log2(scales[k])) for k in (0, -1))
        thresholds = level_thresholds(least, most, *self.canonical)
        if not thresholds:
            only: Tensor = pooled[0]
            return only
        size = torch.sqrt((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))
        level = torch.zeros(len(boxes), dtype=torch.int64)
        for threshold in thresholds:
            level = level + (size >= threshold).to(torch.int64)
        places = level * len(boxes) + torch.arange(len(boxes))
        chosen: Tensor = torch.index_select(torch.cat(pooled), 0, places)
        return chosen


def _scale(features: Tensor, image_size: tuple[int, int]) -> float:
    """The power of two that leads from the image to a map."""
    return float(2.0 ** round(math.log2(features.shape[-2] / image_size[0])))


def level_thresholds(
    least: int, most: int, canonical_size: int, canonical_level: int
) -> list[float]:
    """From which size on (the root of the area) a box belongs to a level above ``least``, up to ``most``.

    torchvision's formula holds to the last bit: it is monotonous, so where it steps is found by bisection.
    """

    def level(size: Tensor) -> float:
        steps = torch.log2(size / canonical_size)
        return float(torch.floor(canonical_level + steps + torch.tensor(1e-6)))

    found = []
    for wanted in range(least + 1, most + 1):
        low, high = (int(torch.tensor(one).view(torch.int32)) for one in (1e-3, 1e9))
        while high - low > 1:
            middle = (low + high) // 2
            size = torch.tensor(middle, dtype=torch.int32).view(torch.float32)
            low, high = (low, middle) if level(size) >= wanted else (middle, high)
        found.append(float(torch.tensor(high, dtype=torch.int32).view(torch.float32)))
    return found


class RegionHeads(nn.Module):
    """``RoIHeads`` for one image: boxes, labels and scores of a fixed number of detections, masks, heat maps."""

    def __init__(self, heads: Any, image_size: tuple[int, int], *, keypoints: bool) -> None:
        super().__init__()
        self.image_size = image_size
        self.box_features = RegionFeatures(heads.box_roi_pool, image_size)
        self.box_head, self.box_predictor = heads.box_head, heads.box_predictor
        self.weights = [float(one) for one in heads.box_coder.weights]
        self.limits = (heads.score_thresh, heads.nms_thresh, heads.detections_per_img)
        self.keypoints = keypoints
        self.mask_layers = _layers(heads, "mask", image_size)
        self.keypoint_layers = _layers(heads, "keypoint", image_size)

    def forward(self, features: Mapping[str, Tensor], proposals: Tensor) -> dict[str, Tensor]:
        logits, deltas = self.box_predictor(self.box_head(self.box_features(features, proposals)))
        moved = torch.ops.nnapi.box_transform(
            proposals, deltas, list(self.image_size), self.weights
        )
        count, classes = logits.shape
        # Boxes of zeros, which stand for proposals that are missing, are too small for a detection.
        boxes, scores, labels = torch.ops.nnapi.box_with_nms_limit(
            moved.reshape(count, classes, 4), torch.softmax(logits, -1), *self.limits, _MIN_SIZE
        )
        result = {"boxes": boxes, "labels": labels, "scores": scores}
        if self.mask_layers is not None:
            pool, *layers = self.mask_layers
            masks = nn.Sequential(*layers)(pool(features, boxes))
            result["masks"] = torch.sigmoid(_of_label(masks, labels))
        if self.keypoint_layers is not None:
            pool, *layers = self.keypoint_layers
            maps = nn.Sequential(*layers)(pool(features, boxes))
            if self.keypoints:
                places, heights = torch.ops.nnapi.heatmap_max_keypoint(maps, boxes)
                result |= {"keypoints": places, "keypoints_scores": heights}
            else:
                result |= {"heatmaps": maps, "regions": boxes}
        return result


def _layers(heads: Any, kind: str, image_size: tuple[int, int]) -> nn.ModuleList | None:
    """How masks or keypoints are computed: the regions' features, the head, and the predictor."""
    pool = getattr(heads, f"{kind}_roi_pool", None)
    if pool is None:
        return None
    head, predictor = (getattr(heads, f"{kind}_{part}") for part in ("head", "predictor"))
    return nn.ModuleList([RegionFeatures(pool, image_size), head, predictor])


def _of_label(masks: Tensor, labels: Tensor) -> Tensor:
    """Of masks [D, C, S, S] the one of each detection's class: [D, 1, S, S]."""
    count, classes, height, width = masks.shape
    places = torch.arange(count) * classes + labels
    each = masks.reshape(count * classes, 1, height, width)
    return torch.index_select(each, 0, places)
