"""An artifact as graphs of nodes, for whatever draws them: one for each variant, and for each submodel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from attrs import define, field, frozen

from nnapi_core.errors import ArtifactError, ConversionError
from nnapi_core.nnapi.constant import Array
from nnapi_core.nnapi.model import Model, Operand
from nnapi_core.nnapi.serialize import deserialize


@frozen
class Edge:
    """A result of one node that another reads, and as what."""

    source: str
    result: int
    operand: str


@frozen
class PictureNode:
    """An NNAPI operation, a torch stage, or an input or output of the graph.

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
    from nnapi_runtime.nnapi_file import read_file

    if not Path(path).is_file():
        raise ArtifactError(f"{path}: there is no such file")
    if Path(path).suffix != ".nnapi":
        raise ConversionError(f"{path}: the graph of a .nnapi file can be drawn; convert to one")
    file = read_file(path)
    drawing = _Drawing(file.models, [np.asarray(one) for one in file.weights])
    variants = file.manifest.get("variants", ())
    if not variants:
        drawing.add(Path(path).stem, file.manifest)
    for number, variant in enumerate(variants):
        drawing.add(f"{Path(path).stem}, variant {number}", variant["manifest"])
    return [*drawing.main, *drawing.submodels]


@define(eq=False)
class _Drawing:
    models: Mapping[str, Any]
    weights: list[Array]
    main: list[Picture] = field(factory=list)
    submodels: list[Picture] = field(factory=list)

    def add(self, name: str, manifest: dict[str, Any]) -> None:
        nodes: list[PictureNode] = []
        values: dict[str, tuple[str, int]] = {}
        for one in manifest["inputs"]:
            shape = ", ".join("?" if dim is None else str(dim) for dim in one["shape"])
            said = f"{one['dtype']} [{shape}]"
            nodes.append(
                PictureNode(f"input {one['name']}", one["name"], "border", results=(said,))
            )
            values[one["name"]] = (f"input {one['name']}", 0)
        nodes += self._stages(manifest["stages"], values)
        for position, one in enumerate(manifest["outputs"]):
            if one["name"] in values:
                edge = Edge(*values[one["name"]], one["name"])
                label = f"output {position}"
                nodes.append(PictureNode(label, label, "border", reads=(edge,)))
        self.main.append(Picture(name, tuple(nodes)))

    def _stages(
        self, stages: Sequence[dict[str, Any]], values: dict[str, tuple[str, int]]
    ) -> list[PictureNode]:
        nodes: list[PictureNode] = []
        called: tuple[str, ...]
        for stage in stages:
            if stage["kind"] == "nnapi":
                nodes += self._stage(stage, values)
                continue
            outputs = tuple(stage["outputs"])
            if stage["kind"] == "torch":
                name, label, given, called = stage["program"], "torch", stage["inputs"], ()
            else:
                label = stage["kind"]
                name = f"{label} {', '.join(outputs)}"
                given = [*filter(None, [stage.get("condition")]), *stage["operands"]]
                called = tuple(
                    self._branch(branch, f"{name}, branch {number}")
                    for number, branch in enumerate(stage["branches"])
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
            nodes.append(PictureNode(f"input {one}", one, "border", results=(one,)))
            values[one] = (f"input {one}", 0)
        nodes += self._stages(branch["stages"], values)
        for position, one in enumerate(branch["outputs"]):
            label = f"output {position}"
            reads = (Edge(*values[one], one),) if one in values else ()
            nodes.append(PictureNode(label, label, "border", reads=reads))
        self.submodels.append(Picture(name, tuple(nodes)))
        return name

    def _stage(
        self, stage: dict[str, Any], values: dict[str, tuple[str, int]]
    ) -> list[PictureNode]:
        model = deserialize(bytes(self.models[stage["model"]]), self.weights)
        known = {
            index: values[border["value"]]
            for index, border in zip(model.inputs, stage["inputs"], strict=True)
            if border["value"] in values
        }
        nodes = self._operations(model, stage["model"], known, stage["operations"])
        for index, border in zip(model.outputs, stage["outputs"], strict=True):
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
                    details.append((slot, _said(operand)))
            if origins:
                origin = origins[index]
                details += [
                    (key, origin[key]) for key in ("node", "target", "source") if origin[key]
                ]
            results = tuple(str(model.operands[one].type) for one in operation.outputs)
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

    def _submodel(self, model: Model, name: str) -> str:
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
