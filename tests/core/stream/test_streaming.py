"""A sequence by chunks gives what it gives whole, in torch and in a session; what cannot come so is refused."""

from __future__ import annotations

import itertools
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import nnapi_core
import nnapi_runtime
from benchmarks.networks import Denoiser, FrameNorm
from tests.core.artifact.stock_methods import Stock

WIDE = 3


class Along(nn.Module):
    """A recurrent layer on channels first."""

    def __init__(self, layer: nn.RNNBase) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found, _ = self.layer(x.transpose(1, 2))
        return found.transpose(1, 2)


class Around(nn.Module):
    """What a layer gives, and what it got: the two do not come at the same time."""

    def __init__(self, layer: nn.Module, how: str) -> None:
        super().__init__()
        self.layer, self.how = layer, how

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.how == "sum":
            return x + self.layer(x)
        if self.how == "gate":
            return self.layer(x).sigmoid() * x
        both = torch.cat([x, self.layer(x)], 1)
        return both[:, ::2]


class Late(nn.Module):
    """Without its first moments."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[..., self.count :]


def convolution(kernel: int, stride: int, dilation: int, padding: int) -> nn.Module:
    return nn.Conv1d(WIDE, WIDE, kernel, stride, padding, dilation)


def upsampling(kernel: int, stride: int, padding: int) -> nn.Module:
    return nn.ConvTranspose1d(WIDE, WIDE, kernel, stride, min(padding, (kernel - 1) // 2))


def causal(kernel: int, dilation: int) -> nn.Module:
    pad = nn.ConstantPad1d((dilation * (kernel - 1), 0), 0.5)
    return nn.Sequential(pad, nn.Conv1d(WIDE, WIDE, kernel, dilation=dilation))


def same(kernel: int, dilation: int) -> nn.Module:
    return nn.Conv1d(WIDE, WIDE, kernel, padding="same", dilation=dilation)


few = st.integers(1, 4)
layers = st.one_of(
    st.builds(convolution, few, st.integers(1, 3), st.integers(1, 2), st.integers(0, 3)),
    st.builds(upsampling, few, st.integers(1, 2), st.integers(0, 1)),
    st.builds(causal, few, st.integers(1, 2)),
    st.builds(nn.MaxPool1d, few, st.integers(1, 2)),
    st.builds(nn.AvgPool1d, few, st.integers(1, 2)),
    st.builds(Late, few),
    st.builds(lambda: Along(nn.GRU(WIDE, WIDE, batch_first=True))),
    st.builds(lambda: Along(nn.LSTM(WIDE, WIDE, 2, batch_first=True))),
    st.builds(lambda: FrameNorm(WIDE)),
    st.builds(lambda: nn.BatchNorm1d(WIDE)),
    st.builds(nn.ReLU, st.booleans()),
    st.builds(Around, st.builds(same, few, st.integers(1, 2)), st.sampled_from(["sum", "gate", "cat"])),
)  # fmt: skip


def stacked(found: list[nn.Module]) -> tuple[nn.Module, int]:
    """The module, and how many moments make one result where it is longest."""
    strides = [
        int(torch.tensor(one.stride).flatten()[0])
        for one in found
        if isinstance(one, (nn.Conv1d, nn.MaxPool1d, nn.AvgPool1d))
    ]
    torch.manual_seed(0)
    module = nn.Sequential(*found)
    for one in module.parameters():
        nn.init.normal_(one, std=0.5)
    return module.eval(), int(torch.tensor(strides or [1]).prod())


def check(made: nnapi_core.Streaming, module: nn.Module, count: int, reader: Any = None) -> None:
    x = torch.randn(2, WIDE, made.first_length + (count + 1) * made.chunk - 1)
    results = list(made.run(x, reader))
    assert len(results) == 1 + count
    ours = torch.cat(results, -1)
    with torch.no_grad():
        whole = module(x)
    both = min(ours.shape[-1], whole.shape[-1])
    assert both > whole.shape[-1] - made.delay - made.chunk * 2 - 64
    assert [one.shape for one in results[2:]] == [results[1].shape] * (count - 1)
    torch.testing.assert_close(ours[..., :both], whole[..., :both], rtol=1e-3, atol=1e-4)


@given(st.lists(layers, min_size=1, max_size=5), st.integers(1, 4), st.integers(1, 5))
def test_chunks_give_what_the_whole_gives(found: list[nn.Module], many: int, count: int) -> None:
    module, unit = stacked(found)
    made = nnapi_core.streaming(module, torch.randn(2, WIDE, 160), chunk=unit * many)
    for _ in range(2):  # The second time nothing is left of the first.
        check(made, module, count)


@settings(max_examples=4)
@given(st.lists(layers, min_size=1, max_size=3), st.integers(1, 3), st.sampled_from([27, 29, 30]))
def test_a_session_gives_the_same(found: list[nn.Module], many: int, level: int) -> None:
    module, unit = stacked(found)
    made = nnapi_core.streaming(module, torch.randn(2, WIDE, 160), chunk=unit * many)
    converted = nnapi_core.convert_methods(made.methods(), feature_level=level)
    check(made, module, 3, converted)


def test_the_denoiser_streams_in_constant_memory(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = Denoiser(frames=16, hidden=12, by_frame=True).eval()
    made = nnapi_core.streaming(module, torch.randn(1, 1, 512), chunk=320)
    assert (made.first_length, made.delay) == (320, 64)
    converted = nnapi_core.convert_methods(made.methods(), feature_level=29)
    assert {row.device for row in converted.report.nodes} <= {"nnapi", "folded"}
    converted.save(tmp_path / "m.nnapi")
    session = nnapi_runtime.load(tmp_path / "m.nnapi")
    sound = torch.randn(1, 1, 320 * 50)
    ours = torch.cat(list(made.run(sound, session)), -1)
    with torch.no_grad():
        whole = module(sound)
    assert ours.shape[-1] == whole.shape[-1] - made.delay
    torch.testing.assert_close(ours, whole[..., : ours.shape[-1]], rtol=1e-4, atol=1e-5)
    chunk = sound[..., :320].contiguous()
    used = []
    for _ in range(2):
        for _ in range(1000):
            session.step(chunk)
        used.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    assert used[1] - used[0] < 512  # kilobytes


def test_what_is_given_stays_as_it_is() -> None:
    module = nn.Sequential(nn.ReLU(inplace=True), nn.Conv1d(WIDE, WIDE, 3)).eval()
    x = torch.randn(1, WIDE, 32)
    before = x.clone()
    made = nnapi_core.streaming(module, x, chunk=4)
    list(made.run(x))
    assert torch.equal(x, before)


def test_stock_pytorch_gives_the_same(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = Denoiser(frames=16, hidden=12, by_frame=True).eval()
    made = nnapi_core.streaming(module, torch.randn(1, 1, 512), chunk=320)
    nnapi_core.convert_methods(made.methods(), feature_level=29).save(tmp_path / "m.ptl")
    sound = torch.randn(1, 1, 320 * 6)
    with torch.no_grad():
        whole = module(sound)
    for end in ("", "_cpu"):
        stock = Stock(tmp_path / "m.ptl", end, ("first", "step"))
        ours = torch.cat(list(made.run(sound, stock)), -1)
        torch.testing.assert_close(ours, whole[..., : ours.shape[-1]], rtol=1e-4, atol=1e-5)


class Calls(nn.Module):
    """One call on a sequence (1, 3, T)."""

    def __init__(self, call: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.call = call

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.call(x)


@pytest.mark.parametrize(
    ("module", "why"),
    [
        (nn.Sequential(nn.ReLU(), nn.GroupNorm(1, WIDE)), "layer '1' .*GroupNorm is not known"),
        (nn.Sequential(nn.InstanceNorm1d(WIDE)), "layer '0'.*InstanceNorm1d"),
        (Along(nn.GRU(WIDE, WIDE, batch_first=True, bidirectional=True)), "'layer'.*bidirectional"),
        (Along(nn.GRU(WIDE, WIDE)), "'layer'.*does not run along the dimension that is time"),
        (nn.Conv1d(WIDE, WIDE, 2, stride=3), r"stride of 3 .* chunks of 4; give a multiple of 3"),
        (nn.Conv1d(WIDE, WIDE, 3, padding=1, padding_mode="reflect"), "padding is 'reflect'"),
        (nn.MaxPool1d(3, 1, padding=1), "windows reach over the ends"),
        (nn.ConstantPad1d((0, 2), 0.0), "pads the end of the whole sequence"),
        (nn.AdaptiveAvgPool1d(1), "makes one of the whole"),
        (nn.Softmax(-1), "Softmax is not known"),
        (Calls(lambda x: x.mean(-1, keepdim=True) + x), "mean .* makes one of the whole sequence"),
        (Calls(lambda x: x.softmax(-1)), "softmax .* runs over the whole sequence"),
        (Calls(lambda x: x.transpose(1, 2) @ x), "matmul .* each moment meets each other one"),
        (Calls(lambda x: x.flip(-1)), "flip .* not known to compute each moment on its own"),
        (Calls(lambda x: x[..., :-1]), "picks moments of the whole sequence"),
        (Calls(lambda x: x[..., -5:] * 2), "makes one of the whole sequence"),
        (Calls(lambda x: x.cumsum(-1)), "cumsum .* not known"),
        (Calls(lambda x: x * x.shape[-1]), "asks for what the whole sequence is like"),
        (Calls(lambda x: x + torch.arange(32.0)), "for another length than the example's it fails"),
        (Calls(lambda x: x if x.sum() > 0 else -x), "torch.fx cannot trace"),
        (nn.Conv1d(WIDE, WIDE, 3).train(), "training mode"),
    ],
)  # fmt: skip
def test_what_cannot_come_by_chunks_names_the_layer(module: nn.Module, why: str) -> None:
    module = module if "training" in why else module.eval()
    with pytest.raises(nnapi_core.ConversionError, match=why):
        nnapi_core.streaming(module, torch.randn(1, WIDE, 32), chunk=4)


def test_a_layer_that_is_not_what_it_says_is_found() -> None:
    class Shifts(nn.Sigmoid):
        """A subclass that torch.fx does not look into, and that remembers what it is not asked to."""

    class Counts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.calls = itertools.count()
            self.layer = nn.Identity()
            self.layer.register_forward_hook(lambda *_: _[2] + next(self.calls))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(x) * 2

    with pytest.raises(nnapi_core.ConversionError, match=r"'layer'.*chunks of it are not what"):
        nnapi_core.streaming(Counts().eval(), torch.randn(1, WIDE, 32), chunk=4)


@pytest.mark.parametrize("time", [0, 1, -2])
def test_time_may_be_any_dimension(time: int) -> None:
    module = nn.GRU(WIDE, WIDE, batch_first=time != 0)

    class Takes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = module

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.layer(x)[0]
            return found

    x = torch.randn(20, 2, WIDE) if time == 0 else torch.randn(2, 20, WIDE)
    made = nnapi_core.streaming(Takes().eval(), x, chunk=5, time=time)
    with torch.no_grad():
        whole = module(x)[0]
    torch.testing.assert_close(torch.cat(list(made.run(x)), time), whole)


def test_words_come_by_chunks_as_well() -> None:
    class Words(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.layer = nn.Embedding(9, WIDE), nn.Conv1d(WIDE, 2, 3, padding=1)

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            found = self.layer(self.words(x).transpose(1, 2))
            return found, found.softmax(1)

    module, x = Words().eval(), torch.randint(0, 9, (1, 24))
    made = nnapi_core.streaming(module, x, chunk=4)
    with torch.no_grad():
        whole = module(x)
    for ours, wanted in zip(zip(*made.run(x), strict=True), whole, strict=True):
        found = torch.cat(ours, -1)
        torch.testing.assert_close(found, wanted[..., : found.shape[-1]])
