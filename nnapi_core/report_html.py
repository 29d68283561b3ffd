"""A report as one self-contained page."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nnapi_core.report import NodeRow, Report

_STYLE = """
body { font: 14px system-ui, sans-serif; margin: 2em; color: #222; }
table { border-collapse: collapse; } td, th { padding: .25em .8em; text-align: left; }
tr { border-bottom: 1px solid #eee; } th { border-bottom: 2px solid #888; }
.nnapi td:first-child { background: #d7f2dc; } .cpu td:first-child { background: #ffe0c2; }
.folded td:first-child { background: #eceff3; } .source { color: #777; }
.bar { display: flex; height: 1.2em; width: 40em; margin: 1em 0; border-radius: 3px; overflow: hidden; }
"""


def to_html(report: Report) -> str:
    """The page: totals, a bar of where the nodes run, and one row a node."""
    rows = "\n".join(_row(row) for row in report.nodes)
    running = [row for row in report.nodes if row.device != "folded"]
    share = 100 * report.share
    operations = ", ".join(f"{n} {escape(name)}" for name, n in report.operations.items())
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>NNAPI conversion report</title><style>{_STYLE}</style>
<h1>NNAPI conversion report</h1>
<p>{share:.1f}% of {len(running)} running nodes are on NNAPI, in {len(report.stages)} piece(s).
Needs feature level {report.feature_level} (target {report.target_level});
weights {report.weight_bytes / 1e6:.2f} MB; {report.transposes} transposes.</p>
<div class="bar"><div style="width:{share:.2f}%;background:#58b368"></div>
<div style="flex:1;background:#f2a65a"></div></div>
<p>Operations: {operations or "none"}</p>
<table><tr><th>device<th>node<th>target<th>NNAPI operations<th>why not NNAPI<th>source</tr>
{rows}
</table></html>
"""


def _row(row: NodeRow) -> str:
    cells = [row.device, row.name, row.target, ", ".join(row.operations), row.reason]
    inner = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f'<tr class="{row.device}">{inner}<td class="source">{escape(row.source)}</td></tr>'
