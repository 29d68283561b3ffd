"""A float graph of which it is known which values its tensors have; and that graph as PT2E prepares it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from attrs import frozen
from torch.export import ExportedProgram
from torch.fx import GraphModule, Node
from torchao.quantization.pt2e.observer import ObserverBase
from torchao.quantization.pt2e.quantize_pt2e import prepare_pt2e

from nnapi_core.errors import ConversionError
from nnapi_core.graph.calibration_record import TensorRange
from nnapi_core.graph.program import source_of
from nnapi_core.plugins.registry import Registry
from nnapi_core.quantisation.batches import CalibrationBatches, copied
from nnapi_core.quantisation.comparison import Recording
from nnapi_core.quantisation.float_graph import FloatGraph, float_graph
from nnapi_core.quantisation.observers import RangeObserver, give_values, observed_tensors
from nnapi_core.quantisation.quantizer import NnapiQuantizer, operator_name
from nnapi_core.quantisation.range_from_histogram import METHODS, ValueHistogram, ValueRange
from nnapi_core.quantisation.rounding_trials import RoundingTrials
from nnapi_core.quantisation.trained_batch_norms import of_parameters

CALIBRATIONS = (*METHODS, "best")

# The results of these have the elements of what they read.
_MOVES = {
    "view", "reshape", "flatten", "squeeze", "unsqueeze", "permute", "transpose", "t", "clone", "contiguous", "dropout",
}  # fmt: skip
# Of the sample: so many batches decide between ranges.
_DECIDING = 2


@frozen
class Choices:
    """How a graph is quantised."""

    feature_level: int
    per_channel: bool
    calibration: str
    recurrent: bool = False
    registry: Registry | None = None
    """Whose plugins tell of their operators; None: those that are installed."""

    def check(self) -> None:
        """Raises `ConversionError` for a level or a calibration that there is not."""
        self.quantizer()
        if self.calibration not in CALIBRATIONS:
            raise ConversionError(
                f"calibration={self.calibration!r} is not one of {', '.join(CALIBRATIONS)}"
            )

    def quantizer(self, **options: Any) -> NnapiQuantizer:
        method = self.calibration if self.calibration in METHODS else "mse"
        return NnapiQuantizer(
            feature_level=self.feature_level,
            per_channel=self.per_channel,
            calibration=method,
            registry=self.registry,
            **options,
        )

    def graph_of(
        self, exported: ExportedProgram, not_rewritten: Collection[str] = ()
    ) -> FloatGraph:
        by_channel = self.per_channel and self.feature_level >= 29
        return float_graph(
            exported,
            level=self.feature_level,
            by_channel=by_channel,
            not_rewritten=frozenset(not_rewritten),
            recurrent=self.recurrent,
        )


@frozen(eq=False)
class Prepared:
    """A graph with observers that have found their ranges. ``layers`` says of nodes to which layer they belong."""

    module: GraphModule
    folded: dict[str, str]
    layers: dict[str, str]

    def tensors(self) -> tuple[TensorRange, ...]:
        """What is rounded, in the order of the graph."""
        found = []
        for observer, tensors in observed_tensors(self.module).items():
            given = observer.range
            error = observer.values.error(given)
            found.append(
                TensorRange(
                    tuple(one.name for one in tensors),
                    given.low,
                    given.high,
                    observer.method,
                    error.clipped,
                    error.decibels,
                )
            )
        return tuple(found)


class CalibratedGraph:
    """``floats`` are names of tensors that are not finite on some batch, and why."""

    def __init__(
        self, exported: ExportedProgram, choices: Choices, batches: CalibrationBatches
    ) -> None:
        self._exported, self._choices, self._batches = exported, choices, batches
        self._best: dict[tuple[str, ...], tuple[str, ValueRange]] = {}
        self._counted: dict[str, ValueHistogram] = {}
        self.floats: dict[str, str] = {}
        graph = choices.graph_of(exported)
        see = _Counting(graph.module, self._counted, self.floats)
        with torch.no_grad():
            for batch in batches.all():
                Recording(graph.module, see).run(*copied(batch))
        # Where an operator stays whole, its result is that of the last word that it is spelt in.
        self._results = graph.results
        for name, word in self._results.items():
            if word in self._counted:
                self._counted[name] = self._counted[word]

    def prepared(self, left: Collection[str] = ()) -> Prepared:
        """With the layers ``left`` in floats."""
        graph = self._choices.graph_of(self._exported, not_rewritten=left)
        layers_left = {layer for layer, norm in graph.folded.items() if norm in left}
        # As above, where the operator is left whole.
        floats = {name for name, word in self._results.items() if word in self.floats}
        quantizer = self._choices.quantizer(
            floats={*self.floats, *floats}, left={*left, *layers_left}
        )
        module: GraphModule = prepare_pt2e(graph.module, quantizer)
        without = give_values(module, self._counted)
        passes = self._batches.all() if without else iter([self._batches.first])
        with torch.no_grad():
            # Observers of weights see them whenever the graph runs.
            for batch in passes:
                module(*copied(batch))
        for observer in without:
            observer.stop()
        fix_scales(module)
        layers = {node: graph.words.get(layer, layer) for node, layer in quantizer.layers.items()}
        found = Prepared(module, graph.folded, layers)
        if self._choices.calibration == "best":
            self._choose_ranges(found)
        return found

    def _choose_ranges(self, prepared: Prepared) -> None:
        """For each tensor the range whose rounding takes the results away the least."""
        trials: RoundingTrials | None = None
        for observer, tensors in observed_tensors(prepared.module).items():
            key = tuple(one.name for one in tensors)
            if key not in self._best:
                ranges = {observer.values.range(name): name for name in reversed(METHODS)}
                if len(ranges) > 1:
                    trials = trials or RoundingTrials(
                        prepared.module, prepared.layers, self._batches.sample[:_DECIDING]
                    )
                    best = max(ranges, key=lambda one: _effect(trials, observer, one))
                else:
                    best = next(iter(ranges))
                self._best[key] = ranges[best], best
            observer.method, observer.chosen = self._best[key]
            fix_scale(observer)


def _effect(trials: RoundingTrials, observer: RangeObserver, given: ValueRange) -> float:
    return trials.with_range(observer, observer.parameters_of(given))


class _Counting:
    """Shown every tensor of a graph, counts the values of those that may be rounded."""

    def __init__(
        self, module: GraphModule, counted: dict[str, ValueHistogram], floats: dict[str, str]
    ) -> None:
        self._fixed = of_parameters(module.graph)
        self._counted, self._floats = counted, floats

    def __call__(self, node: Node, value: Any) -> Any:
        if isinstance(value, torch.Tensor) and value.dtype is torch.float32 and value.numel():
            self._see(node, value.detach())
        return value

    def _see(self, node: Node, value: torch.Tensor) -> None:
        if node.name in self._floats:
            return
        low, high = torch.aminmax(value)
        if not bool((high - low).isfinite()):
            where = source_of(node)
            said = f"from {float(low):.3g} to {float(high):.3g}"
            self._floats[node.name] = said + (f" at {where}" if where else "")
            return
        if node in self._fixed:
            return
        source = node.args[0] if node.args else None
        if (
            operator_name(node) in _MOVES
            and isinstance(source, Node)
            and source.name in self._counted
        ):
            self._counted[node.name] = self._counted[source.name]
        else:
            self._counted.setdefault(node.name, ValueHistogram()).add(value)


def fix_scales(prepared: GraphModule) -> None:
    """Each observer finds its scale once: finding it takes long, and PT2E asks wherever it rounds.

    Raises `ConversionError` for a scale that is no positive number.
    """
    for name, one in prepared.named_modules():
        if isinstance(one, ObserverBase):
            fix_scale(one, name)


def fix_scale(observer: Any, name: str = "") -> None:
    vars(observer).pop("calculate_qparams", None)
    scale, zero_point = observer.calculate_qparams()
    if not bool((scale.isfinite() & (scale > 0)).all()):
        raise ConversionError(f"the observer {name} has found no scale ({scale})")
    observer.calculate_qparams = _Known(scale, zero_point)


class _Known:
    def __init__(self, scale: torch.Tensor, zero_point: torch.Tensor) -> None:
        self._parameters = scale, zero_point

    def __call__(self) -> tuple[torch.Tensor, torch.Tensor]:
        return self._parameters
