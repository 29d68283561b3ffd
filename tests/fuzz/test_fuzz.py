"""A few of the fuzzers' cases in every run of the tests; `make fuzz` tries as many as there is time for."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tests.fuzz import fuzz_files, fuzz_operators
from tests.fuzz.pool import run


def test_damaged_files(tmp_path: Path) -> None:
    prepare = partial(fuzz_files.prepare, str(tmp_path), 0)
    outcome = run(prepare, range(200), seconds=120, jobs=1)
    assert outcome.cases > 20
    assert outcome.failures == []


def test_hostile_calls() -> None:
    outcome = run(partial(fuzz_operators.prepare, 0), range(1500), seconds=60, jobs=1)
    assert outcome.cases > 100
    assert outcome.failures == []
