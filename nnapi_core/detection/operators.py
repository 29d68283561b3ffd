"""The detection operators that models call: ``nnapi::*``, and torchvision's where torchvision is not installed.

They follow torchvision's results for one image, but every result has a fixed size: what torchvision would not return
is zeros at the end. Each becomes one NNAPI operation and the few around it that make up for the differences.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nnapi_core.detection import heatmaps, roi_align_pool, torchvision_operators
from nnapi_core.detection.boxes import LOG_SIZE_LIMIT, SMALLEST, clipped, decoded, suppressed
from nnapi_core.detection.define_operator import operator
from nnapi_core.detection.roi_align_pool import fake_regions

_NNAPI = torch.library.Library("nnapi", "FRAGMENT")  # type: ignore[no-untyped-call]


# ---- proposals and detections


def proposal_limit(scores: Tensor, pre_nms_top_n: int, post_nms_top_n: int) -> int:
    """How many proposals there can be."""
    return min(scores.numel(), pre_nms_top_n, post_nms_top_n)


def on_grid(
    scores: Tensor, deltas: Tensor, anchors: Tensor, stride: Sequence[float]
) -> tuple[Tensor, Tensor, Tensor]:
    """The anchors of every cell [N, 4], and their scores [N] and deltas [N, 4]."""
    height, width = scores.shape[-2:]
    ranked = scores[0].permute(1, 2, 0).reshape(-1)
    each = deltas[0].reshape(-1, 4, height, width).permute(2, 3, 0, 1).reshape(-1, 4)
    down = torch.arange(height, dtype=torch.float32) * stride[0]
    right = torch.arange(width, dtype=torch.float32) * stride[1]
    y, x = torch.meshgrid(down, right, indexing="ij")
    there = (torch.stack([x, y, x, y], dim=-1)[:, :, None] + anchors).reshape(-1, 4)
    return there, ranked, each


def _fake_proposals(
    scores: Tensor, deltas: Tensor, anchors: Tensor, image_size: Sequence[int],
    stride: Sequence[float], pre_nms_top_n: int, post_nms_top_n: int, nms_threshold: float,
    min_size: float,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    _check_one_image(scores)
    count = proposal_limit(scores, pre_nms_top_n, post_nms_top_n)
    return scores.new_empty((count, 4)), scores.new_empty((count,))


@operator(
    _NNAPI,
    "generate_proposals(Tensor scores, Tensor deltas, Tensor anchors, int[2] image_size, float[2] stride, "
    "int pre_nms_top_n, int post_nms_top_n, float nms_threshold, float min_size) -> (Tensor boxes, Tensor scores)",
    _fake_proposals,
)
def generate_proposals(
    scores: Tensor, deltas: Tensor, anchors: Tensor, image_size: Sequence[int],
    stride: Sequence[float], pre_nms_top_n: int, post_nms_top_n: int, nms_threshold: float,
    min_size: float,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The proposals of one level of a region proposal network, by falling score.

    ``scores`` [1, A, H, W] are logits, ``deltas`` [1, 4 * A, H, W]; ``anchors`` [A, 4] are those of the
    first cell; ``image_size`` and ``stride`` are height, width. Missing proposals are boxes of zeros with score -inf.
    """
    _check_one_image(scores)
    there, ranked, each = on_grid(scores, deltas, anchors, stride)
    best = torch.argsort(ranked, descending=True, stable=True)[:pre_nms_top_n].sort().values
    boxes = clipped(
        decoded(there[best], each[best], (1.0, 1.0, 1.0, 1.0), LOG_SIZE_LIMIT), *image_size
    )
    sizes = boxes[:, 2:] - boxes[:, :2]
    large = (sizes >= min_size).all(dim=1)
    boxes, ranked = boxes[large], ranked[best][large]
    kept = suppressed(boxes, ranked, nms_threshold)[:post_nms_top_n]
    count = proposal_limit(scores, pre_nms_top_n, post_nms_top_n)
    return _padded(boxes[kept], count), _padded(ranked[kept], count, -torch.inf)


def _fake_transform(
    boxes: Tensor, deltas: Tensor, image_size: Sequence[int], weights: Sequence[float]
) -> Tensor:
    return torch.empty_like(deltas)


@operator(
    _NNAPI,
    "box_transform(Tensor boxes, Tensor deltas, int[2] image_size, float[4] weights) -> Tensor",
    _fake_transform,
)
def box_transform(
    boxes: Tensor, deltas: Tensor, image_size: Sequence[int], weights: Sequence[float]
) -> Tensor:
    """Boxes [N, 4] moved by deltas [N, 4 * C] over ``weights``, and clipped to the image: [N, 4 * C].

    As torchvision's box coder and ``clip_boxes_to_image``; corners the wrong way round count as empty boxes.
    """
    return clipped(decoded(boxes, deltas, weights, LOG_SIZE_LIMIT), *image_size)


def _fake_detections(
    boxes: Tensor, scores: Tensor, score_threshold: float, nms_threshold: float,
    max_detections: int, min_size: float = 0.01,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    count = max_detections
    labels = scores.new_empty((count,), dtype=torch.int64)
    return boxes.new_empty((count, 4)), scores.new_empty((count,)), labels


@operator(
    _NNAPI,
    "box_with_nms_limit(Tensor boxes, Tensor scores, float score_threshold, float nms_threshold, "
    "int max_detections, float min_size=0.01) -> (Tensor boxes, Tensor scores, Tensor labels)",
    _fake_detections,
)
def box_with_nms_limit(
    boxes: Tensor, scores: Tensor, score_threshold: float, nms_threshold: float,
    max_detections: int, min_size: float = 0.01,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Boxes [N, C, 4] and scores [N, C] of classes, 0 being the background, to the best of each class.

    As torchvision's ``RoIHeads.postprocess_detections`` from the score threshold on. By falling score, equal ones by
    class and position; what is missing has label 0, score 0 and no area. Scores below the smallest normal
    float32 are none.
    """
    classes = scores.shape[1]
    sizes = boxes[..., 2:] - boxes[..., :2]
    floor = torch.tensor(max(score_threshold, SMALLEST), dtype=scores.dtype)
    wanted = (scores > floor) & (sizes >= min_size).all(dim=-1)
    wanted[:, 0] = False
    found: list[Tensor] = []
    for label in range(1, classes):
        (at,) = wanted[:, label].nonzero(as_tuple=True)
        kept = at[suppressed(boxes[at, label], scores[at, label], nms_threshold)]
        found.append(kept * classes + label)
    flat = torch.cat(found) if found else torch.empty(0, dtype=torch.int64)
    # Which of equal ones are within the limit goes by position, their order by class.
    by_score = torch.argsort(scores.flatten()[flat.sort().values], descending=True, stable=True)
    chosen = flat.sort().values[by_score[:max_detections]]
    chosen = chosen[torch.argsort(chosen % classes, stable=True)]
    chosen = chosen[torch.argsort(scores.flatten()[chosen], descending=True, stable=True)]
    return (
        _padded(boxes.reshape(-1, 4)[chosen], max_detections),
        _padded(scores.flatten()[chosen], max_detections),
        _padded(chosen % classes, max_detections),
    )


def _fake_positions(
    boxes: Tensor, scores: Tensor, nms_threshold: float, max_detections: int
) -> tuple[Tensor, Tensor]:
    positions = boxes.new_empty((max_detections,), dtype=torch.int64)
    return positions, boxes.new_empty((), dtype=torch.int64)


@operator(
    _NNAPI,
    "nms(Tensor boxes, Tensor scores, float nms_threshold, int max_detections) -> (Tensor positions, Tensor count)",
    _fake_positions,
)
def nms(
    boxes: Tensor, scores: Tensor, nms_threshold: float, max_detections: int
) -> tuple[Tensor, Tensor]:
    """torchvision's ``nms``: the first positions [max_detections], zeros at the end, and how many there are."""
    kept = suppressed(boxes, scores, nms_threshold)[:max_detections]
    return _padded(kept, max_detections), torch.tensor(len(kept))


def _fake_postprocessing(
    scores: Tensor, deltas: Tensor, anchors: Tensor, weights: Sequence[float],
    score_threshold: float, nms_threshold: float, max_detections: int,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    return _fake_detections(anchors, scores, score_threshold, nms_threshold, max_detections)


@operator(
    _NNAPI,
    "detection_postprocessing(Tensor scores, Tensor deltas, Tensor anchors, float[4] weights, "
    "float score_threshold, float nms_threshold, int max_detections) -> (Tensor boxes, Tensor scores, Tensor labels)",
    _fake_postprocessing,
)
def detection_postprocessing(
    scores: Tensor, deltas: Tensor, anchors: Tensor, weights: Sequence[float],
    score_threshold: float, nms_threshold: float, max_detections: int,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """The end of a single-shot detector, whose classes share a box.

    Scores [N, C] are probabilities, class 0 is the background, deltas [N, 4], anchors [N, 4] are corners. Boxes are
    not clipped to an image. Results as `box_with_nms_limit` has them, but equal scores by position.
    """
    classes = scores.shape[1]
    boxes = decoded(anchors, deltas, weights, LOG_SIZE_LIMIT)
    floor = torch.tensor(score_threshold, dtype=scores.dtype)
    found: list[Tensor] = []
    for label in range(1, classes):
        (at,) = (scores[:, label] > floor).nonzero(as_tuple=True)
        kept = at[suppressed(boxes[at], scores[at, label], nms_threshold)]
        found.append(kept * classes + label)
    flat = torch.cat(found).sort().values if found else torch.empty(0, dtype=torch.int64)
    order = torch.argsort(scores.flatten()[flat], descending=True, stable=True)[:max_detections]
    chosen = flat[order]
    return (
        _padded(boxes[chosen // classes], max_detections),
        _padded(scores.flatten()[chosen], max_detections),
        _padded(chosen % classes, max_detections),
    )


# ---- regions of feature maps


@operator(
    _NNAPI,
    "roi_align(Tensor input, Tensor boxes, float spatial_scale, int pooled_height, int pooled_width, "
    "int sampling_ratio) -> Tensor",
    fake_regions,
)
def roi_align(
    input: Tensor, boxes: Tensor, spatial_scale: float, pooled_height: int, pooled_width: int,
    sampling_ratio: int,
) -> Tensor:  # fmt: skip
    """torchvision's ``roi_align`` (not ``aligned``) of boxes [N, 4] of one image, clipped to its feature map."""
    _check_one_image(input)
    within = roi_align_pool.inside(boxes, input.shape[2], input.shape[3], spatial_scale)
    rois = roi_align_pool.with_batch(within)
    return roi_align_pool.aligned(
        input, rois, spatial_scale, pooled_height, pooled_width, sampling_ratio, False
    )


@operator(
    _NNAPI,
    "roi_pool(Tensor input, Tensor boxes, float spatial_scale, int pooled_height, int pooled_width) -> Tensor",
    fake_regions,
)
def roi_pool(
    input: Tensor, boxes: Tensor, spatial_scale: float, pooled_height: int, pooled_width: int
) -> Tensor:
    """torchvision's ``roi_pool`` of boxes [N, 4] of one image, clipped to its feature map."""
    _check_one_image(input)
    within = roi_align_pool.inside(boxes, input.shape[2], input.shape[3], spatial_scale)
    rois = roi_align_pool.with_batch(within)
    return roi_align_pool.pooled(input, rois, spatial_scale, pooled_height, pooled_width)[0]


def _fake_keypoints(heatmaps: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    shape = tuple(heatmaps.shape[:2])
    return heatmaps.new_empty((*shape, 2)), heatmaps.new_empty(shape)


@operator(
    _NNAPI,
    "heatmap_max_keypoint(Tensor heatmaps, Tensor boxes) -> (Tensor keypoints, Tensor scores)",
    _fake_keypoints,
)
def heatmap_max_keypoint(heatmaps_: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """The highest places of square heat maps [N, K, S, S] in boxes [N, 4]: [N, K, 2] (x, y), and how high."""
    return heatmaps.highest(heatmaps_, boxes)


def _check_one_image(tensor: Tensor) -> None:
    if tensor.shape[0] != 1:
        raise ValueError(f"{tensor.shape[0]} images; the detection operators take one at a time")


def _padded(tensor: Tensor, count: int, value: float = 0) -> Tensor:
    """``tensor`` with ``value`` up to ``count`` rows."""
    missing = tensor.new_full((count - len(tensor), *tensor.shape[1:]), value)
    return torch.cat([tensor, missing])


torchvision_operators.define_missing()
