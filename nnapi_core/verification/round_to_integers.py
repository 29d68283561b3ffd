"""Floats as the integers that a quantised border takes and gives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch.fx import Node

from nnapi_core.graph.program import Program
from nnapi_core.nnapi.types import Quant


def as_integers(program: Program, nodes: Sequence[Any], values: Iterable[Any]) -> list[Any]:
    """``values``, where a float stands at a node of integers rounded to its scale and zero point."""
    return [_rounded(program, *one) for one in zip(nodes, values, strict=True)]


def _rounded(program: Program, node: Any, value: Any) -> Any:
    if not isinstance(node, Node) or not isinstance(value, torch.Tensor):
        return value
    quant, dtype = program.quants.get(node), node.meta["val"].dtype
    if dtype.is_floating_point or not value.is_floating_point() or not isinstance(quant, Quant):
        return value
    limits = torch.iinfo(dtype)
    integers = torch.round(value / quant.scale) + quant.zero_point
    return integers.clamp(limits.min, limits.max).to(dtype)
