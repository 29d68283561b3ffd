"""Batch norms behind layers while a graph is trained for integers, and once it is.

With ``s = gamma / sqrt(var + eps)``, what is trained is ``bn(layer(x, rounded(w * s)) / s + b)``: the weights are
rounded as they will be, and the batch norm still has statistics to learn. Where ``gamma`` is 0 the weights are not
scaled. Afterwards it is ``layer(x, rounded(w * s)) + (b - mean) * s + beta``.
PT2E has the same for convolutions, for one ``eps``, and with the batch norms that it can match.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import Graph, GraphModule, Node

from nnapi_core.graph.bind_args import bind_args
from nnapi_core.graph.passes.fold_batch_norm import LAYERS, replace_arguments
from nnapi_core.quantisation.float_graph import batch_norm
from nnapi_core.quantisation.module_constants import attribute

aten = torch.ops.aten


def scale_by_batch_norms(module: GraphModule) -> None:
    """Brings a graph in training mode into the form above, wherever nobody else reads the layer's result."""
    fixed = of_parameters(module.graph)
    for norm in module.graph.find_nodes(op="call_function", target=aten.batch_norm.default):
        args = bind_args(norm)
        layer = args["input"]
        has_statistics = args["running_mean"] is not None and args["running_var"] is not None
        if args["training"] and has_statistics and _may_take(layer, fixed):
            _scale(module.graph, layer, norm)
    module.graph.lint()
    module.recompile()


def chain_of(layer: Node, fixed: set[Node]) -> list[Node]:
    """What follows a layer that was scaled: the division, the sum (with a bias), the batch norm. Else nothing.

    ``fixed`` are the nodes `of_parameters`.
    """
    found: list[Node] = []
    node = layer
    for target in (aten.div.Tensor, aten.add.Tensor, aten.batch_norm.default):
        reader = next(iter(node.users)) if len(node.users) == 1 else None
        if reader is None or reader.args[0] is not node or not _calls(reader, target):
            if target is aten.add.Tensor:
                continue
            return []
        if target is not aten.batch_norm.default and reader.args[1] not in fixed:
            return []
        found.append(reader)
        node = reader
    return found


def _calls(node: Node, target: Any) -> bool:
    # While torchao works, batch norms have another name.
    hidden = target is aten.batch_norm.default and node.target is batch_norm
    return node.target is target or hidden


def of_parameters(graph: Graph) -> set[Node]:
    """Parameters, and what is computed from such alone."""
    found: set[Node] = set()
    for node in graph.nodes:
        sources = node.all_input_nodes
        if node.op == "get_attr" or (
            node.op == "call_function" and sources and all(one in found for one in sources)
        ):
            found.add(node)
    return found


def fold_trained_batch_norms(module: GraphModule) -> None:
    """Of a graph in evaluation mode: what has the form above becomes layers without batch norms."""
    fixed = of_parameters(module.graph)
    for node in reversed(list(module.graph.nodes)):
        if node.target in LAYERS and (chain := chain_of(node, fixed)):
            _fold(module, node, chain)
        elif node.target is aten.add_.Tensor and not node.users and _counts_batches(node.args[0]):
            module.graph.erase_node(node)
    module.graph.eliminate_dead_code()
    module.recompile()


def _may_take(layer: Any, fixed: set[Node]) -> bool:
    if not isinstance(layer, Node) or layer.target not in LAYERS or len(layer.users) != 1:
        return False
    args = bind_args(layer)
    whole = args.get("groups", 1) == 1 or LAYERS[layer.target] == 0
    same_rank = layer.meta["val"].dim() == args["weight"].meta["val"].dim()
    return whole and same_rank and args["weight"] in fixed


def _scale(graph: Graph, layer: Node, norm: Node) -> None:
    layer_args, norm_args = bind_args(layer), bind_args(norm)
    weight, bias = layer_args["weight"], layer_args["bias"]
    result, kernels = layer.meta["val"], weight.meta["val"]

    def call(target: Any, value: torch.Tensor, *args: Any) -> Node:
        node = graph.call_function(target, args)
        node.meta = {key: one for key, one in norm.meta.items() if key != "val"}
        node.meta["val"] = value
        return node

    def by_channel(vector: Node, dim: int, rank: int) -> Node:
        shape = [1] * rank
        shape[dim] = -1
        return call(aten.reshape.default, vector.meta["val"].reshape(shape), vector, shape)

    variance = norm_args["running_var"]
    like = variance.meta["val"]
    with graph.inserting_before(layer):
        inverse = call(
            aten.rsqrt.default, like, call(aten.add.Scalar, like, variance, norm_args["eps"])
        )
        scale = inverse
        if norm_args["weight"] is not None:
            scale = call(aten.mul.Tensor, like, inverse, norm_args["weight"])
            none = call(aten.eq.Scalar, like.to(torch.bool), scale, 0)
            scale = call(aten.masked_fill.Scalar, like, scale, none, 1.0)
        out_dim = LAYERS[layer.target]  # type: ignore[index]
        factor = by_channel(scale, out_dim, kernels.dim())
        scaled = call(aten.mul.Tensor, kernels, weight, factor)
    replace_arguments(layer, weight=scaled, bias=None)
    with graph.inserting_before(norm):
        made = call(aten.div.Tensor, result, layer, by_channel(scale, 1, result.dim()))
        if bias is not None:
            made = call(aten.add.Tensor, result, made, by_channel(bias, 1, result.dim()))
    norm.replace_input_with(layer, made)


def _fold(module: GraphModule, layer: Node, chain: list[Node]) -> None:
    norm = chain[-1]
    args = bind_args(norm)
    rounding = bind_args(layer)["weight"]
    scaled = rounding.args[0] if rounding.op == "call_module" else rounding
    if args["training"] or scaled.target is not aten.mul.Tensor:
        return
    factor: Any = scaled.args[1]

    def tensor(node: Node | None) -> torch.Tensor | None:
        return None if node is None else attribute(module, str(node.target)).detach()

    mean, variance = tensor(args["running_mean"]), tensor(args["running_var"])
    assert mean is not None and variance is not None
    gamma, beta = tensor(args["weight"]), tensor(args["bias"])
    bias = tensor(chain[1].args[1].args[0]) if len(chain) == 3 else None  # type: ignore[union-attr, arg-type]
    scale = torch.rsqrt(variance + args["eps"])
    scale = scale if gamma is None else scale * gamma
    offset = ((0 if bias is None else bias) - mean) * scale
    name = f"folded_{norm.name}"
    with module.graph.inserting_before(scaled):
        shaped = scale.reshape(factor.args[1])
        scaled.update_arg(1, _parameter(module, f"{name}_scale", shaped))
    with module.graph.inserting_before(layer):
        whole = offset if beta is None else offset + beta
        replace_arguments(layer, bias=_parameter(module, f"{name}_bias", whole))
    norm.replace_all_uses_with(layer)


def _counts_batches(node: Any) -> bool:
    while isinstance(node, Node) and node.target is aten.add_.Tensor:
        node = node.args[0]
    return isinstance(node, Node) and str(node.target).endswith("num_batches_tracked")


def _parameter(module: GraphModule, name: str, value: torch.Tensor) -> Node:
    module.register_parameter(name, torch.nn.Parameter(value.detach(), requires_grad=False))
    node = module.graph.get_attr(name)
    node.meta["val"] = value
    return node
