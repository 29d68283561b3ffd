"""A conversion as parts: manifest, model words, numbered weights, torch programs (docs/file_format.md)."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import torch
from attrs import frozen
from torch.fx import GraphModule, Node

from nnapi_core.artifact.torch_source import Source, tensor_to_keep, torch_source
from nnapi_core.artifact.torch_stage import ReadWeight, torch_stage
from nnapi_core.errors import ConversionError
from nnapi_core.graph.program import Program
from nnapi_core.lowering.device import Device
from nnapi_core.lowering.lower import Border, LoweredModel
from nnapi_core.lowering.partition import Partition, Stage
from nnapi_core.nnapi.constant import Constant
from nnapi_core.nnapi.model import Model
from nnapi_core.nnapi.serialize import WeightTable, serialize
from nnapi_core.nnapi.types import Dim, Quant

MANIFEST_VERSION = "1"
WHOLE = "torch.cpu"
"""The name of the torch program of a whole model."""


@frozen(eq=False)
class Parts:
    """Everything an artifact holds. Weights stay where they are until they are written."""

    manifest: dict[str, Any]
    models: dict[str, bytes]
    weights: WeightTable
    torch_stages: dict[str, GraphModule]
    """The torch programs that the manifest names: of its CPU stages, and of the whole model."""
    lowered: dict[str, LoweredModel]
    input_values: list[tuple[bool, Any]]
    """Per flat argument: is it a tensor, and if not, the value that the model was exported with."""

    def written(self) -> tuple[dict[str, Any], dict[str, Source]]:
        """The manifest, and the torch programs as text; tensors of their own join the weights.

        Raises `ConversionError` for a stage that TorchScript cannot say. Without the program of the whole model, a file
        only loses a way to run it.
        """
        sources: dict[str, Source] = {}
        return self._written(self.manifest, sources), sources

    def _written(self, manifest: dict[str, Any], sources: dict[str, Source]) -> dict[str, Any]:
        written = {key: value for key, value in manifest.items() if key != "cpu"}
        written["stages"] = [self._said(stage, sources) for stage in manifest["stages"]]
        if "cpu" in manifest:
            with suppress(ConversionError):
                written["cpu"] = self._said(manifest["cpu"], sources)
        if "variants" in manifest:
            written["variants"] = [
                {**one, "manifest": self._written(one["manifest"], sources)}
                for one in manifest["variants"]
            ]
        return written

    def _said(self, stage: dict[str, Any], sources: dict[str, Source]) -> dict[str, Any]:
        if stage["kind"] != "torch":
            return stage
        name = stage["program"]
        source = torch_source(self.torch_stages[name], len(stage["inputs"]))
        sources[name] = source
        own = [
            {"weight": self.weights.number(Constant.of(tensor_to_keep(one).numpy())), "steps": []}
            for one in source.held
        ]
        return {**stage, "weights": [*stage["weights"], *own]}


def make_parts(
    program: Program,
    partition: Partition,
    models: Sequence[Model | None],
    *,
    relaxed: bool,
    weights: WeightTable | None = None,
) -> Parts:
    """``models`` are the optimised models of the stages, None for a CPU stage.

    Conversions that share ``weights`` number them together.
    """
    weights = WeightTable() if weights is None else weights
    words: dict[str, bytes] = {}
    torch_stages: dict[str, GraphModule] = {}
    lowered: dict[str, LoweredModel] = {}
    described: dict[int, dict[str, Any]] = {}
    # NNAPI first: what it wants in an order of its own is stored that way, and permuted for torch.
    for number, (stage, model) in enumerate(zip(partition.stages, models, strict=True)):
        if stage.lowered is not None and model is not None:
            name = f"model.{number}"
            words[name] = serialize(model, weights)
            lowered[name] = LoweredModel(model, stage.lowered.inputs, stage.lowered.outputs)
            described[number] = nnapi_stage(name, stage.lowered, model, partition)
    for number, stage in enumerate(partition.stages):
        if number not in described:
            name = f"torch.{number}"
            torch_stages[name], read = torch_stage(program, stage, weights)
            inputs = [partition.resolve(node) for node in stage.inputs]
            described[number] = _torch_stage(name, inputs, stage.outputs, read)
    outputs, constants = _results(program, partition)
    manifest = {
        "feature_level": max([27] + [model.level for model in models if model is not None]),
        "relaxed": relaxed,
        "inputs": [described_node(node) for node in program.inputs],
        "outputs": outputs,
        "output_tree": program.output_tree,
        "constants": constants,
        "stages": [described[number] for number in sorted(described)],
    }
    whole = _whole(program, partition)
    torch_stages[WHOLE], read = torch_stage(program, whole, weights)
    manifest["cpu"] = _torch_stage(WHOLE, whole.inputs, whole.outputs, read)
    return Parts(manifest, words, weights, torch_stages, lowered, program.input_values)


def _torch_stage(
    name: str, inputs: Sequence[Node], outputs: Sequence[Node], weights: Sequence[ReadWeight]
) -> dict[str, Any]:
    return {
        "kind": "torch",
        "program": name,
        "inputs": [node.name for node in inputs],
        "outputs": [node.name for node in outputs],
        "weights": [one.described() for one in weights],
    }


def _whole(program: Program, partition: Partition) -> Stage:
    """All of the model in torch, for where there is no NNAPI: it makes the results that the stages make."""
    given = {*program.inputs, *program.constants}
    results = {
        partition.resolve(result): None for result in program.results if isinstance(result, Node)
    }
    outputs = tuple(node for node in results if node not in given)
    return Stage(Device.CPU, tuple(program.operations()), tuple(program.inputs), outputs)


def _shape(dims: Sequence[Dim]) -> list[int | None]:
    return [dim if isinstance(dim, int) else None for dim in dims]


def dtype_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def described_node(node: Node) -> dict[str, Any]:
    value = node.meta["val"]
    shape = [dim if isinstance(dim, int) else None for dim in value.shape]
    return {"name": node.name, "dtype": dtype_name(value.dtype), "shape": shape}


def _border(border: Border, name: str) -> dict[str, Any]:
    spec = border.spec
    quant = spec.quant if isinstance(spec.quant, Quant) else Quant(0.0, 0)
    return {
        "value": name,
        "dtype": dtype_name(spec.dtype),
        "type": int(spec.code),
        "shape": _shape(spec.shape),
        "order": list(spec.order.permutation(len(spec.shape))),
        "scale": quant.scale,
        "zero_point": quant.zero_point,
    }


def nnapi_stage(
    name: str, lowered: LoweredModel, model: Model, partition: Partition
) -> dict[str, Any]:
    return {
        "kind": "nnapi",
        "model": name,
        "inputs": [_border(one, partition.resolve(one.node).name) for one in lowered.inputs],
        "outputs": [_border(one, one.node.name) for one in lowered.outputs],
        "operations": [
            {
                "node": operation.origin.node,
                "target": operation.origin.target,
                "source": operation.origin.source,
            }
            for operation in model.operations
        ],
    }


def _results(
    program: Program, partition: Partition
) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    outputs: list[dict[str, Any]] = []
    constants: dict[str, dict[str, Any]] = {}
    for position, result in enumerate(program.results):
        if isinstance(result, Node):
            node = partition.resolve(result)
            outputs.append({**described_node(result), "name": node.name})
            if node in program.constants:
                constants[node.name] = _constant(program.constants[node].load())
        elif isinstance(result, (bool, int, float)):
            name = f"output_{position}"
            tensor = _exact(result)
            constants[name] = _constant(tensor)
            described = {"name": name, "dtype": dtype_name(tensor.dtype), "shape": []}
            outputs.append({**described, "python": type(result).__name__})
        elif result is None:
            outputs.append({"name": None})
        else:
            raise ConversionError(f"the model returns {result!r}, which is not a tensor")
    return outputs, constants


def _exact(number: bool | int | float) -> torch.Tensor:
    """A 0-d tensor that holds a Python number as it is."""
    if isinstance(number, int) and not -(2**63) <= number < 2**63:
        raise ConversionError(f"the model returns {number}, which 64 bits do not hold")
    return torch.tensor(number, dtype=torch.float64 if isinstance(number, float) else None)


def _constant(tensor: torch.Tensor) -> dict[str, Any]:
    data = tensor.detach().contiguous().numpy()
    return {
        "dtype": dtype_name(tensor.dtype),
        "shape": list(tensor.shape),
        "data": base64.b64encode(data.tobytes()).decode("ascii"),
    }
