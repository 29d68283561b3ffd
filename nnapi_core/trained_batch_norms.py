"""Folds the batch norms of a graph that was trained for integers into its convolutions.

With ``s = gamma / sqrt(var + eps)``, PT2E trains ``bn(conv(x, rounded(w * s)) / s + b)``, which is
``conv(x, rounded(w * s)) + (b - mean) * s + beta`` afterwards. Its own folding tries a hundred traced patterns on
the graph; this one looks at the batch norms.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import GraphModule, Node

aten = torch.ops.aten
_CONVOLUTIONS = {
    aten.conv1d.default, aten.conv2d.default, aten.conv_transpose1d.default,
    aten.conv_transpose2d.input,
}  # fmt: skip


def fold_trained_batch_norms(graph_module: GraphModule) -> None:
    """Of a graph in evaluation mode. What does not look as above is left to PT2E."""
    for node in list(graph_module.graph.nodes):
        if node.target is aten.batch_norm.default:
            _fold(graph_module, node)
        elif node.target is aten.add_.Tensor and not node.users and _counts_batches(node.args[0]):
            graph_module.graph.erase_node(node)
    graph_module.graph.eliminate_dead_code()
    graph_module.recompile()


def _fold(module: GraphModule, norm: Node) -> None:
    args: Any = norm.args
    found, training, eps = args[0], args[5], args[7]
    numbers = [_tensor(module, one) for one in args[1:5]]
    # With a bias: add(div(conv, s), b).
    offset = found if _calls(found, aten.add.Tensor) else None
    quotient = found if offset is None else offset.args[0]
    bias = torch.zeros(()) if offset is None else _under_reshape(module, offset.args[1])
    if training or bias is None or not _calls(quotient, aten.div.Tensor):
        return
    convolution = quotient.args[0]
    if not _calls(convolution, *_CONVOLUTIONS) or not convolution.args[1].args:
        return
    rounding = convolution.args[1]
    scaled = rounding.args[0]
    if not _calls(scaled, aten.mul.Tensor) or not _calls(scaled.args[1], aten.reshape.default):
        return
    weight, shape = _tensor(module, scaled.args[0]), scaled.args[1].args[1]
    tensors = [one for one in (weight, *numbers) if one is not None]
    if len(tensors) != 5:
        return
    weight, gamma, beta, mean, variance = tensors
    scale = gamma / torch.sqrt(variance + eps)
    name = f"folded_{norm.name}"
    with module.graph.inserting_before(convolution):
        folded = _parameter(module, f"{name}_bias", (bias - mean) * scale + beta)
    with module.graph.inserting_before(rounding):
        kernels = _parameter(module, f"{name}_weight", weight * scale.reshape(shape))
    scaled.replace_all_uses_with(kernels)
    convolution.update_arg(2, folded)
    norm.replace_all_uses_with(convolution)


def _calls(node: Any, *targets: Any) -> bool:
    return isinstance(node, Node) and node.target in targets


def _counts_batches(node: object) -> bool:
    return isinstance(node, Node) and str(node.target).endswith("num_batches_tracked")


def _tensor(module: GraphModule, node: object) -> torch.Tensor | None:
    if not isinstance(node, Node) or node.op != "get_attr":
        return None
    found: Any = module
    for part in str(node.target).split("."):
        found = getattr(found, part)
    return found.detach() if isinstance(found, torch.Tensor) else None


def _under_reshape(module: GraphModule, node: object) -> torch.Tensor | None:
    if isinstance(node, Node) and node.target is aten.reshape.default:
        return _tensor(module, node.args[0])
    return None


def _parameter(module: GraphModule, name: str, value: torch.Tensor) -> Node:
    module.register_parameter(name, torch.nn.Parameter(value.detach(), requires_grad=False))
    node = module.graph.get_attr(name)
    node.meta["val"] = value
    return node
