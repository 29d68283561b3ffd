"""How often a tensor has which values, over any number of batches; and the ranges that 8 bits can be given for them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from attrs import frozen

METHODS = ("min-max", "percentile", "histogram", "mse")

_BINS = 4096
# Of a range that is shrunk: the shares of an end that are tried, in turns for one end and the other.
_SHARES = [1 - step / 24 for step in range(20)]
_TURNS = 2
# The share of the values beyond each end of the range of "percentile".
_TAIL = 1e-4
# Values are kept in units of the largest one of the first batch; later ones are larger by less than that.
_LARGEST = 2.0**100


@frozen
class ValueRange:
    """From ``low`` (0 at most) to ``high`` (0 at least)."""

    low: float
    high: float


@frozen
class RangeError:
    """What a range costs a tensor: the share of its values beyond the range, and their distance to integers."""

    clipped: float
    """From 0 to 1."""
    noise: float
    """The mean square of the differences."""
    signal: float
    """The mean square of the values."""

    @property
    def decibels(self) -> float:
        """Infinite where nothing is rounded."""
        if not self.noise:
            return math.inf
        return 10 * math.log10(self.signal / self.noise) if self.signal else -math.inf


class ValueHistogram:
    """Counts values in bins of equal width. The range doubles where values are beyond it, so no count is lost."""

    def __init__(self) -> None:
        self.low = self.high = 0.0
        """The least and the greatest value, and 0."""
        self.count = 0
        self._counts = torch.zeros(_BINS, dtype=torch.float64)
        self._unit = 0.0
        self._start = self._end = 0.0

    def add(self, values: torch.Tensor) -> None:
        """Of finite values, whatever the shape."""
        flat = values.detach().reshape(-1)
        if not flat.numel():
            return
        least, greatest = (float(one) for one in torch.aminmax(flat))
        self.low, self.high = min(self.low, least), max(self.high, greatest)
        self.count += flat.numel()
        if not self._unit:
            self._unit = max(abs(least), abs(greatest))
            if not self._unit:
                return
        # float64 where float32 could not hold the quotient.
        wide = not 1e-30 < self._unit < 1e30
        scaled = (flat.double() if wide else flat) / self._unit
        scaled = scaled.clamp(-_LARGEST, _LARGEST)
        self._cover(min(least / self._unit, 0.0), max(greatest / self._unit, 0.0))
        self._count(scaled, None)

    def _count(self, scaled: torch.Tensor, weights: torch.Tensor | None) -> None:
        scaled = scaled.clamp(self._start, self._end)
        if weights is None:
            found = torch.histc(scaled, _BINS, self._start, self._end)
        else:
            limits = (self._start, self._end)
            found = torch.histogram(scaled, _BINS, range=limits, weight=weights).hist
        self._counts += found.double()

    def _cover(self, least: float, greatest: float) -> None:
        least, greatest = max(least, -_LARGEST), min(greatest, _LARGEST)
        if self._start == self._end:
            self._start, self._end = least, greatest
            return
        while least < self._start or greatest > self._end:
            width = self._end - self._start
            pairs = self._counts.reshape(-1, 2).sum(1)
            nothing = torch.zeros_like(pairs)
            if least < self._start:
                self._start -= width
                self._counts = torch.cat([nothing, pairs])
            else:
                self._end += width
                self._counts = torch.cat([pairs, nothing])

    @classmethod
    def together(cls, histograms: Iterable[ValueHistogram]) -> ValueHistogram:
        """Of several tensors that share a range."""
        several = list(histograms)
        if len(several) == 1:
            return several[0]
        result = cls()
        result._unit = max((one._unit for one in several), default=0.0)
        for one in several:
            result.low, result.high = min(result.low, one.low), max(result.high, one.high)
            result.count += one.count
            if one._unit:
                places, counts = one._values()
                places = places / result._unit
                result._cover(min(float(places[0]), 0.0), max(float(places[-1]), 0.0))
                result._count(places, counts)
        return result

    def _values(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The middles of the bins that are not empty, and how many values they hold, in float64."""
        width = (self._end - self._start) / _BINS
        middles = self._start + (torch.arange(_BINS, dtype=torch.float64) + 0.5) * width
        held = self._counts > 0
        inside = (middles[held] * self._unit).clamp(self.low, self.high)
        return inside, self._counts[held]

    # ---- ranges

    def range(self, method: str) -> ValueRange:
        """By "min-max", "percentile" (without the ten thousandth at each end), "histogram" (the least loss of
        information, by Kullback and Leibler) or "mse" (the least mean square of the rounding)."""
        whole = ValueRange(self.low, self.high)
        if method == "min-max" or not self._unit:
            return whole
        values, counts = self._values()
        if method == "percentile":
            return self._without_tails(values, counts)
        loss = _mean_square
        if method == "histogram":
            # The zeros of a clamp need one integer, however many there are; they would hide the rest.
            others = values.abs() > values.abs().min()
            if not bool(others.any()):
                return whole
            values, counts, loss = values[others], counts[others], _information
        return _shrunk(whole, lambda ranges: loss(values, counts, ranges))

    def _without_tails(self, values: torch.Tensor, counts: torch.Tensor) -> ValueRange:
        below = counts.cumsum(0) / counts.sum()
        inner = values[(below > _TAIL) & (below - counts / counts.sum() < 1 - _TAIL)]
        if not inner.numel():
            return ValueRange(self.low, self.high)
        half = (self._end - self._start) / _BINS * self._unit / 2
        low, high = float(inner[0]) - half, float(inner[-1]) + half
        return ValueRange(max(min(low, 0.0), self.low), min(max(high, 0.0), self.high))

    def error(self, given: ValueRange) -> RangeError:
        """Of these values, rounded to 256 integers of that range."""
        if not self._unit:
            return RangeError(0.0, 0.0, 0.0)
        values, counts = self._values()
        total = counts.sum()
        beyond = counts[(values < given.low) | (values > given.high)].sum()
        signal = float((counts * values.square()).sum() / total)
        return RangeError(
            float(beyond / total), float(_mean_square(values, counts, [given])[0]), signal
        )


def _shrunk(full_range: ValueRange, loss: Callable[[list[ValueRange]], torch.Tensor]) -> ValueRange:
    """The range of the least loss that was found by shrinking one end, then the other."""
    best = full_range
    for _ in range(_TURNS):
        for by_low in (True, False):
            end = full_range.low if by_low else full_range.high
            tried = [
                ValueRange(end * share, best.high) if by_low else ValueRange(best.low, end * share)
                for share in (_SHARES if end else [1.0])
            ]
            # The present one first: of equal losses it stays.
            tried.insert(0, best)
            best = tried[int(loss(tried).argmin())]
    return best


def _rounded(values: torch.Tensor, ranges: list[ValueRange]) -> tuple[torch.Tensor, torch.Tensor]:
    """For each range a row: the integers of the values, from 0 to 255, and their numbers."""
    lows = torch.tensor([one.low for one in ranges], dtype=torch.float64)[:, None]
    highs = torch.tensor([one.high for one in ranges], dtype=torch.float64)[:, None]
    scales = ((highs - lows) / 255).clamp_min(2.0**-40)
    zeros = (-lows / scales).round().clamp(0, 255)
    integers = ((values / scales).round() + zeros).clamp(0, 255)
    return integers, (integers - zeros) * scales


def _mean_square(
    values: torch.Tensor, counts: torch.Tensor, ranges: list[ValueRange]
) -> torch.Tensor:
    _, numbers = _rounded(values, ranges)
    # In units of the largest value: the squares of those beyond 1e150 are infinite.
    largest = values.abs().max().clamp_min(1e-300)
    squares = ((numbers - values) / largest).square()
    mean: torch.Tensor = (squares * counts).sum(1) / counts.sum() * largest.square()
    return mean


def _information(
    values: torch.Tensor, counts: torch.Tensor, ranges: list[ValueRange]
) -> torch.Tensor:
    """What is lost of the distribution where the values of one integer are taken for equally frequent, and those
    beyond the range for its ends."""
    integers, _ = _rounded(values, ranges)
    lost = []
    for row, one in zip(integers.long(), ranges, strict=True):
        inside = (values >= one.low) & (values <= one.high)
        if not bool(inside.any()):
            lost.append(float("inf"))
            continue
        kept = torch.where(inside, counts, 0.0)
        mass = torch.zeros(256, dtype=torch.float64).index_add_(0, row, kept)
        places = torch.zeros(256, dtype=torch.float64).index_add_(0, row, inside.double())
        assumed = (mass / places.clamp_min(1))[row] * inside
        real = kept.clone()
        first, last = torch.nonzero(inside)[0, 0], torch.nonzero(inside)[-1, 0]
        real[first] += counts[:first].sum()
        real[last] += counts[last + 1 :].sum()
        p, q = real[inside] / real.sum(), assumed[inside] / assumed.sum()
        lost.append(float((p * (p / q).log()).sum()))
    return torch.tensor(lost, dtype=torch.float64)
