"""What each operation of an artifact costs here, against what the machine can do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from statistics import median
from typing import Any

from attrs import frozen

from nnapi_core.artifact.read_artifact import Artifact
from nnapi_core.nnapi.operation_cost import Work
from nnapi_core.nnapi.opset import ops
from nnapi_runtime.machine import Machine

_NO_WORK = Work(0, 0, False)


@frozen
class Row:
    """One operation, or several of a kind together."""

    name: str
    microseconds: float
    share: float
    work: Work
    peak: float
    """Operations a second that the machine reaches in this arithmetic."""
    origin: str = ""

    @property
    def rate(self) -> float:
        """Operations a second; 0 for what has no multiply-accumulates."""
        return 2e6 * self.work.macs / self.microseconds if self.microseconds else 0.0

    @property
    def bandwidth(self) -> float:
        """Bytes a second."""
        return 1e6 * self.work.moved / self.microseconds if self.microseconds else 0.0

    @property
    def of_peak(self) -> float:
        return self.rate / self.peak


def profile_rows(
    profile: Callable[[], Sequence[Any]],
    file: Artifact,
    runs: int,
    machine: Machine,
    method: str | None = None,
) -> list[Row]:
    """A row for each operation and torch piece, in order; times are medians of ``runs`` profiles."""
    profiles = [profile() for _ in range(runs)]
    works = list(works_of(file, method))
    medians = [median(cost.nanoseconds for cost in costs) for costs in zip(*profiles, strict=True)]
    total = sum(medians) or 1
    rows = []
    for cost, work, nanoseconds in zip(profiles[0], works, medians, strict=True):
        spec = None if cost.code is None else ops.of_code(cost.code)
        rows.append(
            Row(
                name="torch" if spec is None else spec.name,
                microseconds=nanoseconds / 1e3,
                share=nanoseconds / total,
                work=work,
                peak=machine.int8 if work.quantised else machine.float32,
                origin=f"{cost.origin.node} {cost.origin.source}".strip(),
            )
        )
    return rows


def works_of(artifact: Artifact, method: str | None = None) -> Iterable[Work]:
    """One for each operation of the NNAPI pieces of the file, or of a method of it, and for each torch piece."""
    for piece in artifact.of_method(method)["stages"]:
        if piece["kind"] != "nnapi":
            yield _NO_WORK
            continue
        model = artifact.models[piece["model"]]
        for operation in model.operations:
            yield Work.of(model, operation)


def by_kind(rows: Sequence[Row]) -> list[Row]:
    """Rows of equal operations and arithmetic together, the most expensive kind first."""

    def kind(row: Row) -> tuple[str, bool]:
        return row.name, row.work.quantised

    kinds = []
    for (name, quantised), members in groupby(sorted(rows, key=kind), kind):
        group = list(members)
        work = Work(
            sum(row.work.macs for row in group), sum(row.work.moved for row in group), quantised
        )
        kinds.append(
            Row(
                name=f"{len(group)} × {name}",
                microseconds=sum(row.microseconds for row in group),
                share=sum(row.share for row in group),
                work=work,
                peak=group[0].peak,
            )
        )
    return sorted(kinds, key=lambda row: -row.microseconds)


def profile_text(rows: Sequence[Row], machine: Machine) -> str:
    """Every operation in order, then the kinds, then what it is measured against."""
    width = max(len(row.name) for row in [*rows, *by_kind(rows)])
    head = (
        f"  {'µs':>10} {'share':>6} {'GFLOP/s':>8} {'of peak':>7} {'GB/s':>6}  "
        f"{'operation':{width}}  from"
    )
    lines = [head, *(_line(row, width) for row in rows)]
    lines += ["", *(_line(row, width) for row in by_kind(rows)), "", _total(rows, machine)]
    return "\n".join(lines)


def _line(row: Row, width: int) -> str:
    rate = f"{row.rate / 1e9:8.1f} {row.of_peak:7.1%}" if row.work.macs else f"{'':8} {'':7}"
    moved = f"{row.bandwidth / 1e9:6.1f}" if row.work.moved else " " * 6
    text = f"  {row.microseconds:10.1f} {row.share:6.1%} {rate} {moved}  {row.name:{width}}"
    return f"{text}  {row.origin}".rstrip()


def _total(rows: Sequence[Row], machine: Machine) -> str:
    seconds = sum(row.microseconds for row in rows) / 1e6
    ideal = sum(2 * row.work.macs / row.peak for row in rows)
    macs = sum(row.work.macs for row in rows)
    return (
        f"  {1e3 * seconds:.3f} ms in all, {macs / 1e6:.1f} M multiply-accumulates: "
        f"{ideal / seconds if seconds else 0:.1%} of this machine's peak on {machine.threads} "
        f"thread(s), {machine.float32 / 1e9:.0f} GFLOP/s in float32 and "
        f"{machine.int8 / 1e9:.0f} GOP/s in int8 ({', '.join(machine.instructions)})"
    )
