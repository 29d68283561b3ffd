"""The parameters of a wrapper's method: those of the model's ``forward``, where TorchScript can say them."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Sequence
from typing import Any

from nnapi_core.artifact.torchscript_sizes import Names
from nnapi_runtime.input_tree import Node

# What the text of a method, or TorchScript itself, means by these names.
_TAKEN = {"self", "torch", "math", "max", "min", "len", "int", "float", "bool", "range", "print"}
_OWN = re.compile(r"v\d+_|size_\d|stage_|kept_|next_state_")


def parameters(manifest: dict[str, Any], names: Names) -> tuple[str, list[str]]:
    """The text between a method's parentheses, and lines that give the tensors their names and check the rest.

    Named tuples are tuples. A parameter whose structure TorchScript has no type for (a list of tensors and dicts, say)
    is taken apart into its tensors.
    """
    inputs = iter([one["name"] for one in manifest["inputs"]])
    if "input_tree" not in manifest:
        return "".join(f", {names[name]}: Tensor" for name in inputs), []
    required: list[str] = []
    optional: list[str] = []
    lines: list[str] = []
    for place, one in enumerate(manifest["input_tree"]):
        tree = one["tree"]
        tensors = [next(inputs) for _ in range(Node.parse(tree).tensors())]
        kind = type_of(tree)
        if kind is None:
            required += [f"{names[name]}: Tensor" for name in tensors]
            continue
        name = _identifier(one["name"] or (tensors[0] if tree == ["leaf"] else f"argument_{place}"))
        lines += _read(tree, name, name, iter(tensors), names)
        if one.get("optional"):
            default = None if tree[0] == "none" else tree[1]
            optional.append(f"{name}: {kind} = {default!r}")
        else:
            required.append(f"{name}: {kind}")
    return "".join(f", {one}" for one in (*required, *optional)), lines


def type_of(tree: Sequence[Any]) -> str | None:
    """TorchScript's type for such an argument; None where it has none."""
    kind = tree[0]
    if kind == "leaf":
        return "Tensor"
    if kind == "none":
        return "Optional[Tensor]"
    if kind == "value":
        return type(tree[1]).__name__
    inner = [type_of(one) for one in tree[-1]]
    if not inner or None in inner:
        return None
    if kind in ("tuple", "named"):
        return f"Tuple[{', '.join(map(str, inner))}]"
    if len(set(inner)) != 1:
        return None
    if kind == "list":
        return f"List[{inner[0]}]"
    keys = {type(key).__name__ for key in tree[1]}
    return f"Dict[{keys.pop()}, {inner[0]}]" if len(keys) == 1 else None


def _read(
    tree: Sequence[Any], text: str, where: str, tensors: Iterator[str], names: Names
) -> Iterator[str]:
    """Statements over ``text``, the argument or a member of it; ``where`` is what a caller calls it."""
    match tree[0]:
        case "leaf":
            yield f"    {names[next(tensors)]} = {text}"
        case "none":
            said = f"{where} is given; the model was converted with None there, which is part of it"
            yield from _refuse(f"{text} is not None", said)
        case "value":
            said = (
                f"{where} is not {tree[1]!r}, which the model was converted for and is part of it"
            )
            yield from _refuse(f"{text} != {tree[1]!r}", said)
        case "dict":
            listed = ", ".join(map(repr, tree[1]))
            missing = "".join(f" or {key!r} not in {text}" for key in tree[1])
            said = f"{where} has other keys than {listed}"
            yield from _refuse(f"len({text}) != {len(tree[1])}{missing}", said)
            for key, child in zip(tree[1], tree[2], strict=True):
                yield from _read(child, f"{text}[{key!r}]", f"{where}[{key!r}]", tensors, names)
        case kind:
            if kind == "list":
                said = f"{where} has not {len(tree[-1])} items"
                yield from _refuse(f"len({text}) != {len(tree[-1])}", said)
            for place, child in enumerate(tree[-1]):
                yield from _read(child, f"{text}[{place}]", f"{where}[{place}]", tensors, names)


def _refuse(condition: str, said: str) -> Iterator[str]:
    yield f"    if {condition}:"
    yield f"        raise Exception({said!r})"


def _identifier(name: str) -> str:
    if name in _TAKEN or keyword.iskeyword(name) or _OWN.match(name) or not name.isidentifier():
        return f"argument_{re.sub(r'[^0-9A-Za-z_]', '_', name)}"
    return name
