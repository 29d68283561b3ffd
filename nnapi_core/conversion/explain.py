"""`nnapi_core.explain`: what a conversion would say, without making one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import torch
from torch.export import ExportedProgram

from nnapi_core.conversion.conversion import Conversion
from nnapi_core.conversion.options import ConversionOptions, Source
from nnapi_core.lowering.partition.group_nodes_into_pieces import DEFAULT_RULE, IslandRule
from nnapi_core.nnapi.device_profile import DeviceProfile
from nnapi_core.plugins.registry import Registry
from nnapi_core.report.report import Report


def explain(
    module: torch.nn.Module | ExportedProgram,
    example_args: tuple[Any, ...] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    feature_level: int = 29,
    dynamic_shapes: Any = None,
    sizes: Sequence[Mapping[str, int]] | None = None,
    quantized_io: bool = False,
    device_profile: DeviceProfile | None = None,
    islands: IslandRule = DEFAULT_RULE,
    registry: Registry | None = None,
    trace: str | PathLike[str] | None = None,
) -> Report:
    """Which node would run where, and why not: the steps of `convert` up to the partition. Writes no artifact."""
    options = ConversionOptions(
        feature_level=feature_level,
        sizes=sizes,
        quantized_io=quantized_io,
        device_profile=device_profile,
        islands=islands,
    )
    source = Source(module, example_args, dynamic_shapes, kwargs or {})
    report = Conversion.of(source, options, registry, trace=trace, until="partition").run().report()
    report.notes.append("Operations are as lowered: a conversion fuses some and drops transposes.")
    return report
