"""Images of bytes: read, moved, compared and made; arithmetic that would wrap around is refused."""

from __future__ import annotations

import operator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

import nnapi_runtime
from nnapi_core import convert
from nnapi_core.testing import Case, check_lowering, feature_levels, tensors

DTYPES = {torch.uint8: (0, 255), torch.int8: (-128, 127)}
FIRST_LEVEL = {torch.uint8: 29, torch.int8: 30}
dtypes = st.sampled_from(list(DTYPES))


@st.composite
def bytes_of(draw: st.DrawFn, dtype: torch.dtype, **options: Any) -> torch.Tensor:
    low, high = DTYPES[dtype]
    return draw(tensors(dtype=dtype, low=low, high=high, **options))


@settings(max_examples=10)
@given(st.data(), dtypes, feature_levels())
def test_an_image_from_a_camera(data: st.DataObject, dtype: torch.dtype, level: int) -> None:
    x = data.draw(bytes_of(dtype, shape=(1, 6, 5, 3)))
    conv = torch.nn.Conv2d(3, 4, 3)

    def function(x: torch.Tensor) -> torch.Tensor:
        return conv(x.permute(0, 3, 1, 2).float() / 255)

    outcome = check_lowering(Case(function, (x,), level, terms=27))
    assert outcome.supported is (dtype is torch.uint8 or level >= 30), outcome.reasons
    if outcome.converted is not None:
        assert outcome.converted.report.transposes == 0


@settings(max_examples=10)
@given(st.data(), dtypes, feature_levels())
def test_elements_are_moved_and_picked(data: st.DataObject, dtype: torch.dtype, level: int) -> None:
    x, y = (data.draw(bytes_of(dtype, shape=(2, 3, 4, 6))) for _ in range(2))

    def function(x: torch.Tensor, y: torch.Tensor) -> Any:
        moved = torch.cat([x.flip(1), y.transpose(1, 2).reshape(2, 3, 4, 6)], 0)[:, 1:]
        picked = torch.where(x > y, x, y), torch.maximum(x, y), x.clamp(3, 99)
        # Torch resizes no int8.
        is_signed = x.dtype is torch.int8
        bigger = x if is_signed else functional.interpolate(x, scale_factor=2, mode="nearest")
        return moved, *picked, functional.pad(x, (1, 0, 2, 0)), bigger, x.roll(1, 2), x == y

    outcome = check_lowering(Case(function, (x, y), level))
    assert outcome.supported is (level >= FIRST_LEVEL[dtype]), outcome.reasons


@settings(max_examples=10)
@given(st.data(), dtypes, feature_levels())
def test_casts_and_reductions(data: st.DataObject, dtype: torch.dtype, level: int) -> None:
    x = data.draw(bytes_of(dtype, min_rank=1, max_rank=5, max_side=3))

    def function(x: torch.Tensor) -> Any:
        wider = x.int(), x.long() + 1, x.bool(), x.half()
        return *wider, x.sum(), x.float().mean(), x.amax(-1), x / 3, x + 0.5, x.sum(-1) * 2

    outcome = check_lowering(Case(function, (x,), level, terms=256, magnitude=2**16))
    assert outcome.supported is (level >= FIRST_LEVEL[dtype]), outcome.reasons


@settings(max_examples=10)
@given(st.data(), dtypes, feature_levels())
def test_bytes_are_made_of_what_fits(data: st.DataObject, dtype: torch.dtype, level: int) -> None:
    low, high = DTYPES[dtype]
    x = data.draw(tensors(min_rank=2, max_rank=4, low=-300, high=300))

    def function(x: torch.Tensor) -> Any:
        image = torch.sigmoid(x) * 127
        made = x.clamp(low, high), x.clamp(0, 0.5) * 254, image.round(), x.int().clamp(low, high)
        return *(one.to(dtype) for one in made), (x > 0).to(dtype), x.argmax(-1).to(dtype)

    outcome = check_lowering(Case(function, (x,), level))
    assert outcome.supported is (level >= FIRST_LEVEL[dtype]), outcome.reasons


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "function",
    [
        operator.add,
        operator.sub,
        operator.mul,
        lambda x, y: -x,
        lambda x, y: x.square(),
        torch.bitwise_and,
    ],
)
def test_arithmetic_that_may_wrap_around_is_refused(function: Any, dtype: torch.dtype) -> None:
    x = torch.full((2, 3), 100, dtype=dtype)
    outcome = check_lowering(Case(function, (x, x)))
    assert not outcome.supported
    if function is not torch.bitwise_and:
        assert "cast to torch.float32 or torch.int32 before" in outcome.reasons[0]


@pytest.mark.parametrize(
    "function", [lambda x: x.to(torch.uint8), lambda x: x.int().to(torch.uint8)]
)
def test_numbers_that_may_be_out_of_range_are_refused(function: Any) -> None:
    outcome = check_lowering(Case(function, (torch.rand(2, 3),)))
    assert not outcome.supported
    assert "clamp(0, 255) before" in outcome.reasons[-1]


class Brighter(torch.nn.Module):
    """A picture in, a picture out."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x.permute(0, 3, 1, 2).float() / 255
        y = functional.avg_pool2d(y, 3, 1, 1).sqrt()
        return (y.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1)


@pytest.mark.parametrize("suffix", ["nnapi", "ptl", "pt"])
def test_files_take_and_give_plain_bytes(tmp_path: Path, suffix: str) -> None:
    x = torch.randint(0, 256, (1, 8, 8, 3), dtype=torch.uint8)
    converted = convert(Brighter(), (x,), feature_level=29)
    path = tmp_path / f"picture.{suffix}"
    converted.save(path)
    if suffix == "nnapi":
        assert not [row for row in converted.report.nodes if row.device == "cpu"]
        result = nnapi_runtime.load(path)(x)
    else:
        result = torch.jit.load(path)(x)
    assert result.dtype is torch.uint8 and not result.is_quantized
    expected = Brighter()(x)
    # Half-way between two numbers, a last bit decides.
    assert int((result.int() - expected.int()).abs().max()) <= 1
    assert float((result != expected).float().mean()) < 0.02
