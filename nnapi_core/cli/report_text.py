"""Reports as text for a terminal."""

from __future__ import annotations

from nnapi_core.artifact.printable import printable
from nnapi_core.report.report import Report
from nnapi_core.verification.verify import Verification


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
    return f"{node_table(report)}\n\n{report.summary()}"


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
