"""What a conversion is written as: manifest, model words, numbered weights, torch programs (docs/file_format.md)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
import torch
from attrs import frozen
from torch.fx import GraphModule, Node

from nnapi_core.artifact.describe_pieces import (
    PieceWriter,
    described_constant,
    described_node,
    dtype_name,
)
from nnapi_core.artifact.graph_to_torchscript import Source, tensor_to_keep, torch_source
from nnapi_core.artifact.torch_piece import stored_weights
from nnapi_core.errors import ConversionError, Unsupported
from nnapi_core.graph.input_output_trees import Borders
from nnapi_core.graph.program import Program, State, source_of
from nnapi_core.lowering.partition.choose_nnapi_or_cpu import Partition, Piece
from nnapi_core.lowering.partition.device import Device
from nnapi_core.lowering.partition.lower import LoweredModel
from nnapi_core.nnapi.constant import Array, Constant
from nnapi_core.nnapi.serialize import WeightTable

_STATE_DTYPES = (
    torch.float32, torch.float16, torch.float64, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8,
    torch.bool,
)  # fmt: skip
WHOLE = "torch.cpu"
"""The name of the torch program of a whole model."""


def version_of(manifest: dict[str, Any]) -> str:
    """The oldest version of the format that can say it: readers of version 1 know no state, those of 2 no methods."""
    if "methods" in manifest:
        return "3"
    return "2" if "state" in manifest else "1"


@frozen(eq=False, repr=False)
class Contents:
    """Everything an artifact holds. Weights stay where they are until they are written."""

    manifest: dict[str, Any]
    models: dict[str, bytes]
    weights: WeightTable
    torch_programs: dict[str, GraphModule]
    """The torch programs that the manifest names: of its CPU pieces, and of the whole model."""
    lowered: dict[str, LoweredModel]
    borders: Borders

    def __repr__(self) -> str:
        return (
            f"<Contents: {len(self.models)} model(s), {len(self.weights.constants)} weights, "
            f"{len(self.torch_programs)} torch program(s)>"
        )

    def written(self) -> tuple[dict[str, Any], dict[str, Source]]:
        """The manifest, and the torch programs as text; tensors of their own join the weights.

        Raises `ConversionError` for a piece that TorchScript cannot say. Without the program of the whole model, a file
        only loses a way to run it.
        """
        sources: dict[str, Source] = {}
        return self._written(self.manifest, sources), sources

    def _written(self, manifest: dict[str, Any], sources: dict[str, Source]) -> dict[str, Any]:
        if "methods" in manifest:
            methods = [
                {**one, "manifests": [self._written(each, sources) for each in one["manifests"]]}
                for one in manifest["methods"]
            ]
            return {**manifest, "methods": methods}
        written = {key: value for key, value in manifest.items() if key != "cpu"}
        written["stages"] = [self._said(piece, sources) for piece in manifest["stages"]]
        if "cpu" in manifest:
            with suppress(ConversionError):
                written["cpu"] = self._said(manifest["cpu"], sources)
        if "variants" in manifest:
            written["variants"] = [
                {**one, "manifest": self._written(one["manifest"], sources)}
                for one in manifest["variants"]
            ]
        return written

    def _said(self, piece: dict[str, Any], sources: dict[str, Source]) -> dict[str, Any]:
        if "branches" in piece:
            branches = [
                {**one, "stages": [self._said(inner, sources) for inner in one["stages"]]}
                for one in piece["branches"]
            ]
            return {**piece, "branches": branches}
        if piece["kind"] != "torch":
            return piece
        name = piece["program"]
        source = torch_source(self.torch_programs[name], len(piece["inputs"]))
        sources[name] = source
        own = [
            {"weight": self.weights.number(Constant.of(tensor_to_keep(one).numpy())), "steps": []}
            for one in source.held
        ]
        return {**piece, "weights": [*piece["weights"], *own]}


def make_contents(
    program: Program,
    partition: Partition,
    *,
    relaxed: bool,
    weights: WeightTable | None = None,
) -> Contents:
    """Conversions that share ``weights`` number them together."""
    draft = _Draft(program, partition, WeightTable() if weights is None else weights)
    draft.take_models()
    return draft.contents(relaxed)


def make_contents_together(
    lowered: Sequence[tuple[Program, Partition]], *, relaxed: bool
) -> list[Contents]:
    """Of several conversions of one model, over one table of weights. Each has names of its own.

    What two of them compute of the same weights is stored once, too.
    """
    weights = WeightTable(by_content=True)
    drafts = [
        _Draft(program, partition, weights, f"{number}.")
        for number, (program, partition) in enumerate(lowered)
    ]
    for draft in drafts:
        draft.take_models()
    return [draft.contents(relaxed) for draft in drafts]


class _Draft:
    """Contents on the way. ``path`` is before the names of models and programs."""

    def __init__(
        self, program: Program, partition: Partition, weights: WeightTable, path: str = ""
    ) -> None:
        self._program, self._partition, self._path = program, partition, path
        self._pieces = PieceWriter(weights)
        self._whole = whole_in_torch(program, partition)
        weights.will_read(weight for _, weight in stored_weights(program, self._whole))

    def take_models(self) -> None:
        """NNAPI first: what it wants in an order of its own is stored that way, and permuted for torch."""
        self._pieces.take_models(self._partition, self._path)

    def contents(self, relaxed: bool) -> Contents:
        program, partition, pieces = self._program, self._partition, self._pieces
        described = pieces.described(program, partition, self._path)
        outputs, constants = _results(program, partition)
        states = _states(program, outputs, pieces.weights)
        levels = [
            one.model.level for name, one in pieces.lowered.items() if name not in pieces.on_host
        ]
        manifest = {
            "feature_level": max([27, *levels]),
            "relaxed": relaxed,
            "inputs": [described_node(node) for node in program.user_inputs],
            "outputs": outputs[: len(outputs) - len(states)],
            "input_tree": program.borders.input_tree,
            "output_tree": program.borders.output_tree,
            "constants": {**constants, **pieces.constants},
            "stages": described,
        }
        if states:
            manifest["state"] = states
        name = WHOLE.replace(".", f".{self._path}")
        manifest["cpu"] = pieces.torch(name, program, partition, self._whole)
        return Contents(
            manifest,
            pieces.words,
            pieces.weights,
            pieces.torch_programs,
            pieces.lowered,
            program.borders,
        )


def whole_in_torch(program: Program, partition: Partition) -> Piece:
    """All of the model in torch, for where there is no NNAPI: it makes the results that the pieces make."""
    given = {*program.inputs, *program.constants}
    results = {
        partition.resolve(result): None for result in program.results if isinstance(result, Node)
    }
    outputs = tuple(node for node in results if node not in given)
    return Piece(Device.CPU, tuple(program.operations()), tuple(program.inputs), outputs)


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
    written = outputs[len(program.returned) : len(outputs) - len(program.states)]
    for output, name in zip(written, program.written, strict=True):
        output["into"] = name
    return outputs, constants


def _states(
    program: Program, outputs: list[dict[str, Any]], weights: WeightTable
) -> list[dict[str, Any]]:
    """What is kept between calls: the values that enter and leave a call, and the weight that it begins as."""
    count = len(program.states)
    if not count:
        return []
    described = []
    for state, node, output in zip(
        program.states, program.inputs[-count:], outputs[-count:], strict=True
    ):
        numbers = _numbers_of(state)
        # A weight of its own, whatever else has the same numbers.
        key = ("state", state.name)
        initial = Constant(numbers.dtype, numbers.shape, partial(np.asarray, numbers), key)
        entering = described_node(node)
        if [entering["dtype"], entering["shape"]] != [output["dtype"], output["shape"]]:
            raise ConversionError(
                f"the state {state.name!r} is {entering['dtype']} of shape {entering['shape']}, and after a call "
                f"{output['dtype']} of shape {output['shape']}; a state keeps its dtype and shape"
            )
        described.append(
            {
                "name": state.name,
                "dtype": entering["dtype"],
                "shape": entering["shape"],
                "input": entering["name"],
                "output": output["name"],
                "weight": weights.number_apart(initial),
            }
        )
    return described


def _numbers_of(state: State) -> Array:
    """Raises `ConversionError` for a state that no file can hold."""
    tensor = state.initial.contiguous()
    if tensor.dtype not in _STATE_DTYPES:
        raise ConversionError(
            f"the state {state.name!r} is {tensor.dtype}, which a file cannot keep; make the buffer "
            "one of " + ", ".join(map(dtype_name, _STATE_DTYPES))
        )
    return tensor.numpy()


def _exact(number: bool | int | float) -> torch.Tensor:
    """A 0-d tensor that holds a Python number as it is."""
    if isinstance(number, int) and not -(2**63) <= number < 2**63:
        raise ConversionError(f"the model returns {number}, which 64 bits do not hold")
    return torch.tensor(number, dtype=torch.float64 if isinstance(number, float) else None)
