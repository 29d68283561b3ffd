"""The logger of the package, ``nnapi_core``: warnings, and as DEBUG the time of each step."""

from __future__ import annotations

import logging

from nnapi_core.report.report import Report
from nnapi_core.report.summary_text import little_on_nnapi

log = logging.getLogger("nnapi_core")


def warn_of_little(report: Report) -> None:
    """In one line, where little of a model runs on NNAPI."""
    said = little_on_nnapi(report)
    if said:
        log.warning("%s", said)
