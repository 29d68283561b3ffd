"""A conversion as parts: manifest, model words, numbered weights, torch programs (docs/file_format.md)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import torch
from attrs import frozen
from torch.fx import GraphModule, Node

from nnapi_core.artifact.stages import (
    StageWriter,
    described_constant,
    described_node,
    dtype_name,
)
from nnapi_core.artifact.torch_source import Source, tensor_to_keep, torch_source
from nnapi_core.artifact.torch_stage import stored_weights
from nnapi_core.errors import ConversionError, Unsupported
from nnapi_core.graph.program import Program, source_of
from nnapi_core.lowering.device import Device
from nnapi_core.lowering.lower import LoweredModel
from nnapi_core.lowering.partition import Partition, Stage
from nnapi_core.nnapi.constant import Constant
from nnapi_core.nnapi.model import Model
from nnapi_core.nnapi.serialize import WeightTable

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
        if "branches" in stage:
            branches = [
                {**one, "stages": [self._said(inner, sources) for inner in one["stages"]]}
                for one in stage["branches"]
            ]
            return {**stage, "branches": branches}
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
    optimise: Callable[[Model], Model] = lambda model: model,
) -> Parts:
    """``models`` are the optimised models of the stages, None for a CPU stage; ``optimise`` is for those in branches.

    Conversions that share ``weights`` number them together.
    """
    stages = StageWriter(WeightTable() if weights is None else weights, optimise)
    whole = whole_in_torch(program, partition)
    stages.weights.will_read(weight for _, weight in stored_weights(program, whole))
    # NNAPI first: what it wants in an order of its own is stored that way, and permuted for torch.
    stages.take_models(partition, models)
    described = stages.described(program, partition)
    outputs, constants = _results(program, partition)
    levels = [one.model.level for one in stages.lowered.values()]
    manifest = {
        "feature_level": max([27, *levels]),
        "relaxed": relaxed,
        "inputs": [described_node(node) for node in program.inputs],
        "outputs": outputs,
        "output_tree": program.output_tree,
        "constants": {**constants, **stages.constants},
        "stages": described,
    }
    manifest["cpu"] = stages.torch(WHOLE, program, partition, whole)
    return Parts(
        manifest,
        stages.words,
        stages.weights,
        stages.torch_stages,
        stages.lowered,
        program.input_values,
    )


def whole_in_torch(program: Program, partition: Partition) -> Stage:
    """All of the model in torch, for where there is no NNAPI: it makes the results that the stages make."""
    given = {*program.inputs, *program.constants}
    results = {
        partition.resolve(result): None for result in program.results if isinstance(result, Node)
    }
    outputs = tuple(node for node in results if node not in given)
    return Stage(Device.CPU, tuple(program.operations()), tuple(program.inputs), outputs)


def _results(
    program: Program, partition: Partition
) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    outputs: list[dict[str, Any]] = []
    constants: dict[str, dict[str, Any]] = {}
    for position, result in enumerate(program.results):
        if isinstance(result, Node):
            if not isinstance(result.meta["val"], torch.Tensor):
                raise Unsupported(
                    "the model returns a number that it computes; return a tensor, without item()",
                    node=result.name,
                    source=source_of(result),
                )
            node = partition.resolve(result)
            outputs.append({**described_node(result), "name": node.name})
            if node in program.constants:
                constants[node.name] = described_constant(program.constants[node].load())
        elif isinstance(result, (bool, int, float)):
            name = f"output_{position}"
            tensor = _exact(result)
            constants[name] = described_constant(tensor)
            described = {"name": name, "dtype": dtype_name(tensor.dtype), "shape": []}
            outputs.append({**described, "python": type(result).__name__})
        elif result is None:
            outputs.append({"name": None})
        else:
            raise ConversionError(f"the model returns {result!r}, which is not a tensor")
    returned = len(outputs) - len(program.written)
    for output, name in zip(outputs[returned:], program.written, strict=True):
        output["into"] = name
    return outputs, constants


def _exact(number: bool | int | float) -> torch.Tensor:
    """A 0-d tensor that holds a Python number as it is."""
    if isinstance(number, int) and not -(2**63) <= number < 2**63:
        raise ConversionError(f"the model returns {number}, which 64 bits do not hold")
    return torch.tensor(number, dtype=torch.float64 if isinstance(number, float) else None)
