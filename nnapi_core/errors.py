"""What callers catch. Nothing else escapes for user input."""

from __future__ import annotations

from enum import Enum
from typing import Any


class Reason(Enum):
    """Why a node is not on NNAPI, for programs to count; the text beside it says it to people."""

    NO_LOWERING = "no_lowering"
    """No plugin lowers the operator."""
    NOT_EXACT = "not_exact"
    """NNAPI cannot express these arguments exactly."""
    FEATURE_LEVEL = "feature_level"
    """A newer feature level could."""
    TYPES = "types"
    """NNAPI's operation does not take these operand types."""
    RANK = "rank"
    """Too many dimensions."""
    DEVICE_PROFILE = "device_profile"
    """The device that was described does not take the operation."""
    STOCK_FORMAT = "stock_format"
    """Stock PyTorch's format of NNAPI models cannot say it."""
    SMALL_ISLAND = "small_island"
    """It could run on NNAPI, but a piece so small costs more than it saves."""
    LOWERING_FAILED = "lowering_failed"
    """A plugin's mistake: its lowering raised something else than a refusal."""


class ConversionError(Exception):
    """A model, an argument or a file that cannot be converted; the text says what, where and what to do next."""


class Unsupported(ConversionError):  # noqa: N818  (a refusal is an outcome, not a mistake)
    """A refusal: NNAPI, at the target feature level, cannot express this exactly.

    A lowering raises it with a short reason and the offending values as keywords; the driver adds the
    node and the user's source line. ``Unsupported("kernel larger than the image", kernel=(3, 3))``
    """

    def __init__(self, reason: str, code: Reason = Reason.NOT_EXACT, /, **values: Any) -> None:
        self.reason = reason
        self.code = code
        self.values = values
        details = ", ".join(f"{name}={value}" for name, value in values.items())
        super().__init__(f"{reason} ({details})" if details else reason)


class ArtifactError(ConversionError):
    """A file that is missing, truncated, damaged or not what it should be."""


class PluginError(ConversionError):
    """A plugin that cannot be imported, or that claims what it may not."""
