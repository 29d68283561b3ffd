"""Folds a batch norm in evaluation mode into the convolution or linear layer before it.

Only where nobody else reads that layer's result. The layer gets a weight and a bias of its own, so it does not matter
who else reads those it had.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from attrs import frozen
from torch.fx import Node

from nnapi_core.graph.bind_args import bind_args
from nnapi_core.graph.passes.fold_constants import HoldsConstants

aten = torch.ops.aten

# Layers, and where their weight has its output channels (transposed ones: [in, out / groups, …]).
LAYERS = {
    aten.conv1d.default: 0,
    aten.conv1d.padding: 0,
    aten.conv2d.default: 0,
    aten.conv2d.padding: 0,
    aten.linear.default: 0,
    aten.conv3d.default: 0,
    aten.conv_transpose1d.default: 1,
    aten.conv_transpose2d.input: 1,
}


def fold_batch_norm(program: HoldsConstants) -> dict[str, str]:
    """Folds what it may; returns the names of the layers that took one, and of the batch norms that they took."""
    folded = {}
    for node in list(program.graph.nodes):
        if node.target is aten.batch_norm.default:
            producer = node.args[0]
            if isinstance(producer, Node) and _fold(program, node):
                folded[producer.name] = node.name
    return folded


@frozen(eq=False)
class FixedBatchNorm:
    """A batch norm in evaluation mode: ``x * factor() + shifted(None)``, channel by channel."""

    _loads: dict[str, Callable[[], torch.Tensor]]
    _eps: float

    @classmethod
    def of(cls, program: HoldsConstants, norm: Node) -> FixedBatchNorm | None:
        """None where it has no statistics, or something of it is not fixed."""
        args = bind_args(norm)
        tensors = {name: args[name] for name in ("weight", "bias", "running_mean", "running_var")}
        given = {name: one for name, one in tensors.items() if one is not None}
        has_statistics = {"running_mean", "running_var"} <= given.keys()
        if (
            args["training"]
            or not has_statistics
            or not set(given.values()) <= program.constants.keys()
        ):
            return None
        if {one.meta["val"].dtype for one in given.values()} != {norm.meta["val"].dtype}:
            return None
        loads = {name: program.constants[one].load for name, one in given.items()}
        return cls(loads, args["eps"])

    def factor(self) -> torch.Tensor:
        scale = torch.rsqrt(self._loads["running_var"]().detach() + self._eps)
        return scale * self._loads["weight"]().detach() if "weight" in self._loads else scale

    def shifted(self, bias: torch.Tensor | None) -> torch.Tensor:
        """What becomes of ``bias``, or of 0."""
        shifted = (0 if bias is None else bias) - self._loads["running_mean"]().detach()
        shifted = shifted * self.factor()
        return shifted + self._loads["bias"]().detach() if "bias" in self._loads else shifted


def _fold(program: HoldsConstants, norm: Node) -> bool:
    args = bind_args(norm)
    producer: Node = args["input"]
    fixed = FixedBatchNorm.of(program, norm)
    if fixed is None or producer.target not in LAYERS or len(producer.users) != 1:
        return False
    layer = bind_args(producer)
    if layer.get("groups", 1) != 1 and LAYERS[producer.target] == 1:
        return False
    weight, bias, out_dim = layer["weight"], layer["bias"], LAYERS[producer.target]
    tensors = [one for one in (weight, bias) if one is not None]
    if not program.constants.keys() >= set(tensors):
        return False
    if producer.meta["val"].dim() != weight.meta["val"].dim():
        # Without a batch (or with more dimensions than a linear layer's) the channels of the two differ.
        return False
    if any(one.meta["val"].dtype is not norm.meta["val"].dtype for one in tensors):
        return False

    def folded_weight() -> torch.Tensor:
        original = program.constants[weight].load().detach()
        shape = [1] * original.dim()
        shape[out_dim] = -1
        return original * fixed.factor().reshape(shape)

    def folded_bias() -> torch.Tensor:
        return fixed.shifted(None if bias is None else program.constants[bias].load().detach())

    new_weight = program.add_constant(
        f"{weight.name}_folded", weight.meta["val"], folded_weight, norm
    )
    like = args["running_mean"].meta["val"]
    new_bias = program.add_constant(f"{norm.name}_bias", like, folded_bias, norm)
    replace_arguments(producer, weight=new_weight, bias=new_bias)
    norm.replace_all_uses_with(producer)
    program.graph.erase_node(norm)
    return True


def replace_arguments(node: Node, **new: Any) -> None:
    """Sets arguments of a call by their names in the schema."""
    args, kwargs = list(node.args), dict(node.kwargs)
    for position, argument in enumerate(node.target._schema.arguments):  # type: ignore[union-attr]
        if argument.name not in new:
            continue
        while position > len(args):
            args.append(node.target._schema.arguments[len(args)].default_value)  # type: ignore[union-attr]
        if position == len(args):
            args.append(new[argument.name])
        else:
            args[position] = new[argument.name]
    node.args, node.kwargs = tuple(args), {k: v for k, v in kwargs.items() if k not in new}
