"""Makes a torchvision-style detector exportable: its proposals and heads over `nnapi_core.detection.operators`."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

import nnapi_core.detection.operators  # noqa: F401 (defines the operators)
from nnapi_core.detection.image import ImageTransform
from nnapi_core.detection.proposals import Proposals
from nnapi_core.detection.roi_heads import RegionHeads
from nnapi_core.detection.single_shot import SingleShotDetector
from nnapi_core.errors import ConversionError

_SINGLE_SHOT = ("transform", "backbone", "head", "anchor_generator", "box_coder", "topk_candidates")
_TWO_STAGES = ("transform", "backbone", "rpn", "roi_heads")


class TwoStageDetector(nn.Module):
    """A ``GeneralizedRCNN``: Faster, Mask and Keypoint R-CNN."""

    def __init__(self, model: Any, image_size: tuple[int, int], *, keypoints: bool) -> None:
        super().__init__()
        self.transform = ImageTransform(model.transform, image_size)
        resized = self.transform.resized
        self.backbone = model.backbone
        self.rpn = Proposals(model.rpn, resized, self.transform.padded)
        self.roi_heads = RegionHeads(model.roi_heads, resized, keypoints=keypoints)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        features = self.backbone(self.transform(image))
        if isinstance(features, Tensor):
            features = {"0": features}
        result: dict[str, Tensor] = self.roi_heads(features, self.rpn(list(features.values())))
        result["boxes"] = self.transform.back(result["boxes"])
        if "keypoints" in result:
            result["keypoints"] = self.transform.back(result["keypoints"])
        return result


def prepare(model: nn.Module, image_size: tuple[int, int], *, keypoints: bool = False) -> nn.Module:
    """A module with the same weights that takes one image [1, 3, H, W] in 0..1 of this size, and exports.

    ``model`` is what torchvision's detection models are, or has their attributes: ``transform``, ``backbone``, ``rpn``
    and ``roi_heads``, or ``transform``, ``backbone``, ``head``, ``anchor_generator`` and ``box_coder``. It is not
    changed.

    The result is a dict of tensors of fixed sizes for the most detections that there can be, by falling score:
    ``boxes`` [D, 4] in the image, ``labels`` [D] (0: no detection), ``scores`` [D], and where the model has them
    ``masks`` [D, 1, S, S], or ``heatmaps`` [D, K, S, S] and the ``regions`` they are of. `nnapi_core.detection.finish`
    makes torchvision's result of it. With ``keypoints``, the highest places of the heat maps are found on NNAPI
    too, and differ from torchvision's by a fraction of a heat map's cell: ``keypoints`` [D, K, 2].

    Raises `ConversionError` for any other model.
    """
    height, width = image_size
    if all(hasattr(model, name) for name in _TWO_STAGES):
        return TwoStageDetector(model, (height, width), keypoints=keypoints).eval()
    if all(hasattr(model, name) for name in _SINGLE_SHOT):
        return SingleShotDetector(model, (height, width)).eval()
    raise ConversionError(
        f"{type(model).__name__} is not a detector as torchvision has them: it needs the attributes "
        f"{', '.join(_TWO_STAGES)}, or {', '.join(_SINGLE_SHOT)}"
    )
