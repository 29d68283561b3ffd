"""A metric of several models over one data set: the float model, what PT2E made of it, the artifact."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from typing import Any

from attrs import frozen

from nnapi_core.errors import ConversionError

Model = Callable[..., Any]


@frozen
class Evaluation:
    """What a metric says of a model: a number by each name, and the items of the data and the seconds that it took."""

    name: str
    values: dict[str, float]
    items: int
    seconds: float


def evaluate(
    models: Mapping[str, Model],
    data: Callable[[], Iterable[Any]],
    metric: Callable[[Model, Iterable[Any]], Any],
    progress: Callable[[str, int, int], None] | None = None,
) -> list[Evaluation]:
    """``metric(model, items)`` returns a number, or several by names; ``data()`` gives the items, anew for each model.

    ``progress`` is told the model, how many items it has had, and how many there are (0: not known). Raises
    `ConversionError`, which names the model, where the data or the metric raises, where there is no item or none was
    read, and where the metric returns no number.
    """
    return [_evaluated(name, model, data, metric, progress) for name, model in models.items()]


def _evaluated(
    name: str,
    model: Model,
    data: Callable[[], Iterable[Any]],
    metric: Callable[[Model, Iterable[Any]], Any],
    progress: Callable[[str, int, int], None] | None,
) -> Evaluation:
    items = _Items(data, lambda done, total: progress(name, done, total) if progress else None)
    begun = time.perf_counter()
    try:
        found = metric(model, items)
    except ConversionError:
        raise
    except Exception as error:
        raise ConversionError(
            f"the metric fails for {name}, at item {items.count} of the data ({type(error).__name__}: {error})"
        ) from error
    seconds = time.perf_counter() - begun
    if not items.count:
        raise ConversionError(
            f"the metric has read nothing of the data for {name}, or there is nothing: no number says anything then"
        )
    return Evaluation(name, _numbers(found), items.count, seconds)


def _numbers(result: Any) -> dict[str, float]:
    by_name = result if isinstance(result, Mapping) else {"metric": result}
    try:
        values = {str(name): float(value) for name, value in by_name.items()}
    except (TypeError, ValueError, RuntimeError) as error:
        raise ConversionError(
            f"the metric returns {type(result).__name__}, not a number or a dict of numbers ({error})"
        ) from error
    for name, value in values.items():
        if math.isnan(value):
            raise ConversionError(f"the metric's {name} is NaN")
    return values


class _Items:
    """The data as the metric reads it."""

    def __init__(self, data: Callable[[], Iterable[Any]], tell: Callable[[int, int], None]) -> None:
        self._data, self._tell = data, tell
        self.count = 0

    def __iter__(self) -> Iterator[Any]:
        try:
            given = self._data()
            total = len(given) if isinstance(given, Sized) else 0
            iterator = iter(given)
        except Exception as error:
            raise ConversionError(
                f"the data cannot be iterated ({type(error).__name__}: {error}); it is a function that returns an "
                "iterable"
            ) from error
        while True:
            try:
                item = next(iterator)
            except StopIteration:
                return
            except Exception as error:
                raise ConversionError(
                    f"item {self.count} of the data cannot be read ({type(error).__name__}: {error})"
                ) from error
            self.count += 1
            self._tell(self.count, total)
            yield item
