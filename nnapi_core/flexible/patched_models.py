"""The words of one model at several sizes, as those at one of them and a table of what to write over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnapi_core.errors import Unsupported
from nnapi_core.flexible.align_models import Aligned, DiffersBySize
from nnapi_core.flexible.fit_expressions import Fitter
from nnapi_core.nnapi.model import Model, Origin
from nnapi_core.nnapi.serialize import WeightTable
from nnapi_core.nnapi.size_expression import Expression
from nnapi_core.nnapi.types import SymbolicDim


def check_explained(aligned: Aligned, fitter: Fitter) -> None:
    """Raises `DiffersBySize`, naming the operation, for a dimension or a value that is no expression of the sizes."""
    _check(aligned.models, fitter)
    for part in aligned.leading_slices:
        for column in zip(*part.shapes, strict=True):
            if fitter.fit(column) is None:
                raise DiffersBySize("a constant's size", part.origin, seen=column)


def _check(models: Sequence[Model], fitter: Fitter) -> None:
    first = models[0]
    origins: dict[int, Origin] = {}
    for operation in first.operations:
        for index in (*operation.inputs, *operation.outputs):
            origins.setdefault(index, operation.origin)
    for index, row in enumerate(zip(*(model.operands for model in models), strict=True)):
        origin = origins.get(index, Origin())
        for dims in zip(*(operand.type.dims for operand in row), strict=True):
            if all(isinstance(dim, SymbolicDim) for dim in dims):
                continue  # counted by an operation when the model runs
            if fitter.fit([int(dim) for dim in dims]) is None:
                raise DiffersBySize(
                    "no expression of the free sizes gives a dimension", origin, seen=dims
                )
        if row[0].submodel is not None:
            _check([one.submodel for one in row if one.submodel is not None], fitter)
        constants = [one.constant for one in row if one.constant is not None]
        if not constants or len({one.key for one in constants}) == 1 or constants[0].largest:
            continue
        if constants[0].dtype != np.int32:
            raise DiffersBySize("a constant that is no integer depends on the free sizes", origin)
        for values in zip(*(one.array().reshape(-1) for one in constants), strict=True):
            if fitter.fit(values) is None:
                raise DiffersBySize(
                    "no expression of the free sizes gives a constant", origin, seen=values
                )


def patches(words: Sequence[bytes], fitter: Fitter) -> dict[str, Any]:
    """``positions`` (in words of 4 bytes), and for each the number among ``values`` (expressions) to write there."""
    if len({len(one) for one in words}) > 1:
        raise Unsupported("the length of the model words depends on the free sizes")
    table = np.stack([np.frombuffer(one, "<i4") for one in words])
    positions = np.flatnonzero((table != table[0]).any(axis=0))
    values: list[Expression] = []
    numbers: dict[tuple[int, ...], int] = {}
    which = []
    for position in positions:
        column = tuple(int(value) for value in table[:, position])
        if column not in numbers:
            found = fitter.fit(column)
            if found is None:
                raise Unsupported("no expression of the free sizes gives a word", seen=column)
            numbers[column] = len(values)
            values.append(found)
        which.append(numbers[column])
    return {"positions": positions.tolist(), "which": which, "values": values}


def parts_of_weights(
    aligned: Aligned, weights: WeightTable, fitter: Fitter
) -> list[dict[str, Any]]:
    """The weights of which a leading part is cut out, and the expressions of its dimensions."""
    result = []
    for part in aligned.leading_slices:
        dims = [fitter.fit(column) for column in zip(*part.shapes, strict=True)]
        result.append({"weight": weights.number(part.largest), "dims": dims})
    return result
