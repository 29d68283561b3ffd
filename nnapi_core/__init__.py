"""PyTorch to Android's Neural Networks API: `convert` a module, run it, save it.

Names are loaded on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nnapi_core.errors import ConversionError, Unsupported

if TYPE_CHECKING:
    from nnapi_core.calibration import finish_qat, prepare_qat, quantize
    from nnapi_core.driver import Converted, convert, explain
    from nnapi_core.quantizer import NnapiQuantizer

__all__ = [
    "ConversionError",
    "Converted",
    "NnapiQuantizer",
    "Unsupported",
    "convert",
    "explain",
    "finish_qat",
    "prepare_qat",
    "quantize",
]

_LAZY = {
    **dict.fromkeys(("convert", "explain", "Converted"), "driver"),
    **dict.fromkeys(("finish_qat", "prepare_qat", "quantize"), "calibration"),
    "NnapiQuantizer": "quantizer",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        value = getattr(import_module(f"nnapi_core.{_LAZY[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'nnapi_core' has no attribute {name!r}")
