"""The outcome of a conversion, or of ``explain``: which node runs where, and why."""

from __future__ import annotations

import json

from attrs import asdict, define

from nnapi_core.report.report_as_html import notebook_html, to_html
from nnapi_core.report.rows import Rows
from nnapi_core.report.summary_text import summary_text

SCHEMA_VERSION = 1


@define(repr=False)
class Report(Rows):
    """Its rows, as JSON and as a page."""

    def to_json(self) -> str:
        totals = {
            "share": self.share,
            "mac_share": self.mac_share,
            "crossings": self.crossings,
            "reasons": self.reasons,
        }
        document = {"schema_version": SCHEMA_VERSION, **asdict(self), **totals}
        return json.dumps(document, indent=1)

    def summary(self) -> str:
        """Totals, and each node that is not on NNAPI with its reason, as text."""
        return summary_text(self)

    def _repr_html_(self) -> str:
        return notebook_html(self)

    def to_html(self) -> str:
        """One self-contained page."""
        return to_html(self)
