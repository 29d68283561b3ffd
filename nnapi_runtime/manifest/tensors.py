"""Tensors in a manifest: what the caller gives and gets, what crosses into NNAPI, constants."""

from __future__ import annotations

import base64
import binascii
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnapi_runtime.free_sizes import Dims, dims_of
from nnapi_runtime.json_fields import Field

Shape = tuple[int | None, ...]  # None: any size
_INT32 = (-(2**31), 2**31 - 1)


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A tensor that the caller gives or gets."""

    name: str
    dtype: str
    shape: Shape
    dims: Dims | None = None
    """Where the shape has free dimensions, and they are told: each as an expression of the sizes."""

    @classmethod
    def parse(cls, field: Field, sizes: frozenset[str] = frozenset()) -> TensorSpec:
        shape = _shape(field["shape"])
        # Results are as they come out.
        dims = dims_of(field, sizes, len(shape)) if sizes else None
        return cls(field["name"].text(), field["dtype"].text(), shape, dims)


@dataclass(frozen=True, slots=True)
class Result:
    """One of the flat results: a tensor, a Python number (a constant of that type), or None."""

    spec: TensorSpec | None
    python: type[bool] | type[int] | type[float] | None = None
    into: str | None = None
    """The input that it is written into; then it is not returned."""

    @classmethod
    def parse(cls, field: Field) -> Result:
        if field["name"].is_null():
            return cls(None)
        if "into" in field:
            return cls(TensorSpec.parse(field), into=field["into"].text())
        if "python" not in field:
            return cls(TensorSpec.parse(field))
        types = {"bool": bool, "int": int, "float": float}
        if field["python"].text() not in types:
            raise field["python"].refuse('"bool", "int" or "float"')
        return cls(TensorSpec.parse(field), types[field["python"].text()])


@dataclass(frozen=True, slots=True)
class Border:
    """A value that goes into or comes out of an NNAPI stage: what torch has, and what NNAPI has.

    Dimension ``i`` of the operand is dimension ``order[i]`` of the tensor.
    """

    value: str
    dtype: str
    type: int
    shape: Shape
    order: tuple[int, ...]
    scale: float
    zero_point: int
    dims: Dims | None = None

    @classmethod
    def parse(cls, field: Field, sizes: frozenset[str] = frozenset()) -> Border:
        shape = _shape(field["shape"])
        border = cls(
            value=field["value"].text(),
            dtype=field["dtype"].text(),
            type=field["type"].integer(*_INT32),
            shape=shape,
            dims=dims_of(field, sizes, len(shape)),
            order=tuple(axis.integer(0, 255) for axis in field["order"].items()),
            scale=field["scale"].number(),
            zero_point=field["zero_point"].integer(*_INT32),
        )
        if sorted(border.order) != list(range(len(border.shape))):
            raise field["order"].refuse(f"a permutation of {len(border.shape)} dimensions")
        return border


def constant(field: Field) -> np.ndarray[Any, Any]:
    """A tensor whose bytes are in the manifest itself."""
    shape = tuple(dim.integer(0, 2**32 - 1) for dim in field["shape"].items())
    try:
        dtype = np.dtype(field["dtype"].text())
    except TypeError:
        raise field["dtype"].refuse("a dtype") from None
    if dtype.kind not in "biufc" or len(shape) > 32:
        raise field.refuse("a tensor")
    try:
        data = base64.b64decode(field["data"].text(), validate=True)
    except (binascii.Error, ValueError):
        raise field["data"].refuse("base64") from None
    if len(data) != math.prod(shape) * dtype.itemsize:
        raise field["data"].refuse(f"{math.prod(shape)} elements of {dtype}")
    return np.frombuffer(data, dtype.newbyteorder("<")).reshape(shape)


def _shape(field: Field) -> Shape:
    return tuple(dim.integer_or_none(0, 2**32 - 1) for dim in field.items())
