"""A function of one 8-bit tensor, element by element, has 256 results at most: a table that integers index.

CAST makes int32 of uint8 and looks at no scale, GATHER takes the elements: what torch computes of each integer, rounded
as the graph rounds it, so not one step away. Where NNAPI has other integer operations for a function they are taken.
"""

from __future__ import annotations

import torch
from torch.fx import Node

from nnapi_core.errors import Unsupported
from nnapi_core.graph.program import Program
from nnapi_core.graph.quantised.quantize_calls import Integers
from nnapi_core.lowering.context import Context
from nnapi_core.lowering.integer_calls import IntegerForm
from nnapi_core.lowering.value import TensorSpec, Value
from nnapi_core.nnapi.constant import Constant
from nnapi_core.nnapi.layout import Axis
from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import Quant
from nnapi_core.reasons import Reason

_decomposed = torch.ops.quantized_decomposed


def is_function_of_one(program: Program, node: Node) -> bool:
    """Does each element of the result depend on that element of the only tensor that it reads, and on numbers?"""
    target, tensors = node.target, node.all_input_nodes
    return (
        isinstance(target, torch._ops.OpOverload)
        and torch.Tag.pointwise in target.tags
        and torch.Tag.nondeterministic_seeded not in target.tags
        and len(tensors) == 1
        and tensors[0] in program.dequantised
        and isinstance(node.meta.get("val"), torch.Tensor)
        and node.meta["val"].shape == tensors[0].meta["val"].shape
        and node.meta["val"].dtype is torch.float32
    )


def looked_up(
    nn: Context, node: Node, form: IntegerForm, read: Value, refusal: Unsupported
) -> Value:
    """The integers of a function of one tensor, whose integers are ``read``.

    Raises `Unsupported` where they are int8, and where the function of one of them is NaN. ``refusal`` says why it is
    no other integer operation.
    """
    (taker,) = form.rounded
    if taker is None or not isinstance(read.quant, Quant) or not isinstance(nn.out.quant, Quant):
        raise Unsupported("its tensors have no scale of their own", Reason.TYPES)
    if read.dtype is not torch.uint8:
        raise Unsupported(
            f"{refusal.reason}; and int8 cannot index a table of its results: quantise for feature level 29, whose "
            "uint8 can, or leave it",
            refusal.code,
            **refusal.values,
        )
    table = _table(node, Integers.of(node.all_input_nodes[0]), Integers.of(taker))
    element = TensorSpec(tuple(table.shape), table.dtype, quant=nn.out.quant)
    places = nn.emit(ops.CAST, input=read, shape=read.shape, dtype=torch.int32)
    return nn.emit(
        ops.GATHER,
        input=Value(element, Constant.of(table.numpy())),
        axis=Axis(0),
        indices=places,
        out=nn.out,
    )


def _table(node: Node, given: Integers, asked: Integers) -> torch.Tensor:
    """What the graph makes of each integer."""
    integers = torch.arange(256, dtype=torch.int16).to(torch.uint8)
    numbers = _decomposed.dequantize_per_tensor(integers, *given.arguments)
    source = node.all_input_nodes[0]
    args, kwargs = torch.fx.node.map_arg(
        (node.args, node.kwargs), lambda one: numbers if one is source else one
    )
    with torch.no_grad():
        results = node.target(*args, **kwargs)  # type: ignore[operator]
    if bool(results.isnan().any()):
        raise Unsupported(
            "the function of some of its integers is NaN, which no integer is; bound what it reads (relu, clamp)",
            Reason.TYPES,
        )
    made: torch.Tensor = _decomposed.quantize_per_tensor(results, *asked.arguments)
    return made
