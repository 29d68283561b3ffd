"""What a model is called with: the structure of its arguments, by name and by place, down to the tensors."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from nnapi_runtime.errors import ArgumentError, ModelError
from nnapi_runtime.named_results import record
from nnapi_runtime.tensors import from_dlpack

_DEPTH = 50
_LENGTHS = {"leaf": 1, "none": 1, "value": 2, "tuple": 2, "list": 2, "dict": 3, "named": 4}


@dataclass(frozen=True, slots=True)
class Node:
    """A tensor, None, a number or text that the model was converted with, or a container of such."""

    kind: str
    children: tuple[Node, ...] = ()
    keys: tuple[Any, ...] = ()
    value: Any = None
    """Of a "value": what it must be. Of a "named": the class's name."""

    @classmethod
    def parse(cls, document: Any, depth: int = _DEPTH) -> Node:
        """Raises `ModelError` for what docs/file_format.md does not say."""
        kind = document[0] if isinstance(document, list) and document else None
        if not isinstance(kind, str) or _LENGTHS.get(kind) != len(document) or depth == 0:
            raise ModelError(
                f"input_tree: {str(document)[:80]} is none of {', '.join(_LENGTHS)}, at most {_DEPTH} within "
                "each other"
            )
        if kind in ("leaf", "none"):
            return cls(kind)
        if kind == "value":
            if not isinstance(document[1], (bool, int, float, str)):
                raise ModelError(f"input_tree: {document[1]!r} is no number or text")
            return cls(kind, value=document[1])
        if not isinstance(document[-1], list):
            raise ModelError(f"input_tree: a {kind} has a list of what is in it")
        children = tuple(cls.parse(one, depth - 1) for one in document[-1])
        keys = document[-2] if kind in ("dict", "named") else []
        texts = (str,) if kind == "named" else (str, int)
        if kind in ("dict", "named") and (
            not isinstance(keys, list)
            or not all(isinstance(key, texts) for key in keys)
            or len(set(keys)) != len(children)
            or len(keys) != len(children)
        ):
            raise ModelError(f"input_tree: a {kind} of {len(children)} has as many different keys")
        name = document[1] if kind == "named" else None
        return cls(kind, children, tuple(keys), name)

    def tensors(self) -> int:
        """How many there are in it."""
        return self.kind == "leaf" or sum(one.tensors() for one in self.children)

    def build(self, tensors: Iterator[Any]) -> Any:
        """An argument of this structure, over tensors in order."""
        if self.kind == "leaf":
            return next(tensors)
        if self.kind in ("none", "value"):
            return self.value
        members = [one.build(tensors) for one in self.children]
        if self.kind == "dict":
            return dict(zip(self.keys, members, strict=True))
        if self.kind == "named":
            return record(self.value, self.keys, members)
        return members if self.kind == "list" else tuple(members)

    def flatten(self, given: Any, where: str) -> Iterator[Any]:
        """The tensors of ``given``, which must be structured as this. Raises `ArgumentError` that says ``where``."""
        match self.kind:
            case "leaf":
                # Asked of its class: a nested tensor has a shape in name only, and raises for it.
                given = from_dlpack(given)
                if not (hasattr(type(given), "dtype") and hasattr(type(given), "shape")):
                    raise ArgumentError(f"{where} is {_named(given)}; give a tensor or an array")
                yield given
            case "none":
                if given is not None:
                    raise ArgumentError(
                        f"{where} is {_named(given)}; the model was converted with None there, which is part of it"
                    )
            case "value":
                if not _is_same(given, self.value):
                    raise ArgumentError(
                        f"{where} is {_named(given)}; the model was converted for {self.value!r}, which is part of it"
                    )
            case "dict":
                yield from self._flatten_mapping(given, where)
            case "named":
                yield from self._flatten_fields(given, where)
            case _:
                yield from self._flatten_sequence(given, where)

    def _flatten_mapping(self, given: Any, where: str) -> Iterator[Any]:
        if not isinstance(given, Mapping):
            raise ArgumentError(f"{where} is {_named(given)}; give a dict of {_listed(self.keys)}")
        if set(given) != set(self.keys):
            raise ArgumentError(
                f"{where} has the keys {_listed(given)}; the model takes {_listed(self.keys)}"
            )
        for key, child in zip(self.keys, self.children, strict=True):
            yield from child.flatten(given[key], f"{where}[{key!r}]")

    def _flatten_fields(self, given: Any, where: str) -> Iterator[Any]:
        """A named tuple or a dataclass, of whatever class: its fields count."""
        names = getattr(given, "_fields", None)
        if names is None and is_dataclass(given) and not isinstance(given, type):
            names = [one.name for one in fields(given)]
        if names is None or list(names) != list(self.keys):
            has = (
                _named(given) if names is None else f"a {type(given).__name__} of {_listed(names)}"
            )
            raise ArgumentError(f"{where} is {has}; give a {self.value} of {_listed(self.keys)}")
        for name, child in zip(self.keys, self.children, strict=True):
            yield from child.flatten(getattr(given, name), f"{where}.{name}")

    def _flatten_sequence(self, given: Any, where: str) -> Iterator[Any]:
        if not isinstance(given, (list, tuple)):
            raise ArgumentError(
                f"{where} is {_named(given)}; give a {self.kind} of {len(self.children)}"
            )
        if len(given) != len(self.children):
            raise ArgumentError(f"{where} has {len(given)} items, not {len(self.children)}")
        for place, (one, child) in enumerate(zip(given, self.children, strict=True)):
            yield from child.flatten(one, f"{where}[{place}]")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument. Without a name it goes by its place alone."""

    name: str | None
    node: Node
    by_place: bool
    """May it be given without its name?"""
    optional: bool
    """May it be left out? Then it is what the model has for it by default."""


@dataclass(frozen=True, slots=True)
class InputTree:
    """The arguments of a model, in the order of its tensors."""

    parameters: tuple[Parameter, ...]

    @classmethod
    def parse(cls, document: Any, tensors: int) -> InputTree:
        """The JSON of docs/file_format.md, which must have so many tensors. Raises `ModelError`."""
        if not isinstance(document, list):
            raise ModelError("input_tree: a list of parameters is needed")
        parameters = tuple(map(_parameter, document))
        names = [one.name for one in parameters if one.name is not None]
        found = sum(one.node.tensors() for one in parameters)
        if found != tensors or len(set(names)) != len(names):
            raise ModelError(
                f"input_tree: {found} tensors, and {_listed(names)}; the model has {tensors}, and names differ"
            )
        return cls(parameters)

    def flatten(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
        """The tensors of a call, in the model's order.

        Raises `ArgumentError` for an argument that is missing, unknown, given twice, or structured otherwise than the
        one that the model was converted with.
        """
        by_place = [one for one in self.parameters if one.by_place]
        if len(args) > len(by_place):
            raise ArgumentError(
                f"the model takes {self.signature()}: {len(by_place)} arguments by place, not {len(args)}"
            )
        given: dict[int, Any] = {id(one): arg for one, arg in zip(by_place, args, strict=False)}
        named = {one.name: one for one in self.parameters if one.name is not None}
        for name, arg in kwargs.items():
            if name not in named:
                raise ArgumentError(f"the model takes {self.signature()}; there is no {name!r}")
            if id(named[name]) in given:
                raise ArgumentError(f"{name!r} is given twice, by place and by name")
            given[id(named[name])] = arg
        flat: list[Any] = []
        for place, one in enumerate(self.parameters):
            where = f"argument {place}" if one.name is None else f"{one.name!r}"
            if id(one) in given:
                flat += one.node.flatten(given[id(one)], where)
            elif not one.optional:
                raise ArgumentError(f"{where} is missing; the model takes {self.signature()}")
        return flat

    def arguments(self, tensors: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
        """What `flatten` takes apart: arguments by place and by name, without those that may be left out."""
        remaining = iter(tensors)
        args, kwargs = [], {}
        for one in self.parameters:
            if one.optional:
                continue
            built = one.node.build(remaining)
            if one.by_place:
                args.append(built)
            else:
                kwargs[str(one.name)] = built
        return args, kwargs

    def signature(self) -> str:
        """As ``(x, d, *, mask)``; what may be left out in brackets."""
        words: list[str] = []
        star = False
        for place, one in enumerate(self.parameters):
            if not one.by_place and not star:
                words.append("*")
                star = True
            name = one.name or f"argument {place}"
            words.append(f"[{name}]" if one.optional else name)
        return f"({', '.join(words)})"


def _parameter(document: Any) -> Parameter:
    if not isinstance(document, dict):
        raise ModelError("input_tree: a parameter is an object")
    name, by_place = document.get("name"), document.get("by_place", True)
    optional = document.get("optional", False)
    if not (
        (name is None or isinstance(name, str))
        and isinstance(by_place, bool)
        and isinstance(optional, bool)
    ):
        raise ModelError("input_tree: a parameter has a name, by_place and optional")
    node = Node.parse(document.get("tree"))
    if (optional and node.tensors()) or (name is None and not by_place):
        raise ModelError(
            "input_tree: a parameter with tensors cannot be left out, nor one without a name"
        )
    return Parameter(name, node, by_place, optional)


def _is_same(given: Any, wanted: Any) -> bool:
    if type(given) is not type(wanted):
        return False
    if isinstance(wanted, float) and math.isnan(wanted):
        return math.isnan(given)
    return bool(given == wanted)


def _named(given: Any) -> str:
    if given is None or isinstance(given, (bool, int, float, str)):
        return repr(given)[:60]
    return f"a {type(given).__name__}"


def _listed(names: Any) -> str:
    return ", ".join(map(repr, names)) or "nothing"
