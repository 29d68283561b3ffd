"""A weight is in an artifact once, however many pieces read it, in whatever order of dimensions."""

from __future__ import annotations

import ctypes
import math
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

import nnapi_runtime
from nnapi_core.conversion.convert import convert
from nnapi_core.conversion.converted import Converted
from nnapi_core.nnapi.constant import Constant


class Shared(nn.Module):
    """Each weight is read on NNAPI and, by an operator that NNAPI has not got, on the CPU."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(16, 8, 3, 3))
        self.matrix = nn.Parameter(torch.randn(32, 32))

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, ...]:
        image = functional.conv2d(x, self.kernel, padding=1)
        on_cpu = torch.nextafter(self.kernel, image[0, 0, 0, 0])
        row = functional.linear(y, self.matrix).relu()
        again = row @ self.matrix.t() + 2 * (row @ self.matrix.t())
        return functional.relu(image), on_cpu, torch.nextafter(again.sum(), self.matrix), again


def converted_and_args() -> tuple[Converted, Shared, tuple[torch.Tensor, ...]]:
    torch.manual_seed(0)
    module = Shared().eval()
    args = (torch.randn(1, 8, 6, 6), torch.randn(2, 32))
    return convert(module, args), module, args


def test_every_weight_has_one_number() -> None:
    converted, module, args = converted_and_args()
    assert converted.report.stages.count("cpu") >= 1
    sizes = sorted(one.nbytes for one in converted.contents.weights.constants)
    assert sizes == sorted(4 * one.numel() for one in module.parameters())
    for actual, expected in zip(converted(*args), module(*args), strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("suffix", [".nnapi", ".ptl", ".pt"])
def test_files_hold_each_weight_once(suffix: str, tmp_path: Path) -> None:
    converted, module, args = converted_and_args()
    path = tmp_path / f"shared{suffix}"
    converted.save(path)
    data = path.read_bytes()
    for weight in module.parameters():
        orders = [weight, weight.permute(*range(1, weight.dim()), 0)]
        if weight.dim() == 4:
            orders.append(weight.permute(0, 2, 3, 1))
        found = [data.count(one.detach().contiguous().numpy().tobytes()) for one in orders]
        assert sum(found) == 1, found
    if suffix == ".nnapi":
        results = nnapi_runtime.load(path)(*args)
    else:
        ctypes.CDLL(str(nnapi_runtime.host_library()), mode=ctypes.RTLD_GLOBAL)
        results = torch.jit.load(str(path))(*args)
    for actual, expected in zip(results, module(*args), strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU, nn.RNN])
def test_gates_are_stretches_of_a_weight(layer: type[nn.RNNBase], tmp_path: Path) -> None:
    """NNAPI takes a matrix for each gate; torch, which runs the model where there is no NNAPI, takes all in one."""
    torch.manual_seed(0)
    module = layer(16, 32, 2, bidirectional=True).eval()
    x = torch.randn(3, 1, 16)
    converted = convert(module, (x,))
    assert set(converted.report.stages) == {"nnapi"}
    matrices = [one for one in module.parameters() if one.dim() == 2]
    written = [one for one in converted.contents.weights.constants if len(one.shape) == 2]
    assert sorted(one.shape for one in written) == sorted(tuple(one.shape) for one in matrices)
    converted.save(tmp_path / "layer.nnapi")
    expected = module(x)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nnapi_runtime.FallbackWarning)
        in_torch = nnapi_runtime.load(tmp_path / "layer.nnapi", library="/absent.so")
    assert in_torch.fallback
    for session in (nnapi_runtime.load(tmp_path / "layer.nnapi"), in_torch):
        torch.testing.assert_close(session(x)[0], expected, rtol=1e-4, atol=1e-4)


@given(st.data())
def test_stretches_of_a_weight_make_up_its_bytes(data: st.DataObject) -> None:
    """Also of a large one whose elements lie in another order; only a small part of it is copied at a time."""
    shape = data.draw(st.lists(st.sampled_from([1, 2, 3, 64, 1024]), min_size=1, max_size=4))
    assume(math.prod(shape) <= 1 << 20)
    order = data.draw(st.permutations(range(len(shape))))
    array = np.arange(math.prod(shape), dtype=np.float32).reshape(shape)
    constant = Constant.of(array).transpose(order)
    slabs = list(constant.slabs())
    assert b"".join(slabs) == constant.array().tobytes()
    in_place = constant.load().flags.c_contiguous
    assert len(slabs) == 1 if in_place else all(len(slab) <= 1 << 20 for slab in slabs)
