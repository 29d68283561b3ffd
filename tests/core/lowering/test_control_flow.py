"""cond, while_loop, scan and map: on NNAPI as in torch, on every path."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch._higher_order_ops import scan, while_loop
from torch._higher_order_ops.map import map as torch_map

import nnapi_core
import nnapi_runtime
from nnapi_core.graph.control_flow import unroll
from nnapi_core.testing import Case, Outcome, check_lowering


class Model(torch.nn.Module):
    """``function(weights, *args)``: branches capture the weights, as closures do."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = torch.nn.Linear(4, 4)
        self.register_buffer("offset", torch.tensor([0.5, -1.0, 2.0, 0.0]))
        self.register_buffer("decided", torch.tensor(True))
        self.function = function

    def forward(self, *args: torch.Tensor) -> Any:
        return self.function(self, *args)


def check(function: Callable[..., Any], *args: torch.Tensor, level: int = 30) -> Outcome:
    return check_lowering(Case(Model(function), args, feature_level=level, terms=60))


def random(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


PIECES: dict[str, Callable[[Model, torch.Tensor], torch.Tensor]] = {
    "linear": lambda model, x: model.linear(x),
    "offset": lambda model, x: x * 0.5 + model.offset,
    "in place": lambda model, x: (x + 1).relu_(),
    "tanh": lambda model, x: torch.tanh(x),
    "constant": lambda model, x: torch.ones(2, 4),
    "copy": lambda model, x: x.clone(),
}


def pieces() -> st.SearchStrategy[str]:
    return st.sampled_from(sorted(PIECES))


@st.composite
def programs(draw: st.DrawFn, depth: int = 2) -> Callable[[Model, torch.Tensor], torch.Tensor]:
    """A random function of a (2, 4) tensor: pieces, and conditions and loops over further programs."""
    kind = draw(st.sampled_from(["cond", "while", "piece"] if depth else ["piece"]))
    before = PIECES[draw(pieces())]
    if kind == "piece":
        return before
    one = draw(programs(depth=depth - 1))
    if kind == "cond":
        other = draw(programs(depth=depth - 1))
        limit = draw(st.sampled_from([-2.0, 0.0, 2.0]))

        def branching(model: Model, x: torch.Tensor) -> torch.Tensor:
            x = before(model, x)
            return torch.cond(
                x.sum() > limit, lambda x: one(model, x), lambda x: other(model, x), (x,)
            )

        return branching
    rounds = draw(st.integers(0, 3))

    def looping(model: Model, x: torch.Tensor) -> torch.Tensor:
        x = before(model, x)
        start = torch.zeros((), dtype=torch.int64)
        return while_loop(
            lambda i, x: (i < rounds) & (x.sum() < 50),
            lambda i, x: (i + 1, one(model, x)),
            (start, x),
        )[1]

    return looping


@settings(max_examples=10)
@given(programs(), st.integers(0, 50))
def test_random_programs(program: Callable[..., Any], seed: int) -> None:
    try:
        outcome = check(program, random(seed, 2, 4))
    except nnapi_core.ConversionError as error:
        # torch.export itself fails on conditions in loops whose branches give constants.
        assume("torch.export cannot trace" not in str(error))
        raise
    assert outcome.supported, outcome.reasons


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_both_branches_with_several_results(sign: int, shape: tuple[int, ...]) -> None:
    def function(model: Model, x: torch.Tensor, y: torch.Tensor) -> Any:
        return torch.cond(
            (x.sum() > 0).reshape(shape),
            lambda x, y: (model.linear(x), y + 1),
            lambda x, y: (x * 2, y.clone()),
            (x, y),
        )

    y = torch.arange(3, dtype=torch.int32)
    outcome = check(function, sign * random(1, 2, 4).abs(), y)
    assert outcome.supported, outcome.reasons


def test_weights_inside_and_outside_are_stored_once() -> None:
    def function(model: Model, x: torch.Tensor) -> torch.Tensor:
        y = model.big(x)
        return torch.cond(y.sum() > 0, lambda x: model.big(x), lambda x: model.big(x) - 1, (x,))

    model = Model(function)
    model.big = torch.nn.Linear(64, 64)
    converted = nnapi_core.convert(model, (random(1, 2, 64),), feature_level=30, fallback="error")
    shapes = [constant.shape for constant in converted.contents.weights.constants]
    assert shapes.count((64, 64)) == 1


def test_images_keep_their_order_across_the_border() -> None:
    convolution = torch.nn.Conv2d(3, 3, 3, padding=1)

    def function(model: Model, x: torch.Tensor) -> torch.Tensor:
        x = convolution(x)
        return torch.cond(x.mean() > 0, lambda x: convolution(x), lambda x: torch.relu(x) + 1, (x,))

    for seed in range(4):
        outcome = check(function, random(seed, 1, 3, 5, 6))
        assert outcome.converted is not None, outcome.reasons
        assert outcome.converted.report.transposes == 0


@given(st.integers(0, 6), st.sampled_from([torch.int32, torch.int64]))
@settings(max_examples=8)
def test_loops_of_any_length(rounds: int, dtype: torch.dtype) -> None:
    def function(model: Model, n: torch.Tensor, x: torch.Tensor) -> Any:
        start = torch.zeros((), dtype=dtype)
        return while_loop(
            lambda i, x: i < n, lambda i, x: (i + 1, torch.tanh(model.linear(x))), (start, x)
        )

    outcome = check(function, torch.tensor(rounds, dtype=dtype), random(1, 2, 4))
    assert outcome.supported, outcome.reasons


def test_counters_that_may_leave_int32_are_refused() -> None:
    def function(model: Model, i: torch.Tensor) -> Any:
        return while_loop(lambda i: i * 0 < 1, lambda i: (i * 3,), (i,))

    outcome = check_lowering_only(function, torch.ones((), dtype=torch.int64))
    assert "int64" in outcome


def check_lowering_only(function: Callable[..., Any], *args: torch.Tensor) -> str:
    """Why a model is refused; it is not run: it may never end."""
    with pytest.raises(nnapi_core.Unsupported) as refused:
        nnapi_core.convert(Model(function), args, feature_level=30, fallback="error")
    return str(refused.value)


def endless(model: Model, x: torch.Tensor) -> Any:
    start = torch.zeros((), dtype=torch.int32)
    return while_loop(lambda i, x: i >= 0, lambda i, x: (i * 0, x + 1), (start, x))


def test_an_endless_loop_ends_with_the_deadline() -> None:
    converted = nnapi_core.convert(
        Model(endless), (torch.ones(2),), feature_level=30, fallback="error"
    )
    assert any("not run to its end" in note for note in converted.report.notes)
    with pytest.raises(nnapi_runtime.NnapiError, match="while_loop") as missed:
        converted(torch.ones(2))
    assert missed.value.code == "MISSED_DEADLINE_TRANSIENT"


@pytest.mark.parametrize("level", [27, 29])
def test_loops_of_known_length_are_unrolled(level: int) -> None:
    def function(model: Model, x: torch.Tensor) -> Any:
        total, products = scan(
            lambda carried, x: (carried + x, torch.relu(carried * x)), model.offset * 0, x
        )
        return (
            total,
            products,
            torch_map(lambda x, y: torch.tanh(model.linear(x)) + y, x, model.offset),
        )

    outcome = check(function, random(1, 3, 4), level=level)
    assert outcome.supported or level == 27, outcome.reasons


@pytest.mark.parametrize("level", [29, 30])
def test_long_scans_become_loops(
    level: int, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unroll, "MOST_NODES", 16)

    def function(model: Model, x: torch.Tensor) -> Any:
        total, products = scan(
            lambda carried, x: (torch.tanh(model.linear(carried + x)), torch.relu(carried * x)),
            model.offset * 0,
            x,
        )
        return (
            total,
            products,
            torch_map(lambda x, y: torch.tanh(model.linear(x)) + y, x, model.offset),
        )

    model, x = Model(function), random(1, 7, 4)
    with torch.no_grad():
        expected = model(x)
    converted = nnapi_core.convert(
        model, (x,), feature_level=level, fallback="error" if level == 30 else "cpu"
    )
    assert converted.report.operations.get("WHILE", 0) == (2 if level == 30 else 0)
    converted.save(tmp_path / "scan.nnapi")
    loaded = nnapi_runtime.load(tmp_path / "scan.nnapi")
    for results in (converted(x), loaded(x)):
        torch.testing.assert_close(results, expected, rtol=1e-4, atol=1e-4)


def test_conditions_that_are_known_are_taken() -> None:
    def function(model: Model, x: torch.Tensor) -> torch.Tensor:
        return torch.cond(model.decided, lambda x: model.linear(x), lambda x: x - 1, (x,))

    outcome = check(function, random(1, 2, 4), level=27)
    assert outcome.supported, outcome.reasons


@pytest.mark.parametrize("level", [29, 30])
def test_a_refused_branch_runs_in_torch(level: int, tmp_path: Any) -> None:
    def function(model: Model, x: torch.Tensor) -> Any:
        x = torch.relu(model.linear(x))
        y = torch.cond(
            x.sum() > 3, lambda x: torch.special.i0(x), lambda x: model.linear(x) * 2, (x,)
        )
        return torch.tanh(model.linear(y))

    model = Model(function)
    converted = nnapi_core.convert(model, (random(0, 2, 4),), feature_level=level)
    row = next(row for row in converted.report.nodes if row.target == "cond")
    assert row.device == "cpu"
    assert ("i0" if level == 30 else "feature level 30") in row.reason
    converted.save(tmp_path / "model.nnapi")
    loaded = nnapi_runtime.load(tmp_path / "model.nnapi")
    converted.save(tmp_path / "model.pt")
    ctypes.CDLL(str(nnapi_runtime.host_library()), mode=ctypes.RTLD_GLOBAL)
    stock = torch.jit.load(tmp_path / "model.pt")
    for seed in range(4):
        x = 3 * random(seed, 2, 4)
        with torch.no_grad():
            expected = model(x)
        torch.testing.assert_close(converted(x), expected)
        torch.testing.assert_close(loaded(x), expected)
        torch.testing.assert_close(stock(x), expected)
        torch.testing.assert_close(stock.forward_cpu(x), expected)
    assert [one["kind"] for one in converted.contents.manifest["stages"]] == [
        "nnapi",
        "if",
        "nnapi",
    ]
