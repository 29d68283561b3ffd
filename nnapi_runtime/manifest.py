"""What a converted model says about itself: the manifest of docs/file_format.md, checked."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnapi_runtime.errors import ModelError
from nnapi_runtime.free_sizes import Dims, Expression, Relation, Size, dims_of
from nnapi_runtime.json_fields import Field
from nnapi_runtime.output_tree import OutputTree
from nnapi_runtime.variants import Variant

Shape = tuple[int | None, ...]  # None: any size
_INT32 = (-(2**31), 2**31 - 1)


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A tensor that the caller gives or gets."""

    name: str
    dtype: str
    shape: Shape
    dims: Dims | None = None
    """Where the shape has free dimensions, and they are told: each as an expression of the sizes."""


@dataclass(frozen=True, slots=True)
class Result:
    """One of the flat results: a tensor, a Python number (a constant of that type), or None."""

    spec: TensorSpec | None
    python: type[bool] | type[int] | type[float] | None = None
    into: str | None = None
    """The input that it is written into; then it is not returned."""

    @classmethod
    def parse(cls, field: Field) -> Result:
        if field["name"].is_null():
            return cls(None)
        if "into" in field:
            return cls(_tensor_spec(field), into=field["into"].text())
        if "python" not in field:
            return cls(_tensor_spec(field))
        types = {"bool": bool, "int": int, "float": float}
        if field["python"].text() not in types:
            raise field["python"].refuse('"bool", "int" or "float"')
        return cls(_tensor_spec(field), types[field["python"].text()])


@dataclass(frozen=True, slots=True)
class Border:
    """A value that goes into or comes out of an NNAPI stage: what torch has, and what NNAPI has.

    Dimension ``i`` of the operand is dimension ``order[i]`` of the tensor.
    """

    value: str
    dtype: str
    type: int
    shape: Shape
    order: tuple[int, ...]
    scale: float
    zero_point: int
    dims: Dims | None = None

    @classmethod
    def parse(cls, field: Field, sizes: frozenset[str] = frozenset()) -> Border:
        shape = _shape(field["shape"])
        border = cls(
            value=field["value"].text(),
            dtype=field["dtype"].text(),
            type=field["type"].integer(*_INT32),
            shape=shape,
            dims=dims_of(field, sizes, len(shape)),
            order=tuple(axis.integer(0, 255) for axis in field["order"].items()),
            scale=field["scale"].number(),
            zero_point=field["zero_point"].integer(*_INT32),
        )
        if sorted(border.order) != list(range(len(border.shape))):
            raise field["order"].refuse(f"a permutation of {len(border.shape)} dimensions")
        return border


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


@dataclass(frozen=True, slots=True)
class Manifest:
    """A converted model: stages in the order in which they run, on named values."""

    feature_level: int
    relaxed: bool
    inputs: tuple[TensorSpec, ...]
    results: tuple[Result, ...]
    output_tree: OutputTree
    constants: dict[str, np.ndarray[Any, Any]]
    stages: tuple[AnyStage, ...]
    cpu: TorchStage | None = None
    """All of the model in torch, where the file carries that."""
    sizes: tuple[Size, ...] = ()
    relations: tuple[Relation, ...] = ()
    variants: tuple[Variant, ...] = ()
    """Where there are any, they have the stages."""

    @classmethod
    def parse(cls, document: Any) -> Manifest:
        """Checks a JSON document. Raises `ModelError`, which names the place that is wrong."""
        field = Field(document, "manifest")
        sizes = (
            tuple(Size.parse(item) for item in field["sizes"].items()) if "sizes" in field else ()
        )
        names = frozenset(size.name for size in sizes)
        results = tuple(Result.parse(item) for item in field["outputs"].items())
        constants = field["constants"].members() if "constants" in field else ()
        relations = field["relations"].items() if "relations" in field else ()
        variants = field["variants"].items() if "variants" in field else ()
        manifest = cls(
            feature_level=field["feature_level"].integer(27, 2**31 - 1),
            relaxed=field["relaxed"].flag(),
            inputs=tuple(_tensor_spec(item, names) for item in field["inputs"].items()),
            results=results,
            output_tree=OutputTree.parse(
                field["output_tree"], leaves=sum(one.into is None for one in results)
            ),
            constants={name: _constant(item) for name, item in constants},
            stages=tuple(_stage(item, names) for item in field["stages"].items()),
            cpu=_torch_stage(field["cpu"]) if "cpu" in field else None,
            sizes=sizes,
            relations=tuple(Relation.parse(item, names) for item in relations),
            variants=tuple(Variant.parse(item, names) for item in variants),
        )
        if not manifest.variants:
            manifest._check_names(manifest.stages)
        if manifest.cpu is not None:
            manifest._check_names([manifest.cpu])
        manifest._check_sizes()
        return manifest

    def _check_sizes(self) -> None:
        """Every size is of a value that there is."""
        known = {spec.name for spec in self.inputs}
        known.update(name for stage in self.stages for name in stage.writes())
        for size in self.sizes:
            if size.of not in known:
                raise ModelError(
                    f"manifest.sizes: {size.name!r} is of {size.of!r}, which nothing makes"
                )

    def _check_names(self, stages: Sequence[AnyStage]) -> None:
        """Every value is made once, before it is read."""
        known = set(self.constants)

        def add(name: str, place: str) -> None:
            if name in known:
                raise ModelError(f"{place} makes the value {name!r}, which there is already")
            known.add(name)

        for spec in self.inputs:
            add(spec.name, "manifest.inputs")

        def check(stages: Sequence[AnyStage], place: str) -> None:
            for i, stage in enumerate(stages):
                here = f"{place}[{i}]"
                read(stage.reads(), here)
                for branch in stage.branches if isinstance(stage, ControlStage) else ():
                    for parameter in branch.inputs:
                        if parameter is not None:
                            add(parameter, here)
                    check(branch.stages, f"{here}.branches.stages")
                    read(branch.outputs, here)
                for name in stage.writes():
                    add(name, here)

        def read(names: Iterable[str], place: str) -> None:
            for name in names:
                if name not in known:
                    raise ModelError(f"{place} reads {name!r}, which nothing makes")

        check(stages, "manifest.stages")
        for result in self.results:
            if result.spec and result.spec.name not in known:
                raise ModelError(
                    f"manifest.outputs names {result.spec.name!r}, which nothing makes"
                )
            if result.into is not None and all(one.name != result.into for one in self.inputs):
                raise ModelError(f"manifest.outputs writes into {result.into!r}, which is no input")
            if result.spec and result.python:
                constant = self.constants.get(result.spec.name)
                if constant is None or constant.shape != ():
                    raise ModelError(
                        f"manifest.outputs: the number {result.spec.name!r} is no scalar constant"
                    )


def _shape(field: Field) -> Shape:
    return tuple(dim.integer_or_none(0, 2**32 - 1) for dim in field.items())


def _tensor_spec(field: Field, sizes: frozenset[str] = frozenset()) -> TensorSpec:
    shape = _shape(field["shape"])
    # Results are as they come out.
    dims = dims_of(field, sizes, len(shape)) if sizes else None
    return TensorSpec(field["name"].text(), field["dtype"].text(), shape, dims)


def _stage(field: Field, sizes: frozenset[str]) -> AnyStage:
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
        return _torch_stage(field)
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
        stages=tuple(_stage(item, sizes) for item in field["stages"].items()),
        outputs=field["outputs"].strings(),
    )


def _torch_stage(field: Field) -> TorchStage:
    return TorchStage(
        program=field["program"].text(),
        inputs=field["inputs"].strings(),
        outputs=field["outputs"].strings(),
        weights=tuple(map(TorchWeight.parse, field["weights"].items()))
        if "weights" in field
        else (),
    )


def _constant(field: Field) -> np.ndarray[Any, Any]:
    shape = tuple(dim.integer(0, 2**32 - 1) for dim in field["shape"].items())
    try:
        dtype = np.dtype(field["dtype"].text())
    except TypeError:
        raise field["dtype"].refuse("a dtype") from None
    if dtype.kind not in "biufc" or len(shape) > 32:
        raise field.refuse("a tensor")
    try:
        data = base64.b64decode(field["data"].text(), validate=True)
    except (binascii.Error, ValueError):
        raise field["data"].refuse("base64") from None
    if len(data) != math.prod(shape) * dtype.itemsize:
        raise field["data"].refuse(f"{math.prod(shape)} elements of {dtype}")
    return np.frombuffer(data, dtype.newbyteorder("<")).reshape(shape)
