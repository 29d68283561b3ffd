"""``torch.cond`` becomes IF and ``while_loop`` WHILE: their graphs are submodels, lowered by the same routine.

An operand that is a constant outside is one inside too; the others are inputs of the submodels, in the order in which
they happen to lie.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import Node

from nnapi_core.errors import Unsupported
from nnapi_core.graph.control_flow.branches import COND, WHILE_LOOP
from nnapi_core.lowering.context import Context
from nnapi_core.lowering.control_flow.loop_bounds import entering, widened
from nnapi_core.lowering.control_flow.submodel import Lowerer, Parameter, Submodel
from nnapi_core.lowering.integer_bounds import UNKNOWN
from nnapi_core.lowering.value import Value
from nnapi_core.nnapi.opset import ops
from nnapi_core.reasons import Reason

Results = tuple[Value | None, ...]


def lower_control_flow(lowerer: Lowerer, nn: Context, node: Node) -> Results:
    """The results of a call; None for one that nobody reads. Raises `Unsupported`."""
    if node.target not in (COND, WHILE_LOOP):
        raise Unsupported(f"no lowering for {node.target}", Reason.NO_LOWERING)
    if nn.level < 30:
        raise Unsupported(
            "control flow needs feature level 30", Reason.FEATURE_LEVEL, target=nn.level
        )
    if nn.is_stock:
        raise Unsupported("stock PyTorch's format has no models in models", Reason.STOCK_FORMAT)
    return (_if if node.target is COND else _while)(lowerer, nn, node)


def _if(lowerer: Lowerer, nn: Context, node: Node) -> Results:
    condition, _, _, operands = node.args
    branches = lowerer.program.branches[node]
    flag = as_flag(nn, _operand(lowerer, nn, condition))
    values = [_operand(lowerer, nn, one) for one in operands]  # type: ignore[union-attr]
    given = [one for one in values if not one.is_constant]
    parameters = [Parameter.of(one) for one in values]
    # Every model has inputs: one that needs none is given the condition.
    unused = [] if given else [flag]
    insides = [
        Submodel.lowered(lowerer, node, role, branch, parameters, [one.spec for one in unused])
        for role, branch in zip(("then", "else"), branches, strict=True)
    ]
    one, other = (inside.results(nn.wanted) for inside in insides)
    orders = [(b if a.is_constant else a).order for a, b in zip(one, other, strict=True)]
    one, other = insides[0].leaving(one, orders), insides[1].leaving(other, orders)
    for a, b in zip(one, other, strict=True):
        if a.spec.type != b.spec.type:
            raise Unsupported("the branches give different types", then=a.spec, otherwise=b.spec)
    results = nn.emit_many(
        ops.IF,
        outs=[value.spec for value in one],
        condition=flag,
        then_model=insides[0].model(one),
        else_model=insides[1].model(other),
        inputs=[*given, *unused],
    )
    known = iter(
        result.bounded(a.bounds | b.bounds)
        for result, a, b in zip(results, one, other, strict=True)
    )
    return tuple(next(known) if wanted else None for wanted in nn.wanted)


def _while(lowerer: Lowerer, nn: Context, node: Node) -> Results:
    _, _, carried, additional = node.args
    condition, body = lowerer.program.branches[node]
    first = [_operand(lowerer, nn, one) for one in carried]  # type: ignore[union-attr]
    others = [_operand(lowerer, nn, one) for one in additional]  # type: ignore[union-attr]
    rest = [Parameter.of(one) for one in others]
    bounds = [UNKNOWN if one.dtype.is_floating_point else one.bounds for one in first]
    # What a round makes of the bounds is found by lowering it, until it stays within them.
    while True:
        state = [Parameter(one.spec, known) for one, known in zip(first, bounds, strict=True)]
        narrowed = entering(condition, [*state, *rest])
        inside = Submodel.lowered(lowerer, node, "body", body, narrowed, [])
        results = inside.leaving(inside.results(None), [one.spec.order for one in state])
        grown = [widened(old, one.bounds) for old, one in zip(bounds, results, strict=True)]
        if grown == bounds:
            break
        bounds = grown
    for before, after in zip(state, results, strict=True):
        if before.spec.type != after.spec.type:
            raise Unsupported(
                "a round changes the type of what it carries", before=before.spec, after=after.spec
            )
    check = Submodel.lowered(lowerer, node, "condition", condition, [*state, *rest], [])
    (flag,) = (as_flag(check.nn, one) for one in check.results(None))
    outcome = nn.emit_many(
        ops.WHILE,
        outs=[one.spec for one in state],
        condition=check.model(check.leaving([flag], [flag.order])),
        body=inside.model(results),
        inputs=[*first, *(one for one in others if not one.is_constant)],
    )
    return tuple(value.bounded(known) for value, known in zip(outcome, bounds, strict=True))


def _operand(lowerer: Lowerer, nn: Context, operand: Any) -> Value:
    if not isinstance(operand, Node):
        raise Unsupported("control flow over numbers that are not tensors", operand=operand)
    return lowerer.operands.operand(nn, operand)


def as_flag(nn: Context, condition: Value) -> Value:
    """A condition as IF and WHILE take it: one boolean, of shape (1,)."""
    if condition.dtype is not torch.bool or condition.spec.count != 1:
        raise Unsupported(
            "a condition is one boolean", shape=condition.shape, dtype=condition.dtype
        )
    return condition if condition.rank < 2 else nn.reshape(condition, (1,))
