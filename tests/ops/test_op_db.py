"""Right or refused, over torch's own operator database; and docs/coverage.md covers all of it."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import pytest

from tests.ops.op_db import SAMPLES, entries, walk

COVERAGE = (Path(__file__).parents[2] / "docs" / "coverage.md").read_text()


@pytest.mark.parametrize("name", entries())
def test_right_or_refused(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outcome = walk(entries()[name])
    assert f"| {name} | " in COVERAGE, "docs/coverage.md is stale: make docs"
    # Reasons are prose that changes with the lowerings: the rows are compared in the nightly run.
    if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" and SAMPLES == 4:
        row = f"| {name} | {outcome.row} |"
        assert row in COVERAGE, f"docs/coverage.md is stale (make docs): {row}"
