"""Multiply-accumulates of NNAPI operations agree with torch's own count of the operators they came from."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import nnapi_core
from nnapi_core.nnapi.operation_cost import Work

LATEST = 1000006


class Product(nn.Module):
    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return a @ b


CASES = {
    "convolution": (nn.Conv2d(6, 8, (3, 2), stride=2, padding=1), (1, 6, 11, 9)),
    "grouped": (nn.Conv2d(6, 9, 3, groups=3, dilation=2), (2, 6, 11, 9)),
    "depthwise": (nn.Conv2d(6, 12, 3, groups=6), (1, 6, 7, 5)),
    "transposed": (nn.ConvTranspose2d(4, 6, 3, stride=2), (1, 4, 5, 6)),
    "linear": (nn.Linear(10, 7), (3, 10)),
}


def counted(module: nn.Module, args: tuple[torch.Tensor, ...]) -> int:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(*args)
    return counter.get_total_flops() // 2


def lowered(module: nn.Module, args: tuple[torch.Tensor, ...]) -> list[Work]:
    converted = nnapi_core.convert(module, args, feature_level=LATEST, fallback="error")
    models = [one.model for one in converted.contents.lowered.values()]
    return [Work.of(model, operation) for model in models for operation in model.operations]


@pytest.mark.parametrize("name", CASES)
def test_a_layer_counts_as_torch_counts_it(name: str) -> None:
    module, shape = CASES[name]
    args = (torch.randn(shape),)
    assert sum(work.macs for work in lowered(module.eval(), args)) == counted(module, args)


def test_a_matrix_product_counts_as_torch_counts_it() -> None:
    args = (torch.randn(5, 3, 4), torch.randn(5, 4, 6))
    assert sum(work.macs for work in lowered(Product(), args)) == counted(Product(), args)


def test_a_recurrent_layer_uses_every_weight_once_a_step() -> None:
    steps, inputs, hidden = 7, 5, 6
    module = nn.LSTM(inputs, hidden)
    macs = sum(work.macs for work in lowered(module.eval(), (torch.randn(steps, 1, inputs),)))
    assert macs == steps * 4 * hidden * (inputs + hidden)


def test_moved_bytes_are_those_of_the_tensors() -> None:
    (work,) = lowered(nn.Linear(10, 7), (torch.randn(3, 10),))
    assert work.moved == 4 * (3 * 10 + 7 * 10 + 7 + 3 * 7)
    assert not work.quantised
