"""IF and WHILE: which model runs, shapes that change, time limits, and texts that lead to the place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.runtime import c_api
from tests.runtime.c_api import (
    Model,
    call,
    codes,
    good,
    library,
    output_dims,
    set_input,
    set_output,
)

BOOL8, F32, I32 = codes.TENSOR_BOOL8, codes.TENSOR_FLOAT32, codes.TENSOR_INT32


def binary(name: str, constant: float, dims: Sequence[int]) -> Model:
    """x ⊙ constant."""
    model = Model()
    x, out = model.floats(*dims), model.floats(*dims)
    other = model.constant(F32, np.array([constant], "f4"))
    model.operation(name, [x, other, model.int32(0)], [out])
    return model.finish([x], [out])


def compute(
    model: Model, inputs: Sequence[np.ndarray], output: np.ndarray, dims: Sequence[int] = ()
) -> tuple[str, tuple[int, ...]]:
    """The result code, and the output's dimensions. dims: of the last input, where it is unknown."""
    compilation = c_api.compile_model(model)
    with c_api.execution(compilation) as run:
        for i, array in enumerate(inputs):
            given_dims = dims if i == len(inputs) - 1 else ()
            assert set_input(run, i, array, given_dims) == "NO_ERROR"
        assert set_output(run, 0, output) == "NO_ERROR"
        result = call("Execution_compute", run)
        shape = output_dims(run)[1] if result == "NO_ERROR" else ()
    c_api.free("Compilation", compilation)
    return result, shape


def conditional(then: Model, otherwise: Model, dims: Sequence[int]) -> Model:
    model = Model()
    condition, x, out = model.operand(BOOL8, (1,)), model.floats(*dims), model.floats(*dims)
    models = [model.submodel(then), model.submodel(otherwise)]
    model.operation("IF", [condition, *models, x], [out])
    return model.finish([condition, x], [out])


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("condition", [0, 1, 255])
def test_if_runs_one_branch(condition: int, known: bool) -> None:
    dims = (3,) if known else (0,)
    model = conditional(binary("ADD", 1, dims), binary("MUL", 10, dims), dims)
    x, out = np.array([1, 2, 3], "f4"), np.zeros(3, "f4")
    result, shape = compute(model, [np.array([condition], "u1"), x], out, (3,))
    assert (result, shape) == ("NO_ERROR", (3,))
    assert np.array_equal(out, x + 1 if condition else x * 10)


def test_branches_nest() -> None:
    inner = conditional(binary("ADD", 1, (2,)), binary("ADD", 2, (2,)), (2,))
    model = Model()
    outer_condition, inner_condition = model.operand(BOOL8, (1,)), model.operand(BOOL8, (1,))
    x, out = model.floats(2), model.floats(2)
    other = Model()  # takes the condition, too, and does not read it
    _, y, z = other.operand(BOOL8, (1,)), other.floats(2), other.floats(2)
    other.operation("MUL", [y, y, other.int32(0)], [z])
    other.finish([0, y], [z])
    models = [model.submodel(inner), model.submodel(other)]
    model.operation("IF", [outer_condition, *models, inner_condition, x], [out])
    model.finish([outer_condition, inner_condition, x], [out])
    values, total = np.array([3, 4], "f4"), np.zeros(2, "f4")
    for outer, within, expected in ((1, 1, values + 1), (1, 0, values + 2), (0, 1, values**2)):
        conditions = [np.array([outer], "u1"), np.array([within], "u1")]
        assert compute(model, [*conditions, values], total)[0] == "NO_ERROR"
        assert np.array_equal(total, expected)


def loop(body: Model, dims: Sequence[int]) -> Model:
    """while i < n: i, x = i + 1, body(x), with x as the only result. Inputs: n, x."""
    condition = Model()
    i, _, n = condition.operand(I32, (1,)), condition.floats(*dims), condition.operand(I32, (1,))
    less = condition.operand(BOOL8, (1,))
    condition.operation("LESS", [i, n], [less])
    condition.finish([i, 1, n], [less])
    model = Model()
    n, x = model.operand(I32, (1,)), model.floats(*dims)
    start = model.constant(I32, np.zeros(1, "i4"))
    count, out = model.operand(I32, (1,)), model.floats(*dims)
    models = [model.submodel(condition), model.submodel(body)]
    model.operation("WHILE", [*models, start, x, n], [count, out])
    return model.finish([n, x], [out, count])


def counted(dims: Sequence[int], name: str) -> Model:
    """i, x, n → i + 1, x ⊙ x (or x joined to itself)."""
    body = Model()
    i, x, _ = body.operand(I32, (1,)), body.floats(*dims), body.operand(I32, (1,))
    one = body.constant(I32, np.ones(1, "i4"))
    following, out = body.operand(I32, (1,)), body.floats(*dims)
    body.operation("ADD", [i, one, body.int32(0)], [following])
    body.operation(name, [x, x, body.int32(0)], [out])
    return body.finish([i, x, 2], [following, out])


def run_loop(model: Model, rounds: int, x: np.ndarray, room: int) -> tuple[str, np.ndarray, int]:
    out, count = np.zeros(room, "f4"), np.zeros(1, "i4")
    compilation = c_api.compile_model(model)
    with c_api.execution(compilation) as run:
        assert set_input(run, 0, np.array([rounds], "i4")) == "NO_ERROR"
        assert set_input(run, 1, x, x.shape) == "NO_ERROR"
        assert set_output(run, 0, out) == "NO_ERROR"
        assert set_output(run, 1, count) == "NO_ERROR"
        result = call("Execution_compute", run)
        size = int(np.prod(output_dims(run)[1]))
    c_api.free("Compilation", compilation)
    return result, out[:size], int(count[0])


@given(st.integers(0, 8), st.booleans())
def test_while_counts(rounds: int, known: bool) -> None:
    dims = (3,) if known else (0,)
    x = np.array([1, 2, 3], "f4")
    result, out, count = run_loop(loop(counted(dims, "ADD"), dims), rounds, x, 3)
    assert (result, count) == ("NO_ERROR", rounds)
    assert np.array_equal(out, x * 2.0**rounds)


@given(st.integers(0, 5))
def test_a_loop_may_change_shapes(rounds: int) -> None:
    x = np.array([1, 2, 3], "f4")
    model = loop(counted((0,), "CONCATENATION"), (0,))
    result, out, count = run_loop(model, rounds, x, 3 * 2**5)
    assert (result, count) == ("NO_ERROR", rounds)
    assert np.array_equal(out, np.tile(x, 2**rounds))


def test_a_result_that_grew_beyond_its_buffer_is_reported() -> None:
    model = loop(counted((0,), "CONCATENATION"), (0,))
    assert run_loop(model, 3, np.ones(2, "f4"), 15)[0] == "OUTPUT_INSUFFICIENT_SIZE"
    assert run_loop(model, 3, np.ones(2, "f4"), 16)[0] == "NO_ERROR"


def test_an_endless_loop_ends_with_its_time() -> None:
    model = loop(counted((1,), "MUL"), (1,))
    compilation = c_api.compile_model(model, explicit_device=True)
    for setting, nanoseconds in (("LoopTimeout", 0), ("LoopTimeout", 10**6), ("Timeout", 10**6)):
        with c_api.execution(compilation) as run:
            good(f"Execution_set{setting}", run, nanoseconds)
            set_input(run, 0, np.array([2**31 - 1], "i4"))
            set_input(run, 1, np.ones(1, "f4"))
            set_output(run, 0, np.zeros(1, "f4"))
            set_output(run, 1, np.zeros(1, "i4"))
            assert call("Execution_compute", run) == "MISSED_DEADLINE_TRANSIENT"
            assert "operation 0 (WHILE)" in c_api.last_error()
    c_api.free("Compilation", compilation)
    model.free()


def test_a_failure_inside_names_the_way_to_it() -> None:
    """The model's x has no known shape; the branch adds a vector of three."""
    branch = Model()
    x, out = branch.floats(0), branch.floats(0)
    other = branch.constant(F32, np.ones(3, "f4"))
    branch.operation("ADD", [x, other, branch.int32(0)], [out])
    branch.finish([x], [out])
    model = conditional(branch, binary("ADD", 1, (0,)), (0,))
    x, out = np.ones(2, "f4"), np.zeros(2, "f4")
    assert compute(model, [np.ones(1, "u1"), x], out, (2,))[0] == "OP_FAILED"
    assert "operation 0 (IF): in the then model: operation 0 (ADD)" in c_api.last_error()
    assert library().nnapi_host_last_error_operation() == 0


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        (["condition", "fits", "larger", "x"], "the else model takes TENSOR_FLOAT32 [3]"),
        (["two conditions", "fits", "fits", "x"], "must be TENSOR_BOOL8 [1]"),
        (["condition", "fits", "unset", "x"], "no model was set"),
        (["condition", "fits", "fits"], "gives 0 values but the then model takes 1"),
        (["condition", "fits", "fits", "x", "x"], "gives 2 values but the then model takes 1"),
    ],
)
def test_models_must_fit_the_operation(inputs: list[str], text: str) -> None:
    model = Model()
    operands = {
        "condition": model.operand(BOOL8, (1,)),
        "two conditions": model.operand(BOOL8, (2,)),
        "x": model.floats(2),
        "fits": model.submodel(binary("ADD", 1, (2,))),
        "larger": model.submodel(binary("ADD", 1, (3,))),
    }
    if "unset" in inputs:
        operands["unset"] = model.operand(codes.MODEL)
    out = model.floats(2)
    assert model.try_operation("IF", [operands[name] for name in inputs], [out]) == "BAD_DATA"
    assert text in c_api.last_error()
    model.free()


def test_models_are_nested_only_so_deep() -> None:
    leaf = binary("ADD", 1, (1,))
    model, depth = leaf, 0
    while True:
        outer = Model()
        index = outer.operand(codes.MODEL)
        result = call("Model_setOperandValueFromModel", outer.handle, index, model.handle)
        if result != "NO_ERROR":
            break
        depth += 1
        true, other = outer.constant(BOOL8, np.ones(1, "u1")), outer.submodel(leaf)
        x, out = outer.floats(1), outer.floats(1)
        outer.operation("IF", [true, index, other, x], [out])
        model = outer.finish([x], [out])
    assert (result, depth) == ("BAD_DATA", 64)
    assert "deeper than 64" in c_api.last_error()
    out = np.zeros(1, "f4")
    assert compute(model, [np.ones(1, "f4")], out)[0] == "NO_ERROR"
    assert out[0] == 2
