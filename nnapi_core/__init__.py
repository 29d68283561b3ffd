"""PyTorch to Android's Neural Networks API: `convert` a module, run it, save it.

Names are loaded on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nnapi_core.errors import ConversionError, Unsupported

if TYPE_CHECKING:
    from nnapi_core.conversion.convert import convert
    from nnapi_core.conversion.convert_methods import convert_methods
    from nnapi_core.conversion.converted import Converted
    from nnapi_core.conversion.converted_methods import ConvertedMethods
    from nnapi_core.conversion.explain import explain
    from nnapi_core.conversion.presets import Preset, preset
    from nnapi_core.flexible.strategy import Strategy
    from nnapi_core.lowering.partition.group_nodes_into_pieces import IslandRule
    from nnapi_core.nnapi.device_profile import DeviceProfile
    from nnapi_core.quantisation.calibration import quantize
    from nnapi_core.quantisation.quantizer import NnapiQuantizer
    from nnapi_core.quantisation.training import finish_qat, prepare_qat
    from nnapi_core.quantisation.weight_only import quantize_weights
    from nnapi_core.stream.streaming import Streaming, streaming
    from nnapi_core.verification.verify import Culprit, OutputError, Verification, verify
    from nnapi_core.verification.verify_artifact import verify_artifact

__all__ = [
    "ConversionError",
    "Converted",
    "ConvertedMethods",
    "Culprit",
    "DeviceProfile",
    "IslandRule",
    "NnapiQuantizer",
    "OutputError",
    "Preset",
    "Strategy",
    "Streaming",
    "Unsupported",
    "Verification",
    "__version__",
    "convert",
    "convert_methods",
    "explain",
    "finish_qat",
    "prepare_qat",
    "preset",
    "quantize",
    "quantize_weights",
    "streaming",
    "verify",
    "verify_artifact",
]

_LAZY = {
    "convert": "conversion.convert",
    "convert_methods": "conversion.convert_methods",
    "ConvertedMethods": "conversion.converted_methods",
    "explain": "conversion.explain",
    "Converted": "conversion.converted",
    **dict.fromkeys(("finish_qat", "prepare_qat"), "quantisation.training"),
    "quantize": "quantisation.calibration",
    "quantize_weights": "quantisation.weight_only",
    "NnapiQuantizer": "quantisation.quantizer",
    "DeviceProfile": "nnapi.device_profile",
    **dict.fromkeys(("Preset", "preset"), "conversion.presets"),
    "IslandRule": "lowering.partition.group_nodes_into_pieces",
    "Strategy": "flexible.strategy",
    **dict.fromkeys(("Streaming", "streaming"), "stream.streaming"),
    **dict.fromkeys(("Culprit", "OutputError", "Verification", "verify"), "verification.verify"),
    "verify_artifact": "verification.verify_artifact",
}

__version__: str


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        value = getattr(import_module(f"nnapi_core.{_LAZY[name]}"), name)
        globals()[name] = value
        return value
    if name == "__version__":
        from importlib.metadata import version

        return version("torch-nnapi")
    raise AttributeError(f"module 'nnapi_core' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
