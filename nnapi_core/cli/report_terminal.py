"""A report on a terminal: the same as in a pipe (`nnapi_core.cli.report_text`), set out for the eye."""

from __future__ import annotations

import sys
from itertools import groupby
from typing import Any

from nnapi_core.artifact.printable import printable
from nnapi_core.cli.print_text import say
from nnapi_core.cli.report_text import explain_text, verification
from nnapi_core.report.report import Report
from nnapi_core.report.rows import NodeRow
from nnapi_core.verification.verify import Verification

_BAR = 40


def show_summary(report: Report) -> None:
    console = _console()
    if console is None:
        say(report.summary())
    else:
        show(console, report)


def show_explanation(report: Report) -> None:
    """Each node too."""
    console = _console()
    if console is None:
        say(explain_text(report))
        return
    console.print(_nodes(report))
    show(console, report)


def show_verification(result: Verification) -> None:
    console = _console()
    text = printable(verification(result), keep="\n")
    if console is None:
        say(text)
        return
    first, _, rest = text.partition("\n")
    console.print(first, style="bold green" if result.passed else "bold red", markup=False)
    console.print(rest, markup=False, highlight=False)


def _console() -> Any:
    if not sys.stdout.isatty():
        return None
    try:
        from rich.console import Console
    except ImportError:
        return None
    return Console()


def show(console: Any, report: Report) -> None:
    """Totals as bars, then what is on the CPU, reason by reason."""
    for title, share in (("nodes", report.share), ("MACs", report.mac_share)):
        full = round(_BAR * share)
        bar = f"[green]{'━' * full}[/][dark_orange]{'━' * (_BAR - full)}[/]"
        console.print(f"{title:>6} {bar} [bold]{share:.1%}[/] on NNAPI", highlight=False)
    console.print(
        f"{len(report.stages)} piece(s), {report.crossings} crossing(s), "
        f"{sum(report.operations.values())} NNAPI operations, {report.transposes} transposes, "
        f"{report.weight_bytes / 1e6:.2f} MB of weights; needs feature level "
        f"{report.feature_level} (target {report.target_level})",
        highlight=False,
    )
    refused = sorted(report.refused(), key=_reason)
    if refused:
        console.print(_refused(refused))
    for note in report.notes:
        console.print(printable(note), style="dim", markup=False, highlight=False)


def _reason(row: NodeRow) -> tuple[str, str, str]:
    return row.reason_code, row.target, row.reason


def _refused(rows: list[NodeRow]) -> Any:
    """Nodes of one operator and one reason share a row, with all of their lines."""
    from rich.table import Table

    table = Table(title="On the CPU", title_justify="left", header_style="bold", box=None)
    for name in ("nodes", "operator", "why not on NNAPI", "where"):
        table.add_column(name, overflow="fold")
    for (_, target, reason), group in groupby(rows, key=_reason):
        same = list(group)
        lines = dict.fromkeys(row.source or "unknown line" for row in same)
        table.add_row(*map(_plain, (str(len(same)), target, reason, "\n".join(lines))))
    return table


def _nodes(report: Report) -> Any:
    from rich.table import Table

    table = Table(header_style="bold", box=None)
    for name in ("device", "node", "operator", "became", "source"):
        table.add_column(name, overflow="fold")
    colours = {"nnapi": "green", "cpu": "dark_orange", "folded": "dim"}
    for row in report.nodes:
        became = ", ".join(row.operations) or row.reason or "(fused or free)"
        cells = (row.device, row.name, row.target, became, row.source)
        table.add_row(*map(_plain, cells), style=colours[row.device])
    return table


def _plain(text: str) -> Any:
    """Without reading brackets as markup."""
    from rich.text import Text

    return Text(printable(text, keep="\n"))
