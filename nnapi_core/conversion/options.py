"""What is asked of a conversion, as one value, and what it is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from attrs import field, frozen
from torch.export import ExportedProgram

from nnapi_core.errors import ConversionError
from nnapi_core.flexible.strategy import Strategy
from nnapi_core.graph.signatures import in_declared_order
from nnapi_core.lowering.partition.group_nodes_into_pieces import DEFAULT_RULE, IslandRule
from nnapi_core.lowering.partition.lower import Target
from nnapi_core.nnapi.device_profile import DeviceProfile
from nnapi_core.nnapi.opset import FEATURE_LEVELS


@frozen(eq=False)
class Source:
    """A module or an exported program, and what torch.export is told of it."""

    module: torch.nn.Module | ExportedProgram
    args: tuple[Any, ...] = ()
    dynamic_shapes: Any = None
    kwargs: Mapping[str, Any] = field(factory=dict)
    """In the order of the module's own parameters."""

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "kwargs", in_declared_order(self.module, self.kwargs))


@frozen(kw_only=True, eq=False)
class ConversionOptions:
    """The keywords of `nnapi_core.convert`, checked. Raises `ConversionError` for a value that is none of its kind."""

    feature_level: int = 29
    fallback: Literal["cpu", "host", "error"] = "cpu"
    sizes: Sequence[Mapping[str, int]] | None = None
    shape_strategy: Strategy | None = None
    relax_float32_to_float16: bool = False
    quantized_io: bool = False
    device_profile: DeviceProfile | None = None
    islands: IslandRule = DEFAULT_RULE
    self_check: bool = True
    stock: bool = False
    """Is it to be said in stock PyTorch's format?"""

    def __attrs_post_init__(self) -> None:
        if self.feature_level not in FEATURE_LEVELS:
            levels = ", ".join(map(str, FEATURE_LEVELS))
            raise ConversionError(f"feature level {self.feature_level} is not one of {levels}")
        if self.fallback not in ("cpu", "host", "error"):
            raise ConversionError(f"fallback is 'cpu', 'host' or 'error', not {self.fallback!r}")

    @property
    def target(self) -> Target:
        """What nodes are lowered for: a device that is described may be older than the level."""
        level, profile = self.feature_level, self.device_profile
        if profile is not None:
            level = min(level, profile.feature_level)
        return Target(level, profile, self.stock)

    @property
    def island_rule(self) -> IslandRule:
        """What a rule would give back to the CPU is not refused."""
        return IslandRule(min_island=0) if self.fallback == "error" else self.islands
