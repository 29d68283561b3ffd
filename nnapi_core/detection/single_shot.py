"""Single-shot detectors (SSD, SSD-Lite) as a fixed graph."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from nnapi_core.detection.image import ImageTransform

# What is left of a box that the image's border cuts off entirely is no detection.
_MIN_SIZE = 1e-9


class SingleShotDetector(nn.Module):
    """Boxes, labels and scores of an ``SSD``: a fixed number of detections, label 0 where there are fewer."""

    def __init__(self, model: Any, image_size: tuple[int, int]) -> None:
        super().__init__()
        self.transform = ImageTransform(model.transform, image_size)
        self.backbone, self.head = model.backbone, model.head
        self.weights = [float(one) for one in model.box_coder.weights]
        self.limits = (model.score_thresh, model.nms_thresh, model.detections_per_img)
        self.candidates = model.topk_candidates
        blank = torch.zeros(1, 3, *self.transform.padded)
        with torch.no_grad():
            images = SimpleNamespace(tensors=blank, image_sizes=[self.transform.resized])
            anchors = model.anchor_generator(images, list(self.backbone(blank).values()))[0]
        self.register_buffer("anchors", anchors)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        found = self.head(list(self.backbone(self.transform(image)).values()))
        boxes = torch.ops.nnapi.box_transform(
            self.anchors, found["bbox_regression"][0], list(self.transform.resized), self.weights
        )
        scores = torch.softmax(found["cls_logits"][0], dim=-1)
        anchors, classes = scores.shape
        count = min(self.candidates, anchors)
        # The best of each class, each with boxes of its own: [count, classes, 4].
        best, places = torch.topk(scores.t(), count)
        each = torch.index_select(boxes, 0, places.reshape(-1)).reshape(classes, count, 4)
        boxes, scores, labels = torch.ops.nnapi.box_with_nms_limit(
            each.permute(1, 0, 2), best.t(), *self.limits, _MIN_SIZE
        )
        return {"boxes": self.transform.back(boxes), "labels": labels, "scores": scores}
