"""Models that write into their arguments: the caller sees it, as with eager torch."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import nnapi_runtime
from nnapi_core.conversion.convert import convert
from nnapi_core.verification.verify import verify


class Accumulates(nn.Module):
    """As a cache does: results before and after the writes, and one argument written from another."""

    def forward(self, x: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, ...]:
        before = state.clone()
        state[:, 1:] = torch.relu(x[:, 1:])
        state.mul_(2)
        x.copy_(before)
        return before, torch.special.i0(state * 0.1) + x


class Swaps(nn.Module):
    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        kept = x.clone()
        x.copy_(y)
        y.copy_(kept)
        return x


class Clears(nn.Module):
    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        z = x + y
        x.zero_()
        return z


def arguments() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return torch.randn(2, 3), torch.randn(2, 3)


def ran(model: Any) -> list[torch.Tensor]:
    """What is returned, and the arguments afterwards."""
    args = arguments()
    with torch.no_grad():
        results = model(*args)
    return [*(results if isinstance(results, tuple) else (results,)), *args]


def same(actual: list[torch.Tensor], expected: list[torch.Tensor]) -> None:
    for one, wanted in zip(actual, expected, strict=True):
        torch.testing.assert_close(one, wanted)


@pytest.mark.parametrize("level", [27, 29])
@pytest.mark.parametrize("module", [Accumulates(), Swaps(), Clears()], ids=repr)
def test_arguments_change_as_in_torch(module: nn.Module, level: int, tmp_path: Path) -> None:
    expected = ran(module)
    converted = convert(module, arguments(), feature_level=level)
    same(ran(converted), expected)
    converted.save(tmp_path / "m.nnapi")
    same(ran(nnapi_runtime.load(tmp_path / "m.nnapi")), expected)
    ctypes.CDLL(str(nnapi_runtime.host_library()), mode=ctypes.RTLD_GLOBAL)
    for name in ("m.ptl", "m.pt"):
        converted.save(tmp_path / name)
        same(ran(torch.jit.load(str(tmp_path / name))), expected)


def test_numpy_arrays_change_too_and_read_only_ones_are_refused() -> None:
    converted = convert(Swaps(), arguments())
    x, y = (one.numpy() for one in arguments())
    old = x.copy()
    converted.session()(x, y)
    np.testing.assert_array_equal(y, old)
    x.flags.writeable = False
    with pytest.raises(nnapi_runtime.ArgumentError, match="writes into 'x'"):
        converted.session()(x, y)


def test_verify_leaves_its_arguments_alone() -> None:
    module, args = Accumulates(), arguments()
    expected = module(*(one.clone() for one in args))
    result = verify(convert(module, args), args, expected, by_node=True)
    assert result.passed
    assert result.nodes
    same(list(args), list(arguments()))
