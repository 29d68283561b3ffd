"""Chains of transposes and reshapes: merged, they move every element where it was moved before."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.lowering.optimise.cancel_transposes import cancel_transposes
from nnapi_core.nnapi.builder import Builder, Ref
from nnapi_core.nnapi.constant import Array
from nnapi_core.nnapi.model import Model
from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import OperandCode, OperandType, SymbolicDim

FLOAT = OperandCode.TENSOR_FLOAT32


class Moves:
    """Writes models of moves, and of additions that read what was moved."""

    def __init__(self) -> None:
        self.builder = Builder(29)

    def tensor(self, *dims: int | SymbolicDim) -> Ref:
        return self.builder.variable(OperandType(FLOAT, dims))

    def dims(self, ref: Ref) -> tuple[int, ...]:
        return self.builder.type_of(ref).dims  # type: ignore[return-value]

    def transpose(self, ref: Ref, *permutation: int) -> Ref:
        out = OperandType(FLOAT, tuple(self.dims(ref)[dim] for dim in permutation))
        named = {"input": ref, "permutation": list(permutation)}
        return self.builder.emit(ops.TRANSPOSE, named, [out])[0]

    def reshape(self, ref: Ref, *dims: int) -> Ref:
        named = {"input": ref, "shape": list(dims)}
        return self.builder.emit(ops.RESHAPE, named, [OperandType(FLOAT, dims)])[0]

    def double(self, ref: Ref) -> Ref:
        return self.builder.emit(ops.ADD, {"a": ref, "b": ref}, [self.builder.type_of(ref)])[0]


def count(model: Model) -> Counter[str]:
    return Counter(operation.spec.name for operation in model.operations)


def run(model: Model, array: Array) -> list[Array]:
    values = {model.inputs[0]: array}
    for operation in model.operations:
        source = values[operation.inputs[0]]
        match operation.spec.name:
            case "TRANSPOSE":
                result = source.transpose(model.operands[operation.inputs[1]].constant.array())  # type: ignore[union-attr]
            case "RESHAPE":
                result = source.reshape(model.operands[operation.inputs[1]].constant.array())  # type: ignore[union-attr]
            case _:
                result = source + source
        assert result.shape == model.operands[operation.outputs[0]].type.dims
        values[operation.outputs[0]] = result
    return [values[output] for output in model.outputs]


def shapes_of(elements: int, draw: st.DrawFn) -> tuple[int, ...]:
    """A shape of rank 1 to 4 with that many elements."""
    dims = [1] * draw(st.integers(1, 4))
    for factor in (2, 2, 3, 5):
        if elements % factor == 0:
            dims[draw(st.integers(0, len(dims) - 1))] *= factor
            elements //= factor
    dims[0] *= elements
    return tuple(dims)


@st.composite
def models(draw: st.DrawFn) -> Model:
    moves = Moves()
    tensors = [moves.tensor(*shapes_of(60, draw))]
    source = tensors[0]
    for _ in range(draw(st.integers(1, 8))):
        ref = draw(st.sampled_from(tensors))
        match draw(st.sampled_from(["transpose", "reshape", "double"])):
            case "transpose":
                permutation = draw(st.permutations(range(len(moves.dims(ref)))))
                tensors.append(moves.transpose(ref, *permutation))
            case "reshape":
                tensors.append(moves.reshape(ref, *shapes_of(60, draw)))
            case _:
                tensors.append(moves.double(ref))
    last = tensors[-1]
    outputs = draw(st.sets(st.sampled_from(tensors[1:]), max_size=2)) | {last}
    return moves.builder.finish([source], sorted(outputs, key=lambda ref: ref.index)).pruned()


@given(models())
def test_merged_moves_move_the_same(model: Model) -> None:
    dims = model.operands[model.inputs[0]].type.dims
    array = np.arange(math.prod(dims), dtype=np.float32).reshape(dims)
    merged = cancel_transposes(model).pruned()
    for was, now in zip(run(model, array), run(merged, array), strict=True):
        np.testing.assert_array_equal(was, now)
    assert count(merged)["TRANSPOSE"] <= count(model)["TRANSPOSE"]
    assert merged.level <= model.level
    assert len(set(merged.outputs)) == len(merged.outputs)


def test_an_image_as_a_sequence_is_a_reshape() -> None:
    moves = Moves()
    image = moves.tensor(1, 14, 14, 64)
    rows = moves.reshape(moves.transpose(image, 0, 3, 1, 2), 1, 64, 196)
    result = moves.double(moves.transpose(rows, 0, 2, 1))
    merged = cancel_transposes(moves.builder.finish([image], [result])).pruned()
    assert count(merged) == {"RESHAPE": 1, "ADD": 1}


def test_heads_of_attention_are_one_transpose() -> None:
    moves = Moves()
    image = moves.tensor(1, 14, 14, 256)
    heads = moves.reshape(moves.transpose(image, 0, 3, 1, 2), 1, 4, 64, 196)
    result = moves.double(moves.transpose(heads, 0, 1, 3, 2))
    merged = cancel_transposes(moves.builder.finish([image], [result])).pruned()
    assert count(merged) == {"RESHAPE": 1, "TRANSPOSE": 1, "ADD": 1}


def test_the_same_move_is_made_once() -> None:
    moves = Moves()
    image = moves.tensor(2, 3, 4, 5)
    one = moves.double(moves.transpose(image, 0, 3, 1, 2))
    two = moves.double(moves.reshape(moves.transpose(image, 0, 3, 1, 2), 10, 12))
    merged = cancel_transposes(moves.builder.finish([image], [one, two])).pruned()
    assert count(merged) == {"TRANSPOSE": 1, "RESHAPE": 1, "ADD": 2}


def test_free_dimensions_move_too() -> None:
    moves = Moves()
    batch = SymbolicDim("s0")
    image = moves.tensor(batch, 3, SymbolicDim("s1"), 5)
    there = moves.transpose(image, 0, 2, 3, 1)
    result = moves.double(moves.transpose(there, 0, 3, 1, 2))
    merged = cancel_transposes(moves.builder.finish([image], [result])).pruned()
    assert count(merged) == {"ADD": 1}


def test_two_outputs_stay_two() -> None:
    moves = Moves()
    tensor = moves.double(source := moves.tensor(2, 3))
    same = moves.transpose(moves.transpose(tensor, 1, 0), 1, 0)
    merged = cancel_transposes(moves.builder.finish([source], [tensor, same])).pruned()
    assert len(set(merged.outputs)) == 2
