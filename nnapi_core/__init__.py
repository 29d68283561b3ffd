"""PyTorch to Android's Neural Networks API: `convert` a module, run it, save it.

Names are loaded on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nnapi_core.errors import ConversionError, Unsupported

if TYPE_CHECKING:
    from nnapi_core.driver import Converted, convert, explain

__all__ = ["ConversionError", "Converted", "Unsupported", "convert", "explain"]

_LAZY = {"convert", "explain", "Converted"}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from nnapi_core import driver

        value = getattr(driver, name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'nnapi_core' has no attribute {name!r}")
