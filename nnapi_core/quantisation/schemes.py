"""Ways to quantise, by names: what kinds of devices compute, and what the model takes and gives.

quantize(module, batches, **SCHEMES["int8-per-channel"].quantize_options())
"""

from __future__ import annotations

from typing import Any

from attrs import frozen

from nnapi_core.errors import ConversionError


@frozen
class Scheme:
    """Types of activations, scales of weights, and borders."""

    name: str
    feature_level: int
    """What to quantise for: below 30 activations are uint8, from 30 on int8."""
    per_channel: bool
    """Has each channel of a convolution's weights a scale of its own?"""
    full: bool
    """Does the model take and give integers? Else floats, with casts at its borders ("core")."""

    def quantize_options(self) -> dict[str, Any]:
        """Keywords of `nnapi_core.quantize`."""
        return {"feature_level": self.feature_level, "per_channel": self.per_channel}

    def convert_options(self) -> dict[str, Any]:
        """Keywords of `nnapi_core.convert`."""
        return {"quantized_io": self.full}

    def at_level(self, level: int) -> dict[str, Any]:
        """Keywords of `nnapi_core.quantize` for devices of ``level``.

        Raises `ConversionError` where they have not got these types.
        """
        if level < self.feature_level and (self.feature_level >= 30 or self.per_channel):
            raise ConversionError(
                f"the scheme {self.name} needs feature level {self.feature_level}, not {level}"
            )
        # uint8 as well where the level has int8: it is what was asked for.
        level = level if self.feature_level >= 30 else min(level, self.feature_level)
        return {"feature_level": level, "per_channel": self.per_channel}


def _both(name: str, level: int, per_channel: bool) -> list[Scheme]:
    return [
        Scheme(name, level, per_channel, full=False),
        Scheme(f"{name}-full", level, per_channel, full=True),
    ]


SCHEMES = {
    scheme.name: scheme
    for scheme in (
        # What the NPUs of ST, NXP and VeriSilicon are made for, and what stock PyTorch's format can say.
        *_both("uint8-per-tensor", 29, per_channel=False),
        *_both("uint8-per-channel", 29, per_channel=True),
        *_both("int8-per-tensor", 30, per_channel=False),
        *_both("int8-per-channel", 30, per_channel=True),
    )
}


def scheme_of(name: str) -> Scheme:
    """Raises `ConversionError`, which lists all, for a name that is none."""
    if name not in SCHEMES:
        raise ConversionError(f"there is no scheme {name!r}; there are {', '.join(SCHEMES)}")
    return SCHEMES[name]
