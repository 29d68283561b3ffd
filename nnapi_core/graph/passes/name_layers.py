"""Convolutions and batch norms by the names that ``torch.nn`` gives them.

Traced TorchScript and decomposed programs have ``aten.convolution`` and ``aten._native_batch_norm_legit_no_training``:
what is known of a layer is known of these too once they are called the same.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch.fx import Node

from nnapi_core.graph.bind_args import bind_args
from nnapi_core.graph.program import Program

aten = torch.ops.aten

_CONVOLUTIONS = (aten.conv1d.default, aten.conv2d.default, aten.conv3d.default)
_TRANSPOSED = (
    aten.conv_transpose1d.default,
    aten.conv_transpose2d.input,
    aten.conv_transpose3d.input,
)


def name_layers(program: Program) -> None:
    """Rewrites the calls whose meaning is the same under another name."""
    for node in list(program.graph.nodes):
        if (rename := _RENAMED.get(node.target)) is not None:
            rename(node)


def _convolution(node: Node) -> None:
    args = bind_args(node)
    spatial = args["weight"].meta["val"].dim() - 2
    if not 1 <= spatial <= 3:
        return
    lists = {name: _of_all(args[name], spatial) for name in ("stride", "padding", "dilation")}
    first = (args["input"], args["weight"], args["bias"], lists["stride"], lists["padding"])
    if args["transposed"]:
        added = _of_all(args["output_padding"], spatial)
        node.args = (*first, added, args["groups"], lists["dilation"])
        node.target = _TRANSPOSED[spatial - 1]
    else:
        node.args = (*first, lists["dilation"], args["groups"])
        node.target = _CONVOLUTIONS[spatial - 1]
    node.kwargs = {}


def _of_all(numbers: list[Any], count: int) -> list[Any]:
    """One number may stand for all dimensions."""
    return list(numbers) * count if len(numbers) == 1 else list(numbers)


def _batch_norm(node: Node) -> None:
    """Where nothing but its result is read."""
    if any(user.target is not operator.getitem or user.args[1] != 0 for user in node.users):
        return
    args = bind_args(node)
    names = ("input", "weight", "bias", "running_mean", "running_var")
    tensors = tuple(args[name] for name in names)
    for user in list(node.users):
        user.target = aten.batch_norm.default
        user.args = (*tensors, False, args["momentum"], args["eps"], False)
    node.graph.erase_node(node)


_RENAMED: dict[Any, Callable[[Node], None]] = {
    aten.convolution.default: _convolution,
    aten._convolution.default: _convolution,
    aten._convolution.deprecated: _convolution,
    aten._native_batch_norm_legit_no_training.default: _batch_norm,
}
