"""Control flow where NNAPI has none: the branches are NNAPI pieces under ``if`` and ``while`` of TorchScript."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch._higher_order_ops import while_loop

import nnapi_core
import nnapi_runtime
from nnapi_core.lowering.partition.group_nodes_into_pieces import IslandRule
from tests.core.lowering.test_control_flow import Model, endless, programs, random
from tests.models.stock_runs import StockRuns
from tests.models.test_decoder import HIDDEN, Decoder


def expected_of(module: torch.nn.Module, examples: list[tuple[torch.Tensor, ...]]) -> list[Any]:
    with torch.no_grad():
        return [module(*one) for one in examples]


@settings(max_examples=2)
@given(
    st.lists(st.tuples(programs(), st.sampled_from([27, 29, 30])), min_size=6, max_size=6),
    st.integers(0, 50),
)
def test_random_programs(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[Callable[..., Any], int]], seed: int
) -> None:
    folder = tmp_path_factory.mktemp("programs")
    runs, wanted = StockRuns(folder), {}
    examples = [(scale * random(seed, 2, 4),) for scale in (-2.0, 0.0, 0.5, 3.0)]
    for number, (program, level) in enumerate(drawn):
        module = Model(program)
        try:
            converted = nnapi_core.convert(
                module, examples[0], feature_level=level, islands=IslandRule(min_island=1)
            )
        except nnapi_core.ConversionError as error:
            # torch.export itself fails on conditions in loops whose branches give constants.
            if "torch.export cannot trace" not in str(error):
                raise
            continue
        wanted[f"program_{number}"] = expected_of(module, examples)
        runs.add(f"program_{number}", converted, examples, (".ptl", ".pt")[number % 2])
        converted.save(folder / "program.nnapi")
        loaded = nnapi_runtime.load(folder / "program.nnapi")
        for results in ([converted(*one) for one in examples], [loaded(*one) for one in examples]):
            torch.testing.assert_close(results, wanted[f"program_{number}"], rtol=1e-4, atol=1e-4)
    runs.run(with_library=True)
    for name, results in wanted.items():
        for method in ("forward", "forward_cpu"):
            found = runs.results(name, method)
            torch.testing.assert_close(found, results, rtol=1e-4, atol=1e-4)


class Swapping(torch.nn.Module):
    """Carried values change places, weights are read inside, a result is nobody's."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = torch.nn.Linear(8, 8)

    def forward(self, n: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> Any:
        def step(
            i: torch.Tensor, x: torch.Tensor, y: torch.Tensor
        ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
            return i + 1, torch.tanh(self.linear(y)), torch.relu(self.linear(x)) + self.linear.bias

        _, x, y = while_loop(
            lambda i, x, y: i < n, step, (torch.zeros((), dtype=torch.int64), x, y)
        )
        z = torch.cond(
            x.sum() > 0, lambda x, y: (self.linear(x), y), lambda x, y: (y, x * 2), (x, y)
        )
        return {"last": self.linear(z[0]).relu(), "other": y}


@pytest.mark.parametrize("level", [28, 29, 30])
def test_loops_of_zero_to_five_rounds(level: int, tmp_path: Path) -> None:
    module = Swapping()
    examples = [(torch.tensor(n), random(n, 2, 8), random(n + 9, 2, 8)) for n in range(6)]
    wanted = expected_of(module, examples)
    converted = nnapi_core.convert(module, examples[0], feature_level=level)
    stages = converted.for_stock().contents.manifest["stages"]
    inside = [
        inner["kind"] for one in stages for b in one.get("branches", ()) for inner in b["stages"]
    ]
    assert "nnapi" in inside
    runs = StockRuns(tmp_path)
    runs.add("swapping", converted, examples, ".ptl")
    runs.run(with_library=True)
    for results in (
        runs.results("swapping", "forward"),
        runs.results("swapping", "forward_cpu"),
        [converted(*one) for one in examples],
        [converted.for_stock()(*one) for one in examples],
    ):
        torch.testing.assert_close(results, wanted, rtol=1e-4, atol=1e-4)
    sizes = [one.nbytes for one in converted.for_stock().contents.weights.constants]
    assert sizes.count(256) == 1, "the weight is stored once"


def test_a_decoder_in_stock_torch(tmp_path: Path) -> None:
    module = Decoder().eval()
    examples = [(2 * random(seed, 1, HIDDEN),) for seed in range(8)]
    converted = nnapi_core.convert(module, examples[0], feature_level=30, fallback="cpu")
    runs = StockRuns(tmp_path)
    runs.add("decoder", converted, examples, ".ptl")
    runs.run(with_library=True)
    wanted = expected_of(module, examples)
    assert len({int(steps) for steps, _ in wanted}) > 1
    for method in ("forward", "forward_cpu"):
        torch.testing.assert_close(runs.results("decoder", method), wanted)


def test_the_limit_of_a_loop_is_told_to_nnapi(tmp_path: Path) -> None:
    converted = nnapi_core.convert(Model(endless), (torch.ones(2),), feature_level=30)
    converted.save(tmp_path / "endless.nnapi")
    session = nnapi_runtime.load(tmp_path / "endless.nnapi", loop_timeout=0.1)
    start = time.monotonic()
    with pytest.raises(nnapi_runtime.NnapiError, match="while_loop") as missed:
        session(torch.ones(2))
    assert missed.value.code == "MISSED_DEADLINE_TRANSIENT"
    assert time.monotonic() - start < 1.5, "NNAPI's own limit is 2 seconds"
    with pytest.raises(nnapi_runtime.ArgumentError, match="loop_timeout"):
        nnapi_runtime.load(tmp_path / "endless.nnapi", loop_timeout=-1)


class Endless(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> Any:
        start = torch.zeros((), dtype=torch.int32)
        return while_loop(
            lambda i, x: i >= 0, lambda i, x: (i * 0, torch.tanh(self.linear(x))), (start, x)
        )


def test_an_endless_loop_around_pieces_ends_too(tmp_path: Path) -> None:
    converted = nnapi_core.convert(Endless(), (torch.ones(2, 4),), feature_level=29)
    converted.save(tmp_path / "endless.nnapi")
    session = nnapi_runtime.load(tmp_path / "endless.nnapi", loop_timeout=0.1)
    with pytest.raises(nnapi_runtime.NnapiError, match=r"0\.1 seconds.*loop_timeout") as missed:
        session(torch.ones(2, 4))
    assert missed.value.code == "MISSED_DEADLINE_TRANSIENT"
