"""The detection operators in torch's own, with results of fixed sizes throughout: what an artifact holds of those that
run in torch. Exactly what `operators` computes; one loop over the boxes is left, which suppresses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._higher_order_ops.while_loop import while_loop

from nnapi_core.detection import heatmaps, operators, roi_align_pool
from nnapi_core.detection.boxes import LOG_SIZE_LIMIT, SMALLEST, clipped, decoded


def _kept(boxes: Tensor, wanted: Tensor, threshold: float) -> Tensor:
    """Of boxes [G, N, 4] by falling score: which stay within their group, [G, N], of those that are wanted."""
    count = boxes.shape[1]

    def is_left(place: Tensor, kept: Tensor) -> Tensor:
        return place < count

    def suppress(place: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
        at = place.reshape(1)
        x1, y1, x2, y2 = boxes.unbind(-1)
        left, top, right, bottom = boxes.index_select(1, at).unbind(-1)
        width = (torch.minimum(x2, right) - torch.maximum(x1, left)).clamp(min=0)
        height = (torch.minimum(y2, bottom) - torch.maximum(y1, top)).clamp(min=0)
        both = width * height
        areas, area = (x2 - x1) * (y2 - y1), (right - left) * (bottom - top)
        overlap = both / (area + areas - both)
        beaten = (overlap.double() > threshold) & (torch.arange(count) > place)
        return place + 1, kept & ~(beaten & kept.index_select(1, at))

    first = torch.zeros((), dtype=torch.int64)
    _, kept = while_loop(is_left, suppress, (first, wanted))  # type: ignore[no-untyped-call]
    return kept  # type: ignore[no-any-return]


def _first(kept: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Of [N], the first ``most`` positions that are true, anything behind them; and which of them there are."""
    count = kept.shape[0]
    numbers = torch.arange(count)
    order = torch.where(kept, numbers, numbers + count).sort(stable=True).indices
    size = min(count, most)
    found = torch.arange(size) < kept.sum()
    missing = most - size
    return (
        torch.cat([order[:size], torch.zeros(missing, dtype=torch.int64)]),
        torch.cat([found, torch.zeros(missing, dtype=torch.bool)]),
    )


def generate_proposals(
    scores: Tensor, deltas: Tensor, anchors: Tensor, image_size: Sequence[int],
    stride: Sequence[float], pre_nms_top_n: int, post_nms_top_n: int, nms_threshold: float,
    min_size: float,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    there, ranked, each = operators.on_grid(scores, deltas, anchors, stride)
    best = ranked.sort(stable=True, descending=True).indices[:pre_nms_top_n].sort().values
    boxes = clipped(
        decoded(there[best], each[best], (1.0, 1.0, 1.0, 1.0), LOG_SIZE_LIMIT), *image_size
    )
    ranked = ranked[best]
    order = ranked.sort(stable=True, descending=True).indices
    boxes, ranked = boxes[order], ranked[order]
    large = (boxes[:, 2:] - boxes[:, :2] >= min_size).all(dim=1)
    kept = _kept(boxes[None], large[None], nms_threshold)[0]
    count = operators.proposal_limit(scores, pre_nms_top_n, post_nms_top_n)
    at, found = _first(kept, count)
    return boxes[at] * found[:, None], ranked[at].masked_fill(~found, -torch.inf)


def box_with_nms_limit(
    boxes: Tensor, scores: Tensor, score_threshold: float, nms_threshold: float,
    max_detections: int, min_size: float = 0.01,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    classes = scores.shape[1]
    sizes = boxes[..., 2:] - boxes[..., :2]
    wanted = (scores > max(score_threshold, SMALLEST)) & (sizes >= min_size).all(dim=-1)
    wanted = wanted & (torch.arange(classes) > 0)
    chosen = _kept_by_class(boxes.transpose(0, 1), scores, wanted, nms_threshold)
    flat = scores.reshape(-1)
    # Which of equal scores are within the limit goes by position, their order by class.
    ranked = flat.masked_fill(~chosen, -1.0).sort(stable=True, descending=True)
    at = ranked.indices[:max_detections]
    labels = torch.where(ranked.values[:max_detections] > 0, at % classes, classes)
    at = at[labels.sort(stable=True).indices]
    values = flat[at].masked_fill(~chosen[at], -1.0).sort(stable=True, descending=True)
    at, found = at[values.indices], values.values > 0
    missing = max_detections - at.shape[0]
    return (
        _longer(boxes.reshape(-1, 4)[at] * found[:, None], missing),
        _longer(flat[at] * found, missing),
        _longer((at % classes) * found, missing),
    )


def detection_postprocessing(
    scores: Tensor, deltas: Tensor, anchors: Tensor, weights: Sequence[float],
    score_threshold: float, nms_threshold: float, max_detections: int,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    count, classes = scores.shape
    boxes = decoded(anchors, deltas, weights, LOG_SIZE_LIMIT)
    wanted = (scores > score_threshold) & (torch.arange(classes) > 0)
    chosen = _kept_by_class(boxes.expand(classes, count, 4), scores, wanted, nms_threshold)
    flat = scores.reshape(-1)
    ranked = flat.masked_fill(~chosen, -torch.inf).sort(stable=True, descending=True)
    at = ranked.indices[:max_detections]
    found, missing = chosen[at], max_detections - at.shape[0]
    return (
        _longer(boxes[at // classes] * found[:, None], missing),
        _longer(flat[at] * found, missing),
        _longer((at % classes) * found, missing),
    )


def _kept_by_class(boxes: Tensor, scores: Tensor, wanted: Tensor, threshold: float) -> Tensor:
    """Of boxes [C, N, 4] with scores [N, C], which stay in their class: [N * C]."""
    order = scores.t().sort(stable=True, descending=True).indices
    each = order[..., None].expand(-1, -1, 4)
    kept = _kept(boxes.gather(1, each), wanted.t().gather(1, order), threshold)
    return kept.gather(1, order.sort(stable=True).indices).t().reshape(-1)


def nms(
    boxes: Tensor, scores: Tensor, nms_threshold: float, max_detections: int
) -> tuple[Tensor, Tensor]:
    order = scores.sort(stable=True, descending=True).indices
    every = torch.ones(1, boxes.shape[0], dtype=torch.bool)
    kept = _kept(boxes[order][None], every, nms_threshold)[0]
    at, found = _first(kept, max_detections)
    return order[at] * found, found.sum()


def _longer(tensor: Tensor, missing: int) -> Tensor:
    """With so many zeros behind."""
    return torch.cat([tensor, tensor.new_zeros((missing, *tensor.shape[1:]))])


# By the operator's name. Those of regions without a sampling ratio have each their own number of samples: such a call
# cannot be spelt out, and nor can roi_pool.
SPELT_OUT: dict[str, Callable[..., Any]] = {
    "nnapi::generate_proposals": generate_proposals,
    "nnapi::box_with_nms_limit": box_with_nms_limit,
    "nnapi::detection_postprocessing": detection_postprocessing,
    "nnapi::nms": nms,
    "nnapi::box_transform": operators.box_transform,
    "nnapi::heatmap_max_keypoint": heatmaps.highest,
    "nnapi::roi_align": operators.roi_align,
    "torchvision::roi_align": roi_align_pool.aligned,
}
