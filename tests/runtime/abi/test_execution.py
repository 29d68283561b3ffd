"""Executions: their states, arguments, output shapes, timing and settings."""

from __future__ import annotations

from contextlib import ExitStack
from ctypes import byref, c_uint64, c_void_p

import numpy as np
import pytest

from tests.runtime import c_api
from tests.runtime.c_api import (
    call,
    codes,
    good,
    library,
    operand_type,
    output_dims,
    set_input,
    set_output,
)

X = np.array([1, 2, 3, 4], "f4")
Y = np.array([10, 20, 30, 40], "f4")


def bind(run: c_void_p, total: np.ndarray, dims: tuple[int, ...] = ()) -> None:
    assert set_input(run, 0, X, dims) == "NO_ERROR"
    assert set_input(run, 1, Y, dims) == "NO_ERROR"
    assert set_output(run, 0, total) == "NO_ERROR"


def test_an_execution_computes_once(compilation: c_void_p) -> None:
    total = np.zeros(4, "f4")
    with c_api.execution(compilation) as run:
        assert call("Execution_compute", run) == "BAD_DATA"  # nothing is set
        assert "input 0 was not set" in c_api.last_error()
        assert output_dims(run)[0] == "BAD_STATE"
        assert set_input(run, 0, X) == "BAD_STATE"  # it has ended
    with c_api.execution(compilation) as run:
        bind(run, total)
        assert set_input(run, 0, X) == "BAD_STATE"  # set before
        assert set_output(run, 0, total) == "BAD_STATE"
        good("Execution_compute", run)
        assert np.array_equal(total, X + Y)
        assert output_dims(run) == ("NO_ERROR", (4,))
        assert output_dims(run, 1)[0] == "BAD_DATA"
        assert call("Execution_compute", run) == "BAD_STATE"
        assert set_input(run, 0, X) == "BAD_STATE"
        assert call("Execution_setReusable", run, True) == "BAD_STATE"
        assert call("Execution_setLoopTimeout", run, 1) == "BAD_STATE"
        assert call("Execution_setTimeout", run, 1) == "BAD_STATE"
        assert call("Execution_setMeasureTiming", run, True) == "BAD_STATE"


def test_a_reusable_execution_computes_again(compilation: c_void_p) -> None:
    x, total = X.copy(), np.zeros(4, "f4")
    with c_api.execution(compilation) as run:
        good("Execution_setReusable", run, True)
        set_input(run, 0, x)
        set_input(run, 1, Y)
        set_output(run, 0, total)
        for factor in range(3):
            x[:] = factor * X
            good("Execution_compute", run)
            assert np.array_equal(total, x + Y)
        assert set_input(run, 0, X) == "BAD_STATE"


def test_reusable_executions_take_turns(compilation: c_void_p) -> None:
    """Each keeps its own arguments, wherever they lie, though one frame after the other serves all of them."""
    arrays = []
    with ExitStack() as stack:
        for number in range(3):
            misplaced = np.zeros(36, "u1")[2:18].view("f4")
            x, total = misplaced if number == 1 else np.zeros(4, "f4"), np.zeros(4, "f4")
            run = stack.enter_context(c_api.execution(compilation))
            good("Execution_setReusable", run, True)
            assert {set_input(run, 0, x), set_input(run, 1, Y), set_output(run, 0, total)} == {
                "NO_ERROR"
            }
            arrays.append((run, x, total))
        for factor, number in enumerate([0, 0, 1, 1, 0, 2, 2, 2, 1, 0, 0]):
            run, x, total = arrays[number]
            x[:] = factor * X
            good("Execution_compute", run)
            assert np.array_equal(total, factor * X + Y)
            assert output_dims(run) == ("NO_ERROR", (4,))


@pytest.mark.parametrize("size", [0, 12, 20])
def test_buffers_have_the_size_of_the_operand(compilation: c_void_p, size: int) -> None:
    room = np.zeros(8, "f4")
    with c_api.execution(compilation) as run:
        for function in ("Execution_setInput", "Execution_setOutput"):
            assert call(function, run, 0, None, c_api.address(room), size) == "BAD_DATA"
            assert call(function, run, 7, None, c_api.address(room), 16) == "BAD_DATA"
            assert call(function, run, -1, None, c_api.address(room), 16) == "BAD_DATA"


def test_padding_must_be_enabled_first(compilation: c_void_p) -> None:
    room, padded = np.zeros(8, "f4"), np.resize(X, 8)
    with c_api.execution(compilation) as run:
        good("Execution_enableInputAndOutputPadding", run, True)
        for index in range(2):
            good("Execution_setInput", run, index, None, c_api.address(padded), 32)
        assert call("Execution_enableInputAndOutputPadding", run, False) == "BAD_STATE"
        small = call("Execution_setOutput", run, 0, None, c_api.address(room), 12)
        assert small == "BAD_DATA"
        good("Execution_setOutput", run, 0, None, c_api.address(room), 32)
        good("Execution_compute", run)
        assert not room[4:].any()


def test_a_type_may_only_add_to_the_model(compilation: c_void_p, dynamic: c_void_p) -> None:
    with c_api.execution(compilation) as run:
        assert set_input(run, 0, X, (2, 2)) == "BAD_DATA"
        assert set_input(run, 0, X[:3], (3,)) == "BAD_DATA"
        assert set_input(run, 0, X, (4,)) == "NO_ERROR"
    with c_api.execution(dynamic) as run:
        assert set_input(run, 0, X) == "BAD_DATA"  # not specified by anybody
        assert set_input(run, 0, X, (2, 2)) == "BAD_DATA"  # the rank is known
        assert set_input(run, 0, X, (0,)) == "BAD_DATA"
        assert set_input(run, 0, X, (4,)) == "NO_ERROR"


def test_shapes_found_at_run_time(dynamic: c_void_p) -> None:
    for count in (4, 2, 4, 1):
        total = np.zeros(count, "f4")
        with c_api.execution(dynamic) as run:
            set_input(run, 0, X[:count], (count,))
            set_input(run, 1, Y[:count], (count,))
            set_output(run, 0, total)
            good("Execution_compute", run)
            assert np.array_equal(total, (X + Y)[:count])
            assert output_dims(run) == ("NO_ERROR", (count,))


def test_inputs_that_do_not_fit_each_other_fail(dynamic: c_void_p) -> None:
    with c_api.execution(dynamic) as run:
        set_input(run, 0, X, (4,))
        set_input(run, 1, Y[:3], (3,))
        set_output(run, 0, np.zeros(4, "f4"))
        assert call("Execution_compute", run) == "OP_FAILED"
        assert "operation 0 (ADD)" in c_api.last_error()
        assert library().nnapi_host_last_error_operation() == 0
        assert output_dims(run)[0] == "BAD_STATE"


def test_an_output_buffer_that_is_too_small_tells_what_is_needed(dynamic: c_void_p) -> None:
    small = np.full(3, 7, "f4")
    with c_api.execution(dynamic) as run:
        bind(run, small, (4,))
        assert call("Execution_compute", run) == "OUTPUT_INSUFFICIENT_SIZE"
        assert output_dims(run) == ("OUTPUT_INSUFFICIENT_SIZE", (4,))
        assert "16 bytes" in c_api.last_error()
    assert (small == 7).all()


def test_an_announced_output_shape_must_come_true(dynamic: c_void_p) -> None:
    total = np.zeros(4, "f4")
    kind = operand_type(codes.TENSOR_FLOAT32, (2,))
    with c_api.execution(dynamic) as run:
        set_input(run, 0, X, (4,))
        set_input(run, 1, Y, (4,))
        assert (
            call("Execution_setOutput", run, 0, byref(kind), c_api.address(total), 16) == "BAD_DATA"
        )
        good("Execution_setOutput", run, 0, byref(kind), c_api.address(total), 8)
        assert call("Execution_compute", run) == "OP_FAILED"


def test_buffers_need_no_alignment(compilation: c_void_p) -> None:
    room = np.zeros(64, "u1")
    x, total = room[1:17], room[33:49]
    x[:] = X.view("u1")
    with c_api.execution(compilation) as run:
        set_input(run, 0, x)
        set_input(run, 1, Y)
        set_output(run, 0, total)
        good("Execution_compute", run)
    assert np.array_equal(total.copy().view("f4"), X + Y)
    assert not room[49:].any()


def test_an_output_may_be_unwanted(compilation: c_void_p) -> None:
    with c_api.execution(compilation) as run:
        set_input(run, 0, X)
        set_input(run, 1, Y)
        good("Execution_setOutput", run, 0, None, None, 0)
        good("Execution_compute", run)
        assert output_dims(run) == ("NO_ERROR", (4,))


def test_timing(compilation: c_void_p) -> None:
    time = c_uint64()
    with c_api.execution(compilation) as run:
        good("Execution_setMeasureTiming", run, True)
        bind(run, np.zeros(4, "f4"))
        assert call("Execution_getDuration", run, 0, byref(time)) == "BAD_STATE"
        good("Execution_compute", run)
        for code in range(4):
            good("Execution_getDuration", run, code, byref(time))
            assert 0 < time.value < 10**9
        assert call("Execution_getDuration", run, 4, byref(time)) == "BAD_DATA"
        assert time.value == 2**64 - 1
    with c_api.execution(compilation) as run:
        bind(run, np.zeros(4, "f4"))
        good("Execution_compute", run)
        assert call("Execution_getDuration", run, 0, byref(time)) == "BAD_STATE"


def test_some_settings_need_createForDevices(dynamic: c_void_p) -> None:
    with c_api.execution(dynamic) as run:
        assert call("Execution_setMeasureTiming", run, True) == "BAD_DATA"
        assert call("Execution_setTimeout", run, 10**9) == "BAD_DATA"


def test_a_deadline_that_is_over_ends_the_computation(compilation: c_void_p) -> None:
    with c_api.execution(compilation) as run:
        good("Execution_setTimeout", run, 1)
        bind(run, np.zeros(4, "f4"))
        assert call("Execution_compute", run) == "MISSED_DEADLINE_TRANSIENT"
    with c_api.execution(compilation) as run:
        good("Execution_setTimeout", run, 2**64 - 1)
        bind(run, np.zeros(4, "f4"))
        good("Execution_compute", run)


def test_the_profile_has_a_time_for_each_operation(compilation: c_void_p) -> None:
    times = (c_uint64 * 2)()
    profile = library().nnapi_host_execution_get_profile
    with c_api.execution(compilation) as run:
        assert library().nnapi_host_execution_set_profiling(run, True) == 0
        bind(run, np.zeros(4, "f4"))
        assert profile(run, times, 1) == codes.BAD_STATE
        good("Execution_compute", run)
        assert profile(run, times, 2) == codes.BAD_DATA
        assert profile(run, times, 1) == 0
        assert 0 < times[0] < 10**9
    with c_api.execution(compilation) as run:
        bind(run, np.zeros(4, "f4"))
        good("Execution_compute", run)
        assert profile(run, times, 1) == codes.BAD_STATE


def test_required_inputs_cannot_be_omitted(compilation: c_void_p) -> None:
    with c_api.execution(compilation) as run:
        set_input(run, 0, X)
        good("Execution_setInput", run, 1, None, None, 0)
        set_output(run, 0, np.zeros(4, "f4"))
        assert call("Execution_compute", run) == "OP_FAILED"
        assert "operation 0 (ADD): input 1 (b, operand 1) is omitted" in c_api.last_error()


def test_ranks_are_checked_when_they_become_known() -> None:
    model = c_api.Model()
    x, out = model.floats(), model.floats()
    one = [model.constant(codes.FLOAT32, np.array(1, "f4")) for _ in range(3)]
    nchw = model.constant(codes.BOOL, np.array(0, "u1"))
    model.operation("INSTANCE_NORMALIZATION", [x, *one, nchw], [out])
    model.finish([x], [out])
    handle = c_api.compile_model(model)
    for dims, expected in (((4,), "OP_FAILED"), ((2, 2), "OP_FAILED"), ((1, 2, 2, 1), "NO_ERROR")):
        with c_api.execution(handle) as run:
            assert set_input(run, 0, X, dims) == "NO_ERROR"
            assert set_output(run, 0, np.zeros(4, "f4")) == "NO_ERROR"
            assert call("Execution_compute", run) == expected
            assert expected == "NO_ERROR" or "rank" in c_api.last_error()
    c_api.free("Compilation", handle)
    model.free()
