"""Hypothesis strategies for the operands of a single operation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from nnapi_core.nnapi.opset import OperationSpec
from nnapi_core.nnapi.types import OperandCode, OperandType, Quant
from tests.runtime.ops.single_op import Tensor, tensor

SIZES = st.integers(0, 5)
SEEDS = st.integers(0, 2**32 - 1)


def codes(spec: OperationSpec, variable: str = "T") -> list[OperandCode]:
    """The operand types that an operation's type variable takes at the highest level."""
    return sorted({rule.types[variable] for rule in spec.rules})


def array(code: OperandCode, shape: Sequence[int], seed: int) -> np.ndarray:
    """Random data: normally distributed floats, integers of the whole range or up to a thousand."""
    random = np.random.default_rng(seed)
    element = code.element
    if element.kind == "f":
        return random.standard_normal(shape).astype(element)
    if element.kind == "b":
        return random.integers(0, 2, shape).astype(element)
    if element.itemsize == 4:
        return random.integers(-1000, 1001, shape).astype(element)
    info = np.iinfo(element)
    return random.integers(info.min, info.max + 1, shape).astype(element)


@st.composite
def quants(draw: DrawFn, code: OperandCode) -> Quant | None:
    """How an operand of this type is quantised; None for a type that is not."""
    if not code.is_quantised:
        return None
    scale = float(np.float32(draw(st.sampled_from([0.01, 0.1, 0.5, 2.0]))))
    if code not in (OperandCode.TENSOR_QUANT8_ASYMM, OperandCode.TENSOR_QUANT8_ASYMM_SIGNED):
        return Quant(scale)
    low = np.iinfo(code.element).min
    return Quant(scale, draw(st.sampled_from([low, low + 128, low + 255, low + 77])))


@st.composite
def tensors(
    draw: DrawFn,
    code: st.SearchStrategy[OperandCode] | Sequence[OperandCode],
    *,
    ranks: tuple[int, int] = (1, 4),
    sizes: st.SearchStrategy[int] = SIZES,
    shape: Sequence[int] | None = None,
) -> Tensor:
    """A model input of one of the types, shrinking towards few and small dimensions."""
    chosen = draw(code if isinstance(code, st.SearchStrategy) else st.sampled_from(list(code)))
    if shape is None:
        shape = draw(st.lists(sizes, min_size=ranks[0], max_size=ranks[1]))
    return Tensor(array(chosen, shape, draw(SEEDS)), chosen, draw(quants(chosen)))


@st.composite
def parameters(draw: DrawFn, values: Any) -> Any:
    """A tensor of integers that the operation reads: a constant of the model, or known only at run time."""
    data = np.asarray(values, np.int32)
    return tensor(data, constant=draw(st.booleans()))


@st.composite
def scalars(draw: DrawFn, value: int) -> Any:
    """An INT32 that the operation reads: a constant of the model, or known only at run time."""
    if draw(st.booleans()):
        return value
    return Tensor(np.asarray(value, np.int32), OperandCode.INT32)


@st.composite
def outputs(draw: DrawFn, like: Tensor, shape: Sequence[int]) -> OperandType:
    """The type of an output quantised as `like`, some of its dimensions left for the runtime to find."""
    declared = [0 if draw(st.booleans()) else size for size in shape]
    return OperandType(like.code, tuple(declared), like.quant)
