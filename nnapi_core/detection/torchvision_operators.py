"""torchvision's operators where torchvision is not installed, or its compiled library is not for this torch.

An operator can be defined once only, and torchvision's library ends the process where its operators are there already:
they are defined here after it was tried, and withdrawn if it turns up later.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from typing import Any

import torch
from torch import Tensor

from nnapi_core.detection import roi_align_pool
from nnapi_core.detection.boxes import suppressed
from nnapi_core.detection.define_operator import operator


def _roi_align(
    input: Tensor, rois: Tensor, spatial_scale: float, pooled_height: int, pooled_width: int,
    sampling_ratio: int, aligned: bool,
) -> Tensor:  # fmt: skip
    return roi_align_pool.aligned(
        input, rois, spatial_scale, pooled_height, pooled_width, sampling_ratio, aligned
    )


def _fake_roi_pool(
    input: Tensor, rois: Tensor, spatial_scale: float, pooled_height: int, pooled_width: int
) -> tuple[Tensor, Tensor]:
    result = roi_align_pool.fake_regions(input, rois, spatial_scale, pooled_height, pooled_width)
    return result, torch.empty_like(result, dtype=torch.int32)


def _fake_nms(dets: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    count = torch.library.get_ctx().new_dynamic_size()
    return dets.new_empty((count,), dtype=torch.int64)


_OPERATORS: list[tuple[str, Callable[..., Any], Callable[..., Any]]] = [
    (
        "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
        suppressed,
        _fake_nms,
    ),
    (
        "roi_align(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, "
        "SymInt pooled_width, int sampling_ratio, bool aligned) -> Tensor",
        _roi_align,
        roi_align_pool.fake_regions,
    ),
    (
        "roi_pool(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, "
        "SymInt pooled_width) -> (Tensor, Tensor)",
        roi_align_pool.pooled,
        _fake_roi_pool,
    ),
]


class _Withdrawal(MetaPathFinder):
    """Sees torchvision being imported after all: around its loading of its library, ours are not there."""

    def __init__(self) -> None:
        self.library: Any = None

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name == "torchvision.extension" and self.library is not None:
            self.library._destroy()
            self.library = None
        elif name == "torchvision._meta_registrations":
            self.define()

    def define(self) -> None:
        library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
        for schema, function, fake in _OPERATORS:
            if not hasattr(torch.ops.torchvision, schema[: schema.index("(")]):
                operator(library, schema, fake)(function)
                self.library = library


_WITHDRAWAL = _Withdrawal()


def define_missing() -> None:
    """Defines what torchvision would, unless it does."""
    if "torchvision" not in sys.modules and importlib.util.find_spec("torchvision") is not None:
        try:
            importlib.import_module("torchvision")
        except Exception:
            # Installed for another torch: its operators are missing, and are ours to define.
            sys.modules.pop("torchvision", None)
    _WITHDRAWAL.define()
    if _WITHDRAWAL.library is not None and _WITHDRAWAL not in sys.meta_path:
        sys.meta_path.insert(0, _WITHDRAWAL)
