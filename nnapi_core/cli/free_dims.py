"""``--dynamic`` and ``--sizes`` as they are typed. Needs no torch, so that `--help` comes at once."""

from __future__ import annotations

import argparse
import re

from attrs import frozen

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
