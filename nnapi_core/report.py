"""Which node runs where, and why."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from attrs import asdict, define, evolve, field, frozen
from torch.fx import Node

from nnapi_core.artifact.parts import Parts, whole_in_torch
from nnapi_core.artifact.torch_stage import stored_weights
from nnapi_core.flexible.choose import Flexible
from nnapi_core.graph.macs import macs
from nnapi_core.graph.program import Program, source_of
from nnapi_core.lowering.device import Device
from nnapi_core.lowering.partition import Partition
from nnapi_core.lowering.pieces import op_of
from nnapi_core.nnapi.model import Model
from nnapi_core.nnapi.serialize import IMMEDIATE_BYTES, WeightTable
from nnapi_core.report_html import to_html


@frozen
class NodeRow:
    """One node of the torch graph."""

    name: str
    target: str
    device: str
    """``"nnapi"``, ``"cpu"`` or ``"folded"`` (computed at conversion)."""
    reason: str
    """Why it is not on NNAPI, or in a quantised model why it runs in floats there; empty otherwise."""
    reason_code: str
    """The same as a value of `nnapi_core.errors.Reason`; empty where it is on NNAPI or folded."""
    macs: int
    """Multiply-accumulates of the torch node."""
    source: str
    """``file:line`` in the user's model."""
    operations: tuple[str, ...] = ()
    """The NNAPI operations that it became, in order; empty where it was fused into another."""
    is_float_island: bool = False
    """In a quantised model: computed in floats."""
    inputs: tuple[str, ...] = ()
    """The rows and model inputs that it reads; weights are not among them."""
    results: tuple[str, ...] = ()
    """Dtypes and shapes."""
    piece: int | None = None
    """The position of its piece among ``stages``; None where it is in none (folded, or only another tensor's name)."""
    error: float | None = None
    """After a comparison with torch: how far its value is off, over the largest one."""
    own_error: float | None = None
    """What of that it adds itself: against torch on the same values."""


@frozen
class PieceRow:
    """Nodes that run together."""

    device: str
    nodes: int
    macs: int
    entering: int
    """Tensors that it takes from other pieces."""
    entering_bytes: int


@frozen
class SizeRow:
    """A free size."""

    name: str
    least: int
    most: int | None
    where: str
    """What says it: ``x:2`` is dimension 2 of the input ``x``, or of a tensor that is counted."""

    @classmethod
    def of(cls, size: dict[str, Any]) -> SizeRow:
        """From the manifest's entry."""
        place = f"{size['of']}:{size['dim']}"
        if size["factor"] != 1:
            place += f" = {size['factor']} * {size['name']}"
        if size["offset"]:
            place += f" + {size['offset']}"
        return cls(size["name"], size["min"], size["max"], place)

    def __str__(self) -> str:
        most = "or more" if self.most is None else f"to {self.most}"
        return f"{self.name} {self.least} {most} ({self.where})"


@define
class Report:
    """The outcome of a conversion, or of ``explain``."""

    nodes: list[NodeRow]
    target_level: int
    feature_level: int
    """The oldest feature level that can run the NNAPI part."""
    operations: dict[str, int]
    """How many of each NNAPI operation."""
    stages: list[str]
    """The devices of the pieces, in execution order."""
    weight_bytes: int = 0
    transposes: int = 0
    shape_strategy: str = ""
    """How free sizes are told: "run time", "load time", "fixed sizes"; empty where there are none."""
    sizes: list[SizeRow] = field(factory=list)
    notes: list[str] = field(factory=list)
    pieces: list[PieceRow] = field(factory=list)
    inputs: dict[str, str] = field(factory=dict)
    """Dtypes and shapes of the model's inputs."""
    outputs: list[str] = field(factory=list)
    """The rows, or inputs, that the model returns."""

    @property
    def crossings(self) -> int:
        """How many tensors go from one piece into another, each a copy."""
        return sum(piece.entering for piece in self.pieces)

    @property
    def reasons(self) -> dict[str, int]:
        """How many nodes are on the CPU for each `nnapi_core.errors.Reason`."""
        return dict(Counter(row.reason_code for row in self.refused()).most_common())

    def add_errors(self, errors: Mapping[str, tuple[float, float]]) -> None:
        """By node, what `nnapi_core.verify.verify` found: the error of its value, and what it adds to it."""
        self.nodes = [
            evolve(row, error=errors[row.name][0], own_error=errors[row.name][1])
            if row.name in errors
            else row
            for row in self.nodes
        ]

    @property
    def share(self) -> float:
        """Share of the nodes that run on NNAPI, among those that run at all."""
        running = [row for row in self.nodes if row.device != Device.FOLDED.value]
        on_nnapi = [row for row in running if row.device == Device.NNAPI.value]
        return len(on_nnapi) / len(running) if running else 1.0

    @property
    def mac_share(self) -> float:
        """Share of the multiply-accumulates that run on NNAPI."""
        total = sum(row.macs for row in self.nodes)
        here = sum(row.macs for row in self.nodes if row.device == Device.NNAPI.value)
        return here / total if total else 1.0

    def refused(self) -> list[NodeRow]:
        return [row for row in self.nodes if row.device == Device.CPU.value]

    def float_islands(self) -> list[NodeRow]:
        """Of a quantised model: the nodes that are computed in floats, here or on the CPU."""
        return [row for row in self.nodes if row.is_float_island]

    def to_json(self) -> str:
        totals = {
            "share": self.share,
            "mac_share": self.mac_share,
            "crossings": self.crossings,
            "reasons": self.reasons,
        }
        return json.dumps({**asdict(self), **totals}, indent=1)

    def to_html(self) -> str:
        """One self-contained page."""
        return to_html(self)


@frozen(eq=False)
class Emitted:
    """What the NNAPI pieces are made of."""

    models: tuple[Model, ...]
    weight_bytes: int

    @classmethod
    def of(cls, parts: Parts) -> Emitted:
        models = tuple(lowered.model for lowered in parts.lowered.values())
        return cls(models, sum(one.nbytes for one in parts.weights.constants))

    @classmethod
    def planned(cls, program: Program, partition: Partition) -> Emitted:
        """The same before anything is serialised."""
        models = [stage.lowered.model for stage in partition.stages if stage.lowered is not None]
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
        return cls(tuple(models), sum(one.nbytes for one in weights.constants))


def make_report(program: Program, partition: Partition, made: Emitted, level: int) -> Report:
    emitted: dict[str, list[str]] = {}
    counts: Counter[str] = Counter()
    for main in made.models:
        for operation in (one for model in (main, *main.submodels()) for one in model.operations):
            emitted.setdefault(operation.origin.node, []).append(operation.spec.name)
            counts[operation.spec.name] += 1
    rows = []
    pieces = {node: index for index, stage in enumerate(partition.stages) for node in stage.nodes}
    for node in program.graph.nodes:
        if node.op != "call_function" or "getitem" in str(node.target):
            continue
        device, reason, code = Device.NNAPI, "", ""
        if node in program.constants:
            device, reason = Device.FOLDED, "does not depend on the inputs"
        elif node in partition.refusals:
            refusal = partition.refusals[node]
            device, reason, code = Device.CPU, str(refusal), refusal.code.value
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
                0 if device is Device.FOLDED else macs(node),
                source_of(node),
                tuple(emitted.get(node.name, ())),
                node in partition.floats or (bool(program.quants) and device is Device.CPU),
                inputs=_read_by(node, program),
                results=tuple(map(_described, _values(node.meta.get("val")))),
                piece=pieces.get(node),
            )
        )
    return Report(
        nodes=rows,
        target_level=level,
        feature_level=max([27, *(model.level for model in made.models)]),
        operations=dict(counts.most_common()),
        stages=[stage.device.value for stage in partition.stages],
        weight_bytes=made.weight_bytes,
        transposes=counts["TRANSPOSE"],
        pieces=_pieces(partition, {row.name: row.macs for row in rows}),
        inputs={node.name: _described(node.meta["val"]) for node in program.inputs},
        outputs=[op_of(one).name for one in program.results if isinstance(one, Node)],
    )


def flexible_report(flexible: Flexible, level: int) -> Report:
    """The report of a conversion with free sizes: its nodes as they are at the example's."""
    lowered = flexible.at_example
    report = make_report(
        lowered.program, lowered.partition, Emitted.of(flexible.example_parts), level
    )
    report.feature_level = flexible.parts.manifest["feature_level"]
    report.weight_bytes = sum(one.nbytes for one in flexible.parts.weights.constants)
    report.shape_strategy = flexible.strategy.value
    report.sizes = list(map(SizeRow.of, flexible.parts.manifest["sizes"]))
    variants = len(flexible.parts.manifest.get("variants", ()))
    models = f", {variants} variants" if variants else ""
    ranges = "; ".join(map(str, report.sizes))
    report.notes += [f"free sizes ({report.shape_strategy}{models}): {ranges}"]
    for one in flexible.relations:
        report.notes.append(f"the sizes must be so that {one}")
    report.notes += flexible.reasons
    return report


def _read_by(node: Node, program: Program) -> tuple[str, ...]:
    sources = (op_of(one) for one in node.all_input_nodes if one not in program.constants)
    kept = (one for one in sources if one.op != "get_attr" and one not in program.constants)
    return tuple(dict.fromkeys(one.name for one in kept))


def _values(value: Any) -> Iterable[Any]:
    return value if isinstance(value, (tuple, list)) else [value]


def _described(value: Any) -> str:
    if not isinstance(value, torch.Tensor):
        return str(value)
    return f"{str(value.dtype).removeprefix('torch.')} [{', '.join(map(str, value.shape))}]"


def _pieces(partition: Partition, macs_of: Mapping[str, int]) -> list[PieceRow]:
    made = {tensor for stage in partition.stages for tensor in stage.outputs}
    rows = []
    for stage in partition.stages:
        entering = {partition.resolve(one) for one in stage.inputs} & made
        rows.append(
            PieceRow(
                stage.device.value,
                len(stage.nodes),
                sum(macs_of.get(node.name, 0) for node in stage.nodes),
                len(entering),
                sum(_bytes(one.meta["val"]) for one in entering),
            )
        )
    return rows


def _bytes(value: torch.Tensor) -> int:
    """Of a static shape; 0 where a dimension is free."""
    static = all(isinstance(dim, int) for dim in value.shape)
    return math.prod(value.shape) * value.element_size() if static else 0
