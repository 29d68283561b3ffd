"""The pieces of a partition as the manifest describes them, with what they need: words, weights, torch programs."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import torch
from attrs import define, field
from torch.fx import GraphModule, Node

from nnapi_core.artifact.torch_piece import torch_piece
from nnapi_core.errors import ConversionError
from nnapi_core.graph.control_flow.branches import COND
from nnapi_core.graph.program import Branch, Program
from nnapi_core.lowering.partition.choose_nnapi_or_cpu import Partition, Piece
from nnapi_core.lowering.partition.lower import Border, LoweredModel
from nnapi_core.nnapi.model import Model
from nnapi_core.nnapi.serialize import WeightTable, serialize
from nnapi_core.nnapi.types import Dim, Quant


@define(eq=False)
class PieceWriter:
    """Values in branches have names that begin with the path to the branch, so that all names are different."""

    weights: WeightTable
    words: dict[str, bytes] = field(factory=dict)
    lowered: dict[str, LoweredModel] = field(factory=dict)
    on_host: set[str] = field(factory=set)
    """The models that are for our own library, whatever the target."""
    torch_programs: dict[str, GraphModule] = field(factory=dict)
    constants: dict[str, dict[str, Any]] = field(factory=dict)

    def take_models(self, partition: Partition, path: str = "") -> None:
        """Serialises the NNAPI pieces, those in branches included."""
        for number, piece in enumerate(partition.pieces):
            if piece.lowered is not None:
                name = f"model.{path}{number}"
                self.words[name] = serialize(piece.lowered.model, self.weights)
                self.lowered[name] = piece.lowered
                if piece.on_host:
                    self.on_host.add(name)
            for place, inner in enumerate(piece.branches):
                self.take_models(inner, f"{path}{number}.{place}.")

    def described(
        self, program: Program, partition: Partition, path: str = "", scope: str = ""
    ) -> list[dict[str, Any]]:
        """The pieces. ``path`` is before the names of models and programs, ``scope`` before those of values."""
        found = []
        for number, piece in enumerate(partition.pieces):
            model = f"model.{path}{number}"
            if piece.branches:
                found.append(self._control(program, partition, piece, f"{path}{number}.", scope))
            elif model in self.lowered:
                one = self.lowered[model]
                described = nnapi_piece(model, one, one.model, partition, scope)
                found.append(described | ({"library": "host"} if piece.on_host else {}))
            else:
                name = f"torch.{path}{number}"
                found.append(self.torch(name, program, partition, piece, scope))
        return found

    def torch(
        self, name: str, program: Program, partition: Partition, piece: Piece, scope: str = ""
    ) -> dict[str, Any]:
        """A piece that torch runs."""
        self.torch_programs[name], read = torch_piece(program, piece, self.weights)
        return {
            "kind": "torch",
            "program": name,
            "inputs": [scope + partition.resolve(node).name for node in piece.inputs],
            "outputs": [scope + node.name for node in piece.outputs],
            "weights": [one.described() for one in read],
        }

    def _control(
        self, program: Program, partition: Partition, piece: Piece, path: str, scope: str
    ) -> dict[str, Any]:
        (node,) = piece.nodes
        if node.target is COND:
            condition, _, _, operands = node.args
            told: dict[str, Any] = {
                "kind": "if",
                "condition": self._value(program, partition, condition, scope),
            }
        else:
            _, _, carried, additional = node.args
            operands = [*carried, *additional]  # type: ignore[misc]
            told = {"kind": "while", "carried": len(carried)}  # type: ignore[arg-type]
        branches = [
            self._branch(branch, inner, f"{path}{place}.", f"{scope}{node.name}.{place}.")
            for place, (branch, inner) in enumerate(
                zip(program.branches[node], piece.branches, strict=True)
            )
        ]
        return {
            **told,
            "operands": [self._value(program, partition, one, scope) for one in operands],  # type: ignore[union-attr]
            "branches": branches,
            "outputs": [scope + one.name for one in piece.outputs],
            "results": [one.args[1] for one in piece.outputs],
        }

    def _branch(self, branch: Branch, inner: Partition, path: str, scope: str) -> dict[str, Any]:
        program = branch.program
        pieces = self.described(program, inner, path, scope)
        return {
            # A parameter that is a constant is one inside too.
            "inputs": [
                None if one in program.constants else scope + one.name for one in branch.parameters
            ],
            "stages": pieces,
            "outputs": [self._value(program, inner, one, scope) for one in program.results],
        }

    def _value(self, program: Program, partition: Partition, value: Any, scope: str) -> str:
        """The name of a value; a constant becomes one of the manifest's."""
        if not isinstance(value, Node):
            raise ConversionError(f"control flow over {value!r}, which is not a tensor")
        node = partition.resolve(value)
        name = scope + node.name
        if node in program.constants and name not in self.constants:
            self.constants[name] = described_constant(program.constants[node].load())
        return name


def described_constant(tensor: torch.Tensor) -> dict[str, Any]:
    # A copy, since torch calls one element contiguous whatever its stride, but views no stride of 0 as bytes.
    plain = (
        tensor.detach().resolve_conj().resolve_neg().clone(memory_format=torch.contiguous_format)
    )
    # As bytes: numpy has not all of torch's dtypes.
    data = plain.reshape(-1).view(torch.uint8).numpy()
    return {
        "dtype": dtype_name(tensor.dtype),
        "shape": list(tensor.shape),
        "data": base64.b64encode(data.tobytes()).decode("ascii"),
    }


def dtype_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def described_node(node: Node) -> dict[str, Any]:
    value = node.meta["val"]
    return {"name": node.name, "dtype": dtype_name(value.dtype), "shape": _shape(value.shape)}


def nnapi_piece(
    name: str, lowered: LoweredModel, model: Model, partition: Partition, scope: str = ""
) -> dict[str, Any]:
    return {
        "kind": "nnapi",
        "model": name,
        "inputs": [
            _border(one, scope + partition.resolve(one.node).name) for one in lowered.inputs
        ],
        "outputs": [_border(one, scope + one.node.name) for one in lowered.outputs],
        "operations": [
            {
                "node": operation.origin.node,
                "target": operation.origin.target,
                "source": operation.origin.source,
            }
            for operation in model.operations
        ],
    }


def _border(border: Border, name: str) -> dict[str, Any]:
    spec = border.spec
    stored = spec.stored_quant
    quant = stored if isinstance(stored, Quant) else Quant(0.0, 0)
    return {
        "value": name,
        "dtype": dtype_name(spec.dtype),
        "type": int(spec.code),
        "shape": _shape(spec.shape),
        "order": list(spec.order.permutation(len(spec.shape))),
        "scale": quant.scale,
        "zero_point": quant.zero_point,
    }


def _shape(dims: Sequence[Dim]) -> list[int | None]:
    return [dim if isinstance(dim, int) else None for dim in dims]
