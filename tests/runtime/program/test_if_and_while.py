"""IF and WHILE."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.nnapi.builder import Builder, Ref, TypedConstant
from nnapi_core.nnapi.constant import Constant
from nnapi_core.nnapi.model import Model
from nnapi_core.nnapi.opset import OperationSpec, ops
from nnapi_core.nnapi.types import OperandCode, OperandType
from nnapi_runtime.errors import NnapiError
from tests.runtime.ops.operand_strategies import tensors
from tests.runtime.ops.single_op import Tensor, run_operation, tensor

F32 = OperandCode.TENSOR_FLOAT32
FLOATS = (F32, OperandCode.TENSOR_FLOAT16)
COUNTER = OperandType(OperandCode.TENSOR_INT32, (1,))
FLAG = OperandType(OperandCode.TENSOR_BOOL8, (1,))


def submodel(inputs: Sequence[OperandType], body: Callable[..., tuple[Ref, ...]]) -> Model:
    """The model whose operations `body` emits, given a builder and the model's inputs."""
    builder = Builder(1000008)
    given_inputs = [builder.variable(type_) for type_ in inputs]
    return builder.finish(given_inputs, body(builder, *given_inputs))


def binary(spec: OperationSpec, type_: OperandType) -> Model:
    def body(builder: Builder, a: Ref, b: Ref) -> tuple[Ref, ...]:
        return builder.emit(spec, {"a": a, "b": b, "activation": 0}, [type_])

    return submodel([type_, type_], body)


def joined(type_: OperandType, dims: tuple[int, ...]) -> Model:
    def body(builder: Builder, a: Ref, b: Ref) -> tuple[Ref, ...]:
        whole = OperandType(type_.code, dims)
        return builder.emit(ops.CONCATENATION, {"input": [a, b], "axis": 0}, [whole])

    return submodel([type_, type_], body)


@given(st.data())
def test_if(data: st.DataObject) -> None:
    a = data.draw(tensors(FLOATS, sizes=st.integers(1, 4)))
    b = Tensor(a.data[::-1], a.code)
    taken = data.draw(st.booleans(), label="condition")
    grows = data.draw(st.booleans(), label="the other branch has another shape")
    if grows:
        dims = (2 * a.data.shape[0], *a.data.shape[1:])
        other, elsewhere = joined(a.type, dims), np.concatenate([a.data, b.data])
        out = OperandType(a.code, (0,) * a.data.ndim)
    else:
        other, elsewhere = binary(ops.MUL, a.type), a.data * b.data
        out = a.type
    result = run_operation(
        ops.IF,
        [out],
        condition=tensor(np.array([taken]), constant=data.draw(st.booleans())),
        then_model=binary(ops.ADD, a.type),
        else_model=other,
        inputs=[a, b],
    )
    np.testing.assert_array_equal(result[0], a.data + b.data if taken else elsewhere)


def counts_to(limit_type: OperandType, state: Sequence[OperandType]) -> Model:
    """Is the counter still below the limit, the last input?"""

    def body(builder: Builder, counter: Ref, *others: Ref) -> tuple[Ref, ...]:
        return builder.emit(ops.LESS, {"a": counter, "b": others[-1]}, [FLAG])

    return submodel([COUNTER, *state, limit_type], body)


def one_more(builder: Builder, counter: Ref) -> Ref:
    one = TypedConstant(Constant.of(np.ones(1, np.int32)), COUNTER)
    return builder.emit(ops.ADD, {"a": counter, "b": one, "activation": 0}, [COUNTER])[0]


@given(st.data())
def test_while_counts_and_accumulates(data: st.DataObject) -> None:
    """Loop values are the counter and a sum; the step is a state value, the limit only an input."""
    step = data.draw(tensors([F32], sizes=st.integers(1, 3)))
    start, limit = data.draw(st.integers(0, 3)), data.draw(st.integers(0, 8), label="limit")

    def body(builder: Builder, counter: Ref, total: Ref, change: Ref, _: Ref) -> tuple[Ref, ...]:
        sum_ = builder.emit(ops.ADD, {"a": total, "b": change, "activation": 0}, [step.type])
        negated = builder.emit(ops.NEG, {"input": change}, [step.type])
        return one_more(builder, counter), *sum_, *negated

    result = run_operation(
        ops.WHILE,
        [COUNTER, step.type],
        condition=counts_to(COUNTER, [step.type, step.type]),
        body=submodel([COUNTER, step.type, step.type, COUNTER], body),
        inputs=[
            tensor(np.array([start], np.int32)),
            tensor(np.zeros_like(step.data)),
            step,
            tensor(np.array([limit], np.int32), constant=data.draw(st.booleans())),
        ],
    )
    rounds = max(0, limit - start)
    assert result[0].tolist() == [start + rounds]
    # The step changes its sign every time, so that every second one takes back the last.
    np.testing.assert_array_equal(result[1], step.data * (rounds % 2))


@given(seed=st.lists(st.integers(-9, 9), min_size=1, max_size=4), limit=st.integers(0, 5))
def test_while_over_values_that_grow(seed: list[int], limit: int) -> None:
    any_length = OperandType(F32, (0,))

    def body(builder: Builder, counter: Ref, x: Ref, _: Ref) -> tuple[Ref, ...]:
        twice = builder.emit(ops.CONCATENATION, {"input": [x, x], "axis": 0}, [any_length])
        return one_more(builder, counter), *twice

    result = run_operation(
        ops.WHILE,
        [COUNTER, any_length],
        condition=counts_to(COUNTER, [any_length]),
        body=submodel([COUNTER, any_length, COUNTER], body),
        inputs=[
            tensor(np.zeros(1, np.int32)),
            tensor(np.array(seed, np.float32)),
            tensor(np.array([limit], np.int32)),
        ],
    )
    np.testing.assert_array_equal(result[1], np.tile(np.array(seed, np.float32), 2**limit))


def test_submodels_that_do_not_fit_the_operands_are_refused() -> None:
    pair, triple = OperandType(F32, (2,)), OperandType(F32, (3,))
    with pytest.raises(NnapiError):
        run_operation(
            ops.IF,
            [pair],
            condition=tensor(np.array([True])),
            then_model=binary(ops.ADD, pair),
            else_model=binary(ops.ADD, triple),
            inputs=[tensor(np.zeros(2, np.float32)), tensor(np.zeros(2, np.float32))],
        )
