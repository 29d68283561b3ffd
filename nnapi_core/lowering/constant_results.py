"""Results that need no operation: those without elements, and those of operands that turned out constant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch._ops import OpOverload
from torch.fx import Node

from nnapi_core.errors import Unsupported
from nnapi_core.lowering.value import TensorSpec, Value
from nnapi_core.nnapi.constant import Constant

# What is computed from more elements than this is left to the runtime.
_MOST_ELEMENTS = 1 << 18


def folded(
    node: Node, arguments: dict[str, Any], specs: Sequence[TensorSpec]
) -> Value | tuple[Value, ...] | None:
    """The constant results of a call, or None: they have to be computed when the model runs.

    Most constants of a graph are folded before lowering; what a lowering makes constant (the zeros of
    ``zeros_like``, a shape's worth of nothing) shows here only.
    """
    if not specs or not all(spec.is_static for spec in specs):
        return None
    if all(spec.is_empty for spec in specs):
        results = [without_elements(spec) for spec in specs]
    elif _is_foldable(node, arguments):
        results = [constant_value(one) for one in _evaluated(node, arguments)]
    else:
        return None
    return results[0] if isinstance(node.meta.get("val"), torch.Tensor) else tuple(results)


def without_elements(spec: TensorSpec) -> Value:
    """The value of an empty tensor."""
    return constant_value(torch.empty(spec.static_shape, dtype=spec.dtype))


def constant_value(tensor: torch.Tensor) -> Value:
    """A tensor at hand as a constant."""
    return Value(
        TensorSpec(tuple(tensor.shape), tensor.dtype), Constant.of(tensor.contiguous().numpy())
    )


def _is_foldable(node: Node, arguments: dict[str, Any]) -> bool:
    tensors = [one for one in pytree.tree_leaves(list(arguments.values())) if hasattr(one, "spec")]
    return (
        isinstance(node.target, OpOverload)
        and torch.Tag.nondeterministic_seeded not in node.target.tags
        and bool(tensors)
        and all(isinstance(one, Value) and one.is_constant for one in tensors)
        and all(one.spec.quant is None for one in tensors)
        and sum(one.spec.count for one in tensors) <= _MOST_ELEMENTS
    )


def _evaluated(node: Node, arguments: dict[str, Any]) -> Sequence[torch.Tensor]:
    """What torch computes. Raises `Unsupported` for what torch refuses."""
    tensors = pytree.tree_map_only(Value, _tensor, arguments)
    target: Any = node.target
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for argument in target._schema.arguments:
        if argument.kwarg_only:
            named[argument.name] = tensors[argument.name]
        else:
            positional.append(tensors[argument.name])
    try:
        with torch.no_grad():
            result = target(*positional, **named)
    except Exception as error:
        raise Unsupported(f"torch cannot compute this constant: {error}") from error
    return result if isinstance(result, (tuple, list)) else [result]


def _tensor(value: Value) -> torch.Tensor:
    return torch.from_numpy(value.array().copy()).to(value.dtype)
