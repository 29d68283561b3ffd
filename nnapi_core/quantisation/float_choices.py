"""Which nodes of an exported graph are meant by names and types that users give."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.fx import Node

from nnapi_core.errors import ConversionError


def chosen_nodes(
    exported: ExportedProgram, names: Collection[str], types: Collection[Any]
) -> frozenset[str]:
    """The names of the calls that are meant.

    ``names`` are those of nodes, or of submodules (all calls within), with ``*`` for any part. ``types`` are
    operators or modules, by themselves or by their names. Raises `ConversionError` for one that means nothing here.
    """
    calls = [node for node in exported.graph.nodes if node.op == "call_function"]
    found: set[str] = set()
    for name in _listed(names, "float_nodes"):
        if not isinstance(name, str):
            raise ConversionError(f"float_nodes holds {name!r}, which is no name")
        meant = [node.name for node in calls if _is_named(node, name)]
        if not meant:
            known = {
                *(node.name for node in calls),
                *(path for n in calls for path, _ in _modules(n)),
            }
            raise ConversionError(
                f"float_nodes: no node and no submodule is named {name!r}{_nearest(name, known)}; nnapi-convert "
                "explain lists the nodes of the float model"
            )
        found.update(meant)
    for one in _listed(types, "float_types"):
        meant = [node.name for node in calls if _is_of(node, one)]
        if not meant:
            known = {
                name for node in calls for name in (*_operator_names(node), *_type_names(node))
            }
            raise ConversionError(
                f"float_types: no operator and no submodule is of the type {_said(one)}{_nearest(_said(one), known)}"
            )
        found.update(meant)
    return frozenset(found)


def _listed(given: Any, what: str) -> Iterable[Any]:
    if isinstance(given, str) or not isinstance(given, Collection):
        raise ConversionError(f"{what}={given!r} is not a list")
    return given


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, sorted(one for one in known if one), n=3)
    return f" (there is {', '.join(near)})" if near else ""


def _is_named(node: Node, name: str) -> bool:
    if fnmatchcase(node.name, name):
        return True
    return any(fnmatchcase(path, name) for path, _ in _modules(node) if path)


def _modules(node: Node) -> list[tuple[str, Any]]:
    """The submodules in which a call is made, from the outermost: their paths and classes."""
    stack = node.meta.get("nn_module_stack") or {}
    return [(str(path), kind) for path, kind in stack.values()]


def _is_of(node: Node, wanted: Any) -> bool:
    if isinstance(wanted, str):
        return wanted in _operator_names(node) or wanted in _type_names(node)
    if isinstance(wanted, torch._ops.OpOverloadPacket):
        return getattr(node.target, "overloadpacket", None) is wanted
    if isinstance(wanted, type):
        return _full(wanted) in {_full(kind) for _, kind in _modules(node)}
    return node.target is wanted


def _operator_names(node: Node) -> list[str]:
    """``aten.softmax.int``, ``aten.softmax``, ``softmax``."""
    whole = str(node.target)
    parts = whole.split(".")
    return [whole, ".".join(parts[:2]), parts[1]] if len(parts) > 1 else [whole]


def _type_names(node: Node) -> list[str]:
    """``LayerNorm``, ``torch.nn.modules.normalization.LayerNorm``."""
    full = [_full(kind) for _, kind in _modules(node)]
    return [name for one in full for name in (one, one.rpartition(".")[2])]


def _full(kind: Any) -> str:
    return kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"


def _said(one: Any) -> str:
    return one if isinstance(one, str) else _full(one) if isinstance(one, type) else str(one)
