"""What PT2E calls an observer: it sees a tensor in calibration, and then says which range its integers have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch.fx import GraphModule, Node
from torchao.quantization.pt2e.observer import ObserverBase, UniformQuantizationObserverBase

from nnapi_core.quantisation.range_from_histogram import ValueHistogram, ValueRange


class RangeObserver(UniformQuantizationObserverBase):  # type: ignore[misc]
    """Counts values, and chooses a range for them by ``method``, one of `METHODS`.

    In a graph that PT2E calibrates by itself it counts what passes. `give` gives it what was counted elsewhere.
    """

    def __init__(self, method: str = "mse", **options: Any) -> None:
        super().__init__(**options)
        self.method = method
        self.values = ValueHistogram()
        self.chosen: ValueRange | None = None
        self._counts = True

    def forward(self, x_orig: torch.Tensor) -> torch.Tensor:
        if self._counts:
            self.values.add(x_orig)
        return x_orig

    def give(self, values: ValueHistogram) -> None:
        self.values, self._counts = values, False

    def stop(self) -> None:
        """What passes from now on is not counted."""
        self._counts = False

    @property
    def range(self) -> ValueRange:
        return self.chosen or self.values.range(self.method)

    def calculate_qparams(self) -> tuple[torch.Tensor, torch.Tensor]:
        return self.parameters_of(self.range)

    def parameters_of(self, given: ValueRange) -> tuple[torch.Tensor, torch.Tensor]:
        """The scale and the zero point of a range."""
        low, high = torch.tensor([given.low]), torch.tensor([given.high])
        found: tuple[torch.Tensor, torch.Tensor] = self._calculate_qparams(low, high)
        return found


def observer_calls(prepared: GraphModule) -> Iterator[tuple[Node, Any]]:
    """The calls of observers in a graph, and what they call."""
    for node in prepared.graph.find_nodes(op="call_module"):
        called = prepared.get_submodule(str(node.target))
        if isinstance(called, ObserverBase):
            yield node, called


def observed_tensors(prepared: GraphModule) -> dict[RangeObserver, list[Node]]:
    """The tensors that share each range, in the order of the graph."""
    found: dict[RangeObserver, list[Node]] = {}
    for node, observer in observer_calls(prepared):
        source = node.args[0]
        if isinstance(observer, RangeObserver) and isinstance(source, Node):
            held = found.setdefault(observer, [])
            if source not in held:
                held.append(source)
    return found


def give_values(prepared: GraphModule, counted: dict[str, ValueHistogram]) -> list[RangeObserver]:
    """Gives observers what was counted of their tensors, by names; returns those of which something was not."""
    without = []
    for observer, tensors in observed_tensors(prepared).items():
        held: Iterable[ValueHistogram | None] = [counted.get(one.name) for one in tensors]
        known = [one for one in held if one is not None]
        if len(known) == len(tensors):
            observer.give(ValueHistogram.together(known))
        else:
            without.append(observer)
    return without
