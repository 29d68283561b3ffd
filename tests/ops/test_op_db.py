"""Right or refused, over torch's own operator database; and docs/coverage.md says what was seen."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from tests.ops.op_db import SAMPLES, entries, walk

COVERAGE = Path(__file__).parents[2] / "docs" / "coverage.md"


@pytest.mark.parametrize("name", entries())
def test_right_or_refused(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outcome = walk(entries()[name])
    if SAMPLES == 4:
        row = f"| {name} | {outcome.row} |"
        assert row in COVERAGE.read_text(), f"docs/coverage.md is stale (make docs): {row}"
