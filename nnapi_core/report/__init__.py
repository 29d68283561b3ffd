"""What a conversion tells: rows, pages, and `Report`, which is loaded on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nnapi_core.report.report import Report

__all__ = ["Report"]


def __getattr__(name: str) -> Any:
    if name == "Report":
        from nnapi_core.report.report import Report

        return Report
    raise AttributeError(f"module 'nnapi_core.report' has no attribute {name!r}")
