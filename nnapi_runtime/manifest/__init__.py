"""What a converted model says about itself: the manifest of docs/file_format.md."""

from nnapi_runtime.manifest.manifest import Manifest
from nnapi_runtime.manifest.stages import (
    AnyStage,
    Branch,
    ControlStage,
    NnapiStage,
    Origin,
    Patches,
    TorchStage,
    TorchWeight,
)
from nnapi_runtime.manifest.tensors import Border, Result, Shape, TensorSpec

__all__ = [
    "AnyStage",
    "Border",
    "Branch",
    "ControlStage",
    "Manifest",
    "NnapiStage",
    "Origin",
    "Patches",
    "Result",
    "Shape",
    "TensorSpec",
    "TorchStage",
    "TorchWeight",
]
