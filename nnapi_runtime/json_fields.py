"""A JSON document read with suspicion: an access says what it expects, an error where it stood."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nnapi_runtime.errors import ModelError


class Field:
    """A JSON value and its place in the document."""

    def __init__(self, value: Any, place: str) -> None:
        self._value = value
        self.place = place

    def refuse(self, expected: str) -> ModelError:
        """The error to raise for a value that is not what it should be."""
        shown = repr(self._value)
        if len(shown) > 60:
            shown = shown[:57] + "..."
        return ModelError(f"{self.place} is {shown}, not {expected}")

    def _of(self, kind: type, expected: str) -> Any:
        if type(self._value) is not kind:
            raise self.refuse(expected)
        return self._value

    def __getitem__(self, key: str) -> Field:
        """A key of an object; it must be there."""
        members = self._of(dict, "an object")
        if key not in members:
            raise ModelError(f"{self.place} lacks {key!r}")
        return Field(members[key], f"{self.place}.{key}")

    def __contains__(self, key: str) -> bool:
        return key in self._of(dict, "an object")

    def members(self) -> Iterator[tuple[str, Field]]:
        """Keys and values of an object."""
        for key, value in self._of(dict, "an object").items():
            yield key, Field(value, f"{self.place}.{key}")

    def document(self) -> dict[str, Any]:
        """An object that is read elsewhere."""
        members: dict[str, Any] = self._of(dict, "an object")
        return members

    def items(self) -> list[Field]:
        """The items of a list."""
        values = self._of(list, "a list")
        return [Field(value, f"{self.place}[{i}]") for i, value in enumerate(values)]

    def is_null(self) -> bool:
        return self._value is None

    def is_list(self) -> bool:
        return isinstance(self._value, list)

    def is_text(self) -> bool:
        return isinstance(self._value, str)

    def text(self) -> str:
        return str(self._of(str, "a text"))

    def flag(self) -> bool:
        return bool(self._of(bool, "true or false"))

    def integer(self, low: int, high: int) -> int:
        """An integer of ``[low, high]``."""
        expected = f"an integer from {low} to {high}"
        value = int(self._of(int, expected))
        if not low <= value <= high:
            raise self.refuse(expected)
        return value

    def integer_or_none(self, low: int, high: int) -> int | None:
        return None if self.is_null() else self.integer(low, high)

    def number(self) -> float:
        if type(self._value) is int and abs(self._value) < 2**53:
            return float(self._value)
        return float(self._of(float, "a number"))

    def strings(self) -> tuple[str, ...]:
        """A list of texts."""
        return tuple(item.text() for item in self.items())
