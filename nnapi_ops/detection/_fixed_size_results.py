"""Results of which NNAPI knows only when it runs how many there are, made into tensors of a fixed size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from nnapi_core.plugin import Context, Dim, SymbolicDim, TensorSpec, Unsupported, Value, ops
from nnapi_ops.shape._fixed_gather import Run, sliced

# As many as are found when the model runs.
FOUND = SymbolicDim("found")
_PADDED = SymbolicDim("padded")


def spec(dtype: torch.dtype, *rest: Dim) -> TensorSpec:
    """Of a result with as many rows as are found."""
    return TensorSpec((FOUND, *rest), dtype)


def padded(nn: Context, value: Value, count: int, number: float = 0.0) -> Value:
    """``value`` with ``number`` up to ``count`` rows, of which it has no more.

    Joined with a whole constant and cut off, because paddings would have to be known before.
    """
    rest = value.shape[1:]
    shape = (count, *rest)
    filler = nn.constant(np.full(shape, number), value.dtype)
    joined = nn.emit(
        ops.CONCATENATION,
        input=[value, filler],
        axis=filler.axis(0),
        out=TensorSpec((_PADDED, *rest), value.dtype),
    )
    begin, size = [0] * len(shape), [count] + [-1] * len(rest)
    return nn.emit(ops.SLICE, input=joined, begin=begin, size=size, shape=shape)


def rows(nn: Context, value: Value, index: Value) -> Value:
    """The rows at the positions that ``index`` [M] holds."""
    shape = (*index.shape, *value.shape[1:])
    return nn.emit(ops.GATHER, input=value, axis=value.axis(0), indices=index, shape=shape)


def backwards(nn: Context, value: Value) -> Value:
    """The rows in reverse order."""
    count = value.static_shape[0]
    return sliced(nn, value, 0, Run(count - 1, count, -1))


def columns(nn: Context, value: Value) -> list[Value]:
    """Each element of the last dimension by itself; it stays, with size 1."""
    if value.is_constant and value.quant is None:
        array = value.array()
        return [nn.constant(array[..., k : k + 1], value.dtype) for k in range(array.shape[-1])]
    return [sliced(nn, value, -1, Run(k, 1)) for k in range(value.static_shape[-1])]


def side_by_side(nn: Context, values: Sequence[Value]) -> Value:
    """What `columns` has taken apart."""
    shape = (*values[0].shape[:-1], len(values))
    axis = values[0].axis(-1)
    out = TensorSpec(shape, values[0].dtype)
    return nn.emit(ops.CONCATENATION, input=list(values), axis=axis, out=out)


def floats_only(**values: Value) -> None:
    """Detection's thresholds are exact in float32 alone."""
    for name, value in values.items():
        if value.dtype is not torch.float32:
            raise Unsupported("lowered for float32", **{name: value.dtype})
