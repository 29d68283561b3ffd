"""Loading is measured in a process of its own, with and without a cache."""

from __future__ import annotations

from pathlib import Path

from benchmarks.loading import measured
from tests.runtime.small_models import dense_file


def test_every_way_is_measured_and_only_a_warm_cache_stays(tmp_path: Path) -> None:
    path = tmp_path / "dense.nnapi"
    path.write_bytes(dense_file())
    for way in ("", "cold", "warm"):
        one = measured(path, way, tmp_path)
        assert 0 < one["wall"] < 60 and 0 < one["processor"] < 60
    assert len(list((tmp_path / "warm").iterdir())) == 1
    assert all(not list((tmp_path / f"cold{number}").iterdir()) for number in range(3))
