"""Tables and pictures say what was measured, what was not, and why."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.generated_sections import replace_between_marks
from benchmarks.speed.environments import Installed
from benchmarks.speed.plot import svg
from benchmarks.speed.race import Heat, Time
from benchmarks.speed.results import Results, processor
from benchmarks.speed.table import best_peer, markdown
from nnapi_runtime.machine import Machine


def time_(milliseconds: float, *, quiet: int = 5) -> Time:
    return Time(milliseconds, milliseconds * 0.9, 5, quiet, 1e-6, 0.1)


@pytest.fixture
def results() -> Results:
    times = {"ours": time_(3.0), "litert": time_(4.0), "onnx_runtime": time_(6.0, quiet=0)}
    return Results(
        date="2026-01-02",
        processor="a processor",
        machines={1: Machine(1, 400e9, 1600e9, ("FMA", "VNNI"))},
        bandwidth={"from memory": 18e9},
        peers=[
            Installed("ours", {"torch-nnapi": "0.1.0"}),
            Installed("onnx_runtime", {"onnxruntime": "1.32.0"}),
            Installed("litert", {"ai-edge-litert": "2.3.0"}),
            Installed("executorch", reason="No module named 'executorch'"),
        ],
        macs={"mobilenetv2": 300_000_000},
        heats=[Heat("mobilenetv2", "fp32", 1, times, {"torch_eager": "it hung"})],
    )


def test_the_table_has_times_ratio_and_share_of_peak(results: Results) -> None:
    text = markdown(results)
    assert "| torch-nnapi | 3.00 |" in text
    assert "| ONNX Runtime | 6.00~ |" in text
    assert "| **ours ÷ best peer** | **0.75** |" in text
    assert "| ours, share of peak | 50% |" in text
    assert "400.0 GFLOP/s" in text


def test_the_table_says_who_is_missing_and_why(results: Results) -> None:
    text = markdown(results)
    assert "ExecuTorch: No module named 'executorch'" in text
    assert "torch eager, MobileNetV2 224², fp32: it hung" in text


def test_the_best_peer_is_not_ourselves(results: Results) -> None:
    assert best_peer(results.heats[0]) == "litert"
    assert best_peer(Heat("mlp", "fp32", 1, {"ours": time_(1.0)})) is None


def test_the_picture_stands_alone(results: Results) -> None:
    picture = svg(results)
    assert ElementTree.fromstring(picture).tag.endswith("svg")
    assert "MobileNetV2" in picture and "href" not in picture
    assert ">0.75<" in picture


def test_results_come_back_from_their_file(results: Results, tmp_path: Path) -> None:
    results.save(tmp_path / "results.json")
    assert Results.load(tmp_path / "results.json") == results


def test_the_processor_has_a_name() -> None:
    assert len(processor()) > 5


def test_text_goes_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- speed: begin -->\nold\n<!-- speed: end -->\nafter\n")
    replace_between_marks(page, "speed", "new")
    replace_between_marks(page, "speed", "newer\n")
    assert page.read_text() == (
        "before\n<!-- speed: begin -->\nnewer\n<!-- speed: end -->\nafter\n"
    )
    with pytest.raises(ValueError, match="other: begin"):
        replace_between_marks(page, "other", "x")
