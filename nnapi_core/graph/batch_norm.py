"""Folds a batch norm in evaluation mode into the convolution or linear layer before it."""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import Node

from nnapi_core.graph.bind_args import bind_args
from nnapi_core.graph.program import Program

aten = torch.ops.aten

# Where the weight has its output channels (transposed ones: [in, out / groups, …]).
_OUT_DIM = {
    aten.conv1d.default: 0,
    aten.conv1d.padding: 0,
    aten.conv2d.default: 0,
    aten.conv2d.padding: 0,
    aten.linear.default: 0,
    aten.conv3d.default: 0,
    aten.conv_transpose1d.default: 1,
    aten.conv_transpose2d.input: 1,
}


def fold_batch_norm(program: Program) -> None:
    for node in list(program.graph.nodes):
        if node.target is aten.batch_norm.default:
            _fold(program, node)


def _fold(program: Program, norm: Node) -> None:
    args = bind_args(norm)
    producer: Node = args["input"]
    statistics = [args[name] for name in ("weight", "bias", "running_mean", "running_var")]
    if args["training"] or producer.target not in _OUT_DIM or len(producer.users) != 1:
        return
    layer = bind_args(producer)
    if layer.get("groups", 1) != 1 and _OUT_DIM[producer.target] == 1:
        return
    if producer.target is aten.linear.default and producer.meta["val"].dim() != 2:
        return
    tensors = [layer["weight"], layer["bias"], *statistics]
    if args["running_mean"] is None or args["running_var"] is None:
        return
    if any(one is not None and one not in program.constants for one in tensors):
        return

    def load(node: Node | None) -> torch.Tensor | None:
        return None if node is None else program.constants[node].load().detach()

    def factor() -> torch.Tensor:
        scale = torch.rsqrt(_given(load(args["running_var"])) + args["eps"])
        gamma = load(args["weight"])
        return scale if gamma is None else scale * gamma

    weight, out_dim = layer["weight"], _OUT_DIM[producer.target]

    def folded_weight() -> torch.Tensor:
        original = _given(load(weight))
        shape = [1] * original.dim()
        shape[out_dim] = -1
        return original * factor().reshape(shape)

    def folded_bias() -> torch.Tensor:
        bias, beta = load(layer["bias"]), load(args["bias"])
        mean = _given(load(args["running_mean"]))
        shifted = ((0 if bias is None else bias) - mean) * factor()
        return shifted if beta is None else shifted + beta

    new_weight = program.add_constant(
        f"{weight.name}_folded", weight.meta["val"], folded_weight, norm
    )
    like = args["running_mean"].meta["val"]
    new_bias = program.add_constant(f"{norm.name}_bias", like, folded_bias, norm)
    replace_arguments(producer, weight=new_weight, bias=new_bias)
    norm.replace_all_uses_with(producer)
    program.graph.erase_node(norm)


def _given(value: torch.Tensor | None) -> torch.Tensor:
    if value is None:
        raise ValueError("a tensor is missing")
    return value


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
