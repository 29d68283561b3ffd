"""The free sizes of an exported program: their names, ranges, and the input dimensions that say what they are."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sympy  # type: ignore[import-untyped]
import torch
from attrs import frozen
from torch.export import AdditionalInputs, ExportedProgram, ShapesCollection
from torch.export.graph_signature import InputKind
from torch.fx import Node
from torch.utils._sympy import functions
from torch.utils._sympy.numbers import int_oo

from nnapi_core.errors import Unsupported
from nnapi_core.graph.signatures import signature_of
from nnapi_core.nnapi.size_expression import Expression


@frozen
class FreeSize:
    """A size that is known when the model runs.

    Dimension ``dim`` of the tensor ``of`` is ``factor * size + offset``.
    """

    name: str
    symbol: sympy.Symbol
    least: int
    most: int | None
    of: str
    dim: int
    factor: int = 1
    offset: int = 0
    is_data_dependent: bool = False
    """Counted by an operator (``nonzero``) when the model runs, not given by an argument."""
    is_named: bool = False
    """By the user, with a range of the user's."""


def size_expression(size: Any) -> sympy.Expr:
    """A dimension of a fake tensor as torch's symbolic expression."""
    return size.node.expr if isinstance(size, torch.SymInt) else sympy.Integer(size)


def user_inputs(exported: ExportedProgram) -> list[Node]:
    """The placeholders of the caller's tensors."""
    placeholders = exported.graph.find_nodes(op="placeholder")
    return [
        node
        for spec, node in zip(exported.graph_signature.input_specs, placeholders, strict=True)
        if spec.kind is InputKind.USER_INPUT and isinstance(node.meta.get("val"), torch.Tensor)
    ]


def is_flexible(exported: ExportedProgram) -> bool:
    """Is there a size that is not known?"""
    return any(
        isinstance(dim, torch.SymInt)
        for node in exported.graph.nodes
        for tensor in tensors_in(node.meta.get("val"))
        for dim in tensor.shape
    )


def free_symbols(exported: ExportedProgram) -> set[sympy.Symbol]:
    """The symbols of all sizes that are not known."""
    return {
        symbol
        for node in exported.graph.nodes
        for tensor in tensors_in(node.meta.get("val"))
        for size in tensor.shape
        for symbol in size_expression(size).free_symbols
    }


def takes_free_sizes(exported: ExportedProgram) -> bool:
    """Is a size of an input free? The others are counted when the model runs."""
    return any(
        isinstance(dim, torch.SymInt)
        for node in user_inputs(exported)
        for tensor in tensors_in(node.meta.get("val"))
        for dim in tensor.shape
    )


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """The tensors of a node's result."""
    for one in value if isinstance(value, (tuple, list)) else [value]:
        if isinstance(one, torch.Tensor):
            yield one


def free_sizes(
    exported: ExportedProgram, dim_specs: Sequence[Any] | None = None
) -> tuple[FreeSize, ...]:
    """Every free size; ``dim_specs`` are the user's specifications per input tensor, for the names.

    A dimension without a name of the user's is called after its input: ``x:2``. Raises `Unsupported` where a size
    is not ``factor * size + offset`` in any dimension of an input.
    """
    found: dict[sympy.Symbol, FreeSize] = {}
    names = _given_names(exported, dim_specs)
    for node in user_inputs(exported):
        _add(exported, found, node, names, data_dependent=False)
    for node in exported.graph.nodes:
        if node.meta.get("unbacked_bindings"):
            _add(exported, found, node, names, data_dependent=True)
    _check_all_known(exported, found)
    return tuple(found.values())


def _add(
    exported: ExportedProgram,
    sizes: dict[sympy.Symbol, FreeSize],
    node: Node,
    names: dict[sympy.Symbol, str],
    *,
    data_dependent: bool,
) -> None:
    value = node.meta["val"]
    if not isinstance(value, torch.Tensor):
        return
    for dim, size in enumerate(value.shape):
        solved = _linear(size_expression(size))
        if solved is None:
            continue
        symbol, factor, offset = solved
        known = sizes.get(symbol)
        if known is not None and (known.factor == 1 or factor != 1):
            continue
        least, most = _range(exported, symbol)
        if node.target is torch.ops.aten.masked_select.default:
            # torch's bound is the number of elements before the tensor is broadcast to the mask.
            most = _most_masked(node)
        name = names.get(symbol, f"{node.name}:{dim}")
        sizes[symbol] = FreeSize(
            name,
            symbol,
            least,
            most,
            node.name,
            dim,
            factor,
            offset,
            data_dependent,
            symbol in names,
        )


def _linear(expression: sympy.Expr) -> tuple[sympy.Symbol, int, int] | None:
    symbols = list(expression.free_symbols)
    if len(symbols) != 1:
        return None
    (symbol,) = symbols
    factor, offset = expression.coeff(symbol, 1), expression.coeff(symbol, 0)
    if not factor.is_Integer or not offset.is_Integer or factor <= 0:
        return None
    if sympy.expand(expression - factor * symbol - offset) != 0:
        return None
    return symbol, int(factor), int(offset)


def _range(exported: ExportedProgram, symbol: sympy.Symbol) -> tuple[int, int | None]:
    bounds = exported.range_constraints.get(symbol)
    if bounds is None:
        return 0, None
    most = None if bounds.upper is int_oo or not bounds.upper.is_Integer else int(bounds.upper)
    return int(bounds.lower), most if most is None or most < 2**31 else None


def _most_masked(node: Node) -> int | None:
    shapes = [one.meta["val"].shape for one in node.all_input_nodes]
    if any(isinstance(size, torch.SymInt) for shape in shapes for size in shape):
        return None
    return math.prod(torch.broadcast_shapes(*shapes))  # type: ignore[no-untyped-call]


def _check_all_known(exported: ExportedProgram, sizes: dict[sympy.Symbol, FreeSize]) -> None:
    for node in exported.graph.nodes:
        for tensor in tensors_in(node.meta.get("val")):
            for size in tensor.shape:
                for symbol in size_expression(size).free_symbols:
                    if symbol not in sizes:
                        raise Unsupported(
                            "a free size that no dimension of an input gives",
                            size=symbol,
                            node=node.name,
                        )


def _given_names(
    exported: ExportedProgram, dim_specs: Sequence[Any] | None
) -> dict[sympy.Symbol, str]:
    names: dict[sympy.Symbol, str] = {}
    for node, spec in zip(user_inputs(exported), dim_specs or (), strict=False):
        pairs = spec.items() if isinstance(spec, dict) else enumerate(spec or ())
        for dim, given in pairs:
            solved = _linear(size_expression(node.meta["val"].shape[dim]))
            if solved is None or not isinstance(getattr(given, "__name__", None), str):
                continue
            root = getattr(given, "root", None)
            symbol, factor, offset = solved
            if root is not None:
                names[symbol] = root.__name__
            elif (factor, offset) == (1, 0):
                names[symbol] = given.__name__
    return names


def dim_specs(
    module: Any,
    args: Sequence[Any],
    dynamic_shapes: Any,
    kwargs: Mapping[str, Any] | None = None,
) -> list[Any]:
    """``dynamic_shapes`` per tensor among the arguments, in the order in which they are flattened."""
    kwargs = dict(kwargs or {})
    if isinstance(dynamic_shapes, (ShapesCollection, AdditionalInputs)):
        dynamic_shapes = dynamic_shapes.dynamic_shapes(module, tuple(args), kwargs)  # type: ignore[no-untyped-call]
    given: Any = (*args, *kwargs.values())
    if dynamic_shapes is not None:
        # Arguments by place come first, whatever their parameters' order.
        given = {**_by_parameter(module, tuple(args)), **kwargs}
        if not isinstance(dynamic_shapes, dict):
            dynamic_shapes = dict(zip(given, dynamic_shapes, strict=False))
    return [spec for one in _paired(given, dynamic_shapes) for spec in one]


def _by_parameter(module: Any, args: tuple[Any, ...]) -> dict[str, Any]:
    """The arguments as torch counts them: by parameter, where those that ``*args`` takes are one."""
    if isinstance(module, ExportedProgram):
        called = module.module_call_graph[0].signature
        names = (called and called.forward_arg_names) or [f"args_{i}" for i in range(len(args))]
        return dict(zip(names, args, strict=False))
    return dict(signature_of(module.forward).bind_partial(*args).arguments)


def _paired(value: Any, spec: Any) -> Iterator[list[Any]]:
    if isinstance(value, torch.Tensor):
        yield [spec]
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _paired(inner, None if spec is None else spec.get(key))
    elif isinstance(value, (tuple, list)):
        given = list(spec) if isinstance(spec, (tuple, list)) else []
        for index, inner in enumerate(value):
            yield from _paired(inner, given[index] if index < len(given) else None)


_FUNCTIONS = {
    functions.FloorDiv: "//",
    functions.CleanDiv: "//",
    functions.Mod: "%",
    functions.PythonMod: "%",
    functions.Max: "max",
    functions.Min: "min",
    sympy.Max: "max",
    sympy.Min: "min",
    sympy.Add: "+",
    sympy.Mul: "*",
}


def tree_of(expression: sympy.Expr, names: dict[sympy.Symbol, str]) -> Expression | None:
    """A symbolic expression in the artifact's terms; None for one that these cannot say."""
    if expression.is_Integer:
        return int(expression)
    if isinstance(expression, sympy.Symbol):
        return names.get(expression)
    if isinstance(expression, (sympy.Pow, functions.PowByNatural)):
        base, power = tree_of(expression.args[0], names), expression.args[1]
        if base is None or not power.is_Integer or not 1 <= power <= 8:
            return None
        return ["*", *[base] * int(power)]
    if expression.func in (functions.TruncToInt, functions.FloorToInt):
        return _scaled(expression.args[0], names)
    operator = _FUNCTIONS.get(expression.func)
    operands = [tree_of(one, names) for one in expression.args]
    if operator is None or any(one is None for one in operands):
        return None
    return [operator, *operands]


def _scaled(expression: sympy.Expr, names: dict[sympy.Symbol, str]) -> Expression | None:
    """``factor * size`` in floats, before it is cut off to an integer."""
    if not expression.is_Mul or len(expression.args) != 2:
        return None
    factor, size = expression.args
    if not factor.is_Float or factor < 0 or size.func is not functions.ToFloat:
        return None
    inner = tree_of(size.args[0], names)
    return None if inner is None else ["scaled", inner, float(factor)]
