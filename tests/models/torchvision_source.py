"""torchvision's own Python definitions, over this project's operators where its compiled ones are missing.

Its wheels want the CUDA build of torch, but its models are Python: ``pip download --no-deps torchvision``, unzip, and
name the folder in NNAPI_TORCHVISION_SOURCE.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from functools import cache
from typing import Any

import pytest
import torch

import nnapi_core.detection.operators  # noqa: F401
from benchmarks.torchvision_stand_in import _Finder

VARIABLE = "NNAPI_TORCHVISION_SOURCE"


@cache
def detection_models() -> Any:
    """``torchvision.models.detection``; skips the test where it is neither installed nor named."""
    folder = os.environ.get(VARIABLE)
    if folder is None and importlib.util.find_spec("torchvision") is None:
        pytest.skip(f"torchvision is not installed, and {VARIABLE} names no folder with its source")
    if folder is not None:
        sys.path.append(folder)
    if importlib.util.find_spec("PIL") is None:
        sys.meta_path.append(_Finder(["PIL"]))
    register = torch.library.register_fake

    def unless_defined(name: Any, *args: Any, **kwargs: Any) -> Any:
        ours = isinstance(name, str) and name.startswith("torchvision::")
        return (lambda function: function) if ours else register(name, *args, **kwargs)

    torch.library.register_fake = unless_defined
    try:
        models = importlib.import_module("torchvision.models.detection")
    finally:
        torch.library.register_fake = register
    if not importlib.import_module("torchvision.extension")._has_ops():
        for name in ("roi_align", "boxes"):
            module = importlib.import_module(f"torchvision.ops.{name}")
            module._assert_has_ops = lambda: None
            if hasattr(module, "_has_ops"):
                module._has_ops = lambda: True
    return models
