"""What a quantised model is to reach: a distance from floats, or a number of the user's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from attrs import frozen

from nnapi_core.errors import ConversionError

Model = Callable[..., Any]


@frozen
class Goal:
    """At least ``least``, in dB, or of what ``metric`` says of a model."""

    least: float
    metric: Callable[[Model], float] | None = None

    @classmethod
    def of(
        cls,
        target_snr: float | None,
        metric: Callable[[Model], float] | None,
        at_least: float | None,
    ) -> Goal | None:
        """None where nothing is asked for. Raises `ConversionError` for half a goal, and for two."""
        if (metric is None) != (at_least is None):
            raise ConversionError(
                "metric= and at_least= belong together: what is measured, and the least of it"
            )
        if metric is not None and target_snr is not None:
            raise ConversionError("give target_snr=, or metric= and at_least=, not both")
        if metric is not None and not callable(metric):
            raise ConversionError(f"metric={metric!r} is not a function of a model")
        least = at_least if target_snr is None else target_snr
        if least is None:
            return None
        name = "at_least" if target_snr is None else "target_snr"
        if (
            isinstance(least, bool)
            or not isinstance(least, (int, float))
            or not math.isfinite(least)
        ):
            raise ConversionError(f"{name}={least!r} is no number")
        return cls(float(least), metric)

    def __str__(self) -> str:
        return f"{self.least:g} dB" if self.metric is None else f"a metric of {self.least:g}"

    def said(self, value: float) -> str:
        return f"{value:.1f} dB" if self.metric is None else f"{value:g}"

    def value(self, model: Model, snr: float) -> float:
        """Of a model whose worst result is ``snr`` dB from floats. Raises `ConversionError` where the metric fails."""
        if self.metric is None:
            return snr
        try:
            found = float(self.metric(model))
        except ConversionError:
            raise
        except Exception as error:
            raise ConversionError(
                f"the metric fails ({type(error).__name__}: {error}); it is given a callable that takes and gives what "
                "the module does, and returns a number"
            ) from error
        if math.isnan(found):
            raise ConversionError(
                "the metric is NaN; it must be a number that is larger for a better model"
            )
        return found
