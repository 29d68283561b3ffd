"""Operators that NNAPI has in floats only, in words that it has in integers as well.

PT2E then rounds each of these words' results, and each is one integer operation, with no floats in between.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch.fx import GraphModule, Node

from nnapi_core.graph.bind_args import bind_args
from nnapi_core.graph.inline_graph_module import replace, splice
from nnapi_core.graph.passes.decompose import traced
from nnapi_core.graph.passes.fold_batch_norm import FixedBatchNorm
from nnapi_core.quantisation.module_constants import ModuleConstants
from nnapi_core.quantisation.node_writer import NodeWriter
from nnapi_core.quantisation.recurrent_in_integers import is_recurrent, write_recurrent

aten = torch.ops.aten

_DEPTHWISE = {3: (aten.conv1d.default, 1), 4: (aten.conv2d.default, 2)}


def spell_in_integers(
    module: GraphModule,
    level: int,
    not_rewritten: Container[str] = frozenset(),
    *,
    recurrent: bool = False,
) -> dict[str, str]:
    """Rewrites the graph in place, for devices of ``level``, but for the nodes whose names are in ``not_rewritten``.

    ``recurrent``: are recurrent layers taken apart into their steps? Returns the names of the new nodes, each with
    that of the node in whose place it is.
    """
    words: dict[str, str] = {}
    for node in list(module.graph.nodes):
        if node.name in not_rewritten or not _is_plain(node):
            continue
        if node.target is aten.scaled_dot_product_attention.default:
            if level >= 29 and _is_unmasked(node):
                words |= _written(node, _write_attention)
        elif recurrent and is_recurrent(node):
            words |= _written(node, write_recurrent)
        else:
            spelling = _SPELLINGS.get(node.target)
            if spelling is None or level >= _SINCE.get(node.target, 1 << 31):
                continue
            if node.target in _ONLY and not _ONLY[node.target](bind_args(node)):
                continue
            nodes, inner = traced(node, spelling)
            words |= _named(splice({}, node, inner, nodes), node)
    return words


def _written(node: Node, function: Callable[[NodeWriter, Node], Any]) -> dict[str, str]:
    """What ``function`` writes takes the place of ``node``."""
    write = NodeWriter(node)
    replace(node, function(write, node))
    return _named(write.written, node)


def _named(words: list[Node], node: Node) -> dict[str, str]:
    """Names words after the operator in whose place they are, whatever else is spelt or not."""
    for place, word in enumerate(words):
        word._rename(f"{node.name}_word_{place}")
    return {word.name: node.name for word in words}


def spell_batch_norms(
    held: ModuleConstants, not_rewritten: Container[str] = frozenset()
) -> dict[str, str]:
    """Batch norms behind anything but a layer become convolutions of one pixel and one channel each.

    Returns the names of the new nodes, with those of the old ones; the nodes ``not_rewritten`` stay as they are.
    """
    words: dict[str, str] = {}
    for node in held.graph.find_nodes(op="call_function", target=aten.batch_norm.default):
        fixed = FixedBatchNorm.of(held, node)
        if fixed is None or node.meta["val"].dim() not in _DEPTHWISE or not _is_plain(node):
            continue
        if node.name in not_rewritten:
            continue
        target, pixels = _DEPTHWISE[node.meta["val"].dim()]
        like = bind_args(node)["running_mean"].meta["val"]
        channels = like.shape[0]
        kernels = like.reshape(channels, 1, *[1] * pixels)

        def weight_of(fixed: FixedBatchNorm = fixed, like: torch.Tensor = kernels) -> torch.Tensor:
            return fixed.factor().reshape(like.shape)

        weight = held.add_constant(f"{node.name}_weight", kernels, weight_of, node)
        bias = held.add_constant(f"{node.name}_bias", like, partial(fixed.shifted, None), node)
        with held.graph.inserting_before(node):
            ones, zeros = [1] * pixels, [0] * pixels
            args = (node.args[0], weight, bias, ones, zeros, ones, channels)
            layer = held.graph.call_function(target, args)
        layer.meta = dict(node.meta)
        words |= _named([layer], node)
        node.replace_all_uses_with(layer)
        held.graph.erase_node(node)
    return words


def _is_plain(node: Node) -> bool:
    """Floats of 32 bits and of known sizes, as they come and as they go."""
    values = [one.meta.get("val") for one in node.all_input_nodes]
    return all(
        isinstance(one, torch.Tensor)
        and one.dtype is torch.float32
        and all(isinstance(dim, int) for dim in one.shape)
        for one in values
    )


def _has_divisor(args: dict[str, Any]) -> bool:
    value = args["other"]
    return isinstance(value, (int, float)) and value != 0 and math.isfinite(1 / value)


def _has_two_limits(args: dict[str, Any]) -> bool:
    low, high = args["min"], args["max"]
    numbers = isinstance(low, (int, float)) and isinstance(high, (int, float))
    # Of limits in the other order hardtanh makes an error, and NaN is none.
    return numbers and low <= high


def _is_unmasked(attention: Node) -> bool:
    args = bind_args(attention)
    # A mask of -inf has no range, and NNAPI's softmax knows no other.
    return (
        args["attn_mask"] is None
        and not args["is_causal"]
        and not args["dropout_p"]
        and not args["enable_gqa"]
    )


def _write_attention(write: NodeWriter, node: Node) -> Node:
    args = bind_args(node)
    query, key, value = args["query"], args["key"], args["value"]
    factor = args["scale"] or 1 / math.sqrt(query.meta["val"].shape[-1])
    # Brought to scale before the product: the query is smaller than the scores.
    scaled = query if factor == 1 else write(aten.mul.Tensor, query, factor)
    columns = write(aten.transpose.int, key, -2, -1)
    scores = write(aten.matmul.default, scaled, columns)
    weights = write(aten.softmax.int, scores, -1)
    return write(aten.matmul.default, weights, value)


def _hardsigmoid(x: torch.Tensor) -> torch.Tensor:
    return F.hardtanh(x + 3.0, 0.0, 6.0) * (1 / 6)


def _slices_of_sizes(x: torch.Tensor, sizes: list[int], dim: int) -> list[torch.Tensor]:
    ends = [sum(sizes[: place + 1]) for place in range(len(sizes))]
    return [x.narrow(dim, end - size, size) for end, size in zip(ends, sizes, strict=True)]


def _split(x: torch.Tensor, size: int, dim: int = 0) -> list[torch.Tensor]:
    whole, rest = divmod(x.shape[dim], size)
    return _slices_of_sizes(x, [size] * whole + [rest] * bool(rest), dim)


def _chunk(x: torch.Tensor, chunks: int, dim: int = 0) -> list[torch.Tensor]:
    return _split(x, max(-(-x.shape[dim] // chunks), 1), dim)


def _glu(x: torch.Tensor, dim: int = -1) -> torch.Tensor:
    value, gate = _chunk(x, 2, dim)
    return value * gate.sigmoid()


_SPELLINGS: dict[Any, Callable[..., Any]] = {
    aten.silu.default: lambda x: x * x.sigmoid(),
    aten.hardsigmoid.default: _hardsigmoid,
    aten.hardswish.default: lambda x: x * _hardsigmoid(x),
    aten.neg.default: lambda x: x * -1.0,
    aten.abs.default: lambda x: x.relu() + (x * -1.0).relu(),
    aten.div.Tensor: lambda x, divisor: x * (1 / divisor),
    aten.stack.default: lambda xs, dim=0: torch.cat(
        [x.unsqueeze(dim if dim >= 0 else dim + x.dim() + 1) for x in xs],
        dim if dim >= 0 else dim + xs[0].dim() + 1,
    ),
    aten.unbind.int: lambda x, dim=0: [x.select(dim, place) for place in range(x.shape[dim])],
    aten.chunk.default: _chunk,
    aten.split.Tensor: _split,
    aten.split_with_sizes.default: lambda x, sizes, dim=0: _slices_of_sizes(x, sizes, dim),
    aten.glu.default: _glu,
    aten.clamp.default: lambda x, min, max: F.hardtanh(x, min, max),
    aten.einsum.default: lambda equation, xs, path=None: torch.einsum(equation, *xs),
}
# Operators that have integers of their own from a level on.
_SINCE = {aten.hardswish.default: 30}
# Those that have a spelling with certain arguments only.
_ONLY: dict[Any, Callable[[dict[str, Any]], bool]] = {
    aten.div.Tensor: _has_divisor,
    aten.clamp.default: _has_two_limits,
}
