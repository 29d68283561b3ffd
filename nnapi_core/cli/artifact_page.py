"""An artifact as a page, or as JSON: its graph, and after a benchmark the time of each operation."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import asdict

from nnapi_core.artifact.artifact_graph import Picture, PictureNode, pictures
from nnapi_core.artifact.atomic_write import check_writable
from nnapi_core.artifact.model_explorer import object_with_list
from nnapi_core.errors import ConversionError
from nnapi_core.report.page.drawing import Drawn
from nnapi_core.report.page.graph_with_tables import Share, Table, page
from nnapi_core.report.profile import Row

_MOST_ON_A_PAGE = 1 << 14
"""A browser draws more at a snail's pace, and what a page holds of each node would take more memory than the file."""


def check_report_name(path: str | None) -> None:
    """Before long work. Raises `ConversionError` for what a report is not, or where none can be written."""
    if path is None:
        return
    if Path(path).suffix not in (".json", ".html"):
        raise ConversionError(f"{path}: a report is .json or .html")
    check_writable(path)


def artifact_report(
    path: str, out: str, rows: Sequence[Row] | None = None, method: str | None = None
) -> Iterator[str]:
    """The text of ``out``, by its suffix, in parts. ``rows`` are what the operations of the main graph took, in order.

    The main graph is that of ``method``, where the file has several. Raises `ConversionError` for an artifact whose
    rows belong to no one graph, or whose graph is too large for a page.
    """
    drawn = pictures(path)
    if method is not None:
        # The first of its sizes, if there are several.
        names = f"{Path(path).stem}, {method}", f"{Path(path).stem}, {method}, size 0"
        drawn.sort(key=lambda one: one.name not in names)
    timed = _timed(path, drawn[0], rows) if rows is not None else {}
    if Path(out).suffix == ".json":
        return _json(path, drawn, timed)
    if len(drawn[0].nodes) > _MOST_ON_A_PAGE:
        raise ConversionError(
            f"{path} has {len(drawn[0].nodes):,} nodes; a page draws at most {_MOST_ON_A_PAGE:,}. Give the report a "
            "name that ends in .json, or write --graph FILE.json and open it with Model Explorer"
        )
    return iter([_html(path, drawn, timed)])


def _timed(path: str, picture: Picture, rows: Sequence[Row]) -> dict[str, Row]:
    running = [node.name for node in picture.nodes if node.device != "border"]
    if len(running) != len(rows):
        raise ConversionError(
            f"{path} has variants for several sizes; a report of times is made for one of fixed sizes"
        )
    return dict(zip(running, rows, strict=True))


def _json(path: str, drawn: Sequence[Picture], timed: dict[str, Row]) -> Iterator[str]:
    def described(node: PictureNode) -> Iterator[str]:
        row = timed.get(node.name)
        yield json.dumps(
            {**asdict(node), "microseconds": None if row is None else row.microseconds}
        )

    def graph(picture: Picture) -> Iterator[str]:
        return object_with_list({"name": picture.name}, "nodes", map(described, picture.nodes))

    head = {"schema_version": 1, "artifact": Path(path).name}
    return object_with_list(head, "graphs", map(graph, drawn))


def _html(path: str, drawn: Sequence[Picture], timed: dict[str, Row]) -> str:
    nodes = [_drawn(node, timed.get(node.name)) for node in drawn[0].nodes]
    numbers = {node.name: index for index, node in enumerate(nodes)}
    whole = sum(row.microseconds for row in timed.values())
    operations = [node for node in drawn[0].nodes if node.device == "nnapi"]
    totals = [
        ("NNAPI operations", str(len(operations))),
        ("torch pieces", str(sum(node.device == "cpu" for node in drawn[0].nodes))),
    ]
    if timed:
        totals.append(("all operations", f"{whole / 1e3:.3f} ms"))
    notes = [f"Not drawn: {one.name} ({len(one.nodes)} nodes)" for one in drawn[1:]]
    return page(
        f"{Path(path).name}, as it runs",
        totals,
        list(_shares(drawn[0], timed)),
        nodes,
        list(_tables(drawn[0], timed, numbers, whole or 1.0)),
        notes,
    )


def _drawn(node: PictureNode, row: Row | None) -> Drawn:
    details = [("device", node.device), *node.details]
    details += [("results", "; ".join(node.results))] if node.results else []
    details += [("calls", ", ".join(node.submodels))] if node.submodels else []
    if row is not None:
        details.append(("time", f"{row.microseconds:.1f} µs, {row.share:.1%} of all"))
        if row.work.macs:
            details.append(("multiply-accumulates", f"{row.work.macs:,}"))
    below = node.results[0] if node.results else ""
    return Drawn(
        node.name,
        node.label,
        below.removeprefix("TENSOR_"),
        node.device,
        tuple(dict.fromkeys(edge.source for edge in node.reads)),
        tuple(details),
        time=None if row is None else 1e3 * row.microseconds,
    )


def _shares(picture: Picture, timed: dict[str, Row]) -> Iterator[Share]:
    if not timed:
        return
    sizes = dict.fromkeys(("nnapi", "cpu"), 0.0)
    for node in picture.nodes:
        if node.name in timed:
            sizes[node.device] += timed[node.name].microseconds
    parts = tuple((name, us, f"{us / 1e3:.3f} ms {name}") for name, us in sizes.items())
    yield Share("Time", parts)


def _tables(
    picture: Picture, timed: dict[str, Row], numbers: dict[str, int], total_microseconds: float
) -> Iterator[Table]:
    kinds: dict[str, list[float]] = {}
    for node in picture.nodes:
        if node.name in timed:
            kinds.setdefault(node.label, []).append(timed[node.name].microseconds)
    if kinds:
        longest = sorted(kinds.items(), key=lambda one: -sum(one[1]))
        rows = (
            (name, str(len(times)), f"{sum(times):.1f}", f"{sum(times) / total_microseconds:.1%}")
            for name, times in longest
        )
        header = ("operation", "count", "µs", "share")
        yield Table("Time by kind of operation", header, tuple((None, one) for one in rows))
    chosen = [node for node in picture.nodes if node.device != "border"]
    if timed:
        chosen.sort(key=lambda node: -timed[node.name].microseconds)
    yield Table(
        "Operations",
        ("operation", "µs", "share", "node", "source"),
        tuple((numbers[node.name], _cells(node, timed.get(node.name))) for node in chosen),
    )


def _cells(node: PictureNode, row: Row | None) -> tuple[str, ...]:
    known = dict(node.details)
    times = ("", "") if row is None else (f"{row.microseconds:.1f}", f"{row.share:.1%}")
    return (f"{node.label} {node.name}", *times, known.get("node", ""), known.get("source", ""))
