"""Building a model: the states it goes through, and what is refused, with a text that says where."""

from __future__ import annotations

from ctypes import byref, c_float

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.runtime import c_api
from tests.runtime.c_api import (
    ChannelQuant,
    Model,
    call,
    codes,
    good,
    last_error,
    library,
    operand_type,
    u32,
)

F32, I32, Q8 = codes.TENSOR_FLOAT32, codes.TENSOR_INT32, codes.TENSOR_QUANT8_ASYMM
PER_CHANNEL = codes.TENSOR_QUANT8_SYMM_PER_CHANNEL


def add(model: Model, a: int, b: int, out: int) -> None:
    model.operation("ADD", [a, b, model.int32(0)], [out])


def test_a_finished_model_cannot_be_changed() -> None:
    model = c_api.adder(2)
    handle = model.handle
    calls = [
        ("Model_finish", handle),
        ("Model_addOperand", handle, byref(operand_type(F32, (2,)))),
        ("Model_setOperandValue", handle, 0, None, 0),
        ("Model_addOperation", handle, codes.ADD, 3, u32(0, 1, 2), 1, u32(3)),
        ("Model_identifyInputsAndOutputs", handle, 1, u32(0), 1, u32(3)),
        ("Model_relaxComputationFloat32toFloat16", handle, True),
    ]
    assert [call(*c) for c in calls] == ["BAD_STATE"] * len(calls)
    model.free()


def test_a_refused_model_can_only_be_freed() -> None:
    model = Model()
    model.floats(2)
    assert call("Model_finish", model.handle) == "BAD_DATA"
    assert call("Model_finish", model.handle) == "BAD_STATE"
    assert call("Compilation_create", model.handle, byref(c_api.c_void_p())) == "BAD_STATE"
    model.free()


def test_an_unfinished_model_cannot_be_compiled_or_referred_to() -> None:
    model, other = Model(), Model()
    assert call("Compilation_create", model.handle, byref(c_api.c_void_p())) == "BAD_STATE"
    index = other.operand(codes.MODEL)
    set_model = "Model_setOperandValueFromModel"
    assert call(set_model, other.handle, index, model.handle) == "BAD_STATE"
    model.free()
    other.free()


@pytest.mark.parametrize(
    ("code", "dims", "scale", "zero_point", "valid"),
    [
        (codes.FLOAT32, (), 0, 0, True),
        (codes.FLOAT32, (1,), 0, 0, False),
        (codes.INT32, (), 1, 0, False),
        (F32, (2, 0, 3), 0, 0, True),
        (F32, (), 0, 0, True),
        (F32, (2,), 0.5, 0, False),
        (F32, (2,), 0, 1, False),
        (I32, (2,), 0.5, 0, True),
        (I32, (2,), -0.5, 0, False),
        (I32, (2,), 0, 1, False),
        (Q8, (2,), 0.5, 255, True),
        (Q8, (2,), 0.5, 256, False),
        (Q8, (2,), 0.5, -1, False),
        (Q8, (2,), 0, 0, False),
        (Q8, (2,), float("nan"), 0, False),
        (Q8, (2,), float("inf"), 0, False),
        (codes.TENSOR_QUANT8_ASYMM_SIGNED, (2,), 0.5, -128, True),
        (codes.TENSOR_QUANT8_ASYMM_SIGNED, (2,), 0.5, 128, False),
        (codes.TENSOR_QUANT16_ASYMM, (2,), 0.5, 65535, True),
        (codes.TENSOR_QUANT16_ASYMM, (2,), 0.5, 65536, False),
        (codes.TENSOR_QUANT16_SYMM, (2,), 0.5, 1, False),
        (codes.TENSOR_QUANT8_SYMM, (2,), 0.5, 1, False),
        (PER_CHANNEL, (2,), 0, 0, True),
        (PER_CHANNEL, (2,), 0.5, 0, False),
        (16, (2,), 0, 0, False),
        (-1, (2,), 0, 0, False),
        (F32, (1 << 16, 1 << 16), 0, 0, False),
        (F32, (1 << 31, 0, 1 << 31), 0, 0, False),
        (F32, (1,) * 17, 0, 0, False),
    ],
)
def test_operand_types(
    code: int, dims: tuple[int, ...], scale: float, zero_point: int, valid: bool
) -> None:
    model = Model()
    kind = operand_type(code, dims, scale, zero_point)
    assert call("Model_addOperand", model.handle, byref(kind)) == (
        "NO_ERROR" if valid else "BAD_DATA"
    )
    model.free()


def test_dimensions_and_their_number_agree() -> None:
    model = Model()
    kind = operand_type(F32, (2,))
    kind.dimensionCount = 0
    assert call("Model_addOperand", model.handle, byref(kind)) == "BAD_DATA"
    model.free()


def test_constants_have_the_size_of_their_type() -> None:
    model = Model()
    index, unknown, data = model.floats(3), model.floats(0, 2), np.zeros(4, "f4")
    set_value = "Model_setOperandValue"
    assert call(set_value, model.handle, index, c_api.address(data), 16) == "BAD_DATA"
    assert call(set_value, model.handle, index, c_api.address(data), 0) == "BAD_DATA"
    assert call(set_value, model.handle, unknown, c_api.address(data), 16) == "BAD_DATA"
    assert call(set_value, model.handle, 9, c_api.address(data), 12) == "BAD_DATA"
    assert call(set_value, model.handle, -1, c_api.address(data), 12) == "BAD_DATA"
    good(set_value, model.handle, index, c_api.address(data), 12)
    model.free()


@pytest.mark.parametrize(
    ("dim", "scales", "valid"),
    [
        (0, [1.0, 2.0], True),
        (1, [1.0, 2.0, 3.0], True),
        (2, [1.0], False),
        (0, [1.0], False),
        (0, [], False),
        (0, [1.0, 0.0], False),
        (0, [1.0, -1.0], False),
        (0, [1.0, float("nan")], False),
    ],
)
def test_channel_scales(dim: int, scales: list[float], valid: bool) -> None:
    model = Model()
    index, plain = model.operand(PER_CHANNEL, (2, 3)), model.floats(2, 3)
    array = (c_float * max(len(scales), 1))(*scales)
    params = ChannelQuant(dim, len(scales), array if scales else None)
    set_scales = "Model_setOperandSymmPerChannelQuantParams"
    result = call(set_scales, model.handle, index, byref(params))
    assert result == ("NO_ERROR" if valid else "BAD_DATA")
    assert call(set_scales, model.handle, plain, byref(params)) == "BAD_DATA"
    model.free()


def refused(model: Model, inputs: list[int], outputs: list[int], *texts: str) -> None:
    """Finishing the model fails, and the text names all of this."""
    assert model.try_finish(inputs, outputs) == "BAD_DATA"
    assert all(text in last_error() for text in texts), last_error()
    model.free()


def test_operations_against_the_opset() -> None:
    model = Model()
    a, b, ints, out, activation = (
        model.floats(2),
        model.floats(2),
        model.operand(I32, (2,)),
        model.floats(2),
        model.int32(0),
    )
    big = model.floats(1, 1, 1, 1, 1)
    attempts = [
        ("ADD", [a, b], [out], "2 inputs"),
        ("ADD", [a, ints, activation], [out], "input 1 (b, operand 2) is of type TENSOR_INT32"),
        ("ADD", [a, b, activation], [ints], "output 0 (output, operand 2)"),
        ("ADD", [a, b, activation], [out, out], "2 outputs"),
        ("ADD", [a, b, 77], [out], "operand 77"),
        ("ADD", [big, big, activation], [out], "rank 5, at most 4 is allowed"),
        ("CONCATENATION", [activation], [out], "1 inputs"),
    ]
    for name, inputs, outputs, text in attempts:
        assert model.try_operation(name, inputs, outputs) == "BAD_DATA"
        assert text in last_error()
        assert f"operation 0 ({name})" in last_error()
    missing = call("Model_addOperation", model.handle, 106, 1, u32(a), 1, u32(out))
    assert missing == "BAD_DATA"
    model.free()


def test_shapes_of_a_strict_model_are_checked_at_finish() -> None:
    model = Model(strict=True)
    a, b, middle, out = model.floats(2), model.floats(3), model.floats(2), model.floats(2)
    add(model, a, a, middle)
    add(model, middle, b, out)
    refused(model, [a, b], [out], "operation 1 (ADD)")
    model = Model(strict=True)
    a, out = model.floats(2), model.floats(3)
    add(model, a, a, out)
    refused(model, [a], [out], "operation 0 (ADD)", "[2]", "[3]")


def test_what_the_graph_must_be() -> None:
    model = Model()
    a, out = model.floats(2), model.floats(2)
    add(model, a, out, out)
    refused(model, [a], [out], "cycle")

    model = Model()
    a, out, lost = model.floats(2), model.floats(2), model.floats(2)
    add(model, a, a, out)
    refused(model, [a], [out], f"operand {lost}", "never written")

    model = Model()
    a, b, out = model.floats(2), model.floats(2), model.floats(2)
    add(model, a, b, out)
    refused(model, [a], [out], f"operand {b}", "never written")

    model = Model()
    a, out = model.floats(2), model.floats(2)
    add(model, a, a, out)
    add(model, a, a, out)
    refused(model, [a], [out], "operation 1 (ADD)", "written by operation 0")

    model = Model()
    a, out = model.floats(2), model.constant(F32, np.zeros(2, "f4"))
    add(model, a, a, out)
    refused(model, [a], [], "output operand")

    model = Model()
    a, out = model.floats(2), model.floats(2)
    add(model, a, a, out)
    assert model.try_finish([a, a], [out]) == "BAD_DATA"  # an input twice
    model.free()

    model = Model()
    weights, a, out = model.operand(PER_CHANNEL, (2,)), model.floats(2), model.floats(2)
    model.operation("DEQUANTIZE", [weights], [out])
    refused(model, [weights], [out], "scales")


def test_ranks_of_a_strict_model_are_as_documented() -> None:
    for strict, expected in ((False, "NO_ERROR"), (True, "BAD_DATA")):
        model = Model(strict=strict)
        x, out = model.floats(2, 2), model.floats(2, 2)
        block = model.int32(1)
        assert model.try_operation("DEPTH_TO_SPACE", [x, block], [out]) == expected
        assert not strict or "rank 2" in last_error()
        model.free()


def test_a_model_becomes_strict_before_its_first_operation() -> None:
    model = Model()
    a, out = model.floats(2), model.floats(2)
    add(model, a, a, out)
    assert library().nnapi_host_model_set_strict(model.handle, True) == codes.BAD_STATE
    model.finish([a], [out])
    assert library().nnapi_host_model_set_strict(model.handle, True) == codes.BAD_STATE
    model.free()


def test_required_operands_of_a_strict_model_cannot_be_omitted() -> None:
    model = Model(strict=True)
    a, b, out = model.floats(2), model.floats(2), model.floats(2)
    good("Model_setOperandValue", model.handle, b, None, 0)
    add(model, a, b, out)
    refused(model, [a], [out], "operation 0 (ADD)", "input 1 (b, operand 1)", "omitted")


@given(st.permutations(range(6)))
def test_operations_may_come_in_any_order(order: list[int]) -> None:
    """A chain x → 2x → 4x …, its operations added in some order, computes the same."""
    model = Model()
    activation = model.int32(0)
    values = [model.floats(3) for _ in range(7)]
    for i in order:
        model.operation("ADD", [values[i], values[i], activation], [values[i + 1]])
    model.finish([values[0]], [values[6]])
    compilation = c_api.compile_model(model)
    x, y = np.arange(3, dtype="f4"), np.zeros(3, "f4")
    with c_api.execution(compilation) as run:
        c_api.set_input(run, 0, x)
        c_api.set_output(run, 0, y)
        good("Execution_compute", run)
    assert np.array_equal(y, 64 * x)
    c_api.free("Compilation", compilation)
    model.free()


def test_small_constants_are_copied_and_large_ones_are_not() -> None:
    for count, expected in ((32, 1.0), (33, 5.0)):
        model = Model()
        data = np.ones(count, "f4")
        a, b, out = model.floats(count), model.constant(F32, data), model.floats(count)
        add(model, a, b, out)
        model.finish([a], [out])
        data[:] = 5
        compilation = c_api.compile_model(model)
        x, y = np.zeros(count, "f4"), np.zeros(count, "f4")
        with c_api.execution(compilation) as run:
            c_api.set_input(run, 0, x)
            c_api.set_output(run, 0, y)
            good("Execution_compute", run)
        assert np.all(y == expected)
        c_api.free("Compilation", compilation)
        model.free()
