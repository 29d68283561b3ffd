"""SSD-Lite at 320 by 320 over MobileNetV3-Large, as torchvision's ``ssdlite320_mobilenet_v3_large``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from examples.detectors.blocks import BatchNorm, conv
from examples.detectors.boxes import (
    BoxCoder,
    Images,
    ImageTransform,
    clip,
    resize,
    suppress_by_group,
)
from examples.detectors.mobilenet_v3 import LAST_STAGE, mobilenet_v3_large


def _extra(inputs: int, outputs: int) -> nn.Sequential:
    half = outputs // 2
    return nn.Sequential(
        conv(inputs, half, 1, norm=BatchNorm, activation=nn.ReLU6),
        conv(half, half, 3, 2, groups=half, norm=BatchNorm, activation=nn.ReLU6),
        conv(half, outputs, 1, norm=BatchNorm, activation=nn.ReLU6),
    )


class Features(nn.Module):
    channels = (672, 480, 512, 256, 256, 128)

    def __init__(self) -> None:
        super().__init__()
        layers = mobilenet_v3_large(BatchNorm, reduced_tail=True)
        block = layers[LAST_STAGE].block
        self.features = nn.Sequential(
            nn.Sequential(*layers[:LAST_STAGE], block[0]),
            nn.Sequential(block[1:], *layers[LAST_STAGE + 1 :]),
        )
        sizes = self.channels[1:]
        self.extra = nn.ModuleList(map(_extra, sizes[:-1], sizes[1:]))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        found = {}
        for number, block in enumerate([*self.features, *self.extra]):
            found[str(number)] = x = block(x)
        return found


class Head(nn.Module):
    """So many numbers for each of the anchors of each map: [N, anchors, numbers]."""

    def __init__(self, channels: Sequence[int], anchors: int, numbers: int) -> None:
        super().__init__()
        self.numbers = numbers
        self.module_list = nn.ModuleList(
            nn.Sequential(
                conv(n, n, 3, groups=n, norm=BatchNorm, activation=nn.ReLU6),
                nn.Conv2d(n, anchors * numbers, 1),
            )
            for n in channels
        )

    def forward(self, maps: list[Tensor]) -> Tensor:
        found = []
        for block, one in zip(self.module_list, maps, strict=True):
            each = block(one).permute(0, 2, 3, 1)
            found.append(each.reshape(len(one), -1, self.numbers))
        return torch.cat(found, dim=1)


class Heads(nn.Module):
    def __init__(self, channels: Sequence[int], anchors: int, classes: int) -> None:
        super().__init__()
        self.classification_head = Head(channels, anchors, classes)
        self.regression_head = Head(channels, anchors, 4)

    def forward(self, maps: list[Tensor]) -> dict[str, Tensor]:
        return {
            "bbox_regression": self.regression_head(maps),
            "cls_logits": self.classification_head(maps),
        }


class DefaultBoxes(nn.Module):
    """Anchors of two sizes and two ratios, and their rotations, at each place of each map."""

    def __init__(self, maps: int, ratios: Sequence[float], least: float, most: float) -> None:
        super().__init__()
        scales = [least + (most - least) * k / (maps - 1) for k in range(maps)] + [1.0]
        self.shapes = []
        for here, following in pairwise(scales):
            between = math.sqrt(here * following)
            shapes = [(here, here), (between, between)]
            for ratio in ratios:
                width, height = here * math.sqrt(ratio), here / math.sqrt(ratio)
                shapes += [(width, height), (height, width)]
            self.shapes.append(torch.tensor(shapes).clamp(0, 1))

    def forward(self, images: Images, maps: list[Tensor]) -> list[Tensor]:
        found = []
        for one, shapes in zip(maps, self.shapes, strict=True):
            height, width = one.shape[-2:]
            y, x = torch.meshgrid(
                (torch.arange(height) + 0.5) / height,
                (torch.arange(width) + 0.5) / width,
                indexing="ij",
            )
            centres = torch.stack([x, y], dim=-1).reshape(-1, 1, 2)
            low, high = centres - 0.5 * shapes, centres + 0.5 * shapes
            found.append(torch.cat([low, high], dim=-1).reshape(-1, 4))
        height, width = images.tensors.shape[-2:]
        each = torch.cat(found) * torch.tensor([width, height, width, height])
        return [each] * len(images.image_sizes)


class SSDLite(nn.Module):
    """A list of images [3, H, W] in 0..1 to a dict of boxes, labels and scores of each."""

    def __init__(self, classes: int = 91) -> None:
        super().__init__()
        half = (0.5, 0.5, 0.5)
        self.transform = ImageTransform(
            320, 320, mean=half, std=half, fixed_size=(320, 320), size_divisible=1
        )
        self.backbone = Features()
        self.anchor_generator = DefaultBoxes(6, (2, 3), 0.2, 0.95)
        self.head = Heads(Features.channels, 6, classes)
        self.box_coder = BoxCoder((10.0, 10.0, 5.0, 5.0))
        self.score_thresh, self.nms_thresh = 0.001, 0.55
        self.detections_per_img, self.topk_candidates = 300, 300

    def forward(self, images: Sequence[Tensor]) -> list[dict[str, Tensor]]:
        batch = self.transform(images)
        maps = list(self.backbone(batch.tensors).values())
        found = self.head(maps)
        anchors = self.anchor_generator(batch, maps)
        results = []
        for k, image in enumerate(images):
            size = batch.image_sizes[k]
            boxes = clip(self.box_coder.decode(found["bbox_regression"][k], anchors[k])[:, 0], size)
            result = self._detections(boxes, found["cls_logits"][k].softmax(dim=-1))
            result["boxes"] = resize(result["boxes"], size, image.shape[-2:])
            results.append(result)
        return results

    def _detections(self, boxes: Tensor, scores: Tensor) -> dict[str, Tensor]:
        best, places = scores.t().topk(min(self.topk_candidates, len(boxes)))
        label, rank = (best > self.score_thresh).nonzero(as_tuple=True)
        at = label > 0
        label, rank = label[at], rank[at]
        boxes, scores = boxes[places[label, rank]], best[label, rank]
        kept = suppress_by_group(boxes, scores, label, self.nms_thresh)[: self.detections_per_img]
        return {"boxes": boxes[kept], "labels": label[kept], "scores": scores[kept]}
