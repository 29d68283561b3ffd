"""What a plugin's graph pass rewrites with: other calls in the place of an operator's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch._ops import OpOverload
from torch.fx import Node

from nnapi_core.errors import PluginError
from nnapi_core.graph.inline_graph_module import splice
from nnapi_core.graph.passes.decompose import hold_tensor, traced
from nnapi_core.graph.program import Program


def replace_calls(
    program: Program,
    overload: OpOverload,
    function: Callable[..., Any],
    *,
    where: Callable[[Node], bool] = lambda node: True,
) -> int:
    """Puts what ``function`` computes in the place of each call of ``overload``; returns how many there were.

    ``function`` is called as the operator is, with fake tensors, and returns what the operator returns (a tuple for
    several results), of the same shapes and dtypes, by operators of torch or of plugins. It may not call ``overload``
    in turn for what it replaces. ``where`` says of a call whether it is replaced; its arguments are ``node.args`` and
    ``node.kwargs``, its result ``node.meta["val"]``. The new calls have the source line of the one they stand for.

    Raises `PluginError` for results of other shapes or dtypes, and for what is not an operator overload.
    """
    if not isinstance(overload, OpOverload):
        raise PluginError(
            f"replace_calls of {overload!r}, which is not an overload; say torch.ops.aten.NAME.default"
        )
    found = [
        node
        for node in program.graph.find_nodes(op="call_function", target=overload)
        if node not in program.constants and where(node)
    ]
    for node in found:
        nodes, inner = traced(node, function)
        (output,) = inner.graph.find_nodes(op="output")
        made = pytree.tree_map_only(Node, lambda one: one.meta["val"], output.args[0])
        wanted, has = _types(node.meta["val"]), _types(made)
        if wanted != has:
            raise PluginError(
                f"what replaces {node.name} ({overload}) gives {', '.join(has)}, not {', '.join(wanted)}"
            )
        for new in splice(program.attributes, node, inner, nodes):
            if new.op == "get_attr":
                hold_tensor(program, new)
    return len(found)


def _types(value: Any) -> list[str]:
    return [
        f"{one.dtype} {list(map(str, one.shape))}" if isinstance(one, torch.Tensor) else repr(one)
        for one in pytree.tree_leaves(value)
    ]
