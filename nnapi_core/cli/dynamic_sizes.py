"""Free dimensions of the command line as ``torch.export`` takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.export import Dim, ExportedProgram

from nnapi_core.cli.free_dims import FreeDim
from nnapi_core.errors import ConversionError
from nnapi_core.graph.signatures import signature_of


def dynamic_shapes(module: Any, args: Sequence[Any], dims: Sequence[FreeDim]) -> Any:
    """What ``torch.export`` takes. Raises `ConversionError` for an input or a dimension that there is not."""
    if not dims:
        return None
    if isinstance(module, ExportedProgram):
        raise ConversionError(
            "--dynamic is for modules: an exported program or TorchScript has its sizes already; "
            "export it with dynamic_shapes="
        )
    parameters = signature_of(module.forward).parameters
    names = list(parameters)
    shapes: list[dict[int, Any]] = [{} for _ in args]
    for one in dims:
        size = Dim(one.name, min=one.least // one.step, max=one.most and one.most // one.step)
        for place, dim in one.places:
            position = int(place) if place.isdigit() else _position(names, place)
            if position >= len(args) or not torch.is_tensor(args[position]):
                raise ConversionError(
                    f"--dynamic: input {place!r} is not a tensor among the inputs"
                )
            if dim >= args[position].dim():
                raise ConversionError(
                    f"--dynamic: input {place!r} has {args[position].dim()} dimensions; "
                    f"they count from 0, so there is no {dim}"
                )
            shapes[position][dim] = size if one.step == 1 else one.step * size
    found = tuple(one or None for one in shapes)
    for position, parameter in enumerate(parameters.values()):
        if parameter.kind is parameter.VAR_POSITIONAL:
            return (*found[:position], found[position:])
    return found


def _position(names: Sequence[str], name: str) -> int:
    if name not in names:
        raise ConversionError(f"--dynamic: there is no input {name!r}, only {', '.join(names)}")
    return names.index(name)
