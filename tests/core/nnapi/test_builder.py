"""The builder refuses what NNAPI does not have, and says what it needs."""

from __future__ import annotations

import numpy as np
import pytest

from nnapi_core.errors import Unsupported
from nnapi_core.nnapi.builder import Builder, Ref, TypedConstant
from nnapi_core.nnapi.constant import Constant
from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import OperandCode, OperandType

FLOAT = OperandCode.TENSOR_FLOAT32


def variable(builder: Builder, *dims: int, code: OperandCode = FLOAT) -> Ref:
    return builder.variable(OperandType(code, dims))


def test_level_follows_from_operation_types_and_operands() -> None:
    builder = Builder(1000008)
    x = variable(builder, 1, 4, 4, 3)
    image = OperandType(FLOAT, (1, 8, 8, 3))
    builder.emit(ops.RESIZE_BILINEAR, {"input": x, "width": 8, "height": 8}, [image])
    half = {"input": x, "width": 8, "height": 8, "half_pixel_centers": True}
    builder.emit(ops.RESIZE_BILINEAR, half, [image])
    n = variable(builder, 2, code=OperandCode.TENSOR_INT32)
    builder.emit(ops.ADD, {"a": n, "b": n}, [builder.type_of(n)])
    v = variable(builder, 2, 3, 4)
    builder.emit(ops.SOFTMAX, {"input": v, "beta": 1.0}, [builder.type_of(v)])
    assert [operation.level for operation in builder.operations] == [27, 30, 30, 29]


@pytest.mark.parametrize(
    ("spec", "dims", "arguments", "reason"),
    [
        (ops.ELU, (2,), {"alpha": 1.0}, "ELU in this form needs feature level 30 .target=29."),
        (ops.CONV_2D, (2, 2), {}, r"not \(input"),
        (ops.TRANSPOSE, (1,) * 5, {"permutation": [4, 3, 2, 1, 0]}, "rank <=4 .rank=5."),
    ],
)
def test_refusals(spec: object, dims: tuple[int, ...], arguments: dict, reason: str) -> None:
    builder = Builder(29)
    x = variable(builder, *dims)
    with pytest.raises((Unsupported, TypeError), match=reason):
        builder.emit(spec, {"input": x, **arguments}, [builder.type_of(x)])  # type: ignore[arg-type]


def test_wrong_types_are_refused() -> None:
    builder = Builder(1000008)
    x, n = variable(builder, 2), variable(builder, 2, code=OperandCode.TENSOR_INT32)
    with pytest.raises(Unsupported, match="ADD does not take these types"):
        builder.emit(ops.ADD, {"a": x, "b": n}, [builder.type_of(x)])


def test_numbers_where_tensors_belong_are_a_type_error() -> None:
    builder = Builder(29)
    x = variable(builder, 2)
    with pytest.raises(TypeError, match="b is a tensor, not the number 2"):
        builder.emit(ops.ADD, {"a": x, "b": 2}, [builder.type_of(x)])


def test_equal_constants_are_stored_once() -> None:
    builder = Builder(29)
    x = variable(builder, 2)
    for _ in range(2):
        one = TypedConstant(Constant.of([1.0, 2.0], np.float32), OperandType(FLOAT, (2,)))
        builder.emit(ops.ADD, {"a": x, "b": one}, [builder.type_of(x)])
    first, second = builder.operations
    assert first.inputs == second.inputs


def test_trailing_optional_operands_are_left_out_and_inner_ones_get_their_meaning() -> None:
    builder = Builder(29)
    x = variable(builder, 1, 4, 4, 1)
    w = variable(builder, 1, 3, 3, 1)
    b = variable(builder, 1)
    out = OperandType(FLOAT, (1, 4, 4, 1))
    plain = {"input": x, "weights": w, "bias": b, "stride_width": 1, "stride_height": 1}
    plain |= {f"padding_{side}": 1 for side in ("left", "right", "top", "bottom")}
    builder.emit(ops.CONV_2D, plain, [out])
    builder.emit(ops.CONV_2D, {**plain, "dilation_width": 2, "dilation_height": 2}, [out])
    short, long = builder.operations
    assert len(short.inputs) == 10
    assert len(long.inputs) == 13
    nchw = builder.operands[long.inputs[10]]
    assert nchw.constant is not None
    assert not nchw.constant.array()


def test_a_transaction_leaves_nothing_behind() -> None:
    builder = Builder(29)
    x = variable(builder, 2)
    before = list(builder.operands)

    def emit_two() -> None:
        with builder.transaction():
            one = TypedConstant(Constant.of([1.0, 2.0], np.float32), OperandType(FLOAT, (2,)))
            builder.emit(ops.ADD, {"a": x, "b": one}, [builder.type_of(x)])
            builder.emit(ops.HARD_SWISH, {"input": x}, [builder.type_of(x)])

    with pytest.raises(Unsupported):
        emit_two()
    assert builder.operands == before
    assert builder.operations == []
    one = TypedConstant(Constant.of([1.0, 2.0], np.float32), OperandType(FLOAT, (2,)))
    builder.emit(ops.ADD, {"a": x, "b": one}, [builder.type_of(x)])
    assert builder.operands[1].constant is not None
