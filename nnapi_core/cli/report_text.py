"""Reports as text for a terminal."""

from __future__ import annotations

from collections import Counter

from nnapi_core.artifact.printable import printable
from nnapi_core.report.report import Report
from nnapi_core.report.rows import NodeRow
from nnapi_core.verification.verify import Verification


def summary(report: Report) -> str:
    """Totals, and each node that is not on NNAPI with its reason."""
    count = Counter(row.device for row in report.nodes)
    operations = ", ".join(f"{n} {name}" for name, n in report.operations.items())
    lines = [
        f"{count['nnapi']} nodes on NNAPI, {count['cpu']} on the CPU, {count['folded']} folded "
        f"({report.share:.1%} of those that run, {report.mac_share:.1%} of the multiply-accumulates)",
        f"{sum(report.operations.values())} NNAPI operations: {operations or 'none'}",
        f"{len(report.stages)} piece(s): {' → '.join(report.stages) or 'none'}; "
        f"weights {report.weight_bytes / 1e6:.2f} MB; "
        f"needs feature level {report.feature_level} (target {report.target_level})",
    ]
    return "\n".join([*lines, *map(_refusal, report.refused()), *map(printable, report.notes)])


def _refusal(row: NodeRow) -> str:
    where = printable(f"{row.name} ({row.target}) at {row.source or 'unknown line'}")
    return f"  on the CPU: {where}: {printable(row.reason, keep=chr(10))}"


def node_table(report: Report) -> str:
    """One line a node: device, name, what it became, source."""
    rows = [
        [
            printable(cell)
            for cell in (
                row.device,
                row.name,
                row.target,
                ", ".join(row.operations) or row.reason or "(fused or free)",
                row.source,
            )
        ]
        for row in report.nodes
    ]
    widths = [max([len(row[column]) for row in rows] or [0]) for column in range(4)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]])
        for row in rows
    )


def explain_text(report: Report) -> str:
    return f"{node_table(report)}\n\n{summary(report)}"


def verification(result: Verification) -> str:
    lines = [
        f"  {printable(one.name)}: max abs error {one.max_abs:.3g}, relative {one.relative:.3g}"
        for one in result.outputs
    ]
    if result.culprit is not None:
        lines.append(f"first departs: {result.culprit}")
    if result.only_steps:
        lines.append("each node is within a step of what torch makes of the same integers")
    if result.from_float:
        lines.append(
            f"what it agrees with is quantised; its distance to the float module: {result.from_float}"
        )
    verdict = "agrees" if result.passed else "DISAGREES"
    return f"{verdict} with torch (limit {result.limit:g} relative)\n" + "\n".join(lines)
