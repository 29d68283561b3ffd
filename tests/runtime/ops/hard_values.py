"""Operands full of the numbers that break kernels: extremes, zeros of both signs, infinities, NaN."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from hypothesis.strategies import DrawFn

from nnapi_core.nnapi.types import OperandCode, OperandType, Quant
from tests.runtime.ops.operand_strategies import SEEDS, array, quants
from tests.runtime.ops.single_op import Tensor

_REALS = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.5, -2.5]
_INTEGERS = [-(2**31), 2**31 - 1, -1, 0, 1, 7, -7]


def hard_array(code: OperandCode, shape: Sequence[int], seed: int) -> np.ndarray:
    """Ordinary random data, about a third of it replaced where the type has hard values."""
    values = array(code, shape, seed)
    if values.dtype.kind == "f":
        info = np.finfo(values.dtype)
        hard = np.array([*_REALS, info.max, info.min, info.tiny, info.smallest_subnormal])
    elif values.dtype == np.int32:
        hard = np.array(_INTEGERS)
    else:
        return values
    random = np.random.default_rng(seed + 1)
    return np.where(
        random.random(values.shape) < 1 / 3,
        random.choice(hard, values.shape).astype(values.dtype),
        values,
    )


@st.composite
def hard_tensors(draw: DrawFn, code: OperandCode, shape: Sequence[int]) -> Tensor:
    """A tensor of this shape with hard values: a model input, or a constant."""
    data = hard_array(code, shape, draw(SEEDS))
    constant = 0 not in shape and draw(st.booleans())
    return Tensor(data, code, draw(quants(code)), constant=constant)


@st.composite
def broadcasting_tensors(draw: DrawFn, code: OperandCode, max_rank: int) -> tuple[Tensor, Tensor]:
    """Two such tensors whose shapes broadcast; ranks may differ, sizes may be 0."""
    shapes = draw(
        hnp.mutually_broadcastable_shapes(
            num_shapes=2, min_dims=1, max_dims=max_rank, min_side=0, max_side=5
        )
    ).input_shapes
    return tuple(draw(hard_tensors(code, shape)) for shape in shapes)  # type: ignore[return-value]


@st.composite
def shapes(draw: DrawFn, ranks: tuple[int, int], least: int = 0) -> tuple[int, ...]:
    """Mostly small; sometimes longer than the pieces that work is cut into."""
    if draw(st.integers(0, 9)) == 9:
        return (draw(st.sampled_from([8193, 70000])),)
    return tuple(draw(st.lists(st.integers(least, 6), min_size=ranks[0], max_size=ranks[1])))


@st.composite
def output_types(
    draw: DrawFn, code: OperandCode, shape: Sequence[int], quant: Quant | None = None
) -> OperandType:
    """What a model says of a result: some dimensions may be left for the runtime to find."""
    dims = tuple(0 if draw(st.booleans()) else size for size in shape)
    return OperandType(code, dims, quant)
