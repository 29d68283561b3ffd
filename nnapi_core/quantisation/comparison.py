"""Is what torchao makes of a graph still that graph?

Prepared for calibration it must compute what the module computes, to float rounding. Finished, it must compute what the
prepared graph computes with each observed tensor rounded. Both are asked where they are used: on calibration batches.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch.ao.quantization.fx._decomposed import quantized_decomposed_lib  # noqa: F401
from torch.fx import Graph, GraphModule, Interpreter, Node
from torchao.quantization.pt2e.observer import ObserverBase

from nnapi_core.errors import ConversionError
from nnapi_core.graph.program import source_of
from nnapi_core.quantisation.batches import Batch, copied

_decomposed = torch.ops.quantized_decomposed

# Of the largest value: far above float rounding, far below what eight bits leave.
_LIMIT = 1e-3


def differs(actual: Any, expected: Any) -> bool:
    """By more than float rounding? Of floats in equal places; whole numbers may be places among ties."""
    for one, other in zip(pytree.tree_leaves(actual), pytree.tree_leaves(expected), strict=True):
        if not isinstance(other, torch.Tensor) or not other.is_floating_point():
            continue
        if one.shape != other.shape or _distance(one, other) > _LIMIT:
            return True
    return False


def _distance(actual: torch.Tensor, expected: torch.Tensor) -> float:
    a, b = actual.detach().double(), expected.detach().double()
    equal = (a == b) | (a.isnan() & b.isnan())
    largest = b[b.isfinite()].abs().max() if bool(b.isfinite().any()) else torch.tensor(1.0)
    away = torch.where(equal, 0.0, (a - b).abs()).nan_to_num(nan=torch.inf)
    return float(away.max() / largest.clamp_min(1e-30)) if away.numel() else 0.0


class Recording(Interpreter):
    """Runs a graph, and shows each tensor to ``see``, which may change it."""

    def __init__(self, module: GraphModule, see: Callable[[Node, Any], Any]) -> None:
        super().__init__(module)
        self._see = see

    def run_node(self, n: Node) -> Any:
        return self._see(n, super().run_node(n))


def recorded(module: GraphModule, batch: Sequence[Any]) -> dict[str, Any]:
    """The value of every node, by its name."""
    values: dict[str, Any] = {}

    def see(node: Node, value: Any) -> Any:
        values[node.name] = pytree.tree_map_only(torch.Tensor, torch.clone, value)
        return value

    Recording(module, see).run(*copied(tuple(batch)))
    return values


def check_prepared(
    prepared: GraphModule, module: GraphModule, folded: Mapping[str, str], batch: Batch
) -> None:
    """Raises `ConversionError` for the first call that makes something else of the values it has in ``module``.

    ``folded`` names the layers that took a batch norm, with that. Where each call agrees, rounding has grown.
    """
    wanted = recorded(module, batch)
    sources = {node.name: node for node in module.graph.nodes}
    given: dict[Node, Any] = {}
    rerun = Interpreter(prepared)
    for node in prepared.graph.nodes:
        name = folded.get(node.name, node.name)
        if node.op == "call_module" and node.all_input_nodes:
            given[node] = given.get(node.all_input_nodes[0])
        elif node.op == "get_attr":
            given[node] = rerun.get_attr(node.target, (), {})
        elif node.op != "call_function" or _is_random(node):
            given[node] = wanted.get(name)
        else:
            args, kwargs = torch.fx.node.map_arg((node.args, node.kwargs), given.__getitem__)
            made = node.target(*args, **kwargs)
            # What is only in the prepared graph is a word of what another operator was spelt in.
            given[node] = wanted.get(name, made)
            if name in wanted and differs(made, given[node]):
                raise _departs(sources[name], "prepared for calibration")


def flat_copy(module: GraphModule) -> GraphModule:
    """Another graph of the same tensors and observers, which takes and gives flat lists."""
    graph = Graph()
    graph.output(graph.graph_copy(module.graph, {}))
    return GraphModule(module, graph)


def check_finished(finished: GraphModule, prepared: GraphModule, batch: Batch) -> None:
    """Raises `ConversionError` where the finished graph is not the prepared one with its observed tensors rounded.

    ``prepared`` is a `flat_copy`, made before PT2E used up the graph.
    """
    flat = pytree.tree_leaves(copied(batch))
    with _rounding(prepared):
        if not differs(finished(*copied(batch)), prepared(*flat)):
            return
        wanted = recorded(prepared, flat)
    made = recorded(finished, batch)
    for node in prepared.graph.nodes:
        if node.op != "call_function" or node.name not in made or _is_random(node):
            continue
        if differs(made[node.name], wanted[node.name]):
            raise _departs(node, "quantised")


@contextmanager
def _rounding(prepared: GraphModule) -> Iterator[None]:
    """Observers round what they see, those in the graphs that control flow calls too."""
    hooks = [
        one.register_forward_hook(lambda observer, _, value: rounded(observer, value))
        for one in prepared.modules()
        if isinstance(one, ObserverBase)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def rounded(
    observer: Any, value: torch.Tensor, parameters: tuple[Any, Any] | None = None
) -> torch.Tensor:
    """A tensor as PT2E will round it where that observer is; ``parameters`` are another scale and zero point."""
    scale, zero_point = parameters or observer.calculate_qparams()
    numbers: list[Any] = [float(scale), int(zero_point)] if scale.numel() == 1 else []
    kind = "per_tensor"
    if observer.qscheme in (torch.per_channel_symmetric, torch.per_channel_affine):
        kind, numbers = "per_channel", [scale, zero_point, observer.ch_axis]
    numbers += [observer.quant_min, observer.quant_max, observer.dtype]
    integers = getattr(_decomposed, f"quantize_{kind}")(value, *numbers)
    result: torch.Tensor = getattr(_decomposed, f"dequantize_{kind}")(integers, *numbers)
    return result


def _is_random(node: Node) -> bool:
    tags = getattr(node.target, "tags", ())
    return torch.Tag.nondeterministic_seeded in tags


def _departs(node: Node, what: str) -> ConversionError:
    where = source_of(node)
    return ConversionError(
        f"{node.name} ({node.target}){' at ' + where if where else ''} computes something else once the graph is "
        f"{what} by torchao than in the module, which is not a matter of rounding; leave it out of the "
        "quantised part, or convert the float module"
    )


def _powers(made: torch.Tensor, wanted: torch.Tensor) -> tuple[float, float]:
    """Of what was wanted, and of the difference; of the finite values."""
    a, b = made.detach().double(), wanted.detach().double()
    finite = a.isfinite() & b.isfinite()
    return float(b[finite].square().sum()), float((a - b)[finite].square().sum())


def _decibels(signal: float, noise: float) -> float:
    """Infinite where nothing differs."""
    if not noise:
        return math.inf
    return 10 * math.log10(signal / noise) if signal else -math.inf


def distances(made: Sequence[Any], wanted: Sequence[Any]) -> tuple[float, ...]:
    """In dB, of each float result of the runs ``made`` to that of the runs ``wanted``."""
    total = Distances()
    for one, other in zip(made, wanted, strict=True):
        total.add(one, other)
    return total.decibels


class Distances:
    """The same, run by run: nothing of a run is held."""

    def __init__(self) -> None:
        self._powers: dict[int, list[float]] = {}
        self._left_out: set[int] = set()

    def add(self, made: Any, wanted: Any) -> None:
        pairs = zip(pytree.tree_leaves(made), pytree.tree_leaves(wanted), strict=True)
        for place, (one, other) in enumerate(pairs):
            if not isinstance(other, torch.Tensor) or not other.is_floating_point():
                continue
            powers = self._powers.setdefault(place, [0.0, 0.0])
            if one.shape != other.shape:
                self._left_out.add(place)
                continue
            signal, noise = _powers(one, other)
            powers[0] += signal
            powers[1] += noise

    @property
    def decibels(self) -> tuple[float, ...]:
        return tuple(
            _decibels(*powers)
            for place, powers in sorted(self._powers.items())
            if place not in self._left_out
        )
