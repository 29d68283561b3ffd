"""A report hook: a note on what a model costs on Acme's drivers."""

from __future__ import annotations

from typing import Any

from nnapi_core.plugin import hookimpl

SLOW = ("L2_NORMALIZATION", "TOPK_V2")


@hookimpl
def nnapi_report(report: Any) -> None:
    found = [name for name in SLOW if report.operations.get(name)]
    if found:
        report.notes.append(f"Acme's drivers run {', '.join(found)} on the CPU")
