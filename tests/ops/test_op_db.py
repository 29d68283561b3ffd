"""Right or refused, over torch's own operator database; and docs/coverage.md says what became of it."""

from __future__ import annotations

import os
import warnings

import pytest

from docs.generate import COVERAGE, limitations
from tests.ops.op_db import SAMPLES, entries, walk

WRITTEN = COVERAGE.read_text()
_STALE = "docs/coverage.md is stale, run `make docs`"


@pytest.mark.parametrize("name", entries())
def test_right_or_refused(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outcome = walk(entries()[name])
    if SAMPLES != 4:
        assert f"| {name} | " in WRITTEN, _STALE
        return
    # Reasons are prose that changes with the lowerings: they are compared in the nightly run.
    nightly = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
    row = f"| {name} | {outcome.row} |" if nightly else f"| {name} | {outcome.counts} | "
    assert row in WRITTEN, f"{_STALE}: {row}"


def test_limits_are_written() -> None:
    assert limitations() in WRITTEN, _STALE
