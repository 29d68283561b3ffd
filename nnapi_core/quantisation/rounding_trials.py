"""What a graph computes where some of its tensors are rounded: each layer by itself, or all but some layers.

A prepared graph has a call of an observer wherever PT2E will round. A layer that is left in floats takes those calls
away that are there for no other layer's sake.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch.fx import GraphModule, Interpreter, Node
from torchao.quantization.pt2e.observer import ObserverBase

from nnapi_core.quantisation.batches import Batch, copied
from nnapi_core.quantisation.comparison import distances, flat_copy, rounded
from nnapi_core.quantisation.observers import observer_calls
from nnapi_core.quantisation.shared_ranges import KEY


class RoundingTrials:
    """``layers`` says for names of nodes to which layer they belong; ``batches`` are what is run in every trial.

    Every observer of ``prepared`` has its scale.
    """

    def __init__(
        self, prepared: GraphModule, layers: Mapping[str, str], batches: Sequence[Batch]
    ) -> None:
        self._graph = flat_copy(prepared)
        self._spec = prepared.graph._codegen
        self._prepared = prepared
        self._batches = batches
        self._owners = {call.name: _owners(call, layers) for call, _ in observer_calls(self._graph)}
        self._wanted = [self._run(batch, {}) for batch in batches]

    @property
    def layers(self) -> list[str]:
        """In the order of the graph; those that can be left in floats."""
        return [one for one in dict.fromkeys(sum(self._owners.values(), ())) if one]

    def alone(self, layer: str) -> float:
        """The distance of the worst result from that of floats in dB, where one layer is rounded."""
        return self._distance({name: layer in owners for name, owners in self._owners.items()}, {})

    def all_but(self, left: Collection[str]) -> float:
        """The same, where every layer but these is."""
        return self._distance(self._active(left), {})

    def with_range(self, observer: ObserverBase, parameters: tuple[Any, Any]) -> float:
        """The same, where that observer alone rounds, with this scale and zero point."""
        active = {call.name: one is observer for call, one in observer_calls(self._graph)}
        return self._distance(active, {observer: parameters})

    def model(self, left: Collection[str]) -> Callable[..., Any]:
        """Takes and gives what the module does."""
        active = self._active(left)
        unflatten = self._results()

        def run(*args: Any) -> Any:
            return unflatten(self._run(args, active))

        return run

    def _results(self) -> Callable[[list[Any]], Any]:
        spec = getattr(getattr(self._spec, "pytree_info", None), "out_spec", None)
        return (lambda flat: pytree.tree_unflatten(flat, spec)) if spec is not None else list

    def _active(self, left: Collection[str]) -> dict[str, bool]:
        kept = set(left)
        return {name: not set(owners) <= kept for name, owners in self._owners.items()}

    def _distance(
        self, active: Mapping[str, bool], parameters: Mapping[ObserverBase, tuple[Any, Any]]
    ) -> float:
        made = [self._run(batch, active, parameters) for batch in self._batches]
        return min(distances(made, self._wanted), default=float("inf"))

    def _run(
        self,
        batch: Batch,
        active: Mapping[str, bool],
        parameters: Mapping[ObserverBase, tuple[Any, Any]] | None = None,
    ) -> list[Any]:
        flat = pytree.tree_leaves(copied(tuple(batch)))
        with torch.no_grad():
            result = _Rounding(self._graph, active, parameters or {}).run(*flat)
        return pytree.tree_leaves(result)


def _owners(call: Node, layers: Mapping[str, str]) -> tuple[str, ...]:
    """The layers for which an observer is called; an empty name for what belongs to none."""
    source = call.args[0]
    nodes = [node for node in call.users if KEY in node.meta]
    if (
        isinstance(source, Node)
        and KEY in source.meta
        and source.meta[KEY].output_qspec is not None
    ):
        nodes.append(source)
    return tuple(layers.get(node.name, "") for node in nodes)


class _Rounding(Interpreter):
    def __init__(
        self,
        graph: GraphModule,
        active: Mapping[str, bool],
        parameters: Mapping[ObserverBase, tuple[Any, Any]],
    ) -> None:
        super().__init__(graph)
        self._rounds = {name for name, is_active in active.items() if is_active}
        self._parameters = parameters

    def run_node(self, n: Node) -> Any:
        if n.op == "call_module" and n.name in self._rounds:
            (value,), _ = self.fetch_args_kwargs_from_env(n)
            observer = self.module.get_submodule(str(n.target))
            return rounded(observer, value, self._parameters.get(observer))
        return super().run_node(n)
