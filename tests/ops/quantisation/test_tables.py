"""Functions of one tensor that NNAPI has no integers for: a table, exactly what the graph says; or floats, with why."""

from __future__ import annotations

from collections.abc import Callable

import hypothesis.strategies as st
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given, settings

import nnapi_core
from tests.ops.quantisation.between_dequantize_and_quantize import Grid, Sandwich, grids, seeds

# One call each, so that nothing else is between ``dequantize`` and ``quantize``.
ONE_CALL: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "gelu": F.gelu, "gelu by tanh": lambda x: F.gelu(x, approximate="tanh"), "elu": F.elu,
    "celu": lambda x: F.celu(x, 0.7), "selu": F.selu, "mish": F.mish, "softplus": F.softplus,
    "erf": torch.erf, "sin": torch.sin, "exp2": torch.exp2, "tan": torch.tan, "sinh": torch.sinh,
}  # fmt: skip


def converted(
    function: Callable[[torch.Tensor], torch.Tensor], grid: Grid, x: torch.Tensor, level: int
) -> tuple[nnapi_core.Converted, torch.Tensor, Grid]:
    with torch.no_grad():
        out = Grid.holding(function(grid.rounded(x)), grid.dtype, 0.95)
        module = Sandwich(function, [grid], out).eval()
        return nnapi_core.convert(module, (x,), feature_level=level), module(x), out


@pytest.mark.parametrize("name", sorted(ONE_CALL))
@settings(max_examples=3, deadline=None)
@given(
    data=st.data(),
    shape=st.sampled_from([(2, 4, 6, 6), (3, 5), (7,), (1, 2, 3, 4, 2)]),
    seed=seeds,
)
def test_uint8_indexes_a_table(
    name: str, data: st.DataObject, shape: tuple[int, ...], seed: int
) -> None:
    """Not one step away, whatever the scales: also where the function is beyond the range of its result."""
    grid = data.draw(grids(torch.uint8))
    scaled = Grid(grid.scale * 0.05, grid.zero_point, grid.dtype)
    x = scaled.sample(shape, seed)
    made, expected, _ = converted(ONE_CALL[name], scaled, x, 29)
    assert made.report.float_islands() == []
    assert made.report.operations["GATHER"] == 1
    assert torch.equal(made(x), expected)


@pytest.mark.parametrize("name", ["gelu", "elu", "mish", "erf"])
@settings(max_examples=3, deadline=None)
@given(data=st.data(), seed=seeds)
def test_int8_is_computed_in_floats_and_says_what_to_do(
    name: str, data: st.DataObject, seed: int
) -> None:
    grid = data.draw(grids(torch.int8))
    x = grid.sample((2, 3, 4, 4), seed)
    made, expected, out = converted(ONE_CALL[name], grid, x, 30)
    (row,) = (row for row in made.report.float_islands() if "quantize" not in row.target)
    assert "quantise for feature level 29, whose uint8 can" in row.reason
    assert made.report.operations["DEQUANTIZE"] == 2 and made.report.operations["QUANTIZE"] == 2
    steps = ((made(x) - expected).abs() / out.scale).round()
    assert int(steps.max()) <= 1


@settings(max_examples=6, deadline=None)
@given(zero_point=st.integers(0, 3), seed=seeds)
def test_what_has_no_number_for_some_integer_is_no_table(zero_point: int, seed: int) -> None:
    """The square root below the zero point: no integers where there are such, all integers where there are none."""
    grid = Grid(0.02, zero_point, torch.uint8)
    x = grid.sample((4, 50), seed).clamp_min(0)
    made, expected, out = converted(torch.sqrt, grid, x, 29)
    reasons = [row.reason for row in made.report.float_islands() if "quantize" not in row.target]
    if zero_point:
        assert len(reasons) == 1 and "is NaN" in reasons[0] and "relu" in reasons[0]
    else:
        assert reasons == []
    assert int(((made(x) - expected).abs() / out.scale).round().max()) <= 1


@settings(max_examples=3, deadline=None)
@given(data=st.data(), seed=seeds)
def test_noise_is_no_function(data: st.DataObject, seed: int) -> None:
    """Two calls of dropout in training differ, so no table holds them: torch runs it."""
    grid = data.draw(grids(torch.uint8))
    x = grid.sample((4, 50), seed)

    def noisy(y: torch.Tensor) -> torch.Tensor:
        return torch.bernoulli(y.sigmoid())

    made, _, _ = converted(noisy, grid, x, 29)
    assert "GATHER" not in made.report.operations
