"""A TorchScript module as one that torch.export can trace: its graph is called node by node.

What torch's own converter cannot read is read here: conditions and loops over what is known at conversion (sizes,
numbers, attributes) are taken as they fall, and tensors that ``forward`` assigns to attributes become buffers, which
are the state of the converted model.
"""

from __future__ import annotations

import copy
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
import torch.utils._pytree as pytree
from attrs import frozen
from torch import nn

from nnapi_core.errors import ConversionError
from nnapi_core.graph.signatures import signature_of
from nnapi_core.graph.torchscript.torchscript_graph import TorchScriptGraph

# Unrolled; more would make a graph that nobody wants to wait for.
_MOST_STEPS = 10_000

# Of values of any kind.
_OF_VALUES: dict[str, Callable[..., Any]] = {
    "aten::len": len, "aten::format": str.format, "aten::__contains__": operator.contains, "prim::min": min,
    "prim::max": max, "aten::list": list, "aten::dim": torch.Tensor.dim, "aten::append": list.append,
    "prim::device": lambda value: value.device, "prim::is_cuda": lambda value: False, "aten::str": str,
    "aten::keys": lambda value: list(value.keys()), "aten::is_floating_point": torch.is_floating_point,
    "prim::Uninitialized": lambda: None, "prim::NumToTensor": lambda number: number,
    "prim::data": torch.Tensor.detach, "prim::TupleIndex": operator.getitem,
    "aten::__range_length": lambda low, high, step: len(range(low, high, step)),
    "aten::__derive_index": lambda index, start, step: start + index * step,
}  # fmt: skip
# Of numbers, where none of the arguments is a tensor.
_OF_NUMBERS: dict[str, Callable[..., Any]] = {
    "aten::remainder": operator.mod, "aten::div": operator.truediv, "aten::floor_divide": operator.floordiv,
    "aten::IntImplicit": int, "aten::FloatImplicit": float, "aten::ScalarImplicit": lambda number: number,
    "aten::item": lambda number: number, "aten::abs": abs, "aten::ceil": math.ceil, "aten::floor": math.floor,
    "aten::sqrt": math.sqrt, "aten::pow": operator.pow,
}  # fmt: skip
# Off a tensor of one element: of a constant one they are known.
_READS_NUMBERS: dict[str, Callable[[Any], Any]] = {
    "aten::Int": int, "aten::Float": float, "aten::Bool": bool, "aten::IntImplicit": int, "aten::FloatImplicit": float,
    "aten::ScalarImplicit": lambda number: number, "aten::item": lambda number: number,
}  # fmt: skip


@frozen
class _Part:
    """A module inside of the model."""

    module: Any
    path: str

    def below(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name


class ScriptedModule(TorchScriptGraph):
    """Runs ``forward`` of a TorchScript module, as its attributes are. ``changed`` names the tensors it assigns."""

    advice = "convert the nn.Module that it was made from"

    def __init__(self, module: Any) -> None:
        super().__init__(module)
        self._script = [module]
        self._assigned: dict[str, Any] = {}
        arguments = module.forward.schema.arguments[1:]
        self._defaults = {one.name: one.default_value for one in arguments}
        self.changed: set[str] = set()
        # With the parameters' names, which torch.export asks for.
        named = partial(self._forward)
        named.__signature__ = signature_of(module.forward)  # type: ignore[attr-defined]
        self.__dict__["forward"] = named
        self.is_read = False
        """Is every tensor that it needs a buffer?"""

    def begin(self, states: Mapping[str, torch.Tensor]) -> None:
        """Sets buffers."""
        for path, tensor in states.items():
            self.get_buffer(path).copy_(tensor)

    def _hold(self, path: str, tensor: torch.Tensor) -> None:
        """Makes a tensor of the script a buffer, by the name that it has there."""
        *parents, name = path.split(".")
        holder: nn.Module = self
        for one in parents:
            if one not in holder._modules:
                holder.add_module(one, nn.Module())
            holder = holder.get_submodule(one)
        holder.register_buffer(name, tensor.detach().clone())

    def _forward(self, *args: Any, **kwargs: Any) -> Any:
        this, *inputs = self._graph.inputs()
        values: dict[str, Any] = {this.debugName(): _Part(self._script[0], "")}
        for value, name in zip(inputs, self._defaults, strict=True):
            values[value.debugName()] = kwargs.get(name, self._defaults[name])
        for value, one in zip(inputs, args, strict=False):
            values[value.debugName()] = one
        self._assigned = {}
        (result,) = self._run(self._graph, values)
        for path, tensor in self._assigned.items():
            if not self.is_read:
                self._hold(path, tensor)
                self.changed.add(path)
            elif self.get_buffer(path).shape != tensor.shape:
                raise ConversionError(
                    f"the attribute {path!r} has the shape {list(self.get_buffer(path).shape)} after one call and "
                    f"{list(tensor.shape)} after the next; a state needs one shape"
                )
            else:
                self.get_buffer(path).copy_(tensor)
        self._assigned = {}
        return result

    def _attribute(self, part: _Part, name: str) -> Any:
        path = part.below(name)
        if path in self._assigned:
            return self._assigned[path]
        found = getattr(part.module, name)
        if isinstance(found, torch.jit.ScriptModule):
            return _Part(found, path)
        if not isinstance(found, torch.Tensor):
            return found
        if not self.is_read:
            self._hold(path, found)
        return self.get_buffer(path)

    def _assign(self, node: Any, part: _Part, name: str, value: Any) -> None:
        path = part.below(name)
        if isinstance(value, torch.Tensor):
            self._assigned[path] = value
        elif value != (before := getattr(part.module, name)):
            # An assignment itself has no line: what is assigned has one.
            _, computed = node.inputs()
            raise self._unread(
                node if node.sourceRange() else computed.node(),
                f"changes the attribute {path!r} from {before!r} to {value!r} in every call, which is no tensor",
            )

    def _call(self, node: Any, values: dict[str, Any]) -> Sequence[Any]:
        kind = node.kind()
        args = [self._value(one, values) for one in node.inputs()]
        match kind:
            case "prim::GetAttr":
                return [self._attribute(args[0], node.s("name"))]
            case "prim::SetAttr":
                self._assign(node, args[0], node.s("name"), args[1])
                return []
            case "prim::RaiseException":
                raise self._unread(node, f"is reached with these arguments: {args[0]}")
            case "prim::Loop":
                return self._loop(node, args, values)
            case "prim::dtype":
                from torch._export.converter import _TORCH_DTYPE_TO_ENUM

                return [_TORCH_DTYPE_TO_ENUM[args[0].dtype]]
            case "prim::If" if isinstance(args[0], torch.Tensor):
                raise self._unread(node, "depends on the data")
            case "aten::slice" if isinstance(args[0], list):
                return [args[0][slice(*args[1:])]]
            case "prim::DictConstruct":
                return [dict(zip(args[::2], args[1::2], strict=True))]
        are_tensors = any(isinstance(one, torch.Tensor) for one in args)
        if kind in _READS_NUMBERS and are_tensors:
            name = next(iter(node.inputs())).debugName()
            if name not in self._numbers:
                raise self._unread(node, "reads a number off a tensor that the model computes")
            return [_READS_NUMBERS[kind](self._numbers[name])]
        function = _OF_VALUES.get(kind) or (None if are_tensors else _OF_NUMBERS.get(kind))
        if function is not None:
            result = function(*args)
            return [result] if node.outputsSize() else []
        return super()._call(node, values)

    def _loop(self, node: Any, args: list[Any], values: dict[str, Any]) -> Sequence[Any]:
        most, going, *carried = args
        (body,) = node.blocks()
        step, *parameters = body.inputs()
        for index in range(min(most, _MOST_STEPS + 1)):
            if not isinstance(going, bool):
                raise self._unread(node, "depends on the data")
            if not going:
                break
            if index == _MOST_STEPS:
                raise self._unread(node, f"takes more than {_MOST_STEPS} steps")
            values[step.debugName()] = index
            for parameter, value in zip(parameters, carried, strict=True):
                values[parameter.debugName()] = value
            going, *carried = self._run(body, values)
        return carried


def read_script(module: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> ScriptedModule:
    """The module, with a state of the shapes that it has after a call, as it is before the first one.

    Raises `ConversionError` for what cannot be read, naming the statement.
    """
    settled = copy.deepcopy(module)
    if assigns(module):
        settled(*_copied(args), **_copied(kwargs))
    read = ScriptedModule(settled)
    with torch.no_grad():
        read(*_copied(args), **_copied(kwargs))
        read.is_read = True
        # What is written in place has changed as well as what is assigned.
        kept = [path for path, _ in read.named_buffers() if _is_attribute(module, path)]
        begun = {path: _begun(read, module, path) for path in kept}
        expected = copy.deepcopy(module)(*_copied(args), **_copied(kwargs))
        read.begin(begun)
        found = read(*_copied(args), **_copied(kwargs))
        read.begin(begun)
    if not _agree(found, expected):
        names = ", ".join(sorted(begun))
        raise ConversionError(
            f"the TorchScript module begins with a state ({names}) that is neither zeros nor of the shape that it has "
            f"after a call; {ScriptedModule.advice}"
        )
    return read.eval()


def assigns(module: Any) -> bool:
    """Does ``forward`` assign to attributes?"""
    return any(node.kind() == "prim::SetAttr" for node in _nodes(module.inlined_graph))


def _begun(read: ScriptedModule, module: Any, path: str) -> torch.Tensor:
    """What a state begins with: as it stands in the module, or zeros where that has another shape."""
    held, stands = read.get_buffer(path), _at(module, path)
    if isinstance(stands, torch.Tensor) and stands.shape == held.shape:
        return stands.detach().clone()
    return torch.zeros_like(held)


def _is_attribute(module: Any, path: str) -> bool:
    try:
        _at(module, path)
    except AttributeError:
        return False
    return True


def _at(module: Any, path: str) -> Any:
    return operator.attrgetter(path)(module)


def _copied(arguments: Any) -> Any:
    return pytree.tree_map_only(torch.Tensor, torch.clone, arguments)


def _agree(actual: Any, expected: Any) -> bool:
    pairs = zip(pytree.tree_leaves(actual), pytree.tree_leaves(expected), strict=True)
    return all(
        torch.allclose(a, b, rtol=1e-4, atol=1e-5, equal_nan=True) if torch.is_tensor(a) else a == b
        for a, b in pairs
    )


def _nodes(block: Any) -> Iterator[Any]:
    for node in block.nodes():
        yield node
        for inner in node.blocks():
            yield from _nodes(inner)
