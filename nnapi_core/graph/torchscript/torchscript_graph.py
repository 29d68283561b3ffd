"""A TorchScript graph as a module that torch.export can trace: each node is called as it stands.

torch's own converter drops the scales of packed weights, so graphs that hold them are read here. Operators of
quantised tensors are in packed_operators.py; the rest are called by their schemas.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from types import FunctionType
from typing import Any

import torch
from torch import nn

from nnapi_core.errors import ConversionError
from nnapi_core.graph.torchscript.packed_operators import (
    INTEGERS,
    Grid,
    Packed,
    Rounded,
    call_quantised,
    from_integers,
)

# Operators of TorchScript on plain Python values, which the dispatcher has not got.
_OF_NUMBERS: dict[str, Callable[..., Any]] = {
    "aten::len": len, "aten::ne": operator.ne, "aten::eq": operator.eq, "aten::gt": operator.gt,
    "aten::lt": operator.lt, "aten::ge": operator.ge, "aten::le": operator.le,
    "aten::add": operator.add, "aten::sub": operator.sub, "aten::mul": operator.mul,
    "aten::floordiv": operator.floordiv, "aten::__not__": operator.not_, "aten::Int": int,
    "aten::Float": float, "aten::Bool": bool, "aten::__getitem__": operator.getitem,
    "aten::__is__": operator.is_, "aten::__isnot__": operator.is_not, "aten::neg": operator.neg,
}  # fmt: skip


class TorchScriptGraph(nn.Module):
    """Runs the graph of a frozen TorchScript module. Raises `ConversionError` for what it cannot say exactly."""

    advice = "quantise the float model with nnapi_core.quantize(module, calibration_batches)"
    """What to do where a node is not read."""

    def __init__(self, module: Any) -> None:
        super().__init__()
        self._graph = module.inlined_graph
        self._constants: dict[str, Any] = {}
        self._numbers: dict[str, Any] = {}
        self._buffers_of: dict[str, str] = {}
        self._grids: dict[str, Grid] = {}
        """Of buffers whose integers stand for numbers."""
        self._gather(self._graph)

    def _gather(self, block: Any) -> None:
        """The constants, while tensors are real: weights become buffers, tensors of one element numbers too."""
        for node in block.nodes():
            for inner in node.blocks():
                self._gather(inner)
            if node.kind() != "prim::Constant":
                continue
            name, value = node.output().debugName(), node.output().toIValue()
            if isinstance(value, torch.ScriptObject):
                flat = any("1d" in use.user.kind() for use in node.output().uses())
                self._constants[name] = Packed.of(
                    self, f"packed_{len(self._constants)}", value, in_one_dimension=flat
                )
            elif isinstance(value, torch.Tensor):
                self._buffers_of[name] = f"tensor_{len(self._constants)}"
                self._constants[name] = None
                if value.is_quantized:
                    self._grids[name] = self._grid(node, value)
                    value = value.int_repr()
                self.register_buffer(self._buffers_of[name], value.detach())
                if value.numel() == 1 and name not in self._grids:
                    self._numbers[name] = value.item()
            else:
                self._constants[name] = value

    def _grid(self, node: Any, value: torch.Tensor) -> Grid:
        if value.qscheme() not in (torch.per_tensor_affine, torch.per_tensor_symmetric):
            raise self._unread(
                node, "is a tensor with a scale for each channel, and no layer's weight"
            )
        if value.dtype not in INTEGERS:
            raise self._unread(
                node, f"is a tensor of {value.dtype}, where NNAPI has 8-bit integers"
            )
        return Grid(value.q_scale(), value.q_zero_point(), INTEGERS[value.dtype])

    def forward(self, *args: torch.Tensor) -> Any:
        values: dict[str, Any] = {}
        _, *inputs = self._graph.inputs()
        for value, given in zip(inputs, args, strict=True):
            values[value.debugName()] = given
        (result,) = self._run(self._graph, values)
        return _returned(result)

    def _run(self, block: Any, values: dict[str, Any]) -> list[Any]:
        for node in block.nodes():
            results = self._call(node, values)
            for output, value in zip(node.outputs(), results, strict=True):
                values[output.debugName()] = value
        return [self._value(one, values) for one in block.outputs()]

    def _value(self, value: Any, values: dict[str, Any]) -> Any:
        name = value.debugName()
        if name in self._grids:
            integers = getattr(self, self._buffers_of[name])
            return from_integers(integers, self._grids[name])
        if name in self._buffers_of:
            return getattr(self, self._buffers_of[name])
        return self._constants[name] if name in self._constants else values[name]

    def _call(self, node: Any, values: dict[str, Any]) -> Sequence[Any]:
        kind = node.kind()
        if kind == "prim::Constant":
            return [None]
        names = [one.debugName() for one in node.inputs()]
        args = [self._value(one, values) for one in node.inputs()]
        match kind:
            case "prim::ListConstruct":
                return [args]
            case "prim::TupleConstruct":
                return [tuple(args)]
            case "prim::ListUnpack" | "prim::TupleUnpack":
                return list(args[0])
            case "prim::NumToTensor":
                return [torch.tensor(args[0])]
            case "prim::unchecked_cast":
                return args
            case "aten::warn":
                return []
            case "prim::If":
                if not isinstance(args[0], bool):
                    raise self._unread(node, "depends on the data")
                taken, other = node.blocks()
                return self._run(taken if args[0] else other, values)
            case "aten::size" if isinstance(args[0], (torch.Tensor, Rounded)):
                tensor = args[0].tensor if isinstance(args[0], Rounded) else args[0]
                return [list(tensor.size()) if len(args) == 1 else tensor.size(args[1])]
            case "aten::quantize_per_tensor":
                args[1:3] = [
                    self._numbers.get(name, arg) for name, arg in zip(names, args, strict=True)
                ][1:3]
        if kind in _OF_NUMBERS and not any(_is_tensor(one) for one in args[:2]):
            return [_OF_NUMBERS[kind](*args[:2])]
        if kind.startswith("prim::"):
            raise self._unread(node, "is not read")
        found = call_quantised(node, args)
        if found is None:
            found = (_operator(node)(args),)
        if len(found) == 1 and node.outputsSize() > 1:
            return list(found[0])
        return found

    def _unread(self, node: Any, what: str) -> ConversionError:
        where = _statement(node)
        return ConversionError(f"{node.kind()} in TorchScript {what}{where}; {self.advice}")


def _statement(node: Any) -> str:
    """The line of a node's source, and what stands there."""
    found = re.search(r'File "([^"]+)", line (\d+)\n(.*)', node.sourceRange(), re.DOTALL)
    if found is None:
        return ""
    file, line, text = found.groups()
    lines = text.splitlines()
    # Below what is meant there are tildes.
    said = [one for one, below in pairwise(lines) if set(below.partition("<")[0].strip()) == {"~"}]
    return f" ({file}:{line}: {said[0].strip()})" if said else f" ({file}:{line})"


def _is_tensor(value: Any) -> bool:
    return isinstance(value, (torch.Tensor, Rounded))


def _operator(node: Any) -> Callable[[list[Any]], Any]:
    schema = torch._C.parse_schema(node.schema())
    namespace, name = schema.name.split("::")
    packet = getattr(getattr(torch.ops, namespace), name)
    overload = getattr(packet, schema.overload_name or "default", packet)
    call_there = _called_from(node)

    def call(args: list[Any]) -> Any:
        named = {
            one.name: value
            for one, value in zip(schema.arguments, args, strict=True)
            if one.kwarg_only
        }
        plain = [
            value for one, value in zip(schema.arguments, args, strict=True) if not one.kwarg_only
        ]
        return call_there(overload, plain, named)

    return call


def _called_from(node: Any) -> Callable[[Any, list[Any], dict[str, Any]], Any]:
    """Calls a function from the line of the script that the node is of: torch.export notes who calls."""

    def call(function: Any, plain: list[Any], named: dict[str, Any]) -> Any:
        return function(*plain, **named)

    found = re.search(r'File "([^"]+)", line (\d+)', node.sourceRange())
    if found is None:
        return call
    file, line = found.groups()
    # The call stands a line below the head of the function; torch remembers the lines of functions of this name alone.
    code = call.__code__.replace(
        co_filename=file, co_firstlineno=max(int(line) - 1, 1), co_name="forward"
    )
    return FunctionType(code, {})


def _returned(value: Any) -> Any:
    if isinstance(value, Rounded):
        raise ConversionError(
            "the model returns a quantised tensor; end it with a DeQuantStub or .dequantize(), and convert with "
            "quantized_io=True for integers at its borders"
        )
    if isinstance(value, (tuple, list)):
        return type(value)(_returned(one) for one in value)
    return value
