"""Reason codes: why a node is not on NNAPI. A new one is added here, and explained in docs/report.md."""

from __future__ import annotations

from enum import Enum


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
    """A plugin's mistake: its lowering raised something else than a refusal, or returned what it may not."""
