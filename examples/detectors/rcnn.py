"""Faster, Mask and Keypoint R-CNN (arXiv:1506.01497, 1703.06870), as torchvision's ``GeneralizedRCNN``."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from examples.detectors.blocks import conv
from examples.detectors.boxes import (
    BoxCoder,
    Images,
    ImageTransform,
    clip,
    large,
    resize,
    suppress_by_group,
)
from nnapi_core.detection.results import heatmaps_to_keypoints, paste_masks


class Anchors(nn.Module):
    """Anchors of the first cell of each level; the others lie strides apart."""

    def __init__(self, sizes: Sequence[Sequence[int]]) -> None:
        super().__init__()
        tall = torch.tensor([0.5, 1.0, 2.0]).sqrt()
        self.cell_anchors = []
        for level in sizes:
            scale = torch.tensor(level, dtype=torch.float32)
            width, height = ((one[:, None] * scale).reshape(-1) for one in (1 / tall, tall))
            self.cell_anchors.append((torch.stack([-width, -height, width, height], 1) / 2).round())


class ProposalHead(nn.Module):
    def __init__(self, channels: int, anchors: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(conv(channels, channels))
        self.cls_logits = nn.Conv2d(channels, anchors, 1)
        self.bbox_pred = nn.Conv2d(channels, 4 * anchors, 1)

    def forward(self, maps: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        hidden = [self.conv(one) for one in maps]
        return [self.cls_logits(one) for one in hidden], [self.bbox_pred(one) for one in hidden]


class ProposalNetwork(nn.Module):
    score_thresh, min_size, nms_thresh = 0.0, 1e-3, 0.7

    def __init__(
        self, channels: int, sizes: Sequence[Sequence[int]], before: int, after: int
    ) -> None:
        super().__init__()
        self.anchor_generator = Anchors(sizes)
        self.head = ProposalHead(channels, len(self.anchor_generator.cell_anchors[0]))
        self.box_coder = BoxCoder((1.0, 1.0, 1.0, 1.0))
        self._before, self._after = before, after

    def pre_nms_top_n(self) -> int:
        return self._before

    def post_nms_top_n(self) -> int:
        return self._after

    def forward(self, images: Images, maps: list[Tensor]) -> list[Tensor]:
        levels = list(zip(*self.head(maps), self.anchor_generator.cell_anchors, strict=True))
        return [
            self._proposals(
                images.tensors.shape[-2:], size, [(s[k], d[k], a) for s, d, a in levels]
            )
            for k, size in enumerate(images.image_sizes)
        ]

    def _proposals(
        self,
        padded: Sequence[int],
        size: tuple[int, int],
        levels: list[tuple[Tensor, Tensor, Tensor]],
    ) -> Tensor:
        boxes, scores, groups = [], [], []
        for level, (logits, deltas, anchors) in enumerate(levels):
            kinds, height, width = logits.shape
            flat = logits.permute(1, 2, 0).reshape(-1)
            each = deltas.reshape(kinds, 4, height, width).permute(2, 3, 0, 1).reshape(-1, 4)
            y = torch.arange(height) * (padded[0] // height)
            x = torch.arange(width) * (padded[1] // width)
            down, right = (one.reshape(-1) for one in torch.meshgrid(y, x, indexing="ij"))
            shifts = torch.stack([right, down, right, down], dim=1).float()
            there = (shifts[:, None] + anchors).reshape(-1, 4)
            best = flat.topk(min(self._before, len(flat))).indices
            boxes.append(clip(self.box_coder.decode(each[best], there[best])[:, 0], size))
            scores.append(flat[best].sigmoid())
            groups.append(torch.full_like(best, level))
        found, score, group = (torch.cat(one) for one in (boxes, scores, groups))
        wide = large(found, self.min_size)
        found, score, group = found[wide], score[wide], group[wide]
        return found[suppress_by_group(found, score, group, self.nms_thresh)[: self._after]]


class RegionPool(nn.Module):
    """Regions of the level of the pyramid that suits their size."""

    canonical_scale, canonical_level, sampling_ratio = 224, 4, 2

    def __init__(self, size: int) -> None:
        super().__init__()
        self.featmap_names, self.output_size = ["0", "1", "2", "3"], (size, size)

    def forward(
        self, features: dict[str, Tensor], boxes: Sequence[Tensor], images: Images
    ) -> Tensor:
        maps = [one for name, one in features.items() if name in self.featmap_names]
        height = max(size[0] for size in images.image_sizes)
        scales = [2.0 ** round(math.log2(one.shape[-2] / height)) for one in maps]
        first, last = (int(-math.log2(scales[k])) for k in (0, -1))
        every = torch.cat(list(boxes))
        size = ((every[:, 2] - every[:, 0]) * (every[:, 3] - every[:, 1])).sqrt()
        wanted = self.canonical_level + torch.log2(size / self.canonical_scale) + torch.tensor(1e-6)
        level = wanted.floor().clamp(first, last).long() - first
        image = torch.cat([torch.full_like(one[:, :1], k) for k, one in enumerate(boxes)])
        regions = torch.cat([image, every], dim=1)
        result = every.new_zeros(len(every), maps[0].shape[1], *self.output_size)
        for k, (one, scale) in enumerate(zip(maps, scales, strict=True)):
            (at,) = (level == k).nonzero(as_tuple=True)
            result[at] = torch.ops.torchvision.roi_align(
                one, regions[at], scale, *self.output_size, self.sampling_ratio, False
            )
        return result


class BoxHead(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.fc6, self.fc7 = nn.Linear(inputs, outputs), nn.Linear(outputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.fc7(F.relu(self.fc6(x.flatten(start_dim=1)))))


class BoxPredictor(nn.Module):
    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.cls_score = nn.Linear(inputs, classes)
        self.bbox_pred = nn.Linear(inputs, 4 * classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.cls_score(x), self.bbox_pred(x)


class MaskPredictor(nn.Module):
    def __init__(self, inputs: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.conv5_mask = nn.ConvTranspose2d(inputs, hidden, 2, 2)
        self.mask_fcn_logits = nn.Conv2d(hidden, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.mask_fcn_logits(F.relu(self.conv5_mask(x)))


class KeypointPredictor(nn.Module):
    def __init__(self, inputs: int, keypoints: int) -> None:
        super().__init__()
        self.kps_score_lowres = nn.ConvTranspose2d(inputs, keypoints, 4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.kps_score_lowres(x)
        return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


class RegionHeads(nn.Module):
    score_thresh, nms_thresh, min_size = 0.05, 0.5, 1e-2

    def __init__(
        self, channels: int, classes: int, detections: int, *, masks: bool, keypoints: int
    ) -> None:
        super().__init__()
        self.box_coder = BoxCoder((10.0, 10.0, 5.0, 5.0))
        self.detections_per_img = detections
        self.box_roi_pool = RegionPool(7)
        self.box_head = BoxHead(channels * 49, 1024)
        self.box_predictor = BoxPredictor(1024, classes)
        self.mask_roi_pool = self.keypoint_roi_pool = None
        if masks:
            self.mask_roi_pool = RegionPool(14)
            self.mask_head = nn.Sequential(*(conv(256 if k else channels, 256) for k in range(4)))
            self.mask_predictor = MaskPredictor(256, 256, classes)
        if keypoints:
            self.keypoint_roi_pool = RegionPool(14)
            self.keypoint_head = nn.Sequential(
                *(
                    layer
                    for k in range(8)
                    for layer in (nn.Conv2d(512 if k else channels, 512, 3, 1, 1), nn.ReLU())
                )
            )
            self.keypoint_predictor = KeypointPredictor(512, keypoints)

    def forward(
        self, features: dict[str, Tensor], proposals: list[Tensor], images: Images
    ) -> list[dict[str, Tensor]]:
        pooled = self.box_roi_pool(features, proposals, images)
        logits, deltas = self.box_predictor(self.box_head(pooled))
        counts = [len(one) for one in proposals]
        results = [
            self._detections(*one)
            for one in zip(
                logits.softmax(-1).split(counts),
                deltas.split(counts),
                proposals,
                images.image_sizes,
                strict=True,
            )
        ]
        boxes = [one["boxes"] for one in results]
        counts = [len(one) for one in boxes]
        if self.mask_roi_pool is not None:
            logits = self.mask_predictor(
                self.mask_head(self.mask_roi_pool(features, boxes, images))
            )
            labels = torch.cat([one["labels"] for one in results])
            masks = logits.sigmoid()[torch.arange(len(labels)), labels][:, None]
            for result, one in zip(results, masks.split(counts), strict=True):
                result["masks"] = one
        if self.keypoint_roi_pool is not None:
            pooled = self.keypoint_roi_pool(features, boxes, images)
            maps = self.keypoint_predictor(self.keypoint_head(pooled))
            for result, one in zip(results, maps.split(counts), strict=True):
                places, heights = heatmaps_to_keypoints(one, result["boxes"])
                result |= {"keypoints": places, "keypoints_scores": heights}
        return results

    def _detections(
        self, scores: Tensor, deltas: Tensor, proposals: Tensor, size: tuple[int, int]
    ) -> dict[str, Tensor]:
        boxes = clip(self.box_coder.decode(deltas, proposals), size)[:, 1:].reshape(-1, 4)
        labels = torch.arange(1, scores.shape[1]).expand(len(scores), -1).reshape(-1)
        flat = scores[:, 1:].reshape(-1)
        good = (flat > self.score_thresh) & large(boxes, self.min_size)
        boxes, labels, flat = boxes[good], labels[good], flat[good]
        kept = suppress_by_group(boxes, flat, labels, self.nms_thresh)[: self.detections_per_img]
        return {"boxes": boxes[kept], "labels": labels[kept], "scores": flat[kept]}


class RCNN(nn.Module):
    """A list of images [3, H, W] in 0..1 to a dict of boxes, labels, scores, masks or keypoints of each.

    ``anchors`` are the sizes of each level of the pyramid, ``proposals`` how many boxes of each level are looked at,
    and how many go on; ``image_size`` what the shorter and at most the longer side is resized to.
    """

    def __init__(
        self,
        backbone: nn.Module,
        anchors: Sequence[Sequence[int]],
        *,
        classes: int = 91,
        image_size: tuple[int, int] = (800, 1333),
        proposals: tuple[int, int] = (1000, 1000),
        detections: int = 100,
        masks: bool = False,
        keypoints: int = 0,
    ) -> None:
        super().__init__()
        self.transform = ImageTransform(*image_size)
        self.backbone = backbone
        channels = backbone.out_channels
        self.rpn = ProposalNetwork(channels, anchors, *proposals)
        self.roi_heads = RegionHeads(
            channels, classes, detections, masks=masks, keypoints=keypoints
        )

    def forward(self, images: Sequence[Tensor]) -> list[dict[str, Tensor]]:
        batch = self.transform(images)
        features = self.backbone(batch.tensors)
        proposals = self.rpn(batch, list(features.values()))
        results = self.roi_heads(features, proposals, batch)
        for result, here, image in zip(results, batch.image_sizes, images, strict=True):
            there = tuple(image.shape[-2:])
            result["boxes"] = resize(result["boxes"], here, there)
            if "masks" in result:
                result["masks"] = paste_masks(result["masks"], result["boxes"], there)
            if "keypoints" in result:
                places = result["keypoints"]
                moved = resize(places[..., :2], here, there)
                result["keypoints"] = torch.cat([moved, places[..., 2:]], dim=-1)
        return results


# Sizes of anchors: all on every level of a MobileNet, one for each of a ResNet.
MOBILENET_ANCHORS = ((32, 64, 128, 256, 512),) * 3
RESNET_ANCHORS = ((32,), (64,), (128,), (256,), (512,))
