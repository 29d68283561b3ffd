"""Where a node runs."""

from __future__ import annotations

from enum import Enum


class Device(Enum):
    NNAPI = "nnapi"
    CPU = "cpu"
    FOLDED = "folded"
    """It does not run: its value was computed at conversion."""
