"""``--dynamic`` and ``--sizes``: free dimensions on the command line."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Sequence
from typing import Any

import torch
from attrs import frozen
from torch.export import Dim, ExportedProgram

from nnapi_core.errors import ConversionError

_PLACE = r"\w+:\d+"
_SPEC = re.compile(
    rf"(?:(?P<name>[A-Za-z_]\w*)=)?(?P<places>{_PLACE}(?:,{_PLACE})*)"
    r"=(?P<least>\d+)\.\.(?P<most>\d*)(?:/(?P<step>\d+))?"
)


@frozen
class FreeDim:
    """One ``--dynamic``: dimensions of inputs (by name or number) that are the same free size."""

    name: str
    places: tuple[tuple[str, int], ...]
    least: int
    most: int | None
    step: int = 1


def free_dim(text: str) -> FreeDim:
    """``x:0=1..8``, ``x:0,mask:0=1..8``, ``height=x:2=32..512/32`` (in steps of 32), ``x:1=2..`` (no maximum)."""
    found = _SPEC.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(
            f"{text!r}: write input:dim=min..max, as in x:0=1..8, height=x:2=32..512/32 or x:0,y:0=1..8"
        )
    places = [place.split(":") for place in found["places"].split(",")]
    step = int(found["step"] or 1)
    least, most = int(found["least"]), int(found["most"]) if found["most"] else None
    if step < 1 or least < 1 or (most is not None and most < least):
        raise argparse.ArgumentTypeError(
            f"{text!r}: sizes are at least 1, and min is not above max"
        )
    if least % step or (most is not None and most % step):
        raise argparse.ArgumentTypeError(f"{text!r}: min and max are to be multiples of {step}")
    if least == most:
        raise argparse.ArgumentTypeError(f"{text!r}: a size of {least} alone is not free")
    name = found["name"] or "_".join(places[0])
    if not name.isidentifier():
        name = f"input_{name}"
    return FreeDim(name, tuple((one, int(dim)) for one, dim in places), least, most, step)


def size_values(text: str) -> dict[str, int]:
    """``height=224,width=320``."""
    values = {}
    for part in text.split(","):
        name, _, number = part.partition("=")
        if not name or not number.isdigit():
            raise argparse.ArgumentTypeError(f"{text!r}: write name=number,name=number")
        values[name] = int(number)
    return values


def dynamic_shapes(module: Any, args: Sequence[Any], dims: Sequence[FreeDim]) -> Any:
    """What ``torch.export`` takes. Raises `ConversionError` for an input or a dimension that there is not."""
    if not dims:
        return None
    if isinstance(module, ExportedProgram):
        raise ConversionError(
            "--dynamic is for modules: an exported program or TorchScript has its sizes already; "
            "export it with dynamic_shapes="
        )
    names = list(inspect.signature(module.forward).parameters)
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
    return tuple(one or None for one in shapes)


def _position(names: Sequence[str], name: str) -> int:
    if name not in names:
        raise ConversionError(f"--dynamic: there is no input {name!r}, only {', '.join(names)}")
    return names.index(name)
