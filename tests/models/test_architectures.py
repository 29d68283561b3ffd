"""Architectures of timm and transformers: converted nearly whole, and right at three feature levels."""

from __future__ import annotations

import importlib.util

import pytest
import torch

import nnapi_core
from benchmarks.architectures import ARCHITECTURES
from nnapi_core.verification.verify import verify

QUICK = {
    "mobilenetv2_100",
    "U-Net",
    "LSTM tagger",
    "BERT",
    "GPT-2",
    "Llama",
    "Whisper encoder",
}
CHOSEN = [one for one in ARCHITECTURES if one.name in QUICK]


@pytest.mark.parametrize("architecture", CHOSEN, ids=lambda one: one.name)
def test_converts_and_agrees(architecture) -> None:  # type: ignore[no-untyped-def]
    library = architecture.source
    if library != "ours" and importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed; pip install '.[models]'")
    module, args = architecture.make()
    with torch.no_grad():
        expected = module(*args)
    exported = torch.export.export(module, args, strict=False)
    for level in (1000006, 29):
        converted = nnapi_core.convert(exported, args, feature_level=level)
        refused = [f"{row.target}: {row.reason}" for row in converted.report.refused()]
        assert converted.report.share >= 0.95, "\n".join(refused)
        result = verify(converted, args, expected)
        assert result.passed, f"level {level}: {result}"


def test_every_quick_one_exists() -> None:
    assert {one.name for one in CHOSEN} == QUICK
