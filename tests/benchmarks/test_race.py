"""A race from end to end with models that are there, and with a peer that fails."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from benchmarks.speed import artifacts, race
from benchmarks.speed.race import Sample


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Artifacts of the smallest model: ours, and torch's own, which needs no other environment."""
    made = tmp_path_factory.mktemp("speed")
    artifacts.ensure_expected(made, "mlp")
    assert artifacts.ensure(made, "mlp", "fp32", "ours") == ""
    assert artifacts.ensure(made, "mlp", "fp32", "torch_eager") == ""
    return made


def heat(folder: Path, *names: str) -> race.Heat:
    return race.race(
        "mlp", "fp32", 1, list(names), folder, rounds=1, seconds=0.01, deadline=time.monotonic()
    )


def test_everyone_is_measured_and_right(folder: Path) -> None:
    result = heat(folder, "ours", "torch_eager")
    assert result.missing == {}
    assert set(result.times) == {"ours", "torch_eager"}
    for one in result.times.values():
        assert 0 < one.best <= one.median < 1000
        assert one.error < 1e-5
        assert one.rounds == 1


def test_a_peer_that_cannot_load_is_missing_with_its_reason(folder: Path) -> None:
    damaged = folder / "mlp" / "fp32" / "ours.nnapi"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:1000])
    try:
        result = heat(folder, "ours", "torch_eager")
    finally:
        damaged.write_bytes(whole)
    assert set(result.times) == {"torch_eager"}
    assert "ours.nnapi" in result.missing["ours"]


def test_a_wrong_result_is_not_a_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(race.TOLERANCE, "fp32", -1.0)
    result = heat(folder, "ours")
    assert result.times == {}
    assert "off by" in result.missing["ours"]


def test_disturbed_rounds_are_left_out_where_there_are_quiet_ones() -> None:
    quiet = [Sample(1.0, 0.9, True)] * 3
    noisy = [Sample(5.0, 0.8, False)] * 4
    load = {"error": 0.0, "loaded": 0.1}
    time_ = race._time(quiet + noisy, load)
    assert time_.median == 1.0 and time_.best == 0.8 and not time_.disturbed
    time_ = race._time(quiet[:2] + noisy, load)
    assert time_.median == 5.0 and time_.disturbed


def test_artifacts_are_made_anew_only_when_their_sources_change(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def run(environment: str, name: str, *_: object) -> str:
        made.append(name)
        return "no such luck"

    monkeypatch.setattr(artifacts, "_run", run)
    assert artifacts.ensure(folder, "mlp", "fp32", "torch_eager") == ""
    assert made == []
    assert artifacts.ensure(folder, "mlp", "int8", "torch_eager") == "no such luck"
    assert artifacts.ensure(folder, "mlp", "int8", "torch_eager") == "no such luck"
    assert made == ["torch_eager"]
    monkeypatch.setattr(artifacts, "_key", lambda sources: "changed")
    assert artifacts.ensure(folder, "mlp", "fp32", "torch_eager") == "no such luck"
    assert made == ["torch_eager", "torch_eager"]
