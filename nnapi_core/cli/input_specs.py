"""Example inputs as words of the command line."""

from __future__ import annotations

import argparse
import re

from attrs import frozen

_DTYPES = ("float32", "float16", "int32", "int64", "bool", "uint8", "int8")
_MOST_DIMS = 64


@frozen
class InputSpec:
    """One ``--input``: a shape and a dtype by name, or a number, which is no tensor."""

    shape: tuple[int, ...]
    dtype: str
    number: int | float | None = None


def input_spec(text: str) -> InputSpec:
    """``1x3x224x224``, ``1,3,224,224:float16``, ``:int64`` for a scalar; ``=16000`` for a number of Python's."""
    if text.startswith("="):
        return InputSpec((), "", _number(text))
    shape, _, dtype = text.partition(":")
    dtype = dtype or "float32"
    if dtype not in _DTYPES:
        raise argparse.ArgumentTypeError(
            f"{text!r}: the dtype is {dtype!r}, not one of {', '.join(_DTYPES)}"
        )
    if shape and not re.fullmatch(r"[0-9]+([x,][0-9]+)*", shape):
        raise argparse.ArgumentTypeError(
            f"{text!r}: write the shape as 1x3x224x224, with an optional dtype as in 1x16:int64"
        )
    sizes = [one for one in re.split("[x,]", shape) if one]
    if len(sizes) > _MOST_DIMS or any(len(one) > 10 or int(one) >= 2**32 for one in sizes):
        shown = text if len(text) <= 60 else f"{text[:57]}..."
        raise argparse.ArgumentTypeError(
            f"{shown!r}: a tensor has at most {_MOST_DIMS} dimensions, each below 2^32"
        )
    return InputSpec(tuple(map(int, sizes)), dtype)


def _number(text: str) -> int | float:
    for kind in (int, float):
        try:
            return kind(text[1:])
        except ValueError:
            continue
    raise argparse.ArgumentTypeError(f"{text!r}: write a number as =16000 or =0.5")


@frozen
class MethodSpec:
    """One ``--method``: its name, what it is called in the module, and its inputs; None: the module's own examples."""

    name: str
    attribute: str
    inputs: tuple[InputSpec, ...] | None


def method_spec(text: str) -> MethodSpec:
    """``encode``, ``encode=forward``, ``decode=decode:1x16+1x4:int64``."""
    called, colon, inputs = text.partition(":")
    name, _, attribute = called.partition("=")
    if not name.isidentifier() or not (attribute or name).isidentifier():
        raise argparse.ArgumentTypeError(
            f"{text!r}: write NAME=ATTRIBUTE:INPUT+INPUT, as in decode=decode:1x16+1x4:int64"
        )
    specs = tuple(map(input_spec, inputs.split("+"))) if colon else None
    return MethodSpec(name, attribute or name, specs)
