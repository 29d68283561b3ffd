"""Biases that take back what rounding adds on average: of each channel of each layer, the mean is as in floats again.

Weights are rounded once, so their errors do not cancel over many inputs; activations are clipped on one side. Layers
are corrected one after the other, each for what the rounding before it, corrected already, makes of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch.fx import GraphModule, Interpreter, Node

from nnapi_core.graph.bind_args import bind_args
from nnapi_core.graph.passes.fold_batch_norm import LAYERS
from nnapi_core.quantisation.batches import Batch, copied
from nnapi_core.quantisation.comparison import flat_copy, rounded
from nnapi_core.quantisation.module_constants import attribute
from nnapi_core.quantisation.observers import observer_calls
from nnapi_core.quantisation.quantizer import operator_name


def correct_biases(prepared: GraphModule, batches: Sequence[Batch]) -> int:
    """Gives the layers of a prepared graph, whose observers have their scales, other biases; returns how many.

    The parameters that they had are not changed, as they are the module's own. A layer without a bias has none.
    """
    flat = flat_copy(prepared)
    named = {node.name: node for node in prepared.graph.nodes}
    layers = {node: bias for node in flat.graph.nodes if (bias := _bias_of(node)) is not None}
    wanted = _means(flat, layers, batches)
    runs = [_Run(flat, batch) for batch in batches]
    for node in flat.graph.nodes:
        for run in runs:
            run.step(node)
        if node in layers:
            values = [run.values[node] for run in runs]
            shift = wanted[node] - _mean(node, values)
            _add_bias(prepared, named[layers[node].name], shift)
            for run in runs:
                run.values[node] = run.values[node] + _shaped(node, shift)
        for run in runs:
            run.forget(node)
    prepared.recompile()
    return len(layers)


def _bias_of(node: Node) -> Node | None:
    """The parameter that is added in a layer, and nowhere else."""
    if node.target not in LAYERS:
        return None
    bias = bind_args(node)["bias"]
    if not isinstance(bias, Node) or bias.op != "get_attr" or len(bias.users) != 1:
        return None
    # Images without a batch have their channels elsewhere.
    sizes = operator_name(node)[-2:-1]
    whole = _channel(node) == -1 or node.meta["val"].dim() == int(sizes) + 2
    return bias if whole else None


def _channel(node: Node) -> int:
    return -1 if node.target is torch.ops.aten.linear.default else 1


def _mean(node: Node, values: Sequence[torch.Tensor]) -> torch.Tensor:
    """Of each channel, over batches of any sizes."""
    rows = [one.double().movedim(_channel(node), 0).flatten(1) for one in values]
    return torch.cat(rows, 1).mean(1)


def _shaped(node: Node, shift: torch.Tensor) -> torch.Tensor:
    shape = [1] * node.meta["val"].dim()
    shape[_channel(node)] = -1
    return shift.float().reshape(shape)


def _means(
    flat: GraphModule, layers: dict[Node, Node], batches: Sequence[Batch]
) -> dict[Node, torch.Tensor]:
    """In floats."""
    seen: dict[Node, list[torch.Tensor]] = {node: [] for node in layers}

    class Seeing(Interpreter):
        def run_node(self, n: Node) -> Any:
            result = super().run_node(n)
            if n in seen:
                # All that is needed of it is one number a channel, and how many there were.
                seen[n].append(result.detach())
            return result

    found: dict[Node, list[tuple[torch.Tensor, int]]] = {node: [] for node in layers}
    for batch in batches:
        with torch.no_grad():
            Seeing(flat).run(*pytree.tree_leaves(copied(batch)))
        for node, values in seen.items():
            count = values[0].numel()
            found[node].append((_mean(node, values) * count, count))
            values.clear()
    return {
        node: torch.stack([total for total, _ in rows]).sum(0) / sum(count for _, count in rows)
        for node, rows in found.items()
    }


class _Run(Interpreter):
    """One batch, node by node, with all observers rounding; what nobody reads any more is forgotten."""

    def __init__(self, flat: GraphModule, batch: Batch) -> None:
        super().__init__(flat)
        self.values: dict[Node, Any] = {}
        self._observers = dict(observer_calls(flat))
        self._given = iter(pytree.tree_leaves(copied(batch)))
        self._last: dict[Node, list[Node]] = {}
        position = {node: place for place, node in enumerate(flat.graph.nodes)}
        for node in flat.graph.nodes:
            if node.users:
                self._last.setdefault(max(node.users, key=position.__getitem__), []).append(node)

    def step(self, node: Node) -> None:
        with torch.no_grad():
            if node.op == "placeholder":
                self.values[node] = next(self._given)
            elif node.op == "output":
                return
            elif node in self._observers:
                (source,) = node.all_input_nodes
                self.values[node] = rounded(self._observers[node], self.values[source])
            else:
                self.env = self.values
                self.values[node] = self.run_node(node)

    def forget(self, node: Node) -> None:
        for one in self._last.get(node, ()):
            self.values.pop(one, None)


def _add_bias(prepared: GraphModule, bias: Node, shift: torch.Tensor) -> None:
    before = attribute(prepared, str(bias.target)).detach()
    name = f"{bias.name}_corrected"
    while hasattr(prepared, name):
        name += "_"
    value = (before.double() + shift).to(before.dtype)
    prepared.register_parameter(name, torch.nn.Parameter(value, requires_grad=False))
    bias.target = name
