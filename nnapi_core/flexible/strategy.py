"""The ways in which a model with free sizes is told them."""

from __future__ import annotations

from enum import Enum


class Strategy(Enum):
    """The values are what reports name."""

    RUN_TIME = "run time"
    """Dimensions are unspecified in the model; NNAPI infers them in each run."""
    LOAD_TIME = "load time"
    """Dimensions are written into the model when sizes are first seen, and the compiled model is kept."""
    FIXED = "fixed sizes"
    """One model for each of a list of sizes, over shared weights."""
