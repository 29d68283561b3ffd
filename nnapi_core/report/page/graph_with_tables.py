"""The page: totals, the drawing with a panel beside it, and tables. Nothing is loaded from anywhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files

from attrs import asdict, frozen

from nnapi_core.report.page.drawing import Drawn, svg


@frozen
class Share:
    """A bar: how much of something is on which device."""

    title: str
    bars: tuple[tuple[str, float, str], ...]
    """Device, size, and what the bar says of it."""


@frozen
class Table:
    """``node`` of a row is the number of the node that it selects, or None."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[int | None, tuple[str, ...]], ...]


def page(
    title: str,
    totals: Sequence[tuple[str, str]],
    shares: Sequence[Share],
    nodes: Sequence[Drawn],
    tables: Sequence[Table],
    notes: Sequence[str] = (),
) -> str:
    """One HTML document."""
    modes = ["device"]
    modes += ["error"] if any(node.error is not None for node in nodes) else []
    modes += ["time"] if any(node.time is not None for node in nodes) else []
    known = [asdict(node) for node in nodes]
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{escape(title)}</title><style>{_resource("page.css")}</style></head><body>
<h1>{escape(title)}</h1>
<dl class="totals">{"".join(f"<div><dt>{escape(a)}</dt><dd>{escape(b)}</dd></div>" for a, b in totals)}</dl>
{"".join(map(_share, shares))}{"".join(f"<p>{escape(note)}</p>" for note in notes)}
<section class="view"><div class="left">
<div class="tools" role="toolbar" aria-label="drawing">
<span class="key nnapi">NNAPI</span><span class="key cpu">CPU</span><span class="key border">inputs, outputs</span>
<label>colour by <select id="mode">{"".join(f"<option>{mode}</option>" for mode in modes)}</select></label>
<button id="next">next on the CPU</button><button id="out" aria-label="smaller">−</button>
<button id="in" aria-label="larger">+</button><button id="fit">fit</button>
<span class="hint">click a node, or walk with the arrow keys</span></div>
<div id="scroll">{svg(nodes)}</div></div>
<aside id="panel" aria-live="polite"><p>Choose a node.</p></aside></section>
{"".join(map(_table, tables))}
<script type="application/json" id="nodes">{_embedded(known)}</script>
<script>{_resource("page.js")}</script></body></html>
"""


def _resource(name: str) -> str:
    return (files("nnapi_core.report.page") / name).read_text("utf-8")


def _embedded(value: object) -> str:
    """JSON that cannot end the script element."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def _share(share: Share) -> str:
    whole = sum(size for _, size, _ in share.bars) or 1.0
    bars = "".join(
        f'<div class="{device}" style="width:{100 * size / whole:.2f}%"></div>'
        for device, size, _ in share.bars
    )
    said = ", ".join(escape(text) for _, _, text in share.bars)
    return f'<figure><figcaption>{escape(share.title)}: {said}</figcaption><div class="bar">{bars}</div></figure>'


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(one)}" for one in table.header)
    rows = "\n".join(_row(node, cells) for node, cells in table.rows)
    return (
        f"<details open><summary>{escape(table.title)} ({len(table.rows)})</summary>"
        f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></details>\n'
    )


def _row(node: int | None, cells: Sequence[str]) -> str:
    inner = "".join(f"<td>{escape(cell)}</td>" for cell in cells[1:])
    first = escape(cells[0])
    if node is not None:
        first = f'<a href="#node-{node}" data-select="{node}">{first}</a>'
    return f"<tr><td>{first}</td>{inner}</tr>"
