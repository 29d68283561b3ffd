"""Computing in the background: events, dependencies, sync fences, bursts."""

from __future__ import annotations

import itertools
import os
from ctypes import byref, c_int, c_void_p

import numpy as np

from tests.runtime import c_api
from tests.runtime.c_api import call, codes, good, operand_type, output_dims, set_input, set_output

X = np.array([1, 2, 3, 4], "f4")


def new_execution(compilation: c_void_p, a: np.ndarray, b: np.ndarray, out: np.ndarray) -> c_void_p:
    handle = c_void_p()
    good("Execution_create", compilation, byref(handle))
    set_input(handle, 0, a)
    set_input(handle, 1, b)
    set_output(handle, 0, out)
    return handle


def start(execution: c_void_p, *dependencies: c_void_p, duration: int = 0) -> c_void_p:
    event = c_void_p()
    events = (c_void_p * max(1, len(dependencies)))(*dependencies)
    good(
        "Execution_startComputeWithDependencies",
        execution, events if dependencies else None, len(dependencies), duration, byref(event),
    )  # fmt: skip
    return event


def test_computing_in_the_background(compilation: c_void_p) -> None:
    total, event = np.zeros(4, "f4"), c_void_p()
    run = new_execution(compilation, X, X, total)
    good("Execution_startCompute", run, byref(event))
    good("Event_wait", event)
    good("Event_wait", event)  # again
    assert np.array_equal(total, 2 * X)
    assert output_dims(run) == ("NO_ERROR", (4,))
    again = c_void_p(1)
    assert call("Execution_startCompute", run, byref(again)) == "BAD_STATE"
    assert again.value is None
    c_api.free("Event", event)
    assert call("Event_wait", event) == "BAD_STATE"
    c_api.free("Execution", run)


def test_freeing_an_event_waits(compilation: c_void_p) -> None:
    for _ in range(20):
        total, event = np.zeros(4, "f4"), c_void_p()
        run = new_execution(compilation, X, X, total)
        good("Execution_startCompute", run, byref(event))
        c_api.free("Event", event)
        assert np.array_equal(total, 2 * X)
        c_api.free("Execution", run)


def test_a_chain_of_dependencies(compilation: c_void_p) -> None:
    values = [X, *(np.zeros(4, "f4") for _ in range(6))]
    runs, events = [], []
    for before, after in itertools.pairwise(values):
        runs.append(new_execution(compilation, before, before, after))
        events.append(start(runs[-1], *events[-1:]))
    good("Event_wait", events[-1])
    assert np.array_equal(values[-1], 64 * X)
    for run, event in zip(runs, events, strict=True):
        c_api.free("Event", event)
        c_api.free("Execution", run)


def test_a_failed_dependency_fails_what_waits_for_it(compilation: c_void_p) -> None:
    total = np.zeros(4, "f4")
    first = new_execution(compilation, X, X, np.zeros(4, "f4"))
    good("Execution_setTimeout", first, 1)
    second = new_execution(compilation, X, X, total)
    late = start(first)
    event = start(second, late)
    assert call("Event_wait", event) == "OP_FAILED"
    assert "depends" in c_api.last_error()
    assert call("Event_wait", late) == "MISSED_DEADLINE_TRANSIENT"
    assert not total.any()
    for name, handle in (
        ("Event", event),
        ("Event", late),
        ("Execution", first),
        ("Execution", second),
    ):
        c_api.free(name, handle)


def test_a_duration_limits_the_computation_alone(compilation: c_void_p) -> None:
    run = new_execution(compilation, X, X, np.zeros(4, "f4"))
    event = start(run, duration=1)
    assert call("Event_wait", event) == "MISSED_DEADLINE_TRANSIENT"
    c_api.free("Event", event)
    c_api.free("Execution", run)


def test_sync_fences(compilation: c_void_p) -> None:
    """Any descriptor that becomes readable stands for a fence."""
    reader, writer = os.pipe()
    fence, total = c_void_p(), np.zeros(4, "f4")
    good("Event_createFromSyncFenceFd", reader, byref(fence))
    copy = c_int()
    good("Event_getSyncFenceFd", fence, byref(copy))
    assert copy.value >= 0
    os.close(copy.value)
    run = new_execution(compilation, X, X, total)
    event = start(run, fence)
    assert not total.any()
    os.write(writer, b"!")
    good("Event_wait", fence)
    good("Event_wait", event)
    assert np.array_equal(total, 2 * X)
    assert call("Event_getSyncFenceFd", event, byref(copy)) == "BAD_DATA"  # a thread, not a fence
    assert copy.value == -1
    for name, handle in (("Event", event), ("Event", fence), ("Execution", run)):
        c_api.free(name, handle)
    os.close(reader)
    os.close(writer)
    for bad in (-1, 0, 4321):
        assert call("Event_createFromSyncFenceFd", bad, byref(fence)) == "BAD_DATA"
        assert fence.value is None


def test_dependencies_need_known_outputs() -> None:
    model = c_api.adder(0, output=(0,))
    compilation = c_api.compile_model(model)
    run, event, total = c_void_p(), c_void_p(), np.zeros(4, "f4")
    for announced, expected in ((False, "BAD_DATA"), (True, "NO_ERROR")):
        good("Execution_create", compilation, byref(run))
        set_input(run, 0, X, (4,))
        set_input(run, 1, X, (4,))
        kind = byref(operand_type(codes.TENSOR_FLOAT32, (4,))) if announced else None
        good("Execution_setOutput", run, 0, kind, c_api.address(total), total.nbytes)
        begin = "Execution_startComputeWithDependencies"
        assert call(begin, run, None, 0, 1, byref(event)) == "BAD_DATA"  # a duration, no device
        assert call(begin, run, None, 0, 0, byref(event)) == expected
        c_api.free("Event", event)
        c_api.free("Execution", run)
    assert np.array_equal(total, 2 * X)
    c_api.free("Compilation", compilation)
    model.free()


def test_bursts(compilation: c_void_p) -> None:
    burst, other = c_void_p(), c_void_p()
    model = c_api.adder(4)
    stranger = c_api.compile_model(model)
    good("Burst_create", compilation, byref(burst))
    good("Burst_create", stranger, byref(other))
    for factor in range(3):
        total = np.zeros(4, "f4")
        run = new_execution(compilation, X, factor * X, total)
        assert call("Execution_burstCompute", run, other) == "BAD_DATA"
        good("Execution_burstCompute", run, burst)
        assert call("Execution_burstCompute", run, burst) == "BAD_STATE"
        assert np.array_equal(total, (1 + factor) * X)
        c_api.free("Execution", run)
    c_api.free("Burst", burst)
    assert call("Execution_burstCompute", run, burst) == "BAD_STATE"
    c_api.free("Burst", other)
    c_api.free("Compilation", stranger)
    model.free()
