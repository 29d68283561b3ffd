"""A report in a few lines of text."""

from __future__ import annotations

from collections import Counter

from nnapi_core.artifact.printable import printable
from nnapi_core.report.rows import NodeRow, Rows

# Below this share of nodes, and of multiply-accumulates, a conversion is hardly one.
_LITTLE = 0.5


def summary_text(report: Rows) -> str:
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


def little_on_nnapi(report: Rows) -> str:
    """One line that says how little runs on NNAPI, and why most of the rest does not; empty where much does."""
    refused = report.refused()
    has_macs = any(row.macs for row in report.nodes)
    if not refused or report.share >= _LITTLE or (has_macs and report.mac_share >= _LITTLE):
        return ""
    running = sum(row.device != "folded" for row in report.nodes)
    code, count = Counter(row.reason_code for row in refused).most_common(1)[0]
    first = next(row for row in refused if row.reason_code == code)
    reason = printable(first.reason.partition("\n")[0])
    advice = ""
    if any(f"torch.{dtype}" in reason for dtype in ("float64", "bfloat16", "complex")):
        advice = "; module.float() makes the model float32"
    return (
        f"only {running - len(refused)} of {running} nodes run on NNAPI: {count} do not, such as {first.name} "
        f"({first.target}) at {first.source or 'unknown line'}: {reason}{advice}"
    )
