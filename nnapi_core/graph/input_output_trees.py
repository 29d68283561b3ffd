"""What a model is called with, and what it returns: torch's pytrees as the plain lists of docs/file_format.md."""

from __future__ import annotations

import inspect
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from typing import Any

import torch.utils._pytree as pytree
from attrs import frozen
from torch.export import ExportedProgram

from nnapi_core.errors import ConversionError
from nnapi_core.graph.signatures import signature_of


@frozen(eq=False)
class Borders:
    """The structure of arguments and results."""

    input_tree: list[dict[str, Any]]
    output_tree: list[Any]
    output_spec: pytree.TreeSpec
    """With the classes of the results, which a file does not know."""

    @classmethod
    def of(
        cls,
        exported: ExportedProgram,
        input_values: Sequence[tuple[bool, Any]],
        forward: Callable[..., Any] | None,
    ) -> Borders:
        """``input_values``: per flat argument, is it a tensor, and if not, the value that it was exported with.

        ``forward`` is what was exported, where it is at hand. Raises `ConversionError` for containers that no file can
        say.
        """
        spec = exported.call_spec.out_spec
        tree = tree_of(spec, (["leaf"] for _ in range(spec.num_leaves)), "returns")
        return cls(_parameters(exported, input_values, forward), tree, spec)


NO_BORDERS = Borders([], ["none"], pytree.tree_structure(()))
"""Of a graph that another one calls."""


def _parameters(
    exported: ExportedProgram,
    input_values: Sequence[tuple[bool, Any]],
    forward: Callable[..., Any] | None,
) -> list[dict[str, Any]]:
    args, kwargs = exported.call_spec.in_spec.children()
    leaves = (["leaf"] if is_tensor else _value(value) for is_tensor, value in input_values)
    signature = None if forward is None else signature_of(forward)
    names = _names(exported, signature, len(args.children()))
    trees = [tree_of(child, leaves, "takes") for child in args.children()]
    made: list[dict[str, Any]] = [
        {"name": name, "tree": tree} for name, tree in zip(names, trees, strict=True)
    ]
    by_name = list(kwargs.context) if kwargs.children() else []
    made += [
        {"name": name, "tree": tree_of(child, leaves, "takes"), "by_place": False}
        for name, child in zip(by_name, kwargs.children(), strict=True)
    ]
    for one in _given_as_default(signature, made):
        one["optional"] = True
    return [*made, *_defaults(signature, names, by_name)]


def _given_as_default(
    signature: inspect.Signature | None, parameters: Sequence[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Those that were given what they are by default: a call may leave them out, of those by place the last alone."""
    behind_required = False
    for one in reversed(parameters):
        by_place = one.get("by_place", True)
        if _is_default(signature, one) and not (by_place and behind_required):
            yield one
        else:
            behind_required |= by_place


def _is_default(signature: inspect.Signature | None, parameter: dict[str, Any]) -> bool:
    match parameter["tree"]:
        case ["none"]:
            value = None
        case ["value", value]:
            pass
        case _:
            return False
    known = None if signature is None else signature.parameters.get(parameter["name"])
    return known is not None and type(known.default) is type(value) and known.default == value


def _names(
    exported: ExportedProgram, signature: inspect.Signature | None, count: int
) -> list[str | None]:
    """Of the arguments that were given by place; None for those of ``*args``, and where nothing is known."""
    if signature is None:
        called = exported.module_call_graph[0].signature
        by_place = list((called and called.forward_arg_names) or [])
    else:
        by_place = [
            name
            for name, one in signature.parameters.items()
            if one.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        ]
    return [*by_place[:count], *[None] * (count - len(by_place))]


def _defaults(
    signature: inspect.Signature | None, names: Sequence[str | None], by_name: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """The parameters that were not given: a call may say their defaults, or leave them out."""
    if signature is None:
        return
    # By place only as far as everything before is given by place.
    by_place = True
    for name, one in signature.parameters.items():
        if name in by_name:
            by_place = False
        if name in names or name in by_name or one.default is inspect.Parameter.empty:
            continue
        default = one.default
        if default is None or isinstance(default, (bool, int, float, str)):
            keyword = one.kind is inspect.Parameter.KEYWORD_ONLY
            yield {
                "name": name,
                "tree": _value(default),
                "by_place": by_place and not keyword,
                "optional": True,
            }


def _value(value: Any) -> list[Any]:
    if value is None:
        return ["none"]
    if isinstance(value, (bool, int, float, str)):
        return ["value", value]
    raise ConversionError(
        f"the model takes {value!r} ({type(value).__name__}) as an argument; tensors, numbers, texts and None can be "
        "converted: fix the value in the model"
    )


def tree_of(spec: pytree.TreeSpec, leaves: Iterator[list[Any]], verb: str) -> list[Any]:
    """A pytree spec with ``leaves`` in their places. ``verb``: what the model does with it, for an error."""
    if spec.is_leaf():
        return next(leaves)
    kind: Any = spec.type
    if kind is None or kind is type(None):
        return ["none"]
    children = [tree_of(child, leaves, verb) for child in spec.children()]
    if kind in (tuple, list):
        return [kind.__name__, children]
    # A pytree names every kind of named tuple alike, and has the class in the context.
    named = spec.context if kind is namedtuple or _is_namedtuple(spec.context) else kind
    if _is_namedtuple(named):
        return ["named", named.__name__, list(named._fields), children]
    if issubclass(kind, tuple):
        return ["tuple", children]
    if issubclass(kind, Mapping) or hasattr(kind, "keys"):
        return ["dict", _keys(spec.context if kind is dict else _texts(spec.context)), children]
    if isinstance(kind, type) and is_dataclass(kind):
        return ["named", kind.__name__, _texts(spec.context), children]
    raise ConversionError(
        f"the model {verb} a {kind.__name__}; tensors in tuples, lists, dicts, named tuples and dataclasses can be "
        "converted"
    )


def _is_namedtuple(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields")


def _keys(keys: Sequence[Any]) -> list[Any]:
    for key in keys:
        if isinstance(key, bool) or not isinstance(key, (str, int)):
            raise ConversionError(
                f"a dict has the key {key!r}; texts and integers can be converted"
            )
    return list(keys)


def _texts(context: Any) -> list[str]:
    """Dict-like containers (OrderedDict, transformers' ModelOutput) and dataclasses have their keys in the context."""
    for part in context if isinstance(context, (list, tuple)) else [context]:
        if isinstance(part, (list, tuple)) and all(isinstance(key, str) for key in part):
            return list(part)
    return [key for key in context if isinstance(key, str)]
