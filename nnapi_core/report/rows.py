"""The rows of a report: nodes, pieces and free sizes, and what they add up to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from attrs import define, evolve, field, frozen

from nnapi_core.lowering.partition.device import Device


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
    """The same as a value of `nnapi_core.reasons.Reason`; empty where it is on NNAPI or folded."""
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
    special_values: str = ""
    """On NNAPI: what becomes of NaN, infinities, and numbers near the ends of float32, where it is not torch's."""
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


@frozen
class StateRow:
    """A tensor that the model keeps from one call to the next."""

    name: str
    """As the module calls it."""
    value: str
    """Its dtype and shape."""
    input: str
    """The graph's input that it is when a call begins."""
    output: str
    """The row, or input, that it is when the call has ended."""


@define(repr=False)
class Rows:
    """The rows of a report, and what they add up to."""

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
    states: list[StateRow] = field(factory=list)

    def __repr__(self) -> str:
        count = Counter(row.device for row in self.nodes)
        return (
            f"<{type(self).__name__}: {count['nnapi']} nodes on NNAPI, {count['cpu']} on the CPU, {count['folded']} "
            f"folded; {len(self.stages)} piece(s), feature level {self.feature_level}>"
        )

    @property
    def crossings(self) -> int:
        """How many tensors go from one piece into another, each a copy."""
        return sum(piece.entering for piece in self.pieces)

    @property
    def reasons(self) -> dict[str, int]:
        """How many nodes are on the CPU for each `nnapi_core.reasons.Reason`."""
        return dict(Counter(row.reason_code for row in self.refused()).most_common())

    def add_errors(self, errors: Mapping[str, tuple[float, float]]) -> None:
        """By node, what `nnapi_core.verify` found: the error of its value, and what it adds to it."""
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
