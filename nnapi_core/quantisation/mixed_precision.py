"""Which layers stay in floats so that a goal is reached: as few as measurement finds.

Each layer is rounded by itself, which says how far it alone takes the results away. Left in floats are the worst ones
of that order, and how many is found by halving: the rounding of all others is computed, as it will be. What is made of
it is measured again, and more layers are left where it falls short.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import define

from nnapi_core.errors import ConversionError
from nnapi_core.graph.calibration_record import CurvePoint
from nnapi_core.quantisation.batches import Batch
from nnapi_core.quantisation.calibrated_graph import CalibratedGraph
from nnapi_core.quantisation.goal import Goal
from nnapi_core.quantisation.rounding_trials import RoundingTrials


@define(eq=False)
class Search:
    """``layers`` are those of the graph with the distance in dB that each one costs alone, the worst first."""

    layers: tuple[tuple[str, float], ...]
    curve: list[CurvePoint]
    _goal: Goal
    _count: int
    _step: int = 1

    @classmethod
    def run(
        cls,
        calibrated: CalibratedGraph,
        goal: Goal,
        left: frozenset[str],
        batches: Sequence[Batch],
        tell: Callable[[str], None],
    ) -> Search:
        """``left`` are in floats whatever is measured. Raises `ConversionError` where floats do not reach the goal."""
        prepared = calibrated.prepared(left)
        trials = RoundingTrials(prepared.module, prepared.layers, batches)
        names = trials.layers
        alone = {}
        for place, name in enumerate(names):
            tell(f"rounding layer {place + 1} of {len(names)}, {name}")
            alone[name] = trials.alone(name)
        order = sorted(names, key=alone.__getitem__)
        found = cls(tuple((name, alone[name]) for name in order), [], goal, 0)

        def reaches(count: int) -> bool:
            tell(f"measuring with {count} layers in floats")
            value = goal.value(trials.model(order[:count]), trials.all_but(order[:count]))
            found.curve.append(CurvePoint(count, value, finished=False))
            return value >= goal.least

        if not reaches(0):
            if not reaches(len(order)):
                value = found.curve[-1].value
                raise ConversionError(
                    f"{goal} is not reached by floats either, which have {goal.said(value)}; ask for less"
                )
            short, enough = 0, len(order)
            while enough - short > 1:
                middle = (short + enough) // 2
                short, enough = (short, middle) if reaches(middle) else (middle, enough)
            if enough == len(order):
                value = next(one.value for one in found.curve if one.left == short)
                raise found._needs_all(short, value)
            found._count = enough
        return found

    def _needs_all(self, count: int, value: float) -> ConversionError:
        return ConversionError(
            f"{self._goal} is reached in floats only: with {count} of {len(self.layers)} layers in floats it is "
            f"{self._goal.said(value)}; ask for less, or convert the float module"
        )

    @property
    def left(self) -> frozenset[str]:
        return frozenset(name for name, _ in self.layers[: self._count])

    def falls_short(self, value: float) -> bool:
        """Of what was made with `left` in floats, whose ``value`` is noted; then `left` are more.

        Raises `ConversionError` where all are left already.
        """
        self.curve.append(CurvePoint(self._count, value, finished=True))
        self.curve.sort(key=lambda one: (one.left, one.finished))
        if value >= self._goal.least:
            return False
        if self._count >= len(self.layers) - 1:
            raise self._needs_all(self._count, value)
        self._count = min(self._count + self._step, len(self.layers) - 1)
        self._step *= 2
        return True
