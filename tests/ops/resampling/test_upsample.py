"""Interpolation."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from nnapi_core.testing import Case, check_lowering, feature_levels, tensors

MODES = {
    1: ["nearest", "nearest-exact", "linear"],
    2: ["nearest", "nearest-exact", "bilinear", "bicubic"],
}


@st.composite
def options(draw: st.DrawFn, spatial: int) -> dict[str, Any]:
    """Arguments of `interpolate`."""
    chosen: dict[str, Any] = {"mode": draw(st.sampled_from(MODES[spatial]))}
    if draw(st.booleans()):
        chosen["size"] = [draw(st.integers(1, 12)) for _ in range(spatial)]
    else:
        scale = st.sampled_from([2.0, 3.0, 1.0, 1.5, 2.7, 0.6])
        chosen["scale_factor"] = [draw(scale) for _ in range(spatial)]
        chosen["recompute_scale_factor"] = draw(st.sampled_from([None, True]))
    if "nearest" not in chosen["mode"]:
        chosen["align_corners"] = draw(st.booleans())
        if spatial == 2:
            chosen["antialias"] = draw(st.sampled_from([False, False, True]))
    return chosen


@st.composite
def resized(
    draw: st.DrawFn, spatial: int, dtype: torch.dtype = torch.float32
) -> tuple[torch.Tensor, dict[str, Any]]:
    sizes = [draw(st.integers(2, 9)) for _ in range(spatial)]
    batch = draw(st.integers(1, 2))
    x = draw(tensors(shape=(batch, draw(st.integers(1, 4)), *sizes), dtype=dtype))
    return x, draw(options(spatial))


def check(x: torch.Tensor, options: dict[str, Any], level: int) -> bool:
    # Positions are rounded before they become weights, so far elements weigh more than rounding.
    terms = 16 + 4 * max(x.shape[2:])
    case = Case(lambda x: functional.interpolate(x, **options), (x,), level, terms, magnitude=8)
    return check_lowering(case).supported


@settings(max_examples=30)
@given(resized(2), feature_levels())
def test_two_dimensions(drawn: tuple[torch.Tensor, dict[str, Any]], level: int) -> None:
    x, options = drawn
    narrow = functional.interpolate(x, **options).shape[-1] == 1
    supported = check(x, options, level)
    assert supported or level == 27 or (options.get("antialias") and narrow)


@given(resized(1), feature_levels())
def test_one_dimension(drawn: tuple[torch.Tensor, dict[str, Any]], level: int) -> None:
    x, options = drawn
    assert check(x, options, level) or (level == 27 and "nearest" in options["mode"])


@settings(max_examples=10)
@given(resized(2, torch.float16), feature_levels(29))
def test_float16(drawn: tuple[torch.Tensor, dict[str, Any]], level: int) -> None:
    x, options = drawn
    options.pop("antialias", None)  # torch has it in float32 alone
    assert check(x, options, level)


@pytest.mark.parametrize(
    ("level", "options", "operation"),
    [
        (29, {"mode": "nearest"}, "RESIZE_NEAREST_NEIGHBOR"),
        (30, {"mode": "nearest-exact"}, "RESIZE_NEAREST_NEIGHBOR"),
        (30, {"mode": "bilinear"}, "RESIZE_BILINEAR"),
        (30, {"mode": "bilinear", "align_corners": True}, "RESIZE_BILINEAR"),
    ],
)
@pytest.mark.parametrize("factor", [2.0, 0.6, 1.7])
def test_resizing_as_nnapi_has_it(
    level: int, options: dict[str, Any], operation: str, factor: float
) -> None:
    def function(x: torch.Tensor) -> torch.Tensor:
        resized = functional.interpolate(
            x, scale_factor=factor, recompute_scale_factor=True, **options
        )
        return torch.relu(resized)

    x = torch.randn(1, 3, 7, 9)
    converted = check_lowering(Case(function, (x,), level, 40, 4)).converted
    assert converted is not None
    assert converted.report.operations == {operation: 1, "RELU": 1}


def test_nothing_is_moved_around_one_dimension() -> None:
    x = torch.randn(2, 3, 5)
    converted = check_lowering(
        Case(lambda x: functional.interpolate(x, 9, mode="linear"), (x,), 29, 40, 4)
    ).converted
    assert converted is not None
    assert converted.report.transposes == 0


def test_three_spatial_dimensions() -> None:
    x = torch.randn(1, 2, 3, 3, 3)
    for mode in ("nearest", "trilinear"):
        check_lowering(Case(lambda x, m=mode: functional.interpolate(x, (6, 6, 6), mode=m), (x,)))
