"""What a lowering returns, held against what the exporter promises."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

from attrs import evolve
from torch.fx import Node

from nnapi_core.errors import Unsupported
from nnapi_core.lowering.context import Context
from nnapi_core.lowering.value import TensorSpec, Value
from nnapi_core.nnapi.types import Quant
from nnapi_core.reasons import Reason


def checked(
    nn: Context, where: str, result: Any, specs: Sequence[TensorSpec]
) -> Value | tuple[Value | None, ...]:
    """A lowering, named ``where``, must return what the exporter promises: it is refused, not trusted, otherwise.

    A result that nobody reads may be None.
    """
    if result is None:
        raise Unsupported(
            f"{where} returned None, not the Value that it made; is a `return` missing?",
            Reason.LOWERING_FAILED,
        )
    values = list(result) if isinstance(result, (tuple, list)) else [result]
    if len(values) != len(specs):
        raise Unsupported(
            f"{where} returned {len(values)} results, not {len(specs)}",
            Reason.LOWERING_FAILED,
        )
    checked: list[Value | None] = []
    for value, spec, read in zip(values, specs, nn.wanted, strict=True):
        if value is None and not read:
            checked.append(None)
            continue
        if value is None:
            raise Unsupported(
                "of the operator's results, this one is not computed on NNAPI; the others are where it is not read",
                result=len(checked),
            )
        if not isinstance(value, Value):
            raise Unsupported(
                f"{where} returned {type(value).__name__}, not a Value",
                Reason.LOWERING_FAILED,
            )
        if not nn.has(value):
            raise Unsupported(
                f"{where} returned a Value of another model; one is good for the call that made it",
                Reason.LOWERING_FAILED,
            )
        if tuple(value.shape) != tuple(spec.shape):
            raise Unsupported(
                f"{where} returned another shape",
                Reason.LOWERING_FAILED,
                returned=value.shape,
                expected=spec.shape,
            )
        if isinstance(spec.quant, Quant):
            value = nn.requantised(value, spec.quant)
            if value.dtype is not spec.dtype:
                raise Unsupported(f"{where} returned other integers", Reason.TYPES)
        relabelled = evolve(value.spec, dtype=spec.dtype)
        if relabelled.code is not value.spec.code:
            raise Unsupported(
                f"{where} returned another type",
                Reason.LOWERING_FAILED,
                returned=value.dtype,
                expected=spec.dtype,
            )
        checked.append(evolve(value, spec=relabelled))
    if isinstance(result, (tuple, list)):
        return tuple(checked)
    assert checked[0] is not None
    return checked[0]


def wanted(node: Node, count: int, constants: Container[Node] = ()) -> tuple[bool, ...]:
    """Which results of a call anybody reads, without those that are ``constants``."""
    if not isinstance(node.meta.get("val"), (tuple, list)):
        return (True,) * count
    read = {user.args[1] for user in node.users if user.users and user not in constants}
    return tuple(index in read for index in range(count))
