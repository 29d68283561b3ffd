"""What to convert and quantise for, by a name: ``--target`` of the command."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from nnapi_core.errors import ConversionError
from nnapi_core.nnapi.android_versions import ANDROID_LEVELS
from nnapi_core.nnapi.device_profile import DeviceProfile
from nnapi_core.quantisation import Scheme, scheme_of


@frozen
class Preset:
    """A kind of device: what `convert` and `quantize` are to be told for it (docs/targets.md, with sources)."""

    name: str
    feature_level: int
    profile: str | None = None
    """The name of a shipped device profile, where one narrows the level."""
    quantized_level: int | None = None
    """The level to quantise for, where it is another: below 30 tensors are uint8, from 30 on int8."""
    per_channel: bool = True
    """Do weights have a scale for each channel?"""

    @property
    def scheme(self) -> Scheme:
        """How models are quantised for it, with floats at their borders."""
        signed = (self.quantized_level or self.feature_level) >= 30
        channels = "channel" if self.per_channel else "tensor"
        return scheme_of(f"{'int8' if signed else 'uint8'}-per-{channels}")

    def convert_options(self) -> dict[str, Any]:
        """Keywords of `nnapi_core.convert`."""
        profile = None if self.profile is None else DeviceProfile.shipped(self.profile)
        return {"feature_level": self.feature_level, "device_profile": profile}

    def quantize_options(self) -> dict[str, Any]:
        """Keywords of `nnapi_core.quantize`."""
        return self.scheme.at_level(self.quantized_level or self.feature_level)


PRESETS = {
    preset.name: preset
    for preset in (
        *(
            # Scales by channel came with level 29.
            Preset(f"android{version}", level, per_channel=level >= 29)
            for version, level in ANDROID_LEVELS.items()
        ),
        # Their NPUs are made for uint8 with one scale a tensor.
        Preset("verisilicon-nn-sl", 1000007, "verisilicon-nn-sl", 29, per_channel=False),
        Preset("onert-nnapi", 30, "onert-nnapi", 29, per_channel=False),
        Preset("torch-nnapi-host", 1000008),
    )
}


def preset(name: str) -> Preset:
    """Raises `ConversionError`, which lists all, for a name that is none."""
    if name not in PRESETS:
        raise ConversionError(f"there is no target {name!r}; there are {', '.join(PRESETS)}")
    return PRESETS[name]
