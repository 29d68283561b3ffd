"""The region proposal network as a fixed graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from nnapi_core.errors import ConversionError


class Proposals(nn.Module):
    """A ``RegionProposalNetwork``'s proposals [P, 4], by falling score; boxes of zeros where there are fewer."""

    def __init__(self, rpn: Any, image_size: tuple[int, int], padded: tuple[int, ...]) -> None:
        super().__init__()
        if tuple(rpn.box_coder.weights) != (1.0, 1.0, 1.0, 1.0) or rpn.score_thresh > 0:
            raise ConversionError(
                "proposals are prepared for box coder weights of 1 and a score threshold of 0, as "
                f"torchvision has them, not {tuple(rpn.box_coder.weights)} and {rpn.score_thresh}"
            )
        self.head = rpn.head
        self.image_size, self.padded = list(image_size), padded
        self.before, self.after = rpn.pre_nms_top_n(), rpn.post_nms_top_n()
        self.nms_threshold, self.min_size = rpn.nms_thresh, rpn.min_size
        for level, anchors in enumerate(rpn.anchor_generator.cell_anchors):
            self.register_buffer(f"anchors_{level}", anchors.detach().float().clone())

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        found = []
        for level, (scores, deltas) in enumerate(zip(*self.head(list(features)), strict=True)):
            stride = [
                float(image // cells)
                for image, cells in zip(self.padded, scores.shape[-2:], strict=True)
            ]
            found.append(
                torch.ops.nnapi.generate_proposals(
                    scores,
                    deltas,
                    getattr(self, f"anchors_{level}"),
                    self.image_size,
                    stride,
                    self.before,
                    self.after,
                    self.nms_threshold,
                    self.min_size,
                )
            )
        boxes, ranks = (torch.cat(one) for one in zip(*found, strict=True))
        if len(found) == 1:
            return boxes
        # Not by topk, which leaves the order of equal scores open: quantised models have many.
        _, order = torch.sort(ranks, stable=True, descending=True)
        return torch.index_select(boxes, 0, order[: self.after])
