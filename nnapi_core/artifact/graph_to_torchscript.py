"""Parts of a torch graph as TorchScript text, which stock PyTorch runs without this project.

A part is the body of a function of tensors and of ``weights: List[Tensor]``. Its statements name ATen operators as the
graph does; control flow becomes ``if`` and ``while``, and sizes that are free are taken from the tensors.
"""

from __future__ import annotations

import math
import operator
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.utils._pytree as pytree
from attrs import define, field, frozen
from torch._ops import OpOverload
from torch.ao.quantization.fx import _decomposed
from torch.fx import GraphModule, Node

from nnapi_core.artifact.numbers_to_torchscript import is_arithmetic, number_text
from nnapi_core.detection.decomposed_operators import SPELT_OUT
from nnapi_core.errors import ConversionError
from nnapi_core.graph.control_flow.branches import COND, WHILE_LOOP
from nnapi_core.graph.passes.decompose import is_composite, traced
from nnapi_core.graph.passes.functionalise import functional_module
from nnapi_core.graph.program import source_of

aten = torch.ops.aten

# They say how their operand lies in memory. Shared weights are permuted views, and what is computed from them may lie
# otherwise than in torch.
_BY_STRIDES = {
    aten.as_strided.default, aten.view.dtype, aten.view_as_complex.default,
    aten.view_as_real.default,
}  # fmt: skip
_ANY_STRIDES = {aten.view.default: aten.reshape.default}

# Whose operators stock PyTorch has; of others it would not even load a file that names them.
_STOCK = {"aten", "prim", "prims", "quantized", "quantized_decomposed"}

# What old releases of PyTorch have not got is said in older operators.
_SPELT_OUT = {aten.rms_norm.default}


def torch_source(module: GraphModule, inputs: int) -> Source:
    """A graph that takes ``inputs`` tensors, then weights, and returns a tuple.

    Raises `ConversionError`, naming the node, for what TorchScript cannot say.
    """
    writer = _Writer()
    placeholders = module.graph.find_nodes(op="placeholder")
    parameters = tuple(writer.named(node) for node in placeholders[:inputs])
    for place, node in enumerate(placeholders[inputs:]):
        writer.names[node] = f"weights[{place}]"
    writer.held_from = len(placeholders) - inputs
    results = writer.graph(module)
    # An empty list has no type of its own.
    returned = f"return torch.jit.annotate(List[Tensor], [{', '.join(results)}])"
    source = Source(parameters, tuple(writer.held), (*writer.lines, returned))
    source.check()
    return source


# What to do about operators of other packages, and this project's own.
_OF_OTHERS = (
    "convert for a feature level at which it runs on NNAPI (the report says why it does not; detection "
    "operators need 29), or the model without this part"
)


@frozen
class Source:
    """The names of a part's parameters, and the lines that return its results as a list.

    ``held`` are tensors of its own, which stand in ``weights`` behind those that it was given.
    """

    parameters: tuple[str, ...]
    held: tuple[torch.Tensor, ...]
    lines: tuple[str, ...]

    def function(self) -> str:
        """``run(…, weights)``."""
        head = "".join(f"{name}: Tensor, " for name in self.parameters)
        return _indented(f"def run({head}weights: List[Tensor]) -> List[Tensor]:", self.lines)

    def method(self, weights: Sequence[str]) -> str:
        """``forward(self, …)``; ``weights`` are expressions."""
        head = "".join(f", {name}: Tensor" for name in self.parameters)
        lines = [f"weights = torch.jit.annotate(List[Tensor], [{', '.join(weights)}])", *self.lines]
        return _indented(f"def forward(self{head}) -> List[Tensor]:", lines)

    def check(self) -> None:
        """Raises `ConversionError` where torch does not compile the text, or a file may not hold it.

        Some operators TorchScript has not got; others are not among those that the runtime calls for a file.
        """
        from nnapi_runtime.torch_program import TorchProgram

        text = self.function()
        try:
            TorchProgram.parse(text, "the text")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                torch.jit.CompilationUnit(text)
        except Exception as error:
            raise ConversionError(
                f"a part that runs in torch cannot be written as TorchScript: {error}"
            ) from error


def _indented(head: str, lines: Iterable[str]) -> str:
    return "\n".join([head, *(f"    {line}" for line in lines)]) + "\n"


@define
class _Writer:
    lines: list[str] = field(factory=list)
    names: dict[Node, Any] = field(factory=dict)
    """What a node's value is called; a tuple for several."""
    held: list[torch.Tensor] = field(factory=list)
    held_from: int = 0
    _count: int = 0
    _depth: int = 0

    # ---- places

    @contextmanager
    def _block(self, head: str) -> Iterator[None]:
        self._line(head)
        self._depth += 1
        yield
        self._depth -= 1

    def _line(self, text: str) -> None:
        self.lines.append("    " * self._depth + text)

    def named(self, node: Node) -> str:
        """A new name for a node."""
        name = self._new(node.name)
        self.names[node] = name
        return name

    def _new(self, like: str) -> str:
        self._count += 1
        return f"v{self._count}_" + "".join(c if c.isascii() and c.isalnum() else "_" for c in like)

    # ---- values

    def value(self, node: Node) -> str:
        """An expression for the value of a node that was computed before."""
        found = self.names[node]
        if not isinstance(found, str):
            raise _cannot(node, "several values where one is read")
        return found

    def _symbolic(self, value: Any) -> str:
        return self.value(value) if isinstance(value, Node) else repr(value)

    # ---- statements

    def graph(self, module: GraphModule) -> list[str]:
        """Statements for a graph whose placeholders have names; returns those of its results."""
        for node in module.graph.nodes:
            if node.op == "get_attr":
                self._take(node, getattr(module, str(node.target)))
            elif node.op == "call_function":
                self._call(node)
            elif node.op == "output":
                return self._results(node)
        return []

    def _results(self, output: Node) -> list[str]:
        given: Any = output.args[0]
        results = given if isinstance(given, (tuple, list)) else [given]
        for result in results:
            if not isinstance(result, Node):
                raise _cannot(output, f"and returns {result!r}, which is not a tensor")
        return [self.value(result) for result in results]

    def _take(self, node: Node, attribute: Any) -> None:
        """A tensor of the graph's own, or a graph that control flow calls."""
        if isinstance(attribute, torch.Tensor):
            known = [place for place, one in enumerate(self.held) if one is attribute]
            place = self.held_from + (known[0] if known else len(self.held))
            self.held += [] if known else [attribute]
            self.names[node] = _as_it_was(f"weights[{place}]", attribute.dtype)
        else:
            self.names[node] = functional_module(attribute)

    def _call(self, node: Node) -> None:
        from nnapi_runtime.torch_program.operators import is_allowed

        target: Any = node.target
        if target is operator.getitem:
            source, index = node.args
            found: Any = self.names[source]  # type: ignore[index]
            assert isinstance(index, int)
            self.names[node] = found[index] if isinstance(found, tuple) else f"{found}[{index}]"
        elif is_arithmetic(node):
            self.names[node] = number_text(node, [self._symbolic(one) for one in node.args])
        elif target is COND:
            self.names[node] = self._if(node)
        elif target is WHILE_LOOP:
            self.names[node] = self._while(node)
        elif not isinstance(target, OpOverload):
            raise _cannot(node, "which TorchScript has not got")
        elif (function := SPELT_OUT.get(target._schema.name)) is not None:
            self._splice(node, *_exported(node, function))
        elif (function := _spelt_out(target)) is not None:
            self._splice(node, *traced(node, function))
        elif target.namespace not in _STOCK:
            raise _cannot(node, "by an operator that stock PyTorch has not got", _OF_OTHERS)
        elif target.namespace == "aten" and not is_allowed(target._schema.name):
            raise _cannot(node, "by an operator that no file may call", _OF_OTHERS)
        else:
            text = self._call_text(node, target)
            self._line(f"{self.named(node)} = {text}")

    def _splice(self, node: Node, inputs: Sequence[Node], inner: GraphModule) -> None:
        """The statements of a graph that computes what ``node`` does."""
        placeholders = inner.graph.find_nodes(op="placeholder")
        self.names.update(zip(placeholders, (self.names[one] for one in inputs), strict=True))
        results = self.graph(inner)
        several = isinstance(node.meta["val"], (tuple, list))
        self.names[node] = tuple(results) if several else results[0]

    def _call_text(self, node: Node, target: OpOverload) -> str:
        schema = _ANY_STRIDES.get(target, target)._schema
        name = schema.name.replace("::", ".")
        given: list[str] = []
        for position, argument in enumerate(schema.arguments):
            if position < len(node.args):
                value = node.args[position]
            elif argument.name in node.kwargs:
                value = node.kwargs[argument.name]
            else:
                continue
            text = self._argument(node, value, argument.type)
            if target in _BY_STRIDES and position == 0:
                text = self._contiguous(node, value)
            # Names tell overloads apart.
            given.append(text if position == 0 else f"{argument.name}={text}")
        return f"torch.ops.{name}({', '.join(given)})"

    def _contiguous(self, node: Node, operand: Any) -> str:
        # It alone reads memory by strides; the others give the same of a tensor that is brought into order.
        if node.target is aten.as_strided.default and not operand.meta["val"].is_contiguous():
            raise _cannot(node, "by the strides of a tensor that is not contiguous")
        return f"{self.value(operand)}.contiguous()"

    def _argument(self, node: Node, value: Any, wanted: Any) -> str:
        kind = wanted.annotation_str
        if isinstance(value, Node):
            return self.value(value)
        if isinstance(value, (list, tuple)):
            items = ", ".join(self._argument(node, one, _element(wanted)) for one in value)
            plain = value and "Optional" not in _element(wanted).annotation_str
            return f"[{items}]" if plain else f"torch.jit.annotate({kind}, [{items}])"
        if isinstance(value, bool):
            return f"torch.tensor({value})" if "number" in kind else str(value)
        if isinstance(value, int) and "float" in kind:
            value = float(value)
        if isinstance(value, float) and not math.isfinite(value):
            return f"float('{value}')"
        if isinstance(value, complex):
            real, imaginary = (f"float('{part}')" for part in (value.real, value.imag))
            return f"complex({real}, {imaginary})"
        if value is None or isinstance(value, (int, float, str)):
            return repr(value)
        if isinstance(value, torch.device):
            return "torch.device('cpu')"
        if isinstance(value, (torch.dtype, torch.layout, torch.memory_format)):
            return str(value)
        raise _cannot(node, f"with {value!r}")

    # ---- control flow

    def _if(self, node: Node) -> tuple[str, ...]:
        condition, *branches, operands = node.args
        given = [self._operand(node, one) for one in operands]  # type: ignore[union-attr]
        names = tuple(self._new(node.name) for _ in node.meta["val"])
        heads = f"if bool({self._operand(node, condition)}):", "else:"
        for head, branch in zip(heads, branches, strict=True):
            with self._block(head):
                results = self._branch(branch, given)
                for name, result in zip(names, results, strict=True):
                    self._line(f"{name} = {result}")
                if not names:
                    self._line("pass")
        return names

    def _while(self, node: Node) -> tuple[str, ...]:
        condition, body, carried, additional = node.args
        first = [self._operand(node, one) for one in carried]  # type: ignore[union-attr]
        rest = [self._operand(node, one) for one in additional]  # type: ignore[union-attr]
        names = tuple(self._new(node.name) for _ in first)
        for name, value in zip(names, first, strict=True):
            self._line(f"{name} = {value}")
        going = self._new("going")
        state = [*names, *rest]
        self._line(f"{going} = bool({self._branch(condition, state)[0]})")
        with self._block(f"while {going}:"):
            results = self._branch(body, state)
            # All at once: a result may be what another name carried.
            if names:
                self._line(f"{', '.join(names)} = {', '.join(results)}")
            self._line(f"{going} = bool({self._branch(condition, state)[0]})")
        return names

    def _operand(self, node: Node, operand: Any) -> str:
        if not isinstance(operand, Node):
            raise _cannot(node, f"over {operand!r}, which is not a tensor")
        return self.value(operand)

    def _branch(self, branch: Any, operands: Sequence[str]) -> list[str]:
        """The statements of a graph on these operands; returns its results."""
        module = self.names[branch]
        outer = self.names
        placeholders = module.graph.find_nodes(op="placeholder")
        self.names = dict(zip(placeholders, operands, strict=True))
        results = self.graph(module)
        self.names = outer
        return results


def tensor_to_keep(tensor: torch.Tensor) -> torch.Tensor:
    """As numpy and files hold it: bfloat16 as the same float32, complex numbers as pairs."""
    tensor = tensor.detach()
    if tensor.dtype is torch.bfloat16:
        return tensor.float()
    return torch.view_as_real(tensor.resolve_conj()) if tensor.dtype.is_complex else tensor


def _as_it_was(text: str, dtype: torch.dtype) -> str:
    if dtype is torch.bfloat16:
        return f"{text}.to(torch.bfloat16)"
    return f"torch.view_as_complex({text})" if dtype.is_complex else text


def _element(wanted: Any) -> Any:
    """The type of a list's elements."""
    while wanted.kind() in ("OptionalType", "ListType"):
        is_list = wanted.kind() == "ListType"
        wanted = wanted.getElementType()
        if is_list:
            break
    return wanted


def _spelt_out(target: OpOverload) -> Any:
    """What computes the same in operators that stock PyTorch has had for long; None: the operator is one."""
    if target.namespace == "quantized_decomposed":
        return getattr(_decomposed, target._schema.name.split("::")[1], None)
    if target in _SPELT_OUT or (target.namespace != "aten" and is_composite(target)):
        return target.decompose
    return None


def _exported(node: Node, function: Callable[..., Any]) -> tuple[list[Node], GraphModule]:
    """As `traced`, of a function with loops, over tensors of fixed sizes."""
    flat, spec = pytree.tree_flatten((node.args, node.kwargs))
    nodes = [value for value in flat if isinstance(value, Node)]
    shapes = [tuple(one.meta["val"].shape) for one in nodes]
    if not all(isinstance(size, int) for shape in shapes for size in shape):
        raise _cannot(node, "by an operator of free sizes that stock PyTorch has not got")

    class Call(torch.nn.Module):
        def forward(self, *tensors: torch.Tensor) -> Any:
            given = iter(tensors)
            values = [next(given) if isinstance(value, Node) else value for value in flat]
            args, kwargs = pytree.tree_unflatten(values, spec)
            return function(*args, **kwargs)

    examples = tuple(
        torch.zeros(shape, dtype=one.meta["val"].dtype)
        for one, shape in zip(nodes, shapes, strict=True)
    )
    try:
        found = torch.export.export(Call(), examples).module(check_guards=False)
    except Exception as error:
        raise _cannot(node, "in steps whose number depends on data", _OF_OTHERS) from error
    found.graph._codegen = torch.fx.graph.CodeGen()
    return nodes, functional_module(found)


def _cannot(
    node: Node, what: str, advice: str = "convert the model without this part"
) -> ConversionError:
    where = source_of(node)
    return ConversionError(
        f"{node.name} ({node.target}){' at ' + where if where else ''} runs in torch, {what}: a file "
        f"cannot say it; {advice}"
    )
