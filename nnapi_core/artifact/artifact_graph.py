"""An artifact as graphs of nodes, for whatever draws them: one for each variant, and for each submodel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from nnapi_core.artifact.read_artifact import check_is_file, read_artifact
from nnapi_core.errors import ConversionError
from nnapi_core.nnapi.model import Model, Operand
from nnapi_core.nnapi.types import OperandType

_LONGEST_NAME = 160


@frozen
class Edge:
    """A result of one node that another reads, and as what."""

    source: str
    result: int
    operand: str


@frozen
class PictureNode:
    """An NNAPI operation, a torch piece, or an input or output of the graph.

    ``device`` is ``nnapi``, ``cpu`` or ``border``; ``piece`` the name of the NNAPI model.
    """

    name: str
    label: str
    device: str
    piece: str = ""
    reads: tuple[Edge, ...] = ()
    results: tuple[str, ...] = ()
    """Types and dimensions."""
    details: tuple[tuple[str, str], ...] = ()
    submodels: tuple[str, ...] = ()
    """The graphs that it calls."""


@frozen
class Picture:
    """Nodes come after what they read."""

    name: str
    nodes: tuple[PictureNode, ...]


def pictures(path: str | PathLike[str]) -> list[Picture]:
    """Of a .nnapi file: the main graphs first. Raises `ConversionError` for another kind of file."""
    check_is_file(path)
    if Path(path).suffix != ".nnapi":
        raise ConversionError(f"{path}: the graph of a .nnapi file can be drawn; convert to one")
    artifact = read_artifact(path)
    drawing = _Drawing(artifact.models)
    for which, manifest in artifact.manifests():
        drawing.add(f"{Path(path).stem}{which}", manifest)
    return [*drawing.main, *drawing.submodels]


@define(eq=False)
class _Drawing:
    models: Mapping[str, Model]
    main: list[Picture] = field(factory=list)
    submodels: list[Picture] = field(factory=list)
    _texts: dict[int, str] = field(factory=dict)
    """Of operands and types, by their identity: most of a large model's are the same few."""
    _shortened: dict[str, str] = field(factory=dict)
    _drawn: dict[int, str] = field(factory=dict)
    """The graphs of models that were drawn already: one that several refer to is drawn once."""

    def add(self, name: str, manifest: dict[str, Any]) -> None:
        nodes: list[PictureNode] = []
        values: dict[str, tuple[str, int]] = {}
        states = manifest.get("state", ())
        entering = [(f"input {one['name']}", one["name"], one) for one in manifest["inputs"]]
        entering += [(f"state {one['name']}", one["input"], one) for one in states]
        for whole, value, one in entering:
            border = self._short(whole)
            shape = ", ".join("?" if dim is None else str(dim) for dim in one["shape"])
            said = f"{one['dtype']} [{shape}]"
            nodes.append(PictureNode(border, one["name"], "border", results=(said,)))
            values[value] = (border, 0)
        nodes += self._pieces(manifest["stages"], values)
        for position, one in enumerate(manifest["outputs"]):
            if one["name"] in values:
                edge = Edge(*values[one["name"]], one["name"])
                label = f"output {position}"
                nodes.append(PictureNode(label, label, "border", reads=(edge,)))
        for one in states:
            if one["output"] in values:
                edge = Edge(*values[one["output"]], one["output"])
                label = f"next state {one['name']}"
                nodes.append(PictureNode(label, one["name"], "border", reads=(edge,)))
        self.main.append(Picture(name, tuple(nodes)))

    def _pieces(
        self, pieces: Sequence[dict[str, Any]], values: dict[str, tuple[str, int]]
    ) -> list[PictureNode]:
        nodes: list[PictureNode] = []
        called: tuple[str, ...]
        for piece in pieces:
            if piece["kind"] == "nnapi":
                nodes += self._piece(piece, values)
                continue
            outputs = tuple(piece["outputs"])
            if piece["kind"] == "torch":
                name, label, given, called = (
                    self._short(piece["program"]),
                    "torch",
                    piece["inputs"],
                    (),
                )
            else:
                label = piece["kind"]
                name = self._short(f"{label} {', '.join(outputs)}")
                given = [*filter(None, [piece.get("condition")]), *piece["operands"]]
                called = tuple(
                    self._branch(branch, f"{name}, branch {number}")
                    for number, branch in enumerate(piece["branches"])
                )
            reads = tuple(Edge(*values[one], one) for one in given if one in values)
            details = (("results", ", ".join(outputs)),)
            nodes.append(PictureNode(name, label, "cpu", "", reads, outputs, details, called))
            values.update((one, (name, i)) for i, one in enumerate(outputs))
        return nodes

    def _branch(self, branch: dict[str, Any], name: str) -> str:
        """A graph of its own; values from outside stand beside its inputs."""
        nodes: list[PictureNode] = []
        values: dict[str, tuple[str, int]] = {}
        for one in filter(None, branch["inputs"]):
            border = self._short(f"input {one}")
            nodes.append(PictureNode(border, one, "border", results=(one,)))
            values[one] = (border, 0)
        nodes += self._pieces(branch["stages"], values)
        for position, one in enumerate(branch["outputs"]):
            label = f"output {position}"
            reads = (Edge(*values[one], one),) if one in values else ()
            nodes.append(PictureNode(label, label, "border", reads=reads))
        self.submodels.append(Picture(name, tuple(nodes)))
        return name

    def _piece(
        self, piece: dict[str, Any], values: dict[str, tuple[str, int]]
    ) -> list[PictureNode]:
        model = self.models[piece["model"]]
        known = {
            index: values[border["value"]]
            for index, border in zip(model.inputs, piece["inputs"], strict=True)
            if border["value"] in values
        }
        name = self._short(piece["model"])
        nodes = self._operations(model, name, known, piece["operations"])
        for index, border in zip(model.outputs, piece["outputs"], strict=True):
            if index in known:
                values[border["value"]] = known[index]
        return nodes

    def _operations(
        self,
        model: Model,
        piece: str,
        known: dict[int, tuple[str, int]],
        origins: Sequence[Mapping[str, str]] = (),
    ) -> list[PictureNode]:
        """``known`` says which node and result each operand comes from; results are added to it."""
        nodes = []
        for index, operation in enumerate(model.operations):
            name = f"{piece}.{index}"
            operands = [model.operands[one] for one in operation.inputs]
            form = operation.spec.form_for([one.type.code for one in operands])
            names = [slot.name for slot in form] if form else list(map(str, range(len(operands))))
            reads, details, submodels = [], [], []
            for one, operand, slot in zip(operation.inputs, operands, names, strict=True):
                if one in known:
                    reads.append(Edge(*known[one], slot))
                elif operand.submodel is not None:
                    submodels.append(self._submodel(operand.submodel, f"{name} {slot}"))
                else:
                    details.append((slot, self._text(operand)))
            if origins:
                origin = origins[index]
                details += [
                    (key, origin[key]) for key in ("node", "target", "source") if origin[key]
                ]
            results = tuple(self._text(model.operands[one].type) for one in operation.outputs)
            nodes.append(
                PictureNode(
                    name,
                    operation.spec.name,
                    "nnapi",
                    piece,
                    tuple(reads),
                    results,
                    tuple(details),
                    tuple(submodels),
                )
            )
            known.update((one, (name, i)) for i, one in enumerate(operation.outputs))
        return nodes

    def _text(self, what: Operand | OperandType) -> str:
        if id(what) not in self._texts:
            self._texts[id(what)] = _said(what) if isinstance(what, Operand) else str(what)
        return self._texts[id(what)]

    def _short(self, name: str) -> str:
        """As nodes have it: a long one would stand in each of its operations, and in all that reads them."""
        if len(name) <= _LONGEST_NAME:
            return name
        number = len(self._shortened)
        return self._shortened.setdefault(name, f"{name[:_LONGEST_NAME]}… ({number})")

    def _submodel(self, model: Model, whole: str) -> str:
        """The name of its graph, which is ``whole`` where it is new."""
        if id(model) in self._drawn:
            return self._drawn[id(model)]
        name = self._drawn[id(model)] = self._short(whole)
        known: dict[int, tuple[str, int]] = {}
        nodes = []
        for position, index in enumerate(model.inputs):
            label = f"input {position}"
            said = (str(model.operands[index].type),)
            nodes.append(PictureNode(label, label, "border", results=said))
            known[index] = (label, 0)
        nodes += self._operations(model, name, known)
        for position, index in enumerate(model.outputs):
            if index in known:
                label = f"output {position}"
                edge = Edge(*known[index], "result")
                nodes.append(PictureNode(label, label, "border", reads=(edge,)))
        self.submodels.append(Picture(name, tuple(nodes)))
        return name


def _said(operand: Operand) -> str:
    if operand.omitted:
        return "omitted"
    if operand.constant is not None and operand.constant.nbytes <= 16:
        return str(operand.constant.array().tolist())
    return f"{'const ' if operand.constant is not None else ''}{operand.type}"
