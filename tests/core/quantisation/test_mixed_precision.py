"""Layers that stay in floats: by name, by type, and as many as a goal needs. What was promised is measured again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given, settings
from torch import nn

import nnapi_core
from nnapi_core.graph.calibration_record import CalibrationRecord
from tests.core.quantisation.test_quantised_graphs import snr

pytest.importorskip("torchao", reason="quantisation needs the extra `quant`")

from nnapi_core.quantisation.calibrated_graph import CALIBRATIONS


class Net(nn.Module):
    """One layer has a channel far above the others; one function has words, one is a table, one a float core."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.stem = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU6(), nn.MaxPool2d(2)
        )
        self.wide, self.narrow = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 1)
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 5)
        with torch.no_grad():
            self.wide.weight[0] *= 30

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.stem(x)
        y = F.silu(self.wide(y)) + y
        y = F.gelu(self.narrow(y)).mean((2, 3))
        return self.head(self.norm(y)).softmax(-1)


def batches(seed: int = 0, count: int = 3) -> list[tuple[torch.Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    return [(torch.randn(2, 3, 12, 12, generator=generator),) for _ in range(count)]


def record_of(program: torch.export.ExportedProgram) -> CalibrationRecord:
    found = CalibrationRecord.of(program)
    assert found is not None
    return found


def in_floats(program: torch.export.ExportedProgram) -> set[str]:
    """The operators that NNAPI computes in floats."""
    converted = nnapi_core.convert(program, batches()[0], fallback="error")
    rows = converted.report.float_islands()
    return {row.target.split(".")[1] for row in rows if "quantize" not in row.target}


@pytest.mark.parametrize(
    "options, floats",
    [
        ({}, {"layer_norm"}),
        ({"float_nodes": ["wide"]}, {"layer_norm", "conv2d"}),
        ({"float_nodes": ["conv2d_1", "softmax"]}, {"layer_norm", "conv2d", "softmax"}),
        # A batch norm is in the layer before it, a pool is where what it reads is.
        ({"float_nodes": ["stem.*"]}, {"layer_norm", "conv2d"}),
        ({"float_nodes": ["batch_norm"]}, {"layer_norm", "conv2d"}),
        ({"float_types": [nn.Linear]}, {"layer_norm", "linear"}),
        # A function of one tensor that is left whole, among integers, has a table: it rounds no more than floats do.
        ({"float_types": ["Linear", "silu"]}, {"layer_norm", "linear"}),
        ({"float_types": [torch.ops.aten.gelu]}, {"layer_norm", "gelu", "mean"}),
        ({"float_types": [torch.ops.aten.silu.default]}, {"layer_norm"}),
    ],
)
def test_by_hand(options: dict[str, Any], floats: set[str]) -> None:
    module = Net().eval()
    program = nnapi_core.quantize(module, batches(), **options)
    clamps = {"hardtanh", "relu6", "max_pool2d", "mul"}
    assert in_floats(program) - clamps == floats
    with torch.no_grad():
        assert snr(program.module()(*batches()[0]), module(*batches()[0])) > 20
    if options:
        assert record_of(program).left


@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 1000), target=st.sampled_from([20.0, 36.0, 42.0, 50.0]))
def test_target_snr(seed: int, target: float) -> None:
    module = Net(seed).eval()
    program = nnapi_core.quantize(module, iter(batches(seed)), target_snr=target)
    record = record_of(program)
    with torch.no_grad():
        made = torch.cat([program.module()(*one) for one in batches(seed)])
        expected = torch.cat([module(*one) for one in batches(seed)])
    assert snr(made, expected) >= target - 1e-3
    assert record.snr[0] == pytest.approx(snr(made, expected), abs=1e-3)
    decibels = [value for _, value in record.layers]
    assert decibels == sorted(decibels) and len(decibels) > 6
    # The fewest of that order: one less was measured, and fell short.
    points = {one.left: one.value for one in record.curve if not one.finished}
    count = next(one.left for one in record.curve if one.finished)
    assert record.left == tuple(sorted(name for name, _ in record.layers[:count]))
    assert points[count] >= target and (count == 0 or points[count - 1] < target)
    # What a trial promised is what was made.
    finished = next(one.value for one in record.curve if one.finished)
    assert points[count] == pytest.approx(finished, abs=0.1)


def test_metric(tmp_path: Path) -> None:
    module = Net().eval()
    given = batches()
    calls = []

    def closeness(model: Callable[..., Any]) -> float:
        calls.append(model)
        with torch.no_grad():
            return -max(float((model(*one) - module(*one)).abs().max()) for one in given)

    program = nnapi_core.quantize(module, given, metric=closeness, at_least=-0.003)
    assert closeness(program.module()) >= -0.003 - 1e-6
    assert len(calls) > 2
    torch.export.save(program, tmp_path / "m.pt2")
    read = CalibrationRecord.of(torch.export.load(tmp_path / "m.pt2"))
    assert read == record_of(program)
    converted = nnapi_core.convert(program, given[0])
    (note,) = (one for one in converted.report.notes if "layers in floats" in one)
    assert "a metric of -0.003" in note


def raising(_: Any) -> float:
    raise RuntimeError("no labels")


@pytest.mark.parametrize(
    "options, said",
    [
        ({"float_nodes": ["conv2d_9"]}, r"named 'conv2d_9' \(there is conv2d.*explain"),
        ({"float_nodes": "wide"}, "float_nodes='wide' is not a list"),
        ({"float_nodes": [3]}, "no name"),
        ({"float_types": ["Softmix"]}, "of the type Softmix"),
        ({"float_types": [nn.LSTM]}, "of the type .*LSTM"),
        ({"target_snr": math.nan}, "target_snr=nan is no number"),
        ({"target_snr": True}, "is no number"),
        ({"metric": raising}, "belong together"),
        ({"at_least": 1.0}, "belong together"),
        ({"metric": raising, "at_least": 1, "target_snr": 3}, "not both"),
        ({"metric": 3, "at_least": 1}, "not a function"),
        ({"metric": raising, "at_least": 1}, "the metric fails .*no labels"),
        ({"metric": lambda _: math.nan, "at_least": 1}, "the metric is NaN"),
        ({"metric": lambda _: "much", "at_least": 1}, "the metric fails"),
        (
            {"metric": lambda _: 0.5, "at_least": 0.6},
            "not reached by floats either, which have 0.5",
        ),
        ({"target_snr": 1000.0}, "in floats only: with .* ask for less"),
        (
            {"calibration": "guess"},
            "'guess' is not one of min-max, percentile, histogram, mse, best",
        ),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(nnapi_core.ConversionError, match=said):
        nnapi_core.quantize(Net().eval(), batches(), **options)


# ---- calibration


@pytest.mark.parametrize("method", CALIBRATIONS)
def test_every_tensor_is_in_the_record(method: str) -> None:
    module = Net().eval()
    program = nnapi_core.quantize(module, batches(), calibration=method)
    record = record_of(program)
    assert record.calibration == method and record.snr[0] > 20
    names = [name for one in record.tensors for name in one.tensors]
    assert {"x", "conv2d_1", "gelu", "linear"} <= set(names)
    for one in record.tensors:
        assert one.low <= 0 <= one.high and 0 <= one.clipped < 0.2 and one.snr > 5
        assert one.method == method or method == "best"
        assert one.clipped == 0 or one.method != "min-max"


def test_best_is_not_worse_than_each_where_tensors_differ() -> None:
    """A far outlier that the result needs, and one that it does not."""

    class Outliers(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x * 2).clamp(-1, 1) + (x + 1)[:, :1] * 0.5

    x = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    x[0, 1, 0, 0] = 80.0
    found = {
        method: record_of(nnapi_core.quantize(Outliers(), [(x,)], calibration=method)).snr[0]
        for method in CALIBRATIONS
    }
    assert found["best"] >= max(found.values()) - 1.0, found


def test_batches_are_not_held() -> None:
    """Of a generator, each is let go before the next but three, beyond the sample."""
    module = Net().eval()
    alive: list[int] = []

    class Watched:
        def __init__(self) -> None:
            self.made = 0

        def __iter__(self) -> Iterator[tuple[torch.Tensor]]:
            import weakref

            held = []
            for seed in range(20):
                batch = batches(seed, 1)[0]
                held.append(weakref.ref(batch[0]))
                alive.append(sum(one() is not None for one in held))
                yield batch

    program = nnapi_core.quantize(module, Watched())
    assert record_of(program).batches == 20
    assert max(alive) <= 4
    once = nnapi_core.quantize(module, iter(Watched()))
    assert record_of(once).batches == 8
    assert record_of(once).tensors == record_of(program).tensors


def test_what_an_iterator_raises_is_a_refusal() -> None:
    def failing() -> Iterator[tuple[torch.Tensor]]:
        yield batches()[0]
        raise OSError("disk gone")

    with pytest.raises(nnapi_core.ConversionError, match=r"cannot be read .*disk gone"):
        nnapi_core.quantize(Net().eval(), failing())
    with pytest.raises(nnapi_core.ConversionError, match="is empty"):
        nnapi_core.quantize(Net().eval(), iter([]))
