"""A report as one self-contained page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from nnapi_core.report.page.drawing import Drawn
from nnapi_core.report.page.graph_with_tables import Share, Table, page
from nnapi_core.report.rows import NodeRow, PieceRow, Rows

# In a notebook.
_MOST_ROWS = 30


def to_html(report: Rows) -> str:
    """Totals, the graph, and tables of the nodes, the pieces and, where there are any, the errors."""
    nodes = list(_drawn(report))
    numbers = {node.name: index for index, node in enumerate(nodes)}
    return page(
        "NNAPI conversion report",
        _totals(report),
        _shares(report),
        nodes,
        list(_tables(report, numbers)),
        report.notes,
    )


def notebook_html(report: Rows) -> str:
    """Totals, and what is not on NNAPI, for the output of a notebook's cell: tables alone, in its colours."""
    totals = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>"
        for name, value in _totals(report)
    )
    refused = report.refused()
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
        for cells in (
            (row.name, row.target, row.reason, row.source) for row in refused[:_MOST_ROWS]
        )
    )
    if not refused:
        return f"<table>{totals}</table>"
    more = len(refused) - _MOST_ROWS
    left = f"<p>and {more} more: report.to_html() has all</p>" if more > 0 else ""
    heads = "".join(f"<th>{head}</th>" for head in ("on the CPU", "operator", "reason", "source"))
    return f"<table>{totals}</table><table><tr>{heads}</tr>{rows}</table>{left}"


def _totals(report: Rows) -> list[tuple[str, str]]:
    return [
        ("nodes on NNAPI", f"{report.share:.1%}"),
        ("multiply-accumulates on NNAPI", f"{report.mac_share:.1%}"),
        ("pieces", str(len(report.stages))),
        ("crossings", str(report.crossings)),
        ("NNAPI operations", str(sum(report.operations.values()))),
        ("transposes", str(report.transposes)),
        ("weights", f"{report.weight_bytes / 1e6:.2f} MB"),
        ("needs feature level", f"{report.feature_level} (target {report.target_level})"),
    ]


def _shares(report: Rows) -> list[Share]:
    macs = dict.fromkeys(("nnapi", "cpu"), 0)
    nodes = dict.fromkeys(("nnapi", "cpu", "folded"), 0)
    for row in report.nodes:
        nodes[row.device] += 1
        if row.device in macs:
            macs[row.device] += row.macs
    return [
        Share(title, tuple((device, n, f"{said(n)} {device}") for device, n in counts.items()))
        for title, counts, said in (
            ("Multiply-accumulates", macs, lambda n: f"{n:,}"),
            ("Nodes", nodes, str),
        )
    ]


def _drawn(report: Rows) -> Iterator[Drawn]:
    """Inputs, the nodes that run, and outputs."""
    for name, described in report.inputs.items():
        yield Drawn(name, name, described, "border", (), (("input", described),))
    for state in report.states:
        said = (("state", state.value),)
        yield Drawn(state.input, f"state {state.name}", state.value, "border", (), said)
    for row in report.nodes:
        if row.device != "folded":
            yield Drawn(
                row.name,
                row.name,
                _second_line(row),
                row.device,
                row.inputs,
                tuple(_details(row)),
                row.error,
            )
    for position, name in enumerate(report.outputs):
        yield Drawn(f"output {position}", f"output {position}", name, "border", (name,), ())
    for state in report.states:
        title = f"next state {state.name}"
        yield Drawn(title, title, state.output, "border", (state.output,), ())


def _second_line(row: NodeRow) -> str:
    """The shape, or the operator where the name does not say it."""
    operator = row.target.removeprefix("aten.").split(".")[0]
    return row.results[0] if row.name.startswith(operator) and row.results else operator


def _details(row: NodeRow) -> Iterator[tuple[str, str]]:
    yield "device", row.device
    yield "operator", row.target
    if row.reason:
        yield "why", f"{row.reason}{f' [{row.reason_code}]' if row.reason_code else ''}"
    yield "source", row.source or "unknown"
    if row.device == "nnapi":
        yield "NNAPI operations", ", ".join(row.operations) or "none: fused into another, or free"
    yield "results", "; ".join(row.results)
    yield "reads", ", ".join(row.inputs) or "constants alone"
    if row.macs:
        yield "multiply-accumulates", f"{row.macs:,}"
    if row.piece is not None:
        yield "piece", str(row.piece)
    if row.error is not None and row.own_error is not None:
        yield "error against torch", f"{row.error:.3g}, of its own {row.own_error:.3g}"


def _tables(report: Rows, numbers: dict[str, int]) -> Iterator[Table]:
    def of_nodes(title: str, header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Table:
        return Table(title, header, tuple((numbers.get(cells[0]), cells) for cells in rows))

    refused = report.refused()
    if refused:
        yield of_nodes(
            "On the CPU",
            ("node", "operator", "why it is not on NNAPI", "reason", "source"),
            ((r.name, r.target, r.reason, r.reason_code, r.source) for r in refused),
        )
    compared = [row for row in report.nodes if row.error is not None]
    if compared:
        # The largest addition of its own first: errors add up along the graph.
        compared.sort(key=lambda row: -(row.own_error or 0.0))
        yield of_nodes(
            "Error by node",
            ("node", "operator", "error", "of its own", "source"),
            (
                (row.name, row.target, f"{row.error:.3g}", f"{row.own_error:.3g}", row.source)
                for row in compared
            ),
        )
    yield Table(
        "Pieces",
        ("piece", "device", "nodes", "multiply-accumulates", "tensors entering", "bytes"),
        tuple((None, _piece(number, one)) for number, one in enumerate(report.pieces)),
    )
    yield Table(
        "NNAPI operations",
        ("operation", "count"),
        tuple((None, (name, str(count))) for name, count in report.operations.items()),
    )
    yield of_nodes(
        "Nodes",
        ("node", "operator", "device", "NNAPI operations", "reason", "results", "source"),
        map(_cells, report.nodes),
    )


def _piece(number: int, one: PieceRow) -> tuple[str, ...]:
    counts = (f"{n:,}" for n in (one.nodes, one.macs, one.entering, one.entering_bytes))
    return (str(number), one.device, *counts)


def _cells(row: NodeRow) -> tuple[str, ...]:
    operations, results = ", ".join(row.operations), "; ".join(row.results)
    return (row.name, row.target, row.device, operations, row.reason, results, row.source)
