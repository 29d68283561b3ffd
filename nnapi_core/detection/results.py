"""From a prepared detector's fixed tensors to torchvision's results, on the CPU: their sizes depend on data."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor


def finish(
    detections: Mapping[str, Tensor],
    image_size: tuple[int, int],
    *,
    resized: tuple[int, int] | None = None,
) -> dict[str, Tensor]:
    """What torchvision returns for the image: detections alone, masks as large as the image, keypoints.

    Masks are probabilities [N, 1, H, W], keypoints [N, K, 3] (x, y, 1). ``resized`` is the image's size in the model
    (a prepared module's ``transform.resized``), where that is another and the model gives heat maps.
    """
    count = int((detections["labels"] > 0).sum())
    result = {name: tensor[:count] for name, tensor in detections.items()}
    boxes = result["boxes"]
    if "masks" in result:
        result["masks"] = paste_masks(result["masks"], boxes, image_size)
    if "heatmaps" in result:
        places, heights = heatmaps_to_keypoints(result.pop("heatmaps"), result.pop("regions"))
        y, x = (a / b for a, b in zip(image_size, resized or image_size, strict=True))
        places = places * torch.tensor([x, y, 1.0])
        result |= {"keypoints": places, "keypoints_scores": heights}
    elif "keypoints" in result:
        places = result["keypoints"]
        result["keypoints"] = torch.cat([places, torch.ones_like(places[..., :1])], dim=-1)
    return result


def paste_masks(masks: Tensor, boxes: Tensor, image_size: tuple[int, int]) -> Tensor:
    """Masks [N, 1, S, S] of boxes [N, 4], enlarged into images [N, 1, H, W]."""
    height, width = image_size
    pasted = masks.new_zeros(len(masks), 1, height, width)
    # A margin of one cell, by which the boxes grow too.
    size = masks.shape[-1]
    grown = F.pad(masks, (1, 1, 1, 1))
    centre, half = (boxes[:, 2:] + boxes[:, :2]) * 0.5, (boxes[:, 2:] - boxes[:, :2]) * 0.5
    half = half * (float(size + 2) / size)
    corners = torch.cat([centre - half, centre + half], dim=1).long().tolist()
    for mask, target, (x1, y1, x2, y2) in zip(grown, pasted, corners, strict=True):
        shape = (max(y2 - y1 + 1, 1), max(x2 - x1 + 1, 1))
        whole = F.interpolate(mask[None], size=shape, mode="bilinear", align_corners=False)[0, 0]
        top, left, bottom, right = max(y1, 0), max(x1, 0), min(y2 + 1, height), min(x2 + 1, width)
        if top < bottom and left < right:
            target[0, top:bottom, left:right] = whole[
                top - y1 : bottom - y1, left - x1 : right - x1
            ]
    return pasted


def heatmaps_to_keypoints(heatmaps: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Keypoints [N, K, 3] and their scores: the highest pixel of each map enlarged to its box."""
    places = heatmaps.new_ones(*heatmaps.shape[:2], 3)
    heights = heatmaps.new_zeros(heatmaps.shape[:2])
    sizes = (boxes[:, 2:] - boxes[:, :2]).clamp(min=1)
    for k, (maps, box, size) in enumerate(zip(heatmaps, boxes, sizes, strict=True)):
        width, height = (int(one) for one in size.ceil().tolist())
        enlarged = F.interpolate(
            maps[:, None], size=(height, width), mode="bicubic", align_corners=False
        )
        highest = enlarged.flatten(1).max(dim=1)
        at = torch.stack([highest.indices % width, highest.indices // width], dim=1)
        cell = size / torch.tensor([width, height])
        places[k, :, :2] = (at.float() + 0.5) * cell + box[:2]
        heights[k] = highest.values
    return places, heights
