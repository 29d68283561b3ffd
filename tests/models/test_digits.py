"""The digits classifier, trained, in integers: by calibration, and by training with them in mind."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import nnapi_core

pytest.importorskip("torchao", reason="quantisation needs the extra `quant`")
sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
import digits

Data = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]
HALF_A_POINT = 0.005


@pytest.fixture(scope="module")
def data() -> Data:
    return digits.data()


@pytest.fixture(scope="module")
def trained(data: Data) -> nn.Module:
    return digits.train(data[0], data[2])


def check(program: torch.export.ExportedProgram, data: Data, eager: float, level: int) -> None:
    """Accuracy of the graph and of NNAPI, whose scores are within a step of the graph's."""
    _, images, _, labels = data
    converted = nnapi_core.convert(
        program, (images,), feature_level=level, fallback="error", quantized_io=False
    )
    assert converted.report.float_islands() == []
    graph: Any = program.module()
    reference = digits.accuracy(graph, images, labels)
    on_nnapi = digits.accuracy(converted, images, labels)
    assert abs(reference - eager) <= HALF_A_POINT
    assert abs(on_nnapi - eager) <= HALF_A_POINT
    with torch.no_grad():
        scores = graph(images)
    step = float(scores.unique().diff().min())
    assert float(((converted(images) - scores).abs() <= 1.01 * step).float().mean()) > 0.995


@pytest.mark.parametrize("level", [29, 30])
def test_calibrated(data: Data, trained: nn.Module, level: int) -> None:
    train_images, images, _, labels = data
    eager = digits.accuracy(trained, images, labels)
    assert eager > 0.97
    count = len(images)
    batches = [(train_images[at : at + count],) for at in (0, count)]
    program = nnapi_core.quantize(trained, batches, feature_level=level)
    check(program, data, eager, level)


def test_trained_with_integers_in_mind(data: Data, trained: nn.Module) -> None:
    train_images, images, train_labels, labels = data
    eager = digits.accuracy(trained, images, labels)
    count = len(images)
    prepared = nnapi_core.prepare_qat(trained, (images,))
    optimiser = torch.optim.Adam(prepared.parameters(), 3e-4)
    generator = torch.Generator().manual_seed(0)
    for _ in range(12):
        # The graph has the batch size that it was exported with.
        batch = torch.randperm(len(train_images), generator=generator)[:count]
        optimiser.zero_grad()
        scores = prepared(train_images[batch])
        nn.functional.cross_entropy(scores, train_labels[batch]).backward()
        optimiser.step()
    check(nnapi_core.finish_qat(prepared, (images,)), data, eager, 29)
