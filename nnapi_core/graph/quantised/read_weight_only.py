"""Reads what torchao's ``Int8WeightOnlyConfig`` makes of linear layers: integers of int8, with a scale for each output.

Such a weight is a tensor subclass, and an exported program multiplies with the integers as floats before it multiplies
with the scales. Afterwards the integers are the program's own, and ``dequantize_per_channel`` makes floats of them, as
`nnapi_core.quantize_weights` says it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import torch
import torch.ao.quantization.fx._decomposed  # registers the operator
from torch.export import ExportedProgram
from torch.export.graph_signature import (
    ExportGraphSignature,
    InputKind,
    InputSpec,
    TensorArgument,
)
from torch.fx import Graph, Node
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from nnapi_core.errors import ConversionError
from nnapi_core.graph.quantised.refuse_other_quantisation import refuse_packed_weights

aten = torch.ops.aten
_ACCESS = "export::access_subclass_inner_tensor"
_METADATA = aten._assert_tensor_metadata.default
_MOVES = {aten.t.default, aten.transpose.int, aten.permute.default}
_SHAPES = {aten.flatten.using_ints, aten.view.default, aten.reshape.default}
_CASTS = {aten.to.dtype, aten._to_copy.default}
# What Int8Tensor has where activations are integers, too.
_OF_ACTIVATIONS = ("act_quant_kwargs", "act_quant_scale", "act_quant_zero_point", "act_pre_scale")


def refuse_other_weights(tensors: Mapping[str, torch.Tensor]) -> None:
    """Raises `ConversionError` for weights in a format of their own but those that are read here."""
    refuse_packed_weights({name: one for name, one in tensors.items() if not is_weight_only(one)})


def is_weight_only(tensor: torch.Tensor) -> bool:
    """torchao's int8 weight of a linear layer, symmetric, with a scale for each output or one for all."""
    if not is_traceable_wrapper_subclass(tensor) or type(tensor).__name__ != "Int8Tensor":
        return False
    known: Any = tensor
    if any(getattr(known, name, None) is not None for name in _OF_ACTIVATIONS):
        return False
    if getattr(known, "zero_point", None) is not None and bool(known.zero_point.any()):
        return False
    of_a_row = known.qdata.ndim == 2 and known.block_size[-1] == known.qdata.shape[1]
    dtypes = known.qdata.dtype, known.scale.dtype, tensor.dtype
    return of_a_row and dtypes == (torch.int8, torch.float32, torch.float32)


def read_weight_only(exported: ExportedProgram) -> ExportedProgram:
    """The program with plain integers for such weights; itself where it has none.

    Raises `ConversionError` where it does else with them than multiply with them, or has weights of other formats.
    """
    refuse_other_weights(exported.state_dict)
    weights: dict[str, Any] = {
        name: one for name, one in exported.state_dict.items() if is_weight_only(one)
    }
    if not weights:
        return exported
    module = copy.deepcopy(exported.graph_module)
    graph = module.graph
    state = {name: one for name, one in exported.state_dict.items() if name not in weights}
    specs: list[InputSpec] = []
    placeholders = graph.find_nodes(op="placeholder")
    for node, spec in zip(placeholders, exported.graph_signature.input_specs, strict=True):
        name = str(spec.target)
        if name not in weights:
            specs.append(spec)
            continue
        made = []
        fakes = _plain(node.meta["val"])
        for part, tensor in _plain(weights[name]).items():
            with graph.inserting_before(node):
                one = graph.placeholder(f"{node.name}_{part}")
            one.meta["val"] = fakes[part]
            target = f"{name}_{part}"
            state[target] = tensor
            specs.append(InputSpec(InputKind.BUFFER, TensorArgument(one.name), target, True))
            made.append(one)
        _multiply_with_numbers(graph, node, *made, name=name)
        graph.erase_node(node)
    graph.lint()
    module.recompile()
    changed = copy.copy(exported)
    changed._graph_module = module
    changed._state_dict = state
    changed._graph_signature = ExportGraphSignature(
        specs, list(exported.graph_signature.output_specs)
    )
    return changed


def _plain(weight: Any) -> dict[str, torch.Tensor]:
    """Integers (outputs, inputs), and scales (outputs,)."""
    scales = weight.scale.detach().reshape(-1).expand(weight.qdata.shape[0]).contiguous()
    return {"integers": weight.qdata.detach(), "scales": scales}


def _multiply_with_numbers(
    graph: Graph, weight: Node, integers: Node, scales: Node, *, name: str
) -> None:
    """Instead of products with integers that are scaled afterwards."""
    numbers = None
    for product, scaled in list(_products(weight, name)):
        with graph.inserting_before(product):
            if numbers is None:
                numbers = graph.call_function(
                    torch.ops.quantized_decomposed.dequantize_per_channel.default,
                    (integers, scales, None, 0, -128, 127, torch.int8),
                )
                numbers.meta.update(product.meta)
                numbers.meta["val"] = integers.meta["val"].to(torch.float32)
            linear = graph.call_function(aten.linear.default, (product.args[0], numbers))
        linear.meta.update(scaled.meta)
        scaled.replace_all_uses_with(linear)
        graph.erase_node(scaled)
        graph.erase_node(product)
    _erase_unused(graph, weight)


def _products(weight: Node, name: str) -> Iterator[tuple[Node, Node]]:
    """Products with the integers, and the same times the scales. Raises `ConversionError` for other uses."""
    for node in _readers(weight):
        if _schema(node) != _ACCESS:
            raise _refusal(name, node)
        if node.args[1] != "qdata":
            continue
        for product in _reached(node, _MOVES | _CASTS):
            users = list(_readers(product))
            right = product.target is aten.mm.default and _is_from(product.args[1], node)
            if not right or len(users) != 1 or users[0].target is not aten.mul.Tensor:
                raise _refusal(name, product)
            (other,) = {*users[0].all_input_nodes} - {product}
            if not _is_scale(other, weight):
                raise _refusal(name, users[0])
            yield product, users[0]


def _refusal(name: str, node: Node) -> ConversionError:
    return ConversionError(
        f"{node.name} ({node.target}) does with the int8 weight {name!r} of torchao what is no linear layer; use "
        "nnapi_core.quantize_weights(module) on the float model"
    )


def _schema(node: Node) -> str:
    return node.target._schema.name if isinstance(node.target, torch._ops.OpOverload) else ""


def _readers(node: Node) -> Iterator[Node]:
    return (user for user in node.users if user.target is not _METADATA)


def _reached(node: Node, through: set[Any]) -> Iterator[Node]:
    """The first calls on the way that are none of ``through``."""
    for user in _readers(node):
        if user.target in through:
            yield from _reached(user, through)
        else:
            yield user


def _is_from(node: Any, source: Node) -> bool:
    """Is it the transposed integers as floats?"""
    moves = 0
    while isinstance(node, Node) and node is not source:
        if node.target not in _MOVES | _CASTS:
            return False
        moves += node.target in _MOVES
        node = node.args[0]
    return node is source and moves == 1


def _is_scale(node: Any, weight: Node) -> bool:
    while isinstance(node, Node) and node.target in _SHAPES | _CASTS:
        node = node.args[0]
    return _schema(node) == _ACCESS and node.args == (weight, "scale")


def _erase_unused(graph: Graph, node: Node) -> None:
    """What only reads ``node`` for what was replaced, and assertions about that."""
    for user in list(node.users):
        _erase_unused(graph, user)
        if not user.users:
            graph.erase_node(user)
