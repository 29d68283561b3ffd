"""One file for several sizes: each variant has ranges of its own, and the weights are shared."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nnapi_runtime.errors import ArgumentError
from nnapi_runtime.json_fields import Field


@dataclass(frozen=True, slots=True)
class Variant:
    """A manifest of its own, and the sizes that it is for: least and most (None: no limit) by name."""

    ranges: Mapping[str, tuple[int, int | None]]
    manifest: Any

    @classmethod
    def parse(cls, field: Field, names: frozenset[str]) -> Variant:
        ranges = {}
        for name, limits in field["ranges"].members():
            ends = limits.items()
            if name not in names or len(ends) != 2:
                raise limits.refuse("the least and the most of a size")
            ranges[name] = (ends[0].integer(0, 2**31 - 1), ends[1].integer_or_none(0, 2**31 - 1))
        return cls(ranges, field["manifest"].document())

    def takes(self, sizes: Mapping[str, int]) -> bool:
        return all(
            least <= sizes[name] and (most is None or sizes[name] <= most)
            for name, (least, most) in self.ranges.items()
        )

    def __str__(self) -> str:
        return ", ".join(
            f"{name} {least}"
            if least == most
            else f"{name} {least} to {'any' if most is None else most}"
            for name, (least, most) in self.ranges.items()
        )


class VariantSessions:
    """Makes the session of a variant when it is first needed."""

    def __init__(self, variants: Sequence[Variant], make: Callable[[Any], Any]) -> None:
        self._variants = variants
        self._make = make
        self._made: dict[int, Any] = {}
        self._lock = threading.Lock()

    def choose(self, sizes: Mapping[str, int]) -> Any:
        """The session for these sizes. Raises `ArgumentError`, which lists what there is, where there is none."""
        for number, variant in enumerate(self._variants):
            if variant.takes(sizes):
                with self._lock:
                    if number not in self._made:
                        self._made[number] = self._make(variant.manifest)
                    return self._made[number]
        given = ", ".join(f"{name} {size}" for name, size in sizes.items())
        raise ArgumentError(
            f"the model was not made for {given}; it was made for: "
            + "; ".join(map(str, self._variants))
        )
