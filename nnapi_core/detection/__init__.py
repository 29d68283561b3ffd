"""Detection models: their operators, and what makes torchvision-style models exportable."""

from nnapi_core.detection.prepare import prepare
from nnapi_core.detection.results import finish

__all__ = ["finish", "prepare"]
