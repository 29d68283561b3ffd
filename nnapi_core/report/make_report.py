"""Makes the report of a conversion, of its partition and of what was emitted."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from attrs import frozen
from torch.fx import Node

from nnapi_core.artifact.contents import Contents, whole_in_torch
from nnapi_core.artifact.torch_piece import stored_weights
from nnapi_core.flexible.choose_strategy import Flexible
from nnapi_core.graph.graph_text import described_value
from nnapi_core.graph.macs import macs_of
from nnapi_core.graph.numbers import is_number, sources_of
from nnapi_core.graph.program import Program, source_of
from nnapi_core.lowering.partition.choose_nnapi_or_cpu import Partition
from nnapi_core.lowering.partition.device import Device
from nnapi_core.lowering.partition.group_nodes_into_pieces import op_of
from nnapi_core.nnapi.model import Model
from nnapi_core.nnapi.serialize import IMMEDIATE_BYTES, WeightTable
from nnapi_core.nnapi.special_values import joined, special_values
from nnapi_core.reasons import Reason
from nnapi_core.report.report import Report
from nnapi_core.report.rows import NodeRow, PieceRow, SizeRow, StateRow


@frozen(eq=False)
class Emitted:
    """What the NNAPI pieces are made of."""

    models: tuple[Model, ...]
    weight_bytes: int
    level: int
    """What the target needs; pieces for our own library are not counted."""

    @classmethod
    def of(cls, contents: Contents) -> Emitted:
        models = tuple(lowered.model for lowered in contents.lowered.values())
        weight_bytes = sum(one.nbytes for one in contents.weights.constants)
        return cls(models, weight_bytes, contents.manifest["feature_level"])

    @classmethod
    def planned(cls, program: Program, partition: Partition) -> Emitted:
        """The same before anything is serialised."""
        models = [piece.lowered.model for piece in partition.pieces if piece.lowered is not None]
        weights = WeightTable()
        in_torch = [
            weight for _, weight in stored_weights(program, whole_in_torch(program, partition))
        ]
        weights.will_read(in_torch)
        for constant in (one for model in models for one in model.constants()):
            if constant.nbytes > IMMEDIATE_BYTES:
                weights.place(constant)
        for weight in in_torch:
            weights.reordered(weight)
        levels = [
            piece.lowered.model.level
            for piece in partition.pieces
            if piece.lowered is not None and not piece.on_host
        ]
        weight_bytes = sum(one.nbytes for one in weights.constants)
        return cls(tuple(models), weight_bytes, max([27, *levels]))


def make_report(program: Program, partition: Partition, made: Emitted, level: int) -> Report:
    emitted: dict[str, list[str]] = {}
    special: dict[str, list[str]] = {}
    counts: Counter[str] = Counter()
    for model in (one for main in made.models for one in (main, *main.submodels())):
        for operation in model.operations:
            name = operation.origin.node
            emitted.setdefault(name, []).append(operation.spec.name)
            special.setdefault(name, []).append(special_values(model, operation))
            counts[operation.spec.name] += 1
    rows = []
    pieces = {node: index for index, piece in enumerate(partition.pieces) for node in piece.nodes}
    for node in program.graph.nodes:
        if node.op != "call_function" or "getitem" in str(node.target):
            continue
        device, reason, code = Device.NNAPI, "", ""
        if node in program.constants:
            device, reason = Device.FOLDED, "does not depend on the inputs"
        elif is_number(node):
            device, reason = Device.CPU, "a number that is computed when the model runs"
            code = Reason.TYPES.value
        elif node in partition.refusals:
            refusal = partition.refusals[node]
            device, reason, code = Device.CPU, str(refusal), refusal.code.value
        elif node in partition.hosted:
            refusal = partition.hosted[node]
            reason, code = f"on our own library: {refusal}", refusal.code.value
        elif node in partition.floats:
            refusal = partition.floats[node]
            reason, code = f"in floats: {refusal}", refusal.code.value
        rows.append(
            NodeRow(
                node.name,
                str(node.target),
                device.value,
                reason,
                code,
                0 if device is Device.FOLDED else macs_of(program, node),
                source_of(node),
                tuple(emitted.get(node.name, ())),
                node in partition.floats or (bool(program.quants) and device is Device.CPU),
                inputs=_read_by(node, program),
                results=tuple(map(described_value, _values(node.meta.get("val")))),
                piece=pieces.get(node),
                special_values=joined(
                    [*partition.special_values.get(node, ()), *special.get(node.name, ())]
                )
                if device is Device.NNAPI
                else "",
            )
        )
    states = _states(program)
    results = program.results[: len(program.results) - len(states)]
    return Report(
        nodes=rows,
        target_level=level,
        feature_level=made.level,
        operations=dict(counts.most_common()),
        stages=[piece.device.value for piece in partition.pieces],
        weight_bytes=made.weight_bytes,
        transposes=counts["TRANSPOSE"],
        pieces=_pieces(partition, {row.name: row.macs for row in rows}),
        inputs={node.name: described_value(node.meta["val"]) for node in program.user_inputs},
        outputs=[op_of(one).name for one in results if isinstance(one, Node)],
        states=states,
        notes=[
            *(f"state, kept from one call to the next: {one.name}: {one.value}" for one in states),
            *([] if program.calibration is None else program.calibration.notes()),
            *(
                f"{node.name} ({node.target}): an overriding lowering failed, and the one that it replaces "
                f"was used: {failure}"
                for node, failure in partition.failed_overrides.items()
            ),
        ],
    )


def _states(program: Program) -> list[StateRow]:
    count = len(program.states)
    entering = program.inputs[len(program.inputs) - count :]
    leaving = program.results[len(program.results) - count :]
    return [
        StateRow(state.name, described_value(node.meta["val"]), node.name, op_of(result).name)
        for state, node, result in zip(program.states, entering, leaving, strict=True)
    ]


def flexible_report(flexible: Flexible, level: int) -> Report:
    """The report of a conversion with free sizes: its nodes as they are at the example's."""
    lowered = flexible.at_example
    report = make_report(
        lowered.program, lowered.partition, Emitted.of(flexible.example_contents), level
    )
    report.feature_level = flexible.contents.manifest["feature_level"]
    report.weight_bytes = sum(one.nbytes for one in flexible.contents.weights.constants)
    report.shape_strategy = flexible.strategy.value
    report.sizes = list(map(SizeRow.of, flexible.contents.manifest["sizes"]))
    variants = len(flexible.contents.manifest.get("variants", ()))
    models = f", {variants} variants" if variants else ""
    ranges = "; ".join(map(str, report.sizes))
    report.notes += [f"free sizes ({report.shape_strategy}{models}): {ranges}"]
    for one in flexible.relations:
        report.notes.append(f"the sizes must be so that {one}")
    report.notes += flexible.reasons
    return report


def _read_by(node: Node, program: Program) -> tuple[str, ...]:
    sources = (op_of(one) for one in sources_of(node) if one not in program.constants)
    kept = (one for one in sources if one.op != "get_attr" and one not in program.constants)
    return tuple(dict.fromkeys(one.name for one in kept))


def _values(value: Any) -> Iterable[Any]:
    return value if isinstance(value, (tuple, list)) else [value]


def _pieces(partition: Partition, macs_of: Mapping[str, int]) -> list[PieceRow]:
    made = {tensor for piece in partition.pieces for tensor in piece.outputs}
    rows = []
    for piece in partition.pieces:
        entering = {partition.resolve(one) for one in piece.inputs} & made
        rows.append(
            PieceRow(
                piece.device.value,
                len(piece.nodes),
                sum(macs_of.get(node.name, 0) for node in piece.nodes),
                len(entering),
                sum(_bytes(one.meta["val"]) for one in entering),
            )
        )
    return rows


def _bytes(value: torch.Tensor) -> int:
    """Of a static shape; 0 where a dimension is free."""
    static = all(isinstance(dim, int) for dim in value.shape)
    return math.prod(value.shape) * value.element_size() if static else 0
