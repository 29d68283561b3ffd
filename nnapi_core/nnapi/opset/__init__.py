"""NNAPI's operations as data: ``operations.csv`` beside this file, one row an operation.

The builder checks every emit against it, the host runtime's tables are generated from it, and the
documentation prints it. Columns of the table:

``types``   ``level type type …; level …``: the types that its variable ``T`` takes from that feature level
            on, or combinations ``T=f32,W=f32,B=f32`` where there are several variables.
``rank``    of the first operand of type ``T``, or the first tensor where none has it.
``inputs``  ``name: kind`` in order, alternative forms after ``||``. A kind is a type variable, a type, or ``S``
            (a scalar of T's float type); ``?`` may have no value, but has its place in the list, ``@29`` is the
            level that added it, ``*`` any number. A list may end before each ``[``; the brackets close at its end.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib import resources

from attrs import field, frozen

from nnapi_core.nnapi.types import ABBREVIATIONS, OperandCode

# Where an operation has no upper bound of its own.
MAX_RANK = 16


@frozen
class OperandSpec:
    """One named operand of an operation.

    ``optional``: it need not be given; either as it is ``nullable`` (its place in the list stays, without a value),
    or as it is among those that may be left out at the end. ``may_end``: a list may end just before it.
    """

    name: str
    kind: str
    optional: bool = False
    since: int = 27
    repeated: bool = False
    nullable: bool = False
    may_end: bool = False


@frozen
class TypeRule:
    """A combination of types that an operation takes from ``level`` on."""

    level: int
    types: dict[str, OperandCode] = field(hash=False)


@frozen
class RankRule:
    """Ranks that the operand may have that the ``rank`` column speaks of; ``early`` restricts them below level 29."""

    text: str
    least: int
    most: int
    early: tuple[int, ...] = ()

    @classmethod
    def parse(cls, text: str) -> RankRule:
        early = re.search(r"\(only ([\d or]+) before 29\)", text)
        only = tuple(int(n) for n in early[1].split(" or ")) if early else ()
        main = text.split("(")[0].replace("x ", "").strip()
        if main == "any":
            return cls(text, 0, MAX_RANK)
        if match := re.fullmatch(r"(\d+)\.\.(\d+)", main):
            return cls(text, int(match[1]), int(match[2]))
        if match := re.fullmatch(r"(<=|>=)?(\d+)", main):
            bound = int(match[2])
            least = bound if match[1] != "<=" else 0
            return cls(text, least, bound if match[1] != ">=" else MAX_RANK, only)
        raise ValueError(f"cannot read the rank rule {text!r}")


@frozen
class OperationSpec:
    """One NNAPI operation: what it is called, takes and gives, and from which feature level."""

    code: int
    name: str
    level: int
    rules: tuple[TypeRule, ...]
    rank: RankRule
    forms: tuple[tuple[OperandSpec, ...], ...]
    outputs: tuple[OperandSpec, ...]
    notes: str

    def __str__(self) -> str:
        return self.name

    @property
    def broadcasts(self) -> bool:
        return "broadcast" in self.notes

    def form_for(self, codes: Sequence[OperandCode]) -> tuple[OperandSpec, ...] | None:
        """The form whose operands can have these types, with repeated operands spelled out."""
        for form in self.forms:
            slots = _spelled_out(form, len(codes))
            if may_have(slots, len(codes)) and all(map(_may_hold, slots, codes)):
                return slots[: len(codes)]
        return None

    def kind_of(self, name: str) -> str | None:
        """The kind of an operand, by its name."""
        return next((slot.kind for form in self.forms for slot in form if slot.name == name), None)

    @cached_property
    def operand_names(self) -> frozenset[str]:
        return frozenset(operand.name for form in self.forms for operand in form)


def may_have(operands: Sequence[OperandSpec], count: int) -> bool:
    """May a list of these operands, repeated ones spelled out, have ``count`` of them?"""
    return count == len(operands) or (count < len(operands) and operands[count].may_end)


def _spelled_out(form: tuple[OperandSpec, ...], count: int) -> tuple[OperandSpec, ...]:
    slots: list[OperandSpec] = []
    for slot in form:
        slots.extend([slot] * (count - len(form) + 1 if slot.repeated else 1))
    return tuple(slots)


def _may_hold(slot: OperandSpec, code: OperandCode) -> bool:
    if slot.kind == "S":
        return code in (OperandCode.FLOAT32, OperandCode.FLOAT16)
    return slot.kind not in ABBREVIATIONS or ABBREVIATIONS[slot.kind] is code


def _operands(text: str) -> tuple[OperandSpec, ...]:
    found: list[OperandSpec] = []
    opened = False
    for item in text.rstrip("]").split("; "):
        match = re.fullmatch(r"(\[)?(\w+)(\*)?: (\w+)(\?)?(?: @(\d+))?", item)
        if match is None:
            raise ValueError(f"cannot read the operand {item!r}")
        may_end, name, repeated, kind, nullable, since = match.groups()
        opened = opened or bool(may_end)
        found.append(
            OperandSpec(
                name,
                kind,
                optional=opened or bool(nullable),
                since=int(since or 27),
                repeated=bool(repeated),
                nullable=bool(nullable),
                may_end=bool(may_end),
            )
        )
    return tuple(found)


def _rules(text: str) -> tuple[TypeRule, ...]:
    rules = []
    for group in text.split("; "):
        level, *entries = group.split()
        for entry in entries:
            if entry in ("fixed", "any"):
                rules.append(TypeRule(int(level), {}))
                continue
            pairs = entry.split(",") if "=" in entry else [f"T={entry}"]
            types = {var: ABBREVIATIONS[name] for var, name in (pair.split("=") for pair in pairs)}
            rules.append(TypeRule(int(level), types))
    return tuple(rules)


class Opset:
    """All operations, as attributes (``ops.CONV_2D``), by name and by code."""

    def __init__(self) -> None:
        table = resources.files(__package__).joinpath("operations.csv").read_text("utf-8")
        self._by_name: dict[str, OperationSpec] = {}
        for row in csv.DictReader(table.splitlines()):
            self._by_name[row["name"]] = OperationSpec(
                code=int(row["code"]),
                name=row["name"],
                level=int(row["level"]),
                rules=_rules(row["types"]),
                rank=RankRule.parse(row["rank"]),
                forms=tuple(_operands(form) for form in row["inputs"].split(" || ")),
                outputs=_operands(row["outputs"]),
                notes=row["notes"],
            )
        self._by_code = {spec.code: spec for spec in self._by_name.values()}

    def __getattr__(self, name: str) -> OperationSpec:
        try:
            return self._by_name[name]
        except KeyError:
            raise AttributeError(f"NNAPI has no operation {name}") from None

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._by_name})

    def __iter__(self) -> Iterator[OperationSpec]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def of_code(self, code: int) -> OperationSpec | None:
        return self._by_code.get(code)


ops = Opset()
FEATURE_LEVELS = (27, 28, 29, 30, 31, 1000006, 1000007, 1000008)
