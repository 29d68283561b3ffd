"""What a module changes and a conversion cannot keep as the module does is refused, and the error says what to do."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from nnapi_core.conversion.convert import convert
from nnapi_core.errors import ConversionError, Unsupported
from nnapi_core.quantisation.calibration import quantize
from tests.core.conversion.stateful_modules import Image


class Writes(nn.Module):
    def __init__(self, write: Callable[[nn.Module, torch.Tensor], Any]) -> None:
        super().__init__()
        self.write = write
        self.register_buffer("kept", torch.zeros(3))
        self.register_buffer("other", torch.zeros(3))
        self.register_buffer("part", self.other[:2])
        self.plain = torch.zeros(3)
        self.weight = nn.Parameter(torch.zeros(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.write(self, x)
        return y


def grows(m: Any, x: torch.Tensor) -> torch.Tensor:
    m.kept = torch.cat([m.kept, x])
    return m.kept.sum(0, keepdim=True)


def becomes_float(m: Any, x: torch.Tensor) -> torch.Tensor:
    m.kept = (m.kept + x).to(torch.float64)
    return x * 2


def shares(m: Any, x: torch.Tensor) -> torch.Tensor:
    m.other += x
    return m.part * 2 + m.other[:2]


def aliases(m: Any, x: torch.Tensor) -> torch.Tensor:
    m.kept.add_(x)
    m.other = m.kept.view(3)
    return m.other * 2


def in_a_branch(m: Any, x: torch.Tensor) -> torch.Tensor:
    def add(x: torch.Tensor) -> torch.Tensor:
        m.kept.add_(x)
        return x + m.kept

    found: torch.Tensor = torch.cond(x.sum() > 0, add, lambda x: x.clone(), (x,))
    return found


def a_parameter(m: Any, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        m.weight.add_(x)
    return m.weight * 2


def a_plain_attribute(m: Any, x: torch.Tensor) -> torch.Tensor:
    m.plain = m.plain + x
    return m.plain * 2


def an_argument(m: Any, x: torch.Tensor) -> torch.Tensor:
    before = m.kept * 2
    m.kept = x
    return before


@pytest.mark.parametrize(
    ("write", "why"),
    [
        (
            grows,
            r"forward makes 'kept' a tensor of .* shape \[6\], which was .* \[3\]; a state keeps",
        ),
        (becomes_float, r"forward makes 'kept' a tensor of torch.float64"),
        (shares, r"'other', 'part' lie in the same memory"),
        (aliases, r"makes the buffer 'other' an argument, another buffer, or a view of one"),
        (in_a_branch, r"a graph that cond \(cond\) calls .*writes into b_kept, from outside of it"),
        (a_parameter, r"writes into the parameter 'weight'; say that it is the model's state"),
        (a_plain_attribute, r"reads and assigns self.plain, a state that is no buffer"),
        (an_argument, r"makes the buffer 'kept' an argument, another buffer, or a view of one"),
    ],
)
def test_what_cannot_be_kept_says_why(write: Callable[..., Any], why: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ConversionError, match=why):
            convert(Writes(write), (torch.ones(3),))


def test_training_is_refused_by_its_name() -> None:
    for layer in (nn.BatchNorm1d(3), nn.InstanceNorm1d(3, track_running_stats=True)):
        with pytest.raises(ConversionError, match=r"training mode: .*running_mean.*call .eval"):
            convert(nn.Sequential(layer), (torch.randn(4, 3, 5),))


def test_free_sizes_with_state_are_refused() -> None:
    class Sums(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("total", torch.zeros(3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.total += x.sum(0)
            return x + self.total

    rows = torch.export.Dim("rows", min=2, max=8)
    with pytest.raises(Unsupported, match=r"free sizes of a model that keeps state.*total"):
        convert(Sums(), (torch.randn(4, 3),), dynamic_shapes=({0: rows},))


def test_quantising_a_model_with_state_is_refused() -> None:
    with pytest.raises(ConversionError, match=r"keeps state \(frame\), which is not quantised"):
        quantize(Image(), [(torch.randn(1, 3), torch.tensor([0]))])
