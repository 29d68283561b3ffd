"""What NNAPI is given in the place of operators that no lowering claims: smaller ones, which compute the same.

The graph keeps the operator: where it runs in torch, torch's own is called. A decomposition may depart from it in what
it makes of NaN and of infinities, and says so.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch._decomp import decomposition_table
from torch._ops import OpOverload
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    UnsupportedFakeTensorException,
)
from torch.fx import Graph, GraphModule, Node
from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode

from nnapi_core.errors import PluginError, Unsupported
from nnapi_core.graph.input_output_trees import NO_BORDERS
from nnapi_core.graph.passes.decompose import core_table, decompose, is_composite, traced
from nnapi_core.graph.passes.drop_unused import drop_unused
from nnapi_core.graph.passes.fold_constants import fold_constants
from nnapi_core.graph.program import Program, Rewritten, TorchConstant
from nnapi_core.plugins.contributions import Decomposition, described
from nnapi_core.plugins.registry import Registry

# An operator that decomposes into itself would never end.
_DEEPEST = 16
# What tracing itself raises where a number must be known: the operator stays whole, whoever wrote the decomposition.
_NEEDS_SIZES = (
    DataDependentOutputException,
    DynamicOutputShapeException,
    UnsupportedFakeTensorException,
    GuardOnDataDependentSymNode,
)

# Of torch's own decompositions.
_BY_TORCH = (
    "computed by smaller operators, as torch decomposes it: what lies between them may overflow, or be NaN, where its "
    "own kernel's result is not"
)


def rewrite(program: Program, registry: Registry, *, depth: int = 0) -> None:
    """Fills ``program.rewritten``, and ``unsplit`` with the reasons of decompositions that refuse."""
    if depth == _DEEPEST:
        return
    for node in program.operations():
        if not isinstance(node.target, OpOverload) or node.target in registry.lowerings:
            continue
        function = _decomposition(node.target, registry)
        own = registry.decompositions.get(node.target)
        found = None if function is None else _rewritten(program, node, function, own)
        if found is not None:
            decompose(found.program, registry)
            drop_unused(found.program)
            fold_constants(found.program)
            rewrite(found.program, registry, depth=depth + 1)
            _take_constants(program, node, found.program)
            if node not in program.constants:
                program.rewritten[node] = found


def _take_constants(program: Program, node: Node, inner: Program) -> None:
    """Results that turn out not to depend on the inputs are constants of the program."""
    single = isinstance(node.meta.get("val"), torch.Tensor)
    (output,) = inner.graph.find_nodes(op="output")
    results = list(output.args[0])
    for index, result in enumerate(results):
        if result not in inner.constants or result.op == "placeholder":
            continue
        tensors = [node] if single else [one for one in node.users if one.args[1] == index]
        program.constants.update(dict.fromkeys(tensors, inner.constants[result]))
        results[index] = None
    output.args = (tuple(results),)


def _decomposition(target: OpOverload, registry: Registry) -> Callable[..., Any] | None:
    """A plugin's, torch's for core ATen, the operator's own, or another of torch's."""
    if target in registry.decompositions:
        return registry.decompositions[target].function
    if target in core_table():
        return core_table()[target]
    return target.decompose if is_composite(target) else decomposition_table.get(target)


def _rewritten(
    program: Program, node: Node, function: Callable[..., Any], own: Decomposition | None
) -> Rewritten | None:
    """None where the function cannot be traced: the operator is refused by name if nothing lowers it.

    ``own`` is whose function it is where it is a plugin's. Raises `PluginError` where that fails.
    """
    try:
        operands, inner = traced(node, function)
    except Unsupported as refusal:
        program.unsplit[node] = refusal
        return None
    except Exception as error:
        if own is not None and not isinstance(error, _NEEDS_SIZES):
            raise PluginError(
                f"{_where(own, node)} raised {type(error).__name__}: {error}"
            ) from error
        return None
    if own is not None:
        _check_results(own, node, inner)
    if any(
        isinstance(one.target, OpOverload) and one.target.namespace == "prims"
        for one in inner.graph.nodes
    ):
        # Some decompositions end in torch's primitives, which say less than the operator did.
        return None
    graph = Graph()
    results = graph.graph_copy(inner.graph, {})
    graph.output(_read(node, results))
    parameters = graph.find_nodes(op="placeholder")
    constants = {
        parameter: program.constants[operand]
        for parameter, operand in zip(parameters, operands, strict=True)
        if operand in program.constants
    }
    attributes = {
        str(one.target): getattr(inner, str(one.target)) for one in graph.find_nodes(op="get_attr")
    }
    for one in graph.nodes:
        one.meta["stack_trace"] = node.meta.get("stack_trace")
        if one.op == "get_attr" and isinstance(attributes[str(one.target)], torch.Tensor):
            constants[one] = _held(attributes[str(one.target)])
    inputs = [parameter for parameter in parameters if parameter not in constants]
    said = Program(graph, attributes, inputs, constants, NO_BORDERS)
    special_values = _BY_TORCH if own is None else own.special_values
    return Rewritten(said, tuple(parameters), tuple(operands), special_values)


def _read(node: Node, results: Any) -> tuple[Any, ...]:
    """The results, with None for those that nobody reads: what makes them need not be possible."""
    if not isinstance(results, (tuple, list)):
        return (results,)
    read = {user.args[1] for user in node.users if user.target is operator.getitem and user.users}
    return tuple(one if index in read else None for index, one in enumerate(results))


def _held(tensor: torch.Tensor) -> TorchConstant:
    """A tensor that the decomposition brings along."""
    key = ("decomposed", id(tensor))
    return TorchConstant(tuple(tensor.shape), tensor.dtype, lambda: tensor, key)


def _where(own: Decomposition, node: Node) -> str:
    return f"plugin {own.plugin}: the decomposition {described(own.function)} of {node.target}, node {node.name},"


def _check_results(own: Decomposition, node: Node, inner: GraphModule) -> None:
    """A plugin's decomposition gives tensors of the types that the operator gives. Raises `PluginError`."""
    (output,) = inner.graph.find_nodes(op="output")
    given = [
        one.meta.get("val") if isinstance(one, Node) else one
        for one in pytree.tree_leaves(output.args[0])
    ]
    promised = pytree.tree_leaves(node.meta["val"])
    has, wanted = ([_type(one) for one in values] for values in (given, promised))
    if has != wanted:
        raise PluginError(f"{_where(own, node)} gives {', '.join(has)}, not {', '.join(wanted)}")


def _type(value: Any) -> str:
    if not isinstance(value, torch.Tensor):
        return type(value).__name__
    return f"{value.dtype} of shape ({', '.join(map(str, value.shape))})"
