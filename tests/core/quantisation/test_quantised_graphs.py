"""Random small graphs around layers and batch norms: what is quantised is near the float module, or refused."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
import torch.utils._pytree as pytree
from attrs import frozen
from hypothesis import given, settings
from torch import nn

import nnapi_core

pytest.importorskip("torchao", reason="quantisation needs the extra `quant`")

from torchao.quantization.pt2e.fake_quantize import FakeQuantizeBase

from nnapi_core.graph.calibration_record import CalibrationRecord
from nnapi_core.quantisation.comparison import distances

CHANNELS, SIZE = 4, 6
LEVELS = (27, 28, 29, 30)


def snr(actual: Any, expected: Any) -> float:
    """In dB, the worst result."""
    worst = math.inf
    for one, other in zip(pytree.tree_leaves(actual), pytree.tree_leaves(expected), strict=True):
        a, b = one.detach().double(), other.detach().double()
        noise = float((a - b).square().sum())
        if noise:
            worst = min(worst, 10 * math.log10(float(b.square().sum()) / noise + 1e-30))
    return worst


def settled(module: nn.Module, seed: int = 0) -> nn.Module:
    """With statistics and factors as training leaves them."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(like: torch.Tensor, low: float, high: float) -> torch.Tensor:
        return low + (high - low) * torch.rand(like.shape, generator=generator)

    with torch.no_grad():
        for one in module.modules():
            if isinstance(one, nn.modules.batchnorm._BatchNorm):
                if one.running_mean is not None and one.running_var is not None:
                    one.running_mean.copy_(drawn(one.running_mean, -1, 1))
                    one.running_var.copy_(drawn(one.running_var, 0.3, 3))
                if one.affine:
                    one.weight.copy_(drawn(one.weight, 0.4, 1.6))
                    one.bias.copy_(drawn(one.bias, -1, 1))
    return module.eval()


# ---- one step of a random graph

LAYERS: dict[str, Callable[[bool], nn.Module]] = {
    "conv": lambda bias: nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=bias),
    "depthwise": lambda bias: nn.Conv2d(CHANNELS, CHANNELS, 3, 1, 1, groups=CHANNELS, bias=bias),
    "same": lambda bias: nn.Conv2d(CHANNELS, CHANNELS, 3, padding="same", bias=bias),
    "transposed": lambda bias: nn.ConvTranspose2d(CHANNELS, CHANNELS, 3, 1, 1, bias=bias),
    "groups": lambda bias: nn.ConvTranspose2d(CHANNELS, CHANNELS, 3, 1, 1, groups=2, bias=bias),
    "weight norm": lambda bias: nn.utils.parametrizations.weight_norm(
        nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=bias)
    ),
    "linear": lambda bias: nn.Linear(SIZE, SIZE, bias=bias),
}
UNARY: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "relu": F.relu,
    "relu in place": lambda x: F.relu_(x.clone()),
    "relu6": F.relu6,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "silu": F.silu,
    "max": lambda x: F.max_pool2d(x, 3, 1, 1),
    "average": lambda x: F.avg_pool2d(x, 3, 1, 1),
    "turn": lambda x: x.transpose(2, 3),
    "gate": lambda x: x * F.hardsigmoid(F.adaptive_avg_pool2d(x, 1)),
}


@frozen
class Step:
    """``first`` and ``second`` count back from the tensors that there are; ``own`` names the parameters."""

    kind: str
    name: str
    first: int
    second: int
    own: int
    bias: bool
    eps: float


@st.composite
def steps(draw: st.DrawFn) -> Step:
    kind = draw(st.sampled_from(["layer", "norm", "norm", "unary", "add", "join"]))
    names = {"layer": sorted(LAYERS), "unary": sorted(UNARY), "norm": ["affine", "plain", "batch"]}
    return Step(
        kind,
        draw(st.sampled_from(names.get(kind, [""]))),
        draw(st.integers(0, 2)),
        draw(st.integers(0, 3)),
        # Few of them, so that layers and batch norms are shared.
        draw(st.integers(0, 1)),
        draw(st.booleans()),
        draw(st.sampled_from([1e-5, 1e-3, 0.1])),
    )


class Drawn(nn.Module):
    """The graph of some steps; ``results`` counts back, too, and a weight may be a result."""

    def __init__(self, plan: list[Step], results: int, reads_weight: bool) -> None:
        super().__init__()
        self.plan, self.results, self.reads_weight = plan, results, reads_weight
        self.parts = nn.ModuleDict()
        for one in plan:
            if self.key(one) in self.parts:
                continue
            if one.kind == "layer":
                self.parts[self.key(one)] = LAYERS[one.name](one.bias)
            elif one.kind == "norm":
                self.parts[self.key(one)] = nn.BatchNorm2d(
                    CHANNELS,
                    eps=one.eps,
                    affine=one.name != "plain",
                    track_running_stats=one.name != "batch",
                )
            elif one.kind == "join":
                self.parts[self.key(one)] = nn.Conv2d(2 * CHANNELS, CHANNELS, 1)

    def key(self, step: Step) -> str:
        return f"{step.kind} {step.name} {step.own}"

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        made = [x]
        for one in self.plan:
            first, second = (made[-1 - min(i, len(made) - 1)] for i in (one.first, one.second))
            if one.kind in ("layer", "norm"):
                made.append(self.parts[self.key(one)](first))
            elif one.kind == "unary":
                made.append(UNARY[one.name](first))
            elif one.kind == "add":
                made.append(first + second)
            else:
                made.append(self.parts[self.key(one)](torch.cat([first, second], 1)))
        weights = [
            part.weight.square().mean()
            for part in self.parts.values()
            if isinstance(part, nn.Conv2d)
        ]
        return (*made[-self.results :], *(weights[:1] if self.reads_weight else []))


graphs = st.builds(
    Drawn, st.lists(steps(), min_size=2, max_size=6), st.integers(1, 2), st.booleans()
)


def batches(seed: int, count: int = 2) -> list[tuple[torch.Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    shape = (2, CHANNELS, SIZE, SIZE)
    return [(torch.randn(shape, generator=generator),) for _ in range(count)]


@settings(max_examples=settings().max_examples // 3)
@given(
    graph=graphs,
    seed=st.integers(0, 1000),
    level=st.sampled_from(LEVELS),
    per_channel=st.booleans(),
)
def test_near_the_float_module(graph: Drawn, seed: int, level: int, per_channel: bool) -> None:
    module, given_ = settled(graph, seed), batches(seed)
    with torch.no_grad():
        expected = module(*given_[0])
    try:
        program = nnapi_core.quantize(module, given_, feature_level=level, per_channel=per_channel)
    except nnapi_core.ConversionError as refused:
        if "nothing in this module can be quantised" not in str(refused):
            raise
        return
    with torch.no_grad():
        made = program.module()(*given_[0])
    assert snr(made, expected) > 14
    record = CalibrationRecord.of(program)
    assert record is not None and min(record.snr) > 14
    converted = nnapi_core.convert(program, given_[0], feature_level=level)
    assert snr(converted(*given_[0]), expected) > 14


@settings(max_examples=settings().max_examples // 6)
@given(graph=graphs, seed=st.integers(0, 1000), level=st.sampled_from(LEVELS))
def test_trained_graphs_become_what_was_trained(graph: Drawn, seed: int, level: int) -> None:
    module, ((x,), *_) = settled(graph, seed), batches(seed)
    prepared = nnapi_core.prepare_qat(module, (x,), feature_level=level)
    parameters = list(prepared.parameters())
    optimiser = torch.optim.SGD(parameters, 1e-2) if parameters else None
    for _ in range(3):
        loss = sum(one.square().mean() for one in prepared(x))
        if optimiser is not None and loss.requires_grad:
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    prepared.eval()
    with torch.no_grad():
        expected = prepared(x)
        trained = copy.deepcopy(prepared)
        trained.apply(lambda one: isinstance(one, FakeQuantizeBase) and one.disable_fake_quant())
        unrounded = trained(x)
    try:
        program = nnapi_core.finish_qat(prepared, (x,))
    except nnapi_core.ConversionError as refused:
        if "nothing in this module can be quantised" not in str(refused):
            raise
        return
    record = CalibrationRecord.of(program)
    assert record is not None and record.trained
    for distance, made, wanted in zip(record.snr, program.module()(x), unrounded, strict=True):
        assert (distance,) == distances([made], [wanted])
    with torch.no_grad():
        assert snr(program.module()(x), expected) > 25
    converted = nnapi_core.convert(program, (x,), feature_level=level)
    assert snr(converted(x), expected) > 14
