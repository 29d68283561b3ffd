"""Regions computed in another order of dimensions: the same results with fewer transposes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.conversion.convert import convert
from nnapi_core.lowering.optimise import SkippedPassWarning, rewritten
from nnapi_core.lowering.optimise.cancel_transposes import cancel_transposes
from nnapi_core.lowering.optimise.choose_layouts import choose_layouts, transpose_count
from nnapi_core.nnapi.builder import Builder, Ref, TypedConstant
from nnapi_core.nnapi.constant import Array, Constant
from nnapi_core.nnapi.model import Model, Operation
from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import OperandCode, OperandType

FLOAT = OperandCode.TENSOR_FLOAT32


class Graph:
    """Writes models of moves and of operations that work in any order."""

    def __init__(self) -> None:
        self.builder = Builder(1000006)

    def tensor(self, *dims: int) -> Ref:
        return self.builder.variable(OperandType(FLOAT, dims))

    def dims(self, ref: Ref) -> tuple[int, ...]:
        return self.builder.type_of(ref).dims  # type: ignore[return-value]

    def emit(self, name: str, *dims: int, **named: object) -> Ref:
        out = [OperandType(FLOAT, dims)]
        return self.builder.emit(getattr(ops, name), named, out)[0]  # type: ignore[arg-type]

    def transpose(self, ref: Ref, *permutation: int) -> Ref:
        dims = [self.dims(ref)[dim] for dim in permutation]
        return self.emit("TRANSPOSE", *dims, input=ref, permutation=list(permutation))

    def reshape(self, ref: Ref, *dims: int) -> Ref:
        return self.emit("RESHAPE", *dims, input=ref, shape=list(dims))

    def constant(self, *dims: int) -> TypedConstant:
        data = np.arange(1, math.prod(dims) + 1, dtype=np.float32).reshape(dims)
        return TypedConstant(Constant.of(data), OperandType(FLOAT, dims))

    def relu(self, ref: Ref) -> Ref:
        return self.emit("RELU", *self.dims(ref), input=ref)

    def add(self, a: Ref, b: Ref | TypedConstant) -> Ref:
        return self.emit("ADD", *self.dims(a), a=a, b=b)

    def mean(self, ref: Ref, axis: int) -> Ref:
        dims = [1 if dim == axis else size for dim, size in enumerate(self.dims(ref))]
        return self.emit("MEAN", *dims, input=ref, axes=[axis], keep_dims=1)

    def softmax(self, ref: Ref, axis: int) -> Ref:
        return self.emit("SOFTMAX", *self.dims(ref), input=ref, beta=1.0, axis=axis)

    def twice(self, ref: Ref, axis: int) -> Ref:
        dims = [size * (1 + (dim == axis)) for dim, size in enumerate(self.dims(ref))]
        return self.emit("CONCATENATION", *dims, input=[ref, ref], axis=axis)

    def half(self, ref: Ref, axis: int) -> Ref:
        dims = [size // (1 + (dim == axis)) for dim, size in enumerate(self.dims(ref))]
        begin = [size - half for size, half in zip(self.dims(ref), dims, strict=True)]
        return self.emit("SLICE", *dims, input=ref, begin=begin, size=dims)

    def finish(self, source: Ref, *outputs: Ref) -> Model:
        return cancel_transposes(self.builder.finish([source], outputs)).pruned()


def computed(model: Model, operation: Operation, values: dict[int, Array]) -> Array:
    def given(index: int) -> Array:
        constant = model.operands[index].constant
        return values[index] if constant is None else constant.array()

    inputs = [given(index) for index in operation.inputs]
    match operation.spec.name:
        case "TRANSPOSE":
            return inputs[0].transpose(inputs[1])
        case "RESHAPE":
            return inputs[0].reshape(inputs[1])
        case "RELU":
            return np.maximum(inputs[0], 0)
        case "ADD":
            return inputs[0] + inputs[1]
        case "MEAN":
            return inputs[0].mean(tuple(inputs[1]), keepdims=True)
        case "SOFTMAX":
            exponentials = np.exp(inputs[0] - inputs[0].max(int(inputs[2]), keepdims=True))
            return exponentials / exponentials.sum(int(inputs[2]), keepdims=True)
        case "CONCATENATION":
            return np.concatenate(inputs[:-1], int(inputs[-1]))
        case "SLICE":
            ends = inputs[1] + inputs[2]
            return inputs[0][tuple(map(slice, inputs[1], ends))]
    raise NotImplementedError(operation.spec.name)


def run(model: Model, array: Array) -> list[Array]:
    values = {model.inputs[0]: array}
    for operation in model.operations:
        (out,) = operation.outputs
        values[out] = computed(model, operation, values)
        assert values[out].shape == model.operands[out].type.dims, operation
    return [values[output] for output in model.outputs]


@st.composite
def groupings(draw: st.DrawFn, count: int) -> list[int]:
    """Up to four dimensions of ``count`` elements, cut without regard to those that are there."""
    dims = [1] * draw(st.integers(1, 4))
    for factor in (2, 3, 5, 7, 11):
        while count % factor == 0:
            dims[draw(st.integers(0, len(dims) - 1))] *= factor
            count //= factor
    return dims


@st.composite
def models(draw: st.DrawFn) -> Model:
    graph = Graph()
    tensors = [graph.tensor(2, 4, 6)]
    source = tensors[0]
    for _ in range(draw(st.integers(2, 12))):
        ref = draw(st.sampled_from(tensors[-3:]))
        dims = graph.dims(ref)
        axis = draw(st.integers(0, len(dims) - 1))
        match draw(
            st.sampled_from(
                [
                    "move", "move", "view", "regroup", "relu", "sum", "bias", "mean", "softmax",
                    "twice", "half",
                ]
            )
        ):  # fmt: skip
            case "move":
                new = graph.transpose(ref, *draw(st.permutations(range(len(dims)))))
            case "view" if len(dims) == 3:
                new = graph.reshape(ref, *dims[:axis], 1, *dims[axis:])
            case "regroup":
                new = graph.reshape(ref, *draw(groupings(math.prod(dims))))
            case "view" if len(dims) == 4:
                new = graph.reshape(ref, *dims[:2], dims[2] * dims[3])
            case "relu":
                new = graph.relu(ref)
            case "sum":
                alike = [one for one in tensors if graph.dims(one) == dims]
                new = graph.add(ref, draw(st.sampled_from(alike)))
            case "bias":
                new = graph.add(ref, graph.constant(*dims[axis:]))
            case "mean":
                new = graph.add(ref, graph.mean(ref, axis))
            case "softmax":
                new = graph.softmax(ref, axis)
            case "half" if dims[axis] % 2 == 0:
                new = graph.half(ref, axis)
            case _ if dims[axis] < 20:
                new = graph.twice(ref, axis)
            case _:
                new = graph.relu(ref)
        tensors.append(new)
    outputs = draw(st.sets(st.sampled_from(tensors[1:]), max_size=2)) | {tensors[-1]}
    return graph.finish(source, *sorted(outputs, key=lambda ref: ref.index))


@given(models())
def test_chosen_layouts_compute_the_same(model: Model) -> None:
    array = np.random.default_rng(0).standard_normal((2, 4, 6)).astype(np.float32)
    changed = choose_layouts(model)
    for was, now in zip(run(model, array), run(changed, array), strict=True):
        np.testing.assert_allclose(was, now, rtol=1e-4, atol=1e-4)
    assert transpose_count(changed) <= transpose_count(model)
    assert changed.level <= model.level


def test_what_lies_between_two_transposes_is_computed_without_them() -> None:
    graph = Graph()
    x = graph.tensor(1, 8, 16)
    y = graph.transpose(x, 0, 2, 1)
    y = graph.softmax(graph.add(graph.relu(y), graph.constant(16, 1)), 1)
    y = graph.add(y, graph.mean(y, 2))
    model = graph.finish(x, graph.transpose(y, 0, 2, 1))
    assert transpose_count(model) == 2
    assert transpose_count(choose_layouts(model)) == 0


def test_the_cheaper_side_of_a_region_is_kept() -> None:
    graph = Graph()
    x = graph.tensor(2, 8, 16)
    y = graph.relu(graph.transpose(x, 0, 2, 1))
    outputs = [graph.relu(graph.transpose(graph.relu(y), 0, 2, 1)) for _ in range(3)]
    model = graph.finish(x, y, *outputs)
    # One transpose for y, which is a result; the three that lead back are not needed.
    assert transpose_count(model) == 4
    assert transpose_count(choose_layouts(model)) == 1


def test_without_transposes_nothing_changes() -> None:
    graph = Graph()
    x = graph.tensor(2, 3)
    model = graph.finish(x, graph.relu(x))
    assert choose_layouts(model) is model


def test_a_product_cut_into_other_rows() -> None:
    """Its rows are not whole dimensions of the reshape: relative positions in attention do so."""
    module = Cut()
    a = torch.randn(2, 6, 8)
    converted = convert(module, (a,), feature_level=1000008)
    torch.testing.assert_close(converted(a), module(a), rtol=1e-4, atol=1e-4)


class Cut(torch.nn.Module):
    def forward(self, a: torch.Tensor) -> torch.Tensor:
        return torch.relu((a @ a.transpose(1, 2)).reshape(2, 9, 4))


def test_a_pass_that_fails_is_left_out() -> None:
    def choose_layouts(model: Model) -> Model:
        raise IndexError("of a mistake")

    graph = Graph()
    x = graph.tensor(2, 3)
    model = graph.finish(x, graph.relu(x))
    with pytest.warns(SkippedPassWarning, match="choose_layouts failed"):
        assert rewritten(choose_layouts, model).operations == model.operations
