"""The reports of several methods as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from attrs import evolve

from nnapi_core.report.report import Report
from nnapi_core.report.rows import NodeRow


def joined(reports: Mapping[str, Report], weight_bytes: int) -> Report:
    """What is said of a method has its name before it, with a point. ``weight_bytes`` are those of them all."""
    every = list(reports.values())
    operations: Counter[str] = Counter()
    nodes: list[NodeRow] = []
    pieces = 0
    for name, report in reports.items():
        operations.update(report.operations)
        for row in report.nodes:
            piece = None if row.piece is None else row.piece + pieces
            read = tuple(f"{name}.{one}" for one in row.inputs)
            nodes.append(evolve(row, name=f"{name}.{row.name}", inputs=read, piece=piece))
        pieces += len(report.stages)
    return Report(
        nodes=nodes,
        target_level=every[0].target_level,
        feature_level=max(one.feature_level for one in every),
        operations=dict(operations.most_common()),
        stages=[device for one in every for device in one.stages],
        weight_bytes=weight_bytes,
        transposes=sum(one.transposes for one in every),
        notes=[f"{name}: {note}" for name, one in reports.items() for note in one.notes],
        pieces=[piece for one in every for piece in one.pieces],
        inputs={
            f"{name}.{value}": said
            for name, one in reports.items()
            for value, said in one.inputs.items()
        },
        outputs=[f"{name}.{value}" for name, one in reports.items() for value in one.outputs],
        states=[
            evolve(state, input=f"{name}.{state.input}", output=f"{name}.{state.output}")
            for name, one in reports.items()
            for state in one.states
        ],
    )
