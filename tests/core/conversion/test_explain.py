"""``explain`` lists every reason at once: none hides behind another."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks.detection_head import DetectionHead
from nnapi_core.conversion.convert import convert
from nnapi_core.conversion.explain import explain
from nnapi_core.errors import Unsupported
from nnapi_core.reasons import Reason

HEAD = Path("benchmarks") / "detection_head.py"


def exported_head() -> tuple[torch.export.ExportedProgram, nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    module, x = DetectionHead().eval(), torch.randn(1, 3, 64, 64)
    return torch.export.export(module, (x,), strict=False), module, x


def line_of(text: str) -> str:
    lines = (Path(__file__).parents[3] / HEAD).read_text().splitlines()
    (number,) = [number for number, line in enumerate(lines, 1) if text in line]
    return f"detection_head.py:{number}"


def test_a_detection_head() -> None:
    exported, module, x = exported_head()
    report = explain(exported, feature_level=30)
    refused = {row.target: row for row in report.refused()}
    expected = {
        "aten.nonzero.default": "torch.nonzero",
        "aten._unique2.default": "torch.unique",
        "aten.i0.default": "torch.special.i0",
    }
    assert refused.keys() == expected.keys()
    for target, text in expected.items():
        assert line_of(text) in refused[target].source
        assert refused[target].reason_code == Reason.NO_LOWERING.value
    # What comes after them is looked at all the same, and what is left runs.
    converted = convert(exported, feature_level=30)
    for actual, wanted in zip(converted(x), module(x), strict=True):
        torch.testing.assert_close(actual, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("level", [27, 28, 29])
def test_the_refusal_lists_what_explain_does(level: int) -> None:
    exported, _, _ = exported_head()
    report = explain(exported, feature_level=level)
    with pytest.raises(Unsupported) as refusal:
        convert(exported, feature_level=level, fallback="error")
    said = str(refusal.value)
    by_itself = [row for row in report.refused() if row.reason_code != Reason.SMALL_ISLAND.value]
    for row in by_itself:
        assert f"  {row.name} ({row.target}) at {row.source}" in said


class Scattered(nn.Module):
    """Each of these is refused for a reason of its own, some reading what another refused one makes."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        a = torch.special.i0(x)
        b = torch.erfinv(a.tanh())
        c = torch.special.bessel_j0(b) + x.reshape(1, 1, 1, 2, 3)
        d = torch.nextafter(c, a.sum())
        return d, torch.polygamma(2, x.abs() + 1), torch.cumprod(x.double(), 0)


def test_reasons_behind_reasons() -> None:
    report = explain(Scattered(), (torch.randn(2, 3),))
    refused = {row.target for row in report.refused()}
    assert refused >= {
        "aten.i0.default",
        "aten.erfinv.default",
        "aten.special_bessel_j0.default",
        "aten.nextafter.default",
        "aten.polygamma.default",
    }
    assert all(row.reason and row.reason_code for row in report.refused())
    assert {Reason(code) for code in report.reasons} >= {Reason.NO_LOWERING}
