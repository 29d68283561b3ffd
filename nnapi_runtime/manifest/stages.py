"""Stages in a manifest: what NNAPI runs, what torch runs, and control flow over both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nnapi_runtime.free_sizes import Dims, Expression
from nnapi_runtime.json_fields import Field
from nnapi_runtime.manifest.tensors import Border


@dataclass(frozen=True, slots=True)
class Origin:
    """The torch node that an NNAPI operation came from, and where the user wrote it."""

    node: str = ""
    target: str = ""
    source: str = ""

    @classmethod
    def parse(cls, field: Field) -> Origin:
        return cls(field["node"].text(), field["target"].text(), field["source"].text())

    def __str__(self) -> str:
        text = f"{self.node} ({self.target})" if self.target else self.node
        return f"{text} at {self.source}" if self.source else text


@dataclass(frozen=True, slots=True)
class Patches:
    """What sizes change in a model: word ``positions[i]`` becomes ``values[which[i]]``."""

    positions: tuple[int, ...]
    which: tuple[int, ...]
    values: Dims
    parts: tuple[tuple[int, Dims], ...]
    """Weights of which only the leading part is used, and the dimensions of that part."""

    @classmethod
    def parse(cls, stage: Field, sizes: frozenset[str]) -> Patches:
        field = stage["patches"]
        values = tuple(Expression.parse(item, sizes) for item in field["values"].items())
        positions = tuple(item.integer(0, 2**31 - 1) for item in field["positions"].items())
        which = tuple(item.integer(0, len(values) - 1) for item in field["which"].items())
        if len(positions) != len(which):
            raise field["which"].refuse(f"{len(positions)} numbers")
        parts = tuple(
            (
                item["weight"].integer(0, 2**31 - 1),
                tuple(Expression.parse(dim, sizes) for dim in item["dims"].items()),
            )
            for item in stage["parts"].items()
        )
        return cls(positions, which, values, parts)

    def names(self) -> frozenset[str]:
        """The sizes that it needs."""
        every = [*self.values, *(dim for _, dims in self.parts for dim in dims)]
        return frozenset().union(*(one.names() for one in every))


@dataclass(frozen=True, slots=True)
class NnapiStage:
    """A part that NNAPI runs. ``operations[i]`` is where operation ``i`` came from."""

    model: str
    inputs: tuple[Border, ...]
    outputs: tuple[Border, ...]
    operations: tuple[Origin, ...]
    patches: Patches | None = None
    """Of a model that is made for sizes when they are known."""

    def reads(self) -> Iterable[str]:
        return (border.value for border in self.inputs)

    def writes(self) -> Iterable[str]:
        return (border.value for border in self.outputs)


@dataclass(frozen=True, slots=True)
class TorchWeight:
    """A numbered weight that torch reads, after ``steps``: each permutes its dimensions or gives it a shape."""

    weight: int
    steps: tuple[tuple[str, tuple[int, ...]], ...]

    @classmethod
    def parse(cls, field: Field) -> TorchWeight:
        steps = []
        for item in field["steps"].items():
            parts = item.items()
            kind = parts[0].text() if len(parts) == 2 else ""
            if kind not in ("permute", "reshape"):
                raise item.refuse('["permute", dims] or ["reshape", shape]')
            steps.append((kind, tuple(one.integer(0, 2**32 - 1) for one in parts[1].items())))
        return cls(field["weight"].integer(0, 2**31 - 1), tuple(steps))


@dataclass(frozen=True, slots=True)
class TorchStage:
    """A part that torch runs, on values by name and then on weights."""

    program: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    weights: tuple[TorchWeight, ...] = ()

    @classmethod
    def parse(cls, field: Field) -> TorchStage:
        return cls(
            program=field["program"].text(),
            inputs=field["inputs"].strings(),
            outputs=field["outputs"].strings(),
            weights=tuple(map(TorchWeight.parse, field["weights"].items()))
            if "weights" in field
            else (),
        )

    def reads(self) -> Iterable[str]:
        return self.inputs

    def writes(self) -> Iterable[str]:
        return self.outputs


@dataclass(frozen=True, slots=True)
class Branch:
    """What control flow runs: ``inputs`` are what it calls its operands, None for one that it does not read."""

    inputs: tuple[str | None, ...]
    stages: tuple[AnyStage, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ControlStage:
    """An ``if`` (with a condition; its branches are taken where that holds, and where not) or a ``while``.

    The branches of a ``while`` are what says whether it goes on, and what it does; it changes the first ``carried``
    operands. Output ``i`` is result ``results[i]`` of the branches.
    """

    condition: str | None
    carried: int
    operands: tuple[str, ...]
    branches: tuple[Branch, Branch]
    outputs: tuple[str, ...]
    results: tuple[int, ...]

    def reads(self) -> Iterable[str]:
        return (*self.operands, *([self.condition] if self.condition is not None else []))

    def writes(self) -> Iterable[str]:
        return self.outputs


AnyStage = NnapiStage | TorchStage | ControlStage


def stage_of(field: Field, sizes: frozenset[str]) -> AnyStage:
    """A stage of any kind, which may use ``sizes``."""
    kind = field["kind"].text()
    if kind == "nnapi":
        return NnapiStage(
            model=field["model"].text(),
            inputs=tuple(Border.parse(item, sizes) for item in field["inputs"].items()),
            outputs=tuple(Border.parse(item, sizes) for item in field["outputs"].items()),
            operations=tuple(Origin.parse(item) for item in field["operations"].items()),
            patches=Patches.parse(field, sizes) if "patches" in field else None,
        )
    if kind == "torch":
        return TorchStage.parse(field)
    if kind in ("if", "while"):
        return _control_stage(field, sizes, is_loop=kind == "while")
    raise field["kind"].refuse('"nnapi", "torch", "if" or "while"')


def _control_stage(field: Field, sizes: frozenset[str], *, is_loop: bool) -> ControlStage:
    operands = field["operands"].strings()
    branches = tuple(_branch(item, sizes) for item in field["branches"].items())
    if len(branches) != 2 or any(len(one.inputs) != len(operands) for one in branches):
        raise field["branches"].refuse(f"two branches of {len(operands)} inputs")
    carried = field["carried"].integer(0, len(operands)) if is_loop else 0
    count = len(branches[1].outputs)
    if (is_loop and (count, len(branches[0].outputs)) != (carried, 1)) or (
        not is_loop and len(branches[0].outputs) != count
    ):
        raise field["branches"].refuse("branches that give as many results")
    results = tuple(item.integer(0, count - 1) for item in field["results"].items())
    outputs = field["outputs"].strings()
    if len(results) != len(outputs):
        raise field["results"].refuse(f"{len(outputs)} places of results")
    condition = None if is_loop else field["condition"].text()
    return ControlStage(condition, carried, operands, branches, outputs, results)


def _branch(field: Field, sizes: frozenset[str]) -> Branch:
    return Branch(
        inputs=tuple(None if item.is_null() else item.text() for item in field["inputs"].items()),
        stages=tuple(stage_of(item, sizes) for item in field["stages"].items()),
        outputs=field["outputs"].strings(),
    )
